//! Serves the list of bans, and creates and lifts bans.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::super::asked;
use super::super::refusal::{Refusal, answer};
use super::connections::{found, gone};
use super::guard::Caller;
use super::seconds;
use crate::http::site::Shared;
use crate::hub::{Hub, Node, Unbannable};
use crate::limits::Key;

/// The longest ban: thirty days. Bans are in memory only, so a restart ends them all.
const SECONDS_MAX: u64 = 30 * 86_400;

/// `GET /api/v1/bans`: the active bans, the longest first.
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Response {
    let node = shared.node();
    let bans = node.bans(node.now()).into_iter().map(|ban| {
        json!({
            "key": ban.key.to_string(),
            "reason": ban.offence.text(),
            "left": seconds(ban.left),
            "times": ban.times,
        })
    });
    answer(&json!({ "bans": bans.collect::<Vec<_>>() }))
}

/// The body of `POST /api/v1/connections/ID/ban`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    seconds: u64,
}

/// `POST /api/v1/connections/ID/ban`: bans the address of a connection and closes its connections.
pub(super) async fn ban(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Extension(Caller(caller)): Extension<Caller>,
    body: Body,
) -> Result<Response, Refusal> {
    let (node, id) = (shared.node(), found(&shared, &id)?);
    let Wish { seconds } = asked::body(body).await?;
    if !(1..=SECONDS_MAX).contains(&seconds) {
        let text = format!("seconds must be a number from 1 to {SECONDS_MAX}");
        return Err(Refusal::bad_request(text));
    }
    let inspect = move |hub: &Hub| (hub.key_of(id), hub.unbannable(id));
    let (key, unbannable) = node.ask(id.worker(), inspect).await?;
    let Some(key) = key.ok_or_else(gone)? else {
        let text = unbannable.unwrap_or(Unbannable::Exempt).text();
        return Err(Refusal::new(StatusCode::CONFLICT, text));
    };
    if node.is_of(key, caller) {
        let text = "this is your own address: you could not lift the ban";
        return Err(Refusal::new(StatusCode::CONFLICT, text));
    }
    node.ban_for(key, Duration::from_secs(seconds));
    node.audit("ban", &format!("{key} for {seconds} s"));
    let (closed, complete) = close_all(node, key).await;
    Ok(answer(&json!({
        "banned": key.to_string(),
        "seconds": seconds,
        "closed": closed,
        "complete": complete,
    })))
}

/// Closes the connections of an address. Returns their number, and whether all workers responded.
async fn close_all(node: &Node, key: Key) -> (usize, bool) {
    let (mut closed, mut complete) = (0, true);
    for worker in node.workers() {
        let mut from = Some(0);
        while let Some(slot) = from {
            let kick = move |hub: &Hub| hub.kick_all_of(key, slot);
            let kicked = node.ask(worker, kick).await;
            complete &= kicked.is_ok();
            let (count, next) = kicked.unwrap_or_default();
            closed += count;
            from = next;
        }
    }
    (closed, complete)
}

/// `DELETE /api/v1/bans/KEY`: ends a ban.
pub(super) async fn lift(
    State(shared): State<Arc<Shared>>,
    Path(key): Path<String>,
) -> Result<Response, Refusal> {
    let lifted = Key::from_name(&key).filter(|key| shared.node().lift_ban(*key));
    let Some(key) = lifted else {
        return Err(Refusal::not_found("ban not found"));
    };
    shared.node().audit("ban lifted", &key.to_string());
    Ok(answer(&json!({ "lifted": key.to_string() })))
}
