//! Serves the list of misbehaving connections, and closes a connection.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::times::{rounded_seconds, unix_seconds};
use crate::http::api::tags::ADMIN;
use crate::http::api_error::ApiError;
use crate::http::response::json_response;
use crate::http::state::AppState;
use crate::hub::{Mailboxes, WorkerBusy};
use crate::limits::AbuseReport;
use crate::node::{AbuseRecord, ConnectionSnapshot, ProcessClock, UnbannableReason};
use crate::protocol::ConnectionId;

/// Maximum number of open connections in the list: those with the most points.
const SHOWN_MAX: usize = 100;

/// Returns the name of a connection in paths and responses.
pub(super) fn connection_name(id: ConnectionId) -> String {
    format!("{:016x}", id.to_bits())
}

fn parse_connection_name(name: &str) -> Option<ConnectionId> {
    let is_name = name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bits = u64::from_str_radix(name, 16).ok().filter(|_| is_name)?;
    Some(ConnectionId::from_bits(bits))
}

/// Returns the error for an unknown connection.
pub(super) fn not_found() -> ApiError {
    ApiError::not_found("connection not found")
}

/// Returns the connection with this name, if its worker exists.
///
/// # Errors
///
/// The name is invalid, or no worker matches.
pub(super) fn find_connection(shared: &AppState, name: &str) -> Result<ConnectionId, ApiError> {
    let id = parse_connection_name(name).ok_or_else(not_found)?;
    let has_worker = shared
        .mailboxes()
        .worker_numbers()
        .any(|worker| worker == id.worker());
    has_worker.then_some(id).ok_or_else(not_found)
}

/// A connection that was closed.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct KickResponse {
    /// The name of the connection.
    kicked: String,
}

/// Closes a connection. Its address gets no penalty.
#[utoipa::path(
    post,
    path = "/api/v1/connections/{id}/kick",
    operation_id = "kickConnection",
    tag = ADMIN,
    params(("id" = String, Path, description = "The name of the connection")),
    responses((status = OK, body = KickResponse))
)]
pub(super) async fn kick(
    State(shared): State<Arc<AppState>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let (node, id) = (shared.node(), find_connection(&shared, &id)?);
    if !shared
        .mailboxes()
        .query_worker(id.worker(), move |hub| hub.kick(id))
        .await?
    {
        return Err(not_found());
    }
    node.storage()
        .audit("kick", &format!("connection {}", connection_name(id)));
    Ok(json_response(&KickResponse {
        kicked: connection_name(id),
    }))
}

/// The connections that misbehave.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct HostileResponse {
    /// Open ones with the most points first, then closed ones, the newest first.
    connections: Vec<HostileConnection>,
}

/// One connection that misbehaves.
#[derive(Debug, Serialize, ToSchema)]
struct HostileConnection {
    /// Its name.
    connection: String,
    /// Its penalty points.
    score: f64,
    /// Seconds since it was opened.
    age: f64,
    /// `ipv4`, `ipv6` or `unix`.
    family: &'static str,
    /// Its network: /24 or /48.
    #[schema(required)]
    address: Option<String>,
    /// Its site (`tracker.groups`).
    #[schema(required)]
    site: Option<String>,
    reason: String,
    /// What was done about it.
    done: String,
    open: bool,
    /// When it was closed, in seconds since 1970.
    #[schema(required)]
    at: Option<f64>,
    /// Why its address cannot be banned.
    #[schema(required)]
    ban_refused: Option<&'static str>,
}

/// Returns open connections with penalty points, and connections that were closed for misbehaviour within the last hour.
#[utoipa::path(
    get,
    path = "/api/v1/hostile",
    operation_id = "listHostileConnections",
    tag = ADMIN,
    responses((status = OK, body = HostileResponse))
)]
pub(super) async fn hostile(State(shared): State<Arc<AppState>>) -> Result<Response, ApiError> {
    let node = shared.node();
    let mut all: Vec<HostileConnection> = worst_connections(shared.mailboxes())
        .await?
        .iter()
        .map(describe_open)
        .collect();
    let clock = node.clock();
    all.extend(
        node.admission()
            .recent_abuse(clock.uptime())
            .iter()
            .rev()
            .map(|offender| describe_closed(clock, offender)),
    );
    Ok(json_response(&HostileResponse { connections: all }))
}

async fn worst_connections(mailboxes: &Mailboxes) -> Result<Vec<ConnectionSnapshot>, WorkerBusy> {
    let mut worst: Vec<ConnectionSnapshot> = Vec::new();
    for worker in mailboxes.worker_numbers() {
        let mut from = Some(0);
        while let Some(slot) = from {
            let (found, next) = mailboxes
                .query_worker(worker, move |hub| hub.find_abusive(slot))
                .await?;
            worst.extend(found);
            worst.sort_by(|one, other| points(other).total_cmp(&points(one)));
            worst.truncate(SHOWN_MAX);
            from = next;
        }
    }
    Ok(worst)
}

fn points(seen: &ConnectionSnapshot) -> f32 {
    seen.abuse.map_or(0.0, |report| report.points)
}

fn describe_open(seen: &ConnectionSnapshot) -> HostileConnection {
    let report = seen.abuse;
    let reason = report.map(|report| report.to_string()).unwrap_or_default();
    let done = match report {
        _ if seen.closing => "being closed".to_owned(),
        Some(AbuseReport {
            is_slowed,
            points_max,
            ..
        }) => {
            let slowed = if is_slowed { "read more slowly; " } else { "" };
            format!("{slowed}will be closed at more than {points_max} points")
        }
        None => String::new(),
    };
    describe_connection(seen, reason, done, None)
}

fn describe_closed(clock: &ProcessClock, offender: &AbuseRecord) -> HostileConnection {
    let at = unix_seconds(clock.wall_clock_at(offender.closed_at));
    describe_connection(
        &offender.connection,
        reason(offender),
        action(offender),
        Some(at),
    )
}

fn reason(offender: &AbuseRecord) -> String {
    match offender.connection.abuse {
        Some(report) => format!("{}: {report}", offender.reason.text()),
        None => offender.reason.text().to_owned(),
    }
}

fn action(offender: &AbuseRecord) -> String {
    match offender.banned {
        Some(banned) => format!("closed, and its address banned for {} s", banned.as_secs()),
        None => "closed".to_owned(),
    }
}

/// Describes a connection; `closed_at` is `None` for an open one.
fn describe_connection(
    seen: &ConnectionSnapshot,
    reason: String,
    done: String,
    closed_at: Option<f64>,
) -> HostileConnection {
    HostileConnection {
        connection: connection_name(seen.connection),
        score: (f64::from(points(seen)) * 100.0).round() / 100.0,
        age: rounded_seconds(seen.age),
        family: seen.network.family().label(),
        address: seen.network.text(),
        site: seen.site.as_deref().map(str::to_owned),
        reason,
        done,
        open: closed_at.is_none(),
        at: closed_at,
        ban_refused: seen.unbannable.map(UnbannableReason::text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_name_is_parsed_back() {
        let id = ConnectionId::new(3, 70_000, 12);
        assert_eq!(parse_connection_name(&connection_name(id)), Some(id));
        for wrong in [
            "",
            "12",
            "00000000000000000",
            "+000000000000001",
            "x000000000000001",
        ] {
            assert_eq!(parse_connection_name(wrong), None, "{wrong}");
        }
    }
}
