//! All swarms, page by page; and one of them with its peers and who is introduced to whom.

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

/// Swarms on one page.
const PAGE_MAX: usize = 500;
/// Peers of one swarm that are shown; of more, every so manyth is.
const PEERS_MAX: usize = 1000;

/// `GET /api/v1/swarms`: a page of all swarms.
pub(super) async fn list(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Response, Refusal> {
    let words = Words::of(&uri);
    let wish = wish(&words)?;
    let limit = words.number("limit", 50, 1..=PAGE_MAX)?;
    let offset = words.number("offset", 0, 0..=DEPTH_MAX - PAGE_MAX)?;
    let ranking = shared
        .rankings()
        .first(shared.node(), &wish, offset + limit)
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

fn wish(words: &Words<'_>) -> Result<Wish, Refusal> {
    let sort = match words.get("sort").as_deref() {
        None | Some("members") => Sort::Members,
        Some("seeders") => Sort::Seeders,
        Some("leechers") => Sort::Leechers,
        Some("info_hash") => Sort::InfoHash,
        Some(_) => {
            let text = "sort is to be members, seeders, leechers or info_hash";
            return Err(Refusal::bad_request(text));
        }
    };
    let descending = match words.get("order").as_deref() {
        None => sort != Sort::InfoHash,
        Some("desc") => true,
        Some("asc") => false,
        Some(_) => return Err(Refusal::bad_request("order is to be asc or desc")),
    };
    let filter = Prefix::new(&words.get("filter").unwrap_or_default()).ok_or_else(|| {
        Refusal::bad_request("filter is to be the first hexadecimal digits of an info_hash")
    })?;
    Ok(Wish {
        sort,
        descending,
        filter,
    })
}

/// `GET /api/v1/swarms/HASH`: one swarm, which is watched for a minute from now on.
pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    Path(info_hash): Path<String>,
) -> Result<Response, Refusal> {
    let Some(info_hash) = parse(&info_hash) else {
        let text = "an info_hash has forty hexadecimal digits";
        return Err(Refusal::bad_request(text));
    };
    let node = shared.node();
    let found = node.tracker().swarms().with(&info_hash, |swarm| {
        let total = swarm.len();
        // Kinds and roles stand together: an even choice has as many of each as the swarm.
        let places = (0..total).step_by(total.div_ceil(PEERS_MAX).max(1));
        let members: Vec<_> = places.filter_map(|place| swarm.shown_at(place)).collect();
        (swarm.counts(), (total, total - swarm.connected()), members)
    });
    let Some((counts, (total, http), members)) = found else {
        return Err(Refusal::not_found("there is no such swarm"));
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
    for (place, byte) in bytes.iter_mut().enumerate().filter(|_| is_plain) {
        *byte = u8::from_str_radix(digits.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    is_plain.then_some(InfoHash::new(bytes))
}

/// Asks the workers for the connections of members, all at once. Those that have gone in the meantime are left out.
async fn look_at(node: &Node, members: &[Shown]) -> Result<HashMap<ConnectionId, Seen>, Busy> {
    let mut by_worker: BTreeMap<u8, Vec<ConnectionId>> = BTreeMap::new();
    for member in members {
        if let Way::WebSocket(connection) = member.way {
            let of_worker = by_worker.entry(connection.worker()).or_default();
            of_worker.push(connection);
        }
    }
    let asked = by_worker
        .into_iter()
        .map(|(worker, ids)| node.ask(worker, move |hub| hub.look_at(&ids)));
    let seen = try_join_all(asked).await?.into_iter().flatten();
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
