//! Describes one peer of a swarm for the API.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::alone_reason::AloneReason;
use super::connections::connection_name;
use super::times::rounded_seconds;
use crate::census::ClientVersion;
use crate::node::{ConnectionSnapshot, NetworkPrefix, UnbannableReason};
use crate::protocol::http::Endpoint;
use crate::swarm::{MemberIntroductions, MemberView, Role};

/// One peer as serialised. An HTTP peer has no connection.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(in crate::http) struct PeerReport {
    #[serde(rename = "peer_id")]
    id: String,
    /// Its client program, if it is known.
    #[schema(required)]
    client: Option<String>,
    seeder: bool,
    /// Whether it announces over HTTP.
    http: bool,
    /// Seconds since it connected.
    #[schema(required)]
    age: Option<f64>,
    /// Seconds since its last message.
    heard: f64,
    /// Relayed offers of its connection.
    #[schema(required)]
    offers: Option<u32>,
    /// Relayed answers of its connection.
    #[schema(required)]
    answers: Option<u32>,
    /// `ipv4`, `ipv6` or `unix`.
    family: &'static str,
    /// Its network: /24 or /48.
    #[schema(required)]
    address: Option<String>,
    /// The site of its connection (`tracker.groups`).
    #[schema(required)]
    site: Option<String>,
    /// The port that it announces over HTTP.
    #[schema(required)]
    port: Option<u16>,
    /// The name of its connection.
    #[schema(required)]
    connection: Option<String>,
    /// Whether its output is blocked, so that it gets no offers.
    blocked: bool,
    /// Peers with which it had an answered introduction, as far as they are remembered: half of them are forgotten every
    /// ten minutes. Unknown with `tracker.matchmaking = "random"`, like the next three.
    #[schema(required)]
    introductions_answered: Option<u8>,
    /// Its introductions that may still be answered.
    #[schema(required)]
    introductions_under_way: Option<u8>,
    /// Offers in a row that it left unanswered, up to 15.
    #[schema(required)]
    offers_missed: Option<u8>,
    /// Why it never had an answered introduction: one sentence. `null` if it had one.
    #[schema(required)]
    alone: Option<&'static str>,
    /// Why its address cannot be banned.
    #[schema(required)]
    ban_refused: Option<&'static str>,
}

impl PeerReport {
    /// Describes a peer with a WebSocket.
    pub(super) fn connected(member: &MemberView, seen: &ConnectionSnapshot) -> Self {
        Self {
            age: Some(rounded_seconds(seen.age)),
            heard: rounded_seconds(seen.silence),
            offers: Some(seen.offers),
            answers: Some(seen.answers),
            family: seen.network.family().label(),
            address: seen.network.text(),
            site: seen.site.as_deref().map(str::to_owned),
            connection: Some(connection_name(seen.connection)),
            blocked: seen.output_blocked,
            ban_refused: seen.unbannable.map(UnbannableReason::text),
            ..Self::new(member)
        }
    }

    /// Adds what is known of its introductions, and why it is alone if it is.
    pub(super) fn with_introductions(
        self,
        known: MemberIntroductions,
        reason: Option<AloneReason>,
    ) -> Self {
        Self {
            introductions_answered: Some(known.answered),
            introductions_under_way: Some(known.under_way),
            offers_missed: Some(known.missed),
            alone: reason.map(AloneReason::text),
            ..self
        }
    }

    /// Describes a peer that announces over HTTP. `heard` is the second of its last announce, and `now` the time, both
    /// since the process started. Its address is shortened as for all peers.
    pub(super) fn over_http(
        member: &MemberView,
        at: &Endpoint,
        last_announce_second: u32,
        now: Duration,
    ) -> Self {
        let network = NetworkPrefix::of_address(Some(at.address()));
        let last_announce = Duration::from_secs(last_announce_second.into());
        Self {
            http: true,
            heard: rounded_seconds(now.saturating_sub(last_announce)),
            family: network.family().label(),
            address: network.text(),
            port: Some(at.port()),
            ..Self::new(member)
        }
    }

    fn new(member: &MemberView) -> Self {
        let client = ClientVersion::from_peer_id(member.peer_id.as_bytes());
        Self {
            id: member.peer_id.to_string(),
            client: client.map(|client| client.to_string()),
            seeder: member.role == Role::Seeder,
            ..Self::default()
        }
    }
}
