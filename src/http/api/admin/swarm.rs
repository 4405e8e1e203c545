//! Serves one swarm with its peers and their introductions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use futures::future::try_join_all;
use serde::Serialize;
use utoipa::ToSchema;

use super::peer_report::PeerReport;
use super::times::unix_seconds;
use crate::http::api::tags::ADMIN;
use crate::http::api_error::ApiError;
use crate::http::response::json_response;
use crate::http::state::AppState;
use crate::hub::{Mailboxes, WorkerBusy};
use crate::node::{ConnectionSnapshot, Introduction, ProcessClock};
use crate::protocol::{ConnectionId, InfoHash};
use crate::swarm::{MemberTransport, MemberView};

/// Maximum number of peers in the response; of a larger swarm, evenly spaced members are included.
const PEERS_MAX: usize = 1000;

/// One swarm and its peers.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SwarmResponse {
    info_hash: String,
    seeders: u32,
    leechers: u32,
    /// Members that announce over HTTP.
    http: usize,
    /// At most 1,000; of a larger swarm, evenly spaced members.
    peers: Vec<PeerReport>,
    /// Number of all members.
    peers_total: usize,
    /// The last relayed offers.
    introductions: Vec<IntroductionReport>,
    /// Since when they are recorded, in seconds since 1970.
    watched_since: f64,
}

/// An offer that was relayed in a swarm.
#[derive(Debug, Serialize, ToSchema)]
struct IntroductionReport {
    /// The peer that offered.
    from: String,
    /// The peer that received the offer.
    to: String,
    /// Seconds since 1970.
    at: f64,
    /// When the answer was relayed, in seconds since 1970.
    #[schema(required)]
    answered: Option<f64>,
}

impl IntroductionReport {
    fn new(clock: &ProcessClock, one: &Introduction) -> Self {
        let answered = one
            .answered_at
            .map(|at| unix_seconds(clock.wall_clock_at(at)));
        Self {
            from: one.from.to_string(),
            to: one.to.to_string(),
            at: unix_seconds(clock.wall_clock_at(one.offered_at)),
            answered,
        }
    }
}

/// Returns one swarm. Its introductions are recorded for the next minute.
#[utoipa::path(
    get,
    path = "/api/v1/swarms/{info_hash}",
    operation_id = "getSwarm",
    tag = ADMIN,
    params(("info_hash" = String, Path, description = "40 hexadecimal digits")),
    responses((status = OK, body = SwarmResponse))
)]
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
    let clock = node.clock();
    let watched = node.watch_swarm(info_hash, clock.uptime());
    let seen = inspect_connections(shared.mailboxes(), &members).await?;
    let peers = members.iter().filter_map(|member| {
        Some(match member.transport {
            MemberTransport::WebSocket(connection) => {
                PeerReport::connected(member, seen.get(&connection)?)
            }
            MemberTransport::Http {
                endpoint: at,
                last_announce_second,
            } => PeerReport::over_http(member, &at, last_announce_second, clock.uptime()),
        })
    });
    let introductions = watched.introductions.iter();
    Ok(json_response(&SwarmResponse {
        info_hash: info_hash.to_string(),
        seeders: counts.complete,
        leechers: counts.incomplete,
        http,
        peers: peers.collect(),
        peers_total: total,
        introductions: introductions
            .map(|one| IntroductionReport::new(clock, one))
            .collect(),
        watched_since: unix_seconds(clock.wall_clock_at(watched.since)),
    }))
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
