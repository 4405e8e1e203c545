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

use super::super::api_error::{ApiError, json_response};
use super::super::request_params;
use super::auth::CallerAddress;
use super::connections::{find_connection, not_found};
use super::rounded_seconds;
use crate::http::router::AppState;
use crate::hub::{Hub, Mailboxes};
use crate::limits::RateKey;
use crate::node::UnbannableReason;

/// The longest ban: thirty days. Bans are in memory only, so a restart ends them all.
const SECONDS_MAX: u64 = 30 * 86_400;

/// `GET /api/v1/bans`: the active bans, the longest first.
pub(super) async fn list(State(shared): State<Arc<AppState>>) -> Response {
    let node = shared.node();
    let bans = node
        .admission()
        .active_bans(node.clock().uptime())
        .into_iter()
        .map(|ban| {
            json!({
                "key": ban.key.to_string(),
                "reason": ban.reason.text(),
                "left": rounded_seconds(ban.remaining),
                "times": ban.times,
            })
        });
    json_response(&json!({ "bans": bans.collect::<Vec<_>>() }))
}

/// The body of `POST /api/v1/connections/ID/ban`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BanRequest {
    seconds: u64,
}

/// `POST /api/v1/connections/ID/ban`: bans the address of a connection and closes its connections.
pub(super) async fn ban(
    State(shared): State<Arc<AppState>>,
    Path(id): Path<String>,
    Extension(CallerAddress(caller)): Extension<CallerAddress>,
    body: Body,
) -> Result<Response, ApiError> {
    let (node, id) = (shared.node(), find_connection(&shared, &id)?);
    let BanRequest { seconds } = request_params::read_json(body).await?;
    if !(1..=SECONDS_MAX).contains(&seconds) {
        let text = format!("seconds must be a number from 1 to {SECONDS_MAX}");
        return Err(ApiError::bad_request(text));
    }
    let inspect = move |hub: &Hub| (hub.rate_key_of(id), hub.unbannable(id));
    let mailboxes = shared.mailboxes();
    let (key, unbannable) = mailboxes.query_worker(id.worker(), inspect).await?;
    let Some(key) = key.ok_or_else(not_found)? else {
        let text = unbannable.unwrap_or(UnbannableReason::Exempt).text();
        return Err(ApiError::new(StatusCode::CONFLICT, text));
    };
    if caller.keys().is_some_and(|keys| keys.contain(key)) {
        let text = "this is your own address: you could not lift the ban";
        return Err(ApiError::new(StatusCode::CONFLICT, text));
    }
    let now = node.clock().uptime();
    node.admission()
        .ban_address(key, Duration::from_secs(seconds), now);
    node.storage()
        .audit("ban", &format!("{key} for {seconds} s"));
    let (closed, complete) = close_connections(mailboxes, key).await;
    Ok(json_response(&json!({
        "banned": key.to_string(),
        "seconds": seconds,
        "closed": closed,
        "complete": complete,
    })))
}

/// Closes the connections of an address. Returns their number, and whether all workers responded.
async fn close_connections(mailboxes: &Mailboxes, key: RateKey) -> (usize, bool) {
    let (mut closed, mut complete) = (0, true);
    for worker in mailboxes.worker_numbers() {
        let mut from = Some(0);
        while let Some(slot) = from {
            let kick = move |hub: &Hub| hub.kick_address(key, slot);
            let kicked = mailboxes.query_worker(worker, kick).await;
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
    State(shared): State<Arc<AppState>>,
    Path(key): Path<String>,
) -> Result<Response, ApiError> {
    let lifted = RateKey::parse(&key).filter(|key| shared.node().admission().lift_ban(*key));
    let Some(key) = lifted else {
        return Err(ApiError::not_found("ban not found"));
    };
    shared
        .node()
        .storage()
        .audit("ban lifted", &key.to_string());
    Ok(json_response(&json!({ "lifted": key.to_string() })))
}
