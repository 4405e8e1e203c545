//! What comes of a request: what its sender is told, and what others are sent.
//!
//! Values only. The tracker makes them, the hub delivers them.

use std::time::Duration;

use smallvec::SmallVec;

use crate::protocol::{Counts, InfoHash, OfferId, PeerId, Refusal, Sdp};
use crate::swarm::Member;

/// What is to be sent because of one request.
#[derive(Debug, Default)]
pub struct Outcome<'a> {
    /// To the sender of the request.
    pub reply: Option<Reply>,
    /// To others. Never to the sender, never outside of the swarm.
    pub relays: SmallVec<[Relay<'a>; 10]>,
    /// What became of an answer, if the request was one.
    pub answer: Option<AnswerFate>,
    /// For how long the offer had waited that it was for; of several, the oldest.
    pub waited: Duration,
    /// Which bounds were met.
    pub bounded: Bounded,
}

/// What a request cost because of a bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounded {
    /// Offers that no longer wait for their answer because of `tracker.pending_offers_max`.
    pub pending_offers: u32,
    /// Memberships that ended because of `tracker.peer_ids_per_swarm_max`.
    pub peer_ids: u32,
    /// Offers not relayed because others had given the same to the same receiver.
    pub copies: u32,
    /// Members passed over because of `limits.offers_received_per_second`.
    pub receivers: u32,
    /// Members passed over because of `limits.offers_received_reserved_percent`.
    pub reserved: u32,
}

/// What the sender of a request is told.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// The counts of the swarm after its announce.
    Announce(InfoHash, Counts),
    /// The counts of the swarms it scraped.
    Scrape(Vec<(InfoHash, Counts)>),
    /// Why its request was not served.
    Failure(Refusal),
}

/// A message to another member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relay<'a> {
    /// Who gets it.
    pub to: Member,
    /// In which swarm.
    pub info_hash: InfoHash,
    /// The id under which the sender is known to the receiver.
    pub from: PeerId,
    /// The offer, or the one that is answered.
    pub offer_id: OfferId,
    /// What the receiver needs to connect.
    pub sdp: Sdp<'a>,
    /// Which of the two it is.
    pub kind: RelayKind,
}

/// What is relayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayKind {
    /// An offer.
    Offer,
    /// The answer to one.
    Answer,
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerFate {
    /// The offering member gets it.
    Relayed,
    /// Nobody waits for it: the offer was not given to this connection, was answered, expired, or its member left.
    Unwanted,
    /// It is malformed.
    Malformed,
}
