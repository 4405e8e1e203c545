//! Serves the list of refused requests and their reasons, for an operator whose clients cannot connect.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::api::tags::ADMIN;
use crate::http::response::json_response;
use crate::http::state::AppState;

/// The refusals since the start.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct RefusalsResponse {
    /// The newest first.
    refusals: Vec<RefusalReport>,
    /// When the server started, in seconds since 1970.
    since: u64,
}

/// The refusals of one kind with one detail.
#[derive(Debug, Serialize, ToSchema)]
struct RefusalReport {
    kind: &'static str,
    /// The origin of the page, the setting that was hit, the port, or the error.
    detail: String,
    count: u64,
    /// Seconds since 1970.
    first: u64,
    /// Seconds since 1970.
    last: u64,
    /// The meaning and the remedy.
    text: &'static str,
}

/// Returns each kind of refusal with its details and counts.
#[utoipa::path(
    get,
    path = "/api/v1/refusals",
    operation_id = "listRefusals",
    tag = ADMIN,
    responses((status = OK, body = RefusalsResponse))
)]
pub(super) async fn list(State(shared): State<Arc<AppState>>) -> Response {
    let refusals = shared.node().telemetry().refusals();
    let rows = refusals.list().into_iter().map(|row| RefusalReport {
        kind: row.kind.name(),
        detail: row.name.into(),
        count: row.count,
        first: whole_seconds(row.first),
        last: whole_seconds(row.last),
        text: row.kind.advice(),
    });
    json_response(&RefusalsResponse {
        refusals: rows.collect(),
        since: whole_seconds(refusals.since()),
    })
}

/// Seconds since 1970.
fn whole_seconds(time: SystemTime) -> u64 {
    let past = time.duration_since(UNIX_EPOCH);
    past.unwrap_or_default().as_secs()
}
