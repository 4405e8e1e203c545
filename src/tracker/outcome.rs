//! Defines the result of a request: the reply to its sender and the messages to other members.
//!
//! Plain values only. The tracker creates them, the hub delivers them.

use std::time::Duration;

use smallvec::SmallVec;

use crate::protocol::{Counts, InfoHash, OfferId, PeerId, Refusal, Sdp};
use crate::swarm::Member;

/// The result of one request: messages to send, and facts to count.
#[derive(Debug, Default)]
pub struct Outcome<'a> {
    /// The reply to the sender of the request.
    pub reply: Option<Reply>,
    /// Messages to other members. Never to the sender, never outside of the swarm.
    pub relays: SmallVec<[Relay<'a>; 10]>,
    /// What happened to the answer, if the request was one.
    pub answer_fate: Option<AnswerFate>,
    /// How long the answered offer was pending; the longest if there are several.
    pub offer_age: Duration,
    /// How often each limit was hit.
    pub limit_hits: LimitHits,
}

/// Counts of what one request lost because of limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LimitHits {
    /// Pending offers that were dropped because of `tracker.pending_offers_max`.
    pub dropped_pending_offers: u32,
    /// Memberships that ended because of `tracker.peer_ids_per_swarm_max`.
    pub ended_memberships: u32,
    /// Offers not relayed because other connections had sent the same one to the same receiver.
    pub duplicate_offers: u32,
    /// Members skipped because of `limits.offers_received_per_second`.
    pub skipped_receivers: u32,
    /// Members skipped because of `limits.offers_received_reserved_percent`.
    pub skipped_by_reserve: u32,
}

/// The reply to the sender of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// The counts of the swarm after its announce.
    Announce(InfoHash, Counts),
    /// The counts of the swarms it scraped.
    Scrape(Vec<(InfoHash, Counts)>),
    /// Why the request was not served.
    Failure(Refusal),
}

/// A message to another member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relay<'a> {
    /// The receiver.
    pub to: Member,
    /// The swarm.
    pub info_hash: InfoHash,
    /// The `peer_id` of the sender, as the receiver sees it.
    pub from: PeerId,
    /// The offer, or the offer that is answered.
    pub offer_id: OfferId,
    /// What the receiver needs to connect.
    pub sdp: Sdp<'a>,
    /// Whether it is an offer or an answer.
    pub kind: RelayKind,
}

/// The kind of a relayed message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayKind {
    /// An offer.
    Offer,
    /// An answer to an offer.
    Answer,
}

/// What happened to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerFate {
    /// It goes to the offering member.
    Relayed,
    /// It matches no pending offer: the offer was not sent to this connection, was answered, expired, or its member
    /// left.
    Unmatched,
    /// It is malformed.
    Malformed,
}
