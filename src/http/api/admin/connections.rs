//! Connections that misbehave, and closing one.

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

/// Open connections that are shown, those with the most points.
const SHOWN_MAX: usize = 100;

/// A connection as paths and answers name it.
pub(super) fn name(id: ConnectionId) -> String {
    format!("{:016x}", id.to_bits())
}

fn from_name(name: &str) -> Option<ConnectionId> {
    let is_name = name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bits = u64::from_str_radix(name, 16).ok().filter(|_| is_name)?;
    Some(ConnectionId::from_bits(bits))
}

/// What is said of a connection that is not there.
pub(super) fn gone() -> Refusal {
    Refusal::not_found("there is no such connection")
}

/// The connection with this name, if one of the workers may have it.
///
/// # Errors
///
/// It is no name, or of no worker.
pub(super) fn found(shared: &Shared, name: &str) -> Result<ConnectionId, Refusal> {
    let id = from_name(name).ok_or_else(gone)?;
    let has_worker = shared.node().workers().any(|worker| worker == id.worker());
    has_worker.then_some(id).ok_or_else(gone)
}

/// `POST /api/v1/connections/ID/kick`: closes a connection. Nothing is held against its address.
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

/// `GET /api/v1/hostile`: open connections that something is held against, those with the most points first; then those that
/// were closed for it within the last hour, the newest first.
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
    seen.grudge.map_or(0.0, |grudge| grudge.points)
}

fn open(seen: &Seen) -> Value {
    let grudge = seen.grudge;
    let reason = grudge.map(|grudge| grudge.to_string()).unwrap_or_default();
    let done = match grudge {
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
        Some(grudge) => format!("{}: {grudge}", offender.offence.text()),
        None => offender.offence.text().to_owned(),
    }
}

fn done(offender: &Offender) -> String {
    match offender.banned {
        Some(banned) => format!("closed, and its address banned for {} s", banned.as_secs()),
        None => "closed".to_owned(),
    }
}

/// `closed_at` is `None` for an open connection.
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
