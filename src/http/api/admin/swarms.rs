//! Serves the paged list of swarms, and one swarm with its peers and their introductions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use futures::future::try_join_all;
use hyper::Uri;
use serde_json::{Value, json};

use super::super::api_error::{ApiError, json_response};
use super::super::request_params::QueryParams;
use super::peer_report::PeerReport;
use super::ranking::{InfoHashPrefix, RANKED_SWARMS_MAX, SwarmListQuery, SwarmSort};
use super::unix_seconds;
use crate::http::router::AppState;
use crate::hub::{Mailboxes, WorkerBusy};
use crate::node::{ConnectionSnapshot, Introduction, Node};
use crate::protocol::{ConnectionId, InfoHash};
use crate::swarm::{MemberTransport, MemberView};

/// Maximum number of swarms on one page.
const PAGE_MAX: usize = 500;
/// Maximum number of peers in the response; of a larger swarm, evenly spaced members are included.
const PEERS_MAX: usize = 1000;

/// `GET /api/v1/swarms`: a page of all swarms.
pub(super) async fn list(
    State(shared): State<Arc<AppState>>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let params = QueryParams::of_uri(&uri);
    let query = list_query(&params)?;
    let limit = params.number("limit", 50, 1..=PAGE_MAX)?;
    let offset = params.number("offset", 0, 0..=RANKED_SWARMS_MAX - PAGE_MAX)?;
    let ranking = shared
        .rankings()
        .top(shared.node(), &query, offset + limit)
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
    Ok(json_response(
        &json!({ "total": ranking.total, "swarms": page }),
    ))
}

fn list_query(params: &QueryParams<'_>) -> Result<SwarmListQuery, ApiError> {
    let sort = match params.get("sort").as_deref() {
        None | Some("members") => SwarmSort::Members,
        Some("seeders") => SwarmSort::Seeders,
        Some("leechers") => SwarmSort::Leechers,
        Some("info_hash") => SwarmSort::InfoHash,
        Some(_) => {
            let text = "sort must be `members`, `seeders`, `leechers` or `info_hash`";
            return Err(ApiError::bad_request(text));
        }
    };
    let descending = match params.get("order").as_deref() {
        None => sort != SwarmSort::InfoHash,
        Some("desc") => true,
        Some("asc") => false,
        Some(_) => return Err(ApiError::bad_request("order must be `asc` or `desc`")),
    };
    let filter =
        InfoHashPrefix::new(&params.get("filter").unwrap_or_default()).ok_or_else(|| {
            ApiError::bad_request("filter must be the first hexadecimal digits of an info_hash")
        })?;
    Ok(SwarmListQuery {
        sort,
        descending,
        filter,
    })
}

/// `GET /api/v1/swarms/HASH`: one swarm. Its introductions are recorded for the next minute.
pub(super) async fn show(
    State(shared): State<Arc<AppState>>,
    Path(info_hash): Path<String>,
) -> Result<Response, ApiError> {
    let Some(info_hash) = parse_info_hash(&info_hash) else {
        let text = "info_hash must have 40 hexadecimal digits";
        return Err(ApiError::bad_request(text));
    };
    let node = shared.node();
    let found = node.tracker().swarms().with_swarm(&info_hash, |swarm| {
        let total = swarm.len();
        // Members are ordered by kind and role, so evenly spaced ones keep the proportions.
        let indexes = (0..total).step_by(total.div_ceil(PEERS_MAX).max(1));
        let members: Vec<_> = indexes.filter_map(|index| swarm.view_at(index)).collect();
        (
            swarm.counts(),
            (total, total - swarm.websocket_members_count()),
            members,
        )
    });
    let Some((counts, (total, http), members)) = found else {
        return Err(ApiError::not_found("swarm not found"));
    };
    let watched = node.watch_swarm(info_hash, node.clock().uptime());
    let seen = inspect_connections(shared.mailboxes(), &members).await?;
    let peers = members.iter().filter_map(|member| {
        Some(match member.transport {
            MemberTransport::WebSocket(connection) => {
                PeerReport::connected(member, seen.get(&connection)?)
            }
            MemberTransport::Http {
                endpoint: at,
                last_announce_second: heard,
            } => PeerReport::over_http(member, &at, heard, node.clock().uptime()),
        })
    });
    let peers: Vec<PeerReport> = peers.collect();
    let introductions = watched.introductions.iter();
    let introductions: Vec<Value> = introductions
        .map(|one| introduction_json(node, one))
        .collect();
    Ok(json_response(&json!({
        "info_hash": info_hash.to_string(),
        "seeders": counts.complete,
        "leechers": counts.incomplete,
        "http": http,
        "peers": peers,
        "peers_total": total,
        "introductions": introductions,
        "watched_since": unix_seconds(node.clock().wall_clock_at(watched.since)),
    })))
}

fn parse_info_hash(digits: &str) -> Option<InfoHash> {
    let is_plain = digits.len() == 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut bytes = [0; 20];
    for (index, byte) in bytes.iter_mut().enumerate().filter(|_| is_plain) {
        *byte = u8::from_str_radix(digits.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    is_plain.then_some(InfoHash::new(bytes))
}

/// Requests the connections of members from all workers concurrently. Closed connections are omitted.
async fn inspect_connections(
    mailboxes: &Mailboxes,
    members: &[MemberView],
) -> Result<HashMap<ConnectionId, ConnectionSnapshot>, WorkerBusy> {
    let mut by_worker: BTreeMap<u8, Vec<ConnectionId>> = BTreeMap::new();
    for member in members {
        if let MemberTransport::WebSocket(connection) = member.transport {
            let of_worker = by_worker.entry(connection.worker()).or_default();
            of_worker.push(connection);
        }
    }
    let requests = by_worker
        .into_iter()
        .map(|(worker, ids)| mailboxes.query_worker(worker, move |hub| hub.snapshots(&ids)));
    let seen = try_join_all(requests).await?.into_iter().flatten();
    Ok(seen.map(|seen| (seen.connection, seen)).collect())
}

fn introduction_json(node: &Node, one: &Introduction) -> Value {
    json!({
        "from": one.from.to_string(),
        "to": one.to.to_string(),
        "at": unix_seconds(node.clock().wall_clock_at(one.offered_at)),
        "answered": one.answered_at.map(|at| unix_seconds(node.clock().wall_clock_at(at))),
    })
}
