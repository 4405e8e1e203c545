//! Serves the small admin routes: session check, connections per origin, draining, and the audit log.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::extract::State;
use axum::response::Response;
use hyper::{StatusCode, Uri};
use serde_json::{Value, json};

use super::super::api_error::{ApiError, json_response};
use super::super::request_params::QueryParams;
use super::unix_seconds;
use crate::history::Journal;
use crate::http::router::AppState;

/// Maximum number of audit entries in one response.
const ENTRIES_MAX: usize = 1000;

/// `GET /api/v1/session`: confirms that the token is valid.
pub(super) async fn session() -> Response {
    json_response(&json!({ "admin": true }))
}

/// `GET /api/v1/origins`: the number of connections of each origin.
pub(super) async fn origins(State(shared): State<Arc<AppState>>) -> Response {
    let origins = shared.node().admission().origins().into_iter();
    let origins =
        origins.map(|count| json!({ "origin": count.origin, "connections": count.connections }));
    json_response(&json!({ "origins": origins.collect::<Vec<_>>() }))
}

/// `POST /api/v1/drain`: starts draining, as SIGTERM does.
pub(super) async fn drain(State(shared): State<Arc<AppState>>) -> Result<Response, ApiError> {
    shared.control()?.drain();
    shared.node().storage().audit("drain", "draining requested");
    let mut response = json_response(&json!({ "draining": true }));
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

/// `GET /api/v1/audit`: the changes, the newest first.
pub(super) async fn audit(
    State(shared): State<Arc<AppState>>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let limit = QueryParams::of_uri(&uri).number("limit", 100, 1..=ENTRIES_MAX)?;
    let store = shared.node().storage().history();
    let journal = store
        .journal_entries(Journal::Audit, UNIX_EPOCH, limit)
        .await;
    let entries = journal.newest.into_iter().map(|(at, entry)| {
        let entry: Value = serde_json::from_str(&entry).unwrap_or_default();
        json!({ "at": unix_seconds(at), "what": entry.get("what"), "detail": entry.get("detail") })
    });
    let entries: Vec<_> = entries.collect();
    Ok(json_response(
        &json!({ "entries": entries, "complete": journal.is_complete }),
    ))
}

/// Returns the error for a method that a path does not support.
pub(super) async fn method_not_allowed() -> ApiError {
    let text = "method not allowed; see docs/admin.md";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, text)
}
