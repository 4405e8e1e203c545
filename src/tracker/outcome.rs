//! Defines the result of a request: the reply to its sender and the messages to other members.
//!
//! Plain values only. The tracker creates them, the hub delivers them.

use std::time::Duration;

use smallvec::SmallVec;

use super::RemoteOffers;
use crate::protocol::{Counts, InfoHash, OfferId, PeerId, Refusal, Sdp};
use crate::swarm::{AnswerLesson, MatchTally, Member, Pace, ReceiverQuotaExhausted};

/// The result of one request: messages to send, and facts to count.
#[derive(Debug, Default)]
pub struct Outcome<'a> {
    /// The reply to the sender of the request.
    pub reply: Option<Reply>,
    /// Messages to other members. Never to the sender, never outside of the swarm.
    pub relays: SmallVec<[Relay<'a>; 10]>,
    /// Offers that do not stay on this node. `None` without a cluster.
    pub remote: Option<Box<RemoteOffers<'a>>>,
    /// What happened to the answer, if the request was one.
    pub answer_fate: Option<AnswerFate>,
    /// How long the answered offer was pending; the longest if there are several.
    pub offer_age: Duration,
    /// How often each limit was hit.
    pub limit_hits: LimitHits,
    /// What matchmaking did and learned. Zero if receivers are chosen at random.
    pub matches: MatchCounts,
}

impl Outcome<'_> {
    /// Returns a reply alone. An outcome is large: inlined, it would be built beside its place and copied, twice.
    #[inline(never)]
    #[expect(clippy::field_reassign_with_default, reason = "that would be a copy")]
    pub(super) fn of_reply(reply: Reply) -> Self {
        let mut outcome = Self::default();
        outcome.reply = Some(reply);
        outcome
    }
}

/// Counts of what matchmaking did and learned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MatchCounts {
    /// Candidates that were passed over because their own offer to the sender was under way.
    pub crossing: u32,
    /// Offers to members that are acquainted with the sender.
    pub acquainted: u32,
    /// Offers to members that left at least two offers in a row unanswered.
    pub silent: u32,
    /// Answers between members of which an earlier introduction was answered too.
    pub repeated_answers: u32,
    /// Members that got their first answer.
    pub first_answers: u32,
    /// Those that got it within three seconds of their first introduction.
    pub fast_first_answers: u32,
}

impl MatchCounts {
    pub(super) fn count_choice(&mut self, tally: MatchTally) {
        self.crossing += tally.crossing;
        self.acquainted += tally.acquainted;
        self.silent += tally.silent;
    }

    pub(super) fn count_lesson(&mut self, lesson: AnswerLesson) {
        self.repeated_answers += u32::from(lesson.is_repeated);
        self.first_answers += u32::from(lesson.first_answers);
        self.fast_first_answers += u32::from(lesson.fast_first_answers);
    }
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

impl LimitHits {
    pub(super) fn count_exhausted(&mut self, exhausted: ReceiverQuotaExhausted) {
        match exhausted {
            ReceiverQuotaExhausted::Total => self.skipped_receivers += 1,
            ReceiverQuotaExhausted::Unreserved => self.skipped_by_reserve += 1,
        }
    }
}

/// The reply to the sender of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// The counts of the swarm after its announce, and how soon it should announce again.
    Announce(InfoHash, Counts, Pace),
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
    /// It goes to the node of the offering member.
    RelayedToNode,
    /// It matches no pending offer: the offer was not sent to this connection, was answered, expired, or its member
    /// left.
    Unmatched,
    /// It is malformed.
    Malformed,
}
