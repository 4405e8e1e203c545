//! Serves the list of misbehaving connections, and closes a connection.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::super::refusal::{Refusal, answer};
use super::{seconds, unix};
use crate::http::site::Shared;
use crate::hub::{Busy, Node, Offender, Seen, Unbannable};
use crate::limits::Grudge;
use crate::protocol::ConnectionId;

/// Maximum number of open connections in the list: those with the most points.
const SHOWN_MAX: usize = 100;

/// Returns the name of a connection in paths and responses.
pub(super) fn name(id: ConnectionId) -> String {
    format!("{:016x}", id.to_bits())
}

fn from_name(name: &str) -> Option<ConnectionId> {
    let is_name = name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bits = u64::from_str_radix(name, 16).ok().filter(|_| is_name)?;
    Some(ConnectionId::from_bits(bits))
}

/// Returns the error for an unknown connection.
pub(super) fn gone() -> Refusal {
    Refusal::not_found("connection not found")
}

/// Returns the connection with this name, if its worker exists.
///
/// # Errors
///
/// The name is invalid, or no worker matches.
pub(super) fn found(shared: &Shared, name: &str) -> Result<ConnectionId, Refusal> {
    let id = from_name(name).ok_or_else(gone)?;
    let has_worker = shared.node().workers().any(|worker| worker == id.worker());
    has_worker.then_some(id).ok_or_else(gone)
}

/// `POST /api/v1/connections/ID/kick`: closes a connection. Its address gets no penalty.
pub(super) async fn kick(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let (node, id) = (shared.node(), found(&shared, &id)?);
    if !node.ask(id.worker(), move |hub| hub.kick(id)).await? {
        return Err(gone());
    }
    node.audit("kick", &format!("connection {}", name(id)));
    Ok(answer(&json!({ "kicked": name(id) })))
}

/// `GET /api/v1/hostile`: open connections with penalty points, those with the most points first; then connections
/// closed for misbehaviour within the last hour, the newest first.
pub(super) async fn hostile(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    let node = shared.node();
    let mut all: Vec<Value> = held_against(node).await?.iter().map(open).collect();
    let now = node.now();
    all.extend(
        node.offenders(now)
            .iter()
            .rev()
            .map(|offender| closed(node, offender)),
    );
    Ok(answer(&json!({ "connections": all })))
}

async fn held_against(node: &Node) -> Result<Vec<Seen>, Busy> {
    let mut worst: Vec<Seen> = Vec::new();
    for worker in node.workers() {
        let mut from = Some(0);
        while let Some(slot) = from {
            let (found, next) = node
                .ask(worker, move |hub| hub.look_for_grudges(slot))
                .await?;
            worst.extend(found);
            worst.sort_by(|one, other| points(other).total_cmp(&points(one)));
            worst.truncate(SHOWN_MAX);
            from = next;
        }
    }
    Ok(worst)
}

fn points(seen: &Seen) -> f32 {
    seen.grudge.map_or(0.0, |report| report.points)
}

fn open(seen: &Seen) -> Value {
    let report = seen.grudge;
    let reason = report.map(|report| report.to_string()).unwrap_or_default();
    let done = match report {
        _ if seen.closing => "being closed".to_owned(),
        Some(Grudge {
            is_slowed,
            points_max,
            ..
        }) => {
            let slowed = if is_slowed { "read more slowly; " } else { "" };
            format!("{slowed}will be closed at more than {points_max} points")
        }
        None => String::new(),
    };
    shown(seen, &reason, &done, None)
}

fn closed(node: &Node, offender: &Offender) -> Value {
    let at = unix(node.time_of(offender.at));
    shown(&offender.seen, &reason(offender), &done(offender), Some(at))
}

fn reason(offender: &Offender) -> String {
    match offender.seen.grudge {
        Some(report) => format!("{}: {report}", offender.offence.text()),
        None => offender.offence.text().to_owned(),
    }
}

fn done(offender: &Offender) -> String {
    match offender.banned {
        Some(banned) => format!("closed, and its address banned for {} s", banned.as_secs()),
        None => "closed".to_owned(),
    }
}

/// Returns a connection as JSON; `closed_at` is `None` for an open one.
fn shown(seen: &Seen, reason: &str, done: &str, closed_at: Option<f64>) -> Value {
    json!({
        "connection": name(seen.connection),
        "score": (f64::from(points(seen)) * 100.0).round() / 100.0,
        "age": seconds(seen.age),
        "family": seen.network.family().label(),
        "address": seen.network.shown(),
        "reason": reason,
        "done": done,
        "open": closed_at.is_none(),
        "at": closed_at,
        "ban_refused": seen.unbannable.map(Unbannable::text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_found_by_its_name() {
        let id = ConnectionId::new(3, 70_000, 12);
        assert_eq!(from_name(&name(id)), Some(id));
        for wrong in [
            "",
            "12",
            "00000000000000000",
            "+000000000000001",
            "x000000000000001",
        ] {
            assert_eq!(from_name(wrong), None, "{wrong}");
        }
    }
}
