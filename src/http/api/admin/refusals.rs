//! Serves the list of refused requests and their reasons, for an operator whose clients cannot connect.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::super::api_error::json_response;
use crate::http::router::AppState;

/// `GET /api/v1/refusals`: each kind and name with its count, the newest first.
pub(super) async fn list(State(shared): State<Arc<AppState>>) -> Response {
    let refusals = shared.node().telemetry().refusals();
    let rows = refusals.list().into_iter().map(|row| {
        json!({
            "kind": row.kind.name(),
            "detail": row.name,
            "count": row.count,
            "first": whole_seconds(row.first),
            "last": whole_seconds(row.last),
            "text": row.kind.advice(),
        })
    });
    json_response(&json!({
        "refusals": rows.collect::<Vec<_>>(),
        "since": whole_seconds(refusals.since()),
    }))
}

/// Seconds since 1970.
fn whole_seconds(time: SystemTime) -> u64 {
    let past = time.duration_since(UNIX_EPOCH);
    past.unwrap_or_default().as_secs()
}
