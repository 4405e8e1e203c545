//! The small ones: who is signed in, sites, leaving, and what was changed.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::extract::State;
use axum::response::Response;
use hyper::{StatusCode, Uri};
use serde_json::{Value, json};

use super::super::asked::Words;
use super::super::refusal::{Refusal, answer};
use super::unix;
use crate::http::site::Shared;
use crate::insight::history::Journal;

/// Entries of the audit in one answer.
const ENTRIES_MAX: usize = 1000;

/// `GET /api/v1/session`: says that the token is right.
pub(super) async fn session() -> Response {
    answer(&json!({ "admin": true }))
}

/// `GET /api/v1/origins`: how many connections the pages of each site have.
pub(super) async fn origins(State(shared): State<Arc<Shared>>) -> Response {
    let origins = shared.node().origins().into_iter();
    let origins =
        origins.map(|count| json!({ "origin": count.origin, "connections": count.connections }));
    answer(&json!({ "origins": origins.collect::<Vec<_>>() }))
}

/// `POST /api/v1/drain`: lets the server leave as SIGTERM does.
pub(super) async fn drain(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    shared.steering()?.drain();
    shared.node().audit("drain", "the server was told to leave");
    let mut response = answer(&json!({ "draining": true }));
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

/// `GET /api/v1/audit`: what was changed, the newest first.
pub(super) async fn audit(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
) -> Result<Response, Refusal> {
    let limit = Words::of(&uri).number("limit", 100, 1..=ENTRIES_MAX)?;
    let store = shared.node().store();
    let journal = store.journal(Journal::Audit, UNIX_EPOCH, limit).await;
    let entries = journal.newest.into_iter().map(|(at, entry)| {
        let entry: Value = serde_json::from_str(&entry).unwrap_or_default();
        json!({ "at": unix(at), "what": entry.get("what"), "detail": entry.get("detail") })
    });
    let entries: Vec<_> = entries.collect();
    Ok(answer(
        &json!({ "entries": entries, "complete": journal.is_complete }),
    ))
}

/// What is said to a method that a path does not know.
pub(super) async fn wrong_method() -> Refusal {
    let text = "this path knows other methods; docs/admin.md lists them";
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, text)
}
