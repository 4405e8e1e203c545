//! Serves the list of bans, and creates and lifts bans.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::connections::{find_connection, not_found};
use super::times::rounded_seconds;
use crate::http::api::request_params;
use crate::http::api::tags::ADMIN;
use crate::http::api_error::ApiError;
use crate::http::auth::CallerAddress;
use crate::http::response::json_response;
use crate::http::state::AppState;
use crate::hub::{Hub, Mailboxes};
use crate::limits::RateKey;
use crate::node::UnbannableReason;

/// The longest ban: thirty days. Bans are in memory only, so a restart ends them all.
const SECONDS_MAX: u64 = 30 * 86_400;

/// The active bans.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct BansResponse {
    /// The longest first.
    bans: Vec<BanReport>,
}

/// One ban.
#[derive(Debug, Serialize, ToSchema)]
struct BanReport {
    /// A hash of the address, network or page that only this process can compute.
    key: String,
    reason: &'static str,
    /// The remaining time in seconds.
    left: f64,
    /// The number of bans.
    times: u32,
}

/// Returns the active bans.
#[utoipa::path(
    get,
    path = "/api/v1/bans",
    operation_id = "listBans",
    tag = ADMIN,
    responses((status = OK, body = BansResponse))
)]
pub(super) async fn list(State(shared): State<Arc<AppState>>) -> Response {
    let node = shared.node();
    let bans = node
        .admission()
        .active_bans(node.clock().uptime())
        .into_iter();
    let bans = bans.map(|ban| BanReport {
        key: ban.key.to_string(),
        reason: ban.reason.text(),
        left: rounded_seconds(ban.remaining),
        times: ban.times,
    });
    json_response(&BansResponse {
        bans: bans.collect(),
    })
}

/// The body of `POST /api/v1/connections/ID/ban`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct BanRequest {
    #[schema(minimum = 1, maximum = 2_592_000)]
    seconds: u64,
}

/// A ban that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct BanResponse {
    /// The key of the ban.
    banned: String,
    seconds: u64,
    /// Number of closed connections.
    closed: usize,
    /// Whether all workers answered.
    complete: bool,
}

/// Bans the address of a connection and closes its connections.
#[utoipa::path(
    post,
    path = "/api/v1/connections/{id}/ban",
    operation_id = "banConnection",
    tag = ADMIN,
    params(("id" = String, Path, description = "The name of the connection")),
    request_body = BanRequest,
    responses((status = OK, body = BanResponse))
)]
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
    Ok(json_response(&BanResponse {
        banned: key.to_string(),
        seconds,
        closed,
        complete,
    }))
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

/// A ban that was lifted.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct LiftResponse {
    /// The key of the ban.
    lifted: String,
}

/// Ends a ban.
#[utoipa::path(
    delete,
    path = "/api/v1/bans/{key}",
    operation_id = "liftBan",
    tag = ADMIN,
    params(("key" = String, Path, description = "The key of the ban")),
    responses((status = OK, body = LiftResponse))
)]
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
    Ok(json_response(&LiftResponse {
        lifted: key.to_string(),
    }))
}
