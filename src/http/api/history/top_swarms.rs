//! Serves `/api/v1/history/swarms`: the largest swarms over time.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hyper::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::params::time_range;
use crate::history::TopSwarm;
use crate::http::api::request_params::QueryParams;
use crate::http::api::tags::ADMIN;
use crate::http::api_error::ApiError;
use crate::http::response::json_response;
use crate::http::state::AppState;

/// The largest swarms at several times.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct TopSwarmsResponse {
    /// The newest first.
    moments: Vec<TopSwarmsMoment>,
}

/// The largest swarms at one time.
#[derive(Debug, Serialize, ToSchema)]
struct TopSwarmsMoment {
    /// Seconds since 1970.
    at: i64,
    /// The largest first.
    swarms: Vec<TopSwarmReport>,
}

/// The size of one swarm.
#[derive(Debug, Serialize, ToSchema)]
struct TopSwarmReport {
    info_hash: String,
    seeders: u32,
    leechers: u32,
}

impl From<TopSwarm> for TopSwarmReport {
    fn from(swarm: TopSwarm) -> Self {
        Self {
            info_hash: swarm.info_hash,
            seeders: swarm.seeders,
            leechers: swarm.leechers,
        }
    }
}

/// Returns the largest swarms over time.
#[utoipa::path(
    get,
    path = "/api/v1/history/swarms",
    operation_id = "getTopSwarms",
    tag = ADMIN,
    params(
        ("from" = Option<f64>, Query, description = "Seconds since 1970, or negative for seconds before now; an hour before `to` by default"),
        ("to" = Option<f64>, Query, description = "Seconds since 1970, or negative for seconds before now; now by default"),
    ),
    responses((status = OK, body = TopSwarmsResponse))
)]
pub(in crate::http::api) async fn swarms(
    State(shared): State<Arc<AppState>>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let (from, to) = time_range(&QueryParams::of_uri(&uri))?;
    let samples = shared
        .node()
        .storage()
        .history()
        .top_swarms(from, to)
        .await?;
    let moments = samples.into_iter().map(|(at, swarms)| TopSwarmsMoment {
        at,
        swarms: swarms.into_iter().map(TopSwarmReport::from).collect(),
    });
    Ok(json_response(&TopSwarmsResponse {
        moments: moments.collect(),
    }))
}
