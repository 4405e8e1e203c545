//! Serves the paged list of swarms, and one swarm with its peers and their introductions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use futures::future::try_join_all;
use hyper::Uri;
use serde_json::{Value, json};

use super::super::asked::Words;
use super::super::refusal::{Refusal, answer};
use super::peer::Peer;
use super::ranking::{DEPTH_MAX, Prefix, Sort, Wish};
use super::unix;
use crate::http::site::Shared;
use crate::hub::{Busy, Introduction, Node, Seen};
use crate::protocol::{ConnectionId, InfoHash};
use crate::swarm::{Shown, Way};

/// Maximum number of swarms on one page.
const PAGE_MAX: usize = 500;
/// Maximum number of peers in the response; of a larger swarm, evenly spaced members are included.
const PEERS_MAX: usize = 1000;

/// `GET /api/v1/swarms`: a page of all swarms.
pub(super) async fn list(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Response, Refusal> {
    let params = Words::of(&uri);
    let query = wish(&params)?;
    let limit = params.number("limit", 50, 1..=PAGE_MAX)?;
    let offset = params.number("offset", 0, 0..=DEPTH_MAX - PAGE_MAX)?;
    let ranking = shared
        .rankings()
        .first(shared.node(), &query, offset + limit)
        .await;
    let page = ranking.rows.iter().skip(offset).take(limit).map(|row| {
        json!({
            "info_hash": row.info_hash.to_string(),
            "seeders": row.seeders,
            "leechers": row.leechers,
            "http": row.http,
        })
    });
    let page: Vec<Value> = page.collect();
    Ok(answer(&json!({ "total": ranking.total, "swarms": page })))
}

fn wish(params: &Words<'_>) -> Result<Wish, Refusal> {
    let sort = match params.get("sort").as_deref() {
        None | Some("members") => Sort::Members,
        Some("seeders") => Sort::Seeders,
        Some("leechers") => Sort::Leechers,
        Some("info_hash") => Sort::InfoHash,
        Some(_) => {
            let text = "sort must be `members`, `seeders`, `leechers` or `info_hash`";
            return Err(Refusal::bad_request(text));
        }
    };
    let descending = match params.get("order").as_deref() {
        None => sort != Sort::InfoHash,
        Some("desc") => true,
        Some("asc") => false,
        Some(_) => return Err(Refusal::bad_request("order must be `asc` or `desc`")),
    };
    let filter = Prefix::new(&params.get("filter").unwrap_or_default()).ok_or_else(|| {
        Refusal::bad_request("filter must be the first hexadecimal digits of an info_hash")
    })?;
    Ok(Wish {
        sort,
        descending,
        filter,
    })
}

/// `GET /api/v1/swarms/HASH`: one swarm. Its introductions are recorded for the next minute.
pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    Path(info_hash): Path<String>,
) -> Result<Response, Refusal> {
    let Some(info_hash) = parse(&info_hash) else {
        let text = "info_hash must have 40 hexadecimal digits";
        return Err(Refusal::bad_request(text));
    };
    let node = shared.node();
    let found = node.tracker().swarms().with(&info_hash, |swarm| {
        let total = swarm.len();
        // Members are ordered by kind and role, so evenly spaced ones keep the proportions.
        let indexes = (0..total).step_by(total.div_ceil(PEERS_MAX).max(1));
        let members: Vec<_> = indexes.filter_map(|index| swarm.shown_at(index)).collect();
        (swarm.counts(), (total, total - swarm.connected()), members)
    });
    let Some((counts, (total, http), members)) = found else {
        return Err(Refusal::not_found("swarm not found"));
    };
    let watched = node.watch(info_hash, node.now());
    let seen = look_at(node, &members).await?;
    let peers = members.iter().filter_map(|member| {
        Some(match member.way {
            Way::WebSocket(connection) => Peer::connected(member, seen.get(&connection)?),
            Way::Http { at, heard } => Peer::over_http(member, &at, heard, node.now()),
        })
    });
    let peers: Vec<Peer> = peers.collect();
    let introductions = watched.introductions.iter();
    let introductions: Vec<Value> = introductions.map(|one| introduction(node, one)).collect();
    Ok(answer(&json!({
        "info_hash": info_hash.to_string(),
        "seeders": counts.complete,
        "leechers": counts.incomplete,
        "http": http,
        "peers": peers,
        "peers_total": total,
        "introductions": introductions,
        "watched_since": unix(node.time_of(watched.since)),
    })))
}

fn parse(digits: &str) -> Option<InfoHash> {
    let is_plain = digits.len() == 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut bytes = [0; 20];
    for (index, byte) in bytes.iter_mut().enumerate().filter(|_| is_plain) {
        *byte = u8::from_str_radix(digits.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    is_plain.then_some(InfoHash::new(bytes))
}

/// Requests the connections of members from all workers concurrently. Closed connections are omitted.
async fn look_at(node: &Node, members: &[Shown]) -> Result<HashMap<ConnectionId, Seen>, Busy> {
    let mut by_worker: BTreeMap<u8, Vec<ConnectionId>> = BTreeMap::new();
    for member in members {
        if let Way::WebSocket(connection) = member.way {
            let of_worker = by_worker.entry(connection.worker()).or_default();
            of_worker.push(connection);
        }
    }
    let requests = by_worker
        .into_iter()
        .map(|(worker, ids)| node.ask(worker, move |hub| hub.look_at(&ids)));
    let seen = try_join_all(requests).await?.into_iter().flatten();
    Ok(seen.map(|seen| (seen.connection, seen)).collect())
}

fn introduction(node: &Node, one: &Introduction) -> Value {
    json!({
        "from": one.from.to_string(),
        "to": one.to.to_string(),
        "at": unix(node.time_of(one.at)),
        "answered": one.answered.map(|at| unix(node.time_of(at))),
    })
}
