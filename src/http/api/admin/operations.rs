//! Serves the small admin routes: session check, connections per origin, draining, and the audit log.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::extract::State;
use axum::response::Response;
use hyper::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::times::unix_seconds;
use crate::history::Journal;
use crate::http::api::request_params::QueryParams;
use crate::http::api::tags::ADMIN;
use crate::http::api_error::ApiError;
use crate::http::response::{json_response, json_response_with};
use crate::http::state::AppState;

/// Maximum number of audit entries in one response.
const ENTRIES_MAX: usize = 1000;

/// The rights of the token.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SessionResponse {
    /// Always true.
    admin: bool,
}

/// Confirms that the token is valid.
#[utoipa::path(
    get,
    path = "/api/v1/session",
    operation_id = "getSession",
    tag = ADMIN,
    responses((status = OK, body = SessionResponse))
)]
pub(super) async fn session() -> Response {
    json_response(&SessionResponse { admin: true })
}

/// The connections of web sites.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct OriginsResponse {
    origins: Vec<OriginReport>,
}

/// The connections of the pages of one origin.
#[derive(Debug, Serialize, ToSchema)]
struct OriginReport {
    /// Null for all together beyond `limits.origins_max`.
    #[schema(required, value_type = Option<String>)]
    origin: Option<Box<str>>,
    connections: u32,
}

/// Returns the number of connections of each origin.
#[utoipa::path(
    get,
    path = "/api/v1/origins",
    operation_id = "getOrigins",
    tag = ADMIN,
    responses((status = OK, body = OriginsResponse))
)]
pub(super) async fn origins(State(shared): State<Arc<AppState>>) -> Response {
    let origins = shared.node().admission().origins().into_iter();
    let origins = origins.map(|count| OriginReport {
        origin: count.origin,
        connections: count.connections,
    });
    json_response(&OriginsResponse {
        origins: origins.collect(),
    })
}

/// A drain that has begun.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct DrainResponse {
    /// Always true.
    draining: bool,
}

/// Starts draining, as SIGTERM does.
#[utoipa::path(
    post,
    path = "/api/v1/drain",
    operation_id = "startDrain",
    tag = ADMIN,
    responses((status = ACCEPTED, body = DrainResponse))
)]
pub(super) async fn drain(State(shared): State<Arc<AppState>>) -> Result<Response, ApiError> {
    shared.control()?.drain();
    shared.node().storage().audit("drain", "draining requested");
    let body = DrainResponse { draining: true };
    Ok(json_response_with(StatusCode::ACCEPTED, &body))
}

/// The changes that operators made.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct AuditResponse {
    /// The newest first.
    entries: Vec<AuditEntry>,
    /// False while the history cannot be read: then only later changes are listed.
    complete: bool,
}

/// One change.
#[derive(Debug, Serialize, ToSchema)]
struct AuditEntry {
    /// Seconds since 1970.
    at: f64,
    #[serde(flatten)]
    change: AuditedChange,
}

/// A change as the journal stores it.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
struct AuditedChange {
    /// The kind of change.
    #[schema(required)]
    what: Option<String>,
    #[schema(required)]
    detail: Option<String>,
}

/// Returns the changes that operators made.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    operation_id = "getAudit",
    tag = ADMIN,
    params(("limit" = Option<u16>, Query, description = "Maximum number of entries; 100 by default", minimum = 1, maximum = 1000)),
    responses((status = OK, body = AuditResponse))
)]
pub(super) async fn audit(
    State(shared): State<Arc<AppState>>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let limit = QueryParams::of_uri(&uri).number("limit", 100, 1..=ENTRIES_MAX)?;
    let store = shared.node().storage().history();
    let journal = store
        .journal_entries(Journal::Audit, UNIX_EPOCH, limit)
        .await;
    let entries = journal.newest.into_iter().map(|(at, entry)| AuditEntry {
        at: unix_seconds(at),
        change: serde_json::from_str(&entry).unwrap_or_default(),
    });
    Ok(json_response(&AuditResponse {
        entries: entries.collect(),
        complete: journal.is_complete,
    }))
}

/// Returns the error for a method that a path does not support.
pub(super) async fn method_not_allowed() -> ApiError {
    let text = "method not allowed; see docs/admin.md";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, text)
}
