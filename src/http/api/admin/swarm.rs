//! Serves one swarm with its peers and their introductions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Response;
use futures::future::try_join_all;
use serde::Serialize;
use utoipa::ToSchema;

use super::alone_reason::{AloneReason, PeerFacts};
use super::peer_report::PeerReport;
use super::times::unix_seconds;
use crate::http::api::tags::ADMIN;
use crate::http::api_error::ApiError;
use crate::http::response::json_response;
use crate::http::state::AppState;
use crate::hub::{Mailboxes, WorkerBusy};
use crate::node::{
    ConnectionSnapshot, Introduction, IntroductionProgress, ProcessClock, SwarmIntroductions,
    progress_of,
};
use crate::protocol::{ConnectionId, Counts, InfoHash};
use crate::swarm::{Matchmaking, MemberIntroductions, MemberTransport, MemberView, Swarm};
use crate::tracker::Tracker;

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
    /// Whether it was answered: waiting, unanswered or answered.
    progress: &'static str,
    /// Whether both peers offered at about the same time, so that their offers crossed.
    crossed: bool,
    /// Whether an earlier introduction of the two was answered, and probably failed to connect them.
    repeated: bool,
}

/// A swarm at one moment.
struct SwarmSnapshot {
    counts: Counts,
    total: usize,
    websocket_members: usize,
    /// Without introductions over HTTP, and if `tracker.matchmaking` is random.
    members: Vec<(MemberView, Option<MemberIntroductions>)>,
}

impl SwarmSnapshot {
    fn take(swarm: &mut Swarm, remembers: bool, now: Duration) -> Self {
        let total = swarm.len();
        // Members are ordered by kind and role, so evenly spaced ones keep the proportions.
        let positions = (0..total).step_by(total.div_ceil(PEERS_MAX).max(1));
        let members = positions.filter_map(|position| {
            let introductions = swarm.introductions_at(position, now);
            Some((
                swarm.view_at(position)?,
                introductions.filter(|_| remembers),
            ))
        });
        Self {
            members: members.collect(),
            counts: swarm.counts(),
            total,
            websocket_members: swarm.websocket_members_count(),
        }
    }

    fn of(tracker: &Tracker, info_hash: &InfoHash, now: Duration) -> Option<Self> {
        let remembers = tracker.rules().matchmaking == Matchmaking::Introductions;
        tracker
            .swarms()
            .with_swarm(info_hash, |swarm| Self::take(swarm, remembers, now))
    }

    fn report(
        &self,
        member: &MemberView,
        introductions: Option<MemberIntroductions>,
        seen: &ConnectionSnapshot,
    ) -> PeerReport {
        let report = PeerReport::connected(member, seen);
        let Some(introductions) = introductions else {
            return report;
        };
        let reason = AloneReason::of(&PeerFacts {
            introductions,
            others: self.websocket_members.saturating_sub(1),
            age: seen.age,
            is_blocked: seen.output_blocked,
            offers: seen.offers,
        });
        report.with_introductions(introductions, reason)
    }
}

impl IntroductionReport {
    /// Reports all introductions of a swarm.
    fn all(clock: &ProcessClock, watched: &SwarmIntroductions) -> Vec<Self> {
        let progress = progress_of(&watched.introductions, clock.uptime());
        let introductions = watched.introductions.iter().zip(progress);
        introductions
            .map(|(one, progress)| Self::new(clock, one, progress))
            .collect()
    }

    fn new(clock: &ProcessClock, one: &Introduction, progress: IntroductionProgress) -> Self {
        let answered = one
            .answered_at
            .map(|at| unix_seconds(clock.wall_clock_at(at)));
        Self {
            from: one.from.to_string(),
            to: one.to.to_string(),
            at: unix_seconds(clock.wall_clock_at(one.offered_at)),
            answered,
            progress: progress.answer.label(),
            crossed: progress.is_crossed,
            repeated: progress.is_repeated,
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
    let clock = node.clock();
    let Some(found) = SwarmSnapshot::of(node.tracker(), &info_hash, clock.uptime()) else {
        return Err(ApiError::not_found("swarm not found"));
    };
    let watched = node.watch_swarm(info_hash, clock.uptime());
    let seen = inspect_connections(shared.mailboxes(), &found.members).await?;
    let peers = found.members.iter().filter_map(|(member, introductions)| {
        Some(match member.transport {
            MemberTransport::WebSocket(connection) => {
                found.report(member, *introductions, seen.get(&connection)?)
            }
            MemberTransport::Http {
                endpoint: at,
                last_announce_second,
            } => PeerReport::over_http(member, &at, last_announce_second, clock.uptime()),
        })
    });
    Ok(json_response(&SwarmResponse {
        info_hash: info_hash.to_string(),
        seeders: found.counts.complete,
        leechers: found.counts.incomplete,
        http: found.total - found.websocket_members,
        peers: peers.collect(),
        peers_total: found.total,
        introductions: IntroductionReport::all(clock, &watched),
        watched_since: unix_seconds(clock.wall_clock_at(watched.since)),
    }))
}

pub(in crate::http::api) fn parse_info_hash(digits: &str) -> Option<InfoHash> {
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
    members: &[(MemberView, Option<MemberIntroductions>)],
) -> Result<HashMap<ConnectionId, ConnectionSnapshot>, WorkerBusy> {
    let mut by_worker: BTreeMap<u8, Vec<ConnectionId>> = BTreeMap::new();
    for (member, _) in members {
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
