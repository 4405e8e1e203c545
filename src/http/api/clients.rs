//! Serves `/api/v1/clients`: client programs of the peers, seeder counts, and address families of connections.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::extract::State;
use axum::response::Response;
use hyper::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::tags::STATISTICS;
use crate::census::Census;
use crate::http::api_error::ApiError;
use crate::http::response::json_response;
use crate::http::state::AppState;

/// The client programs of the peers.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ClientsResponse {
    /// When they were counted, in seconds since 1970.
    at: f64,
    /// Distinct peer IDs.
    peers: u64,
    /// Peers that seed in all their swarms.
    seeders_only: u64,
    /// Peers that seed in no swarm.
    leechers_only: u64,
    /// Peers that seed in some swarms and not in others.
    both: u64,
    /// Peers that announce over WebSockets.
    websocket: u64,
    /// Peers that announce over HTTP.
    http: u64,
    families: ConnectionFamilies,
    http_families: HttpFamilies,
    /// The most used first; the last may stand for all others.
    clients: Vec<ClientReport>,
}

/// WebSocket connections by address family.
#[derive(Debug, Serialize, ToSchema)]
struct ConnectionFamilies {
    ipv4: u64,
    ipv6: u64,
    /// Connections over socket files.
    unix: u64,
}

/// Peers over HTTP by address family.
#[derive(Debug, Serialize, ToSchema)]
struct HttpFamilies {
    ipv4: u64,
    ipv6: u64,
}

/// The peers of one version of a client program.
#[derive(Debug, Serialize, ToSchema)]
struct ClientReport {
    name: &'static str,
    version: String,
    /// Its peers.
    members: u64,
    /// Those that announce over WebSockets.
    websocket: u64,
    /// Those that announce over HTTP.
    http: u64,
}

impl ClientsResponse {
    fn new(census: &Census) -> Self {
        let clients = census.clients.iter().map(|counted| ClientReport {
            name: counted.client.name,
            version: counted.client.version.clone(),
            members: counted.peers,
            websocket: counted.websocket,
            http: counted.http,
        });
        Self {
            at: census_seconds(census),
            peers: census.peers,
            seeders_only: census.seeders_only,
            leechers_only: census.leechers_only,
            both: census.both,
            websocket: census.transports.websocket,
            http: census.transports.http,
            families: ConnectionFamilies {
                ipv4: census.connections.ipv4,
                ipv6: census.connections.ipv6,
                unix: census.connections.unix,
            },
            http_families: HttpFamilies {
                ipv4: census.transports.http_ipv4,
                ipv6: census.transports.http_ipv6,
            },
            clients: clients.collect(),
        }
    }
}

/// Returns the client programs of the peers, and how many peers seed.
#[utoipa::path(
    get,
    path = "/api/v1/clients",
    operation_id = "getClients",
    tag = STATISTICS,
    responses((status = OK, body = ClientsResponse))
)]
pub(super) async fn clients(State(shared): State<Arc<AppState>>) -> Result<Response, ApiError> {
    let census = census(&shared).await?;
    Ok(json_response(&ClientsResponse::new(&census)))
}

/// Returns a recent client census.
///
/// # Errors
///
/// No census is available: the server is shutting down or overloaded.
pub(in crate::http) async fn census(shared: &AppState) -> Result<Arc<Census>, ApiError> {
    let census = shared.node().telemetry().census().fresh().await;
    census.ok_or_else(|| {
        let text = "client census timed out; try again";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text).retry_after(10)
    })
}

/// Returns the time of a census in seconds since 1970.
fn census_seconds(census: &Census) -> f64 {
    let since = census.at.duration_since(UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_secs_f64()
}
