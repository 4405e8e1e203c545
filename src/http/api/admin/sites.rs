//! Serves the list of sites (`tracker.groups`) with their connections.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::api::tags::ADMIN;
use crate::http::response::json_response;
use crate::http::state::AppState;
use crate::node::{Node, SiteCount};

/// Maximum number of sites in the response: those with the most connections.
const SHOWN_MAX: usize = 1000;

/// The sites of `tracker.groups`.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SitesResponse {
    /// Those with the most connections first, at most 1,000. Null if `tracker.groups` is not set.
    #[schema(required)]
    sites: Option<Vec<SiteReport>>,
    /// Number of all sites.
    sites_total: usize,
    /// Open connections without a site.
    connections_without_site: u64,
}

/// A site with its open connections.
#[derive(Debug, Serialize, ToSchema)]
struct SiteReport {
    site: String,
    /// Its networks; 0 if the file no longer names it.
    networks: usize,
    connections: u32,
}

impl SitesResponse {
    fn new(node: &Node) -> Self {
        let mut sites = node.sites().list();
        let all = sites.as_deref().unwrap_or_default();
        let with_site: u64 = all.iter().map(|site| u64::from(site.connections)).sum();
        let sites_total = all.len();
        if let Some(sites) = &mut sites {
            sites.sort_by(|one, other| {
                let by_connections = other.connections.cmp(&one.connections);
                by_connections.then_with(|| one.name.cmp(&other.name))
            });
            sites.truncate(SHOWN_MAX);
        }
        Self {
            sites: sites.map(|sites| sites.into_iter().map(SiteReport::from).collect()),
            sites_total,
            // The counters are read one after the other while workers change them.
            connections_without_site: node.connections().saturating_sub(with_site),
        }
    }
}

impl From<SiteCount> for SiteReport {
    fn from(count: SiteCount) -> Self {
        Self {
            site: count.name.to_string(),
            networks: count.networks,
            connections: count.connections,
        }
    }
}

/// Returns the sites with the number of their open connections.
#[utoipa::path(
    get,
    path = "/api/v1/sites",
    operation_id = "getSites",
    tag = ADMIN,
    responses((status = OK, body = SitesResponse))
)]
pub(super) async fn list(State(shared): State<Arc<AppState>>) -> Response {
    json_response(&SitesResponse::new(shared.node()))
}
