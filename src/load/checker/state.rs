//! State of the exchange: swarms, members, requests in flight and offers. Used only by the exchange.

use std::collections::VecDeque;
use std::ops::Range;

use crate::load::ids;
use crate::protocol::{InfoHash, PeerId};

/// Microseconds since the start of the run.
pub(in crate::load) type Micros = u64;

/// Longest time in which a tracker may still send offers to an ended connection.
const DISCONNECT_NOTICE_MAX: Micros = 5_000_000;

/// Longest time in which a tracker may wait for an answer before it gives the receiver's own offers to the sender.
const ANSWER_TIME_MAX: Micros = 11_000_000;

#[derive(Debug)]
pub(super) struct LoadSwarm {
    info_hash: InfoHash,
    /// The info-hash as JSON string, as it is sent.
    pub(super) info_hash_json: String,
    /// Members whose join has a reply, and that are not leaving.
    pub(super) present_members: u64,
    /// Joins and leaves in flight.
    pub(super) changes_in_flight: u64,
    /// Incremented at each start and end of a join or leave.
    pub(super) version: u64,
    /// Total number of members that started to leave or lost their connection.
    pub(super) departures: u64,
    /// End times of member connections, kept as long as the tracker may not have noticed.
    recent_disconnects: VecDeque<Micros>,
    /// Whether the tracker may still count lost members.
    pub(super) has_uncertain_count: bool,
}

impl LoadSwarm {
    pub(super) fn new(salt: u64, number: u64) -> Self {
        let info_hash = ids::info_hash(salt, number);
        let mut info_hash_json = String::new();
        ids::write_json(info_hash.as_bytes(), &mut info_hash_json);
        Self {
            info_hash,
            info_hash_json,
            present_members: 0,
            changes_in_flight: 0,
            version: 0,
            departures: 0,
            recent_disconnects: VecDeque::new(),
            has_uncertain_count: false,
        }
    }

    /// Whether the JSON value is this info-hash, with any escapes.
    pub(super) fn matches(&self, json: &str) -> bool {
        json == self.info_hash_json || InfoHash::from_json(json) == Ok(self.info_hash)
    }

    pub(super) fn begin_change(&mut self) {
        self.changes_in_flight += 1;
        self.version += 1;
    }

    pub(super) fn end_change(&mut self) {
        self.changes_in_flight = self.changes_in_flight.saturating_sub(1);
        self.version += 1;
    }

    /// Records the end of a member's connection.
    pub(super) fn record_disconnect(&mut self, now: Micros) {
        self.departures += 1;
        self.version += 1;
        self.has_uncertain_count = true;
        self.stale_members(now);
        self.recent_disconnects.push_back(now);
    }

    /// Returns the number of ended connections that the tracker may still count as members.
    pub(super) fn stale_members(&mut self, now: Micros) -> u64 {
        let is_noticed = |end: &Micros| end.saturating_add(DISCONNECT_NOTICE_MAX) <= now;
        while self.recent_disconnects.front().is_some_and(is_noticed) {
            self.recent_disconnects.pop_front();
        }
        self.recent_disconnects.len() as u64
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberState {
    /// No connection.
    Closed,
    /// Connected, but in no swarm.
    Open,
    Joined,
    /// Has left its swarm.
    Left,
}

#[derive(Debug)]
pub(super) struct LoadMember {
    pub(super) swarm: usize,
    pub(super) is_seeder: bool,
    pub(super) state: MemberState,
    pub(super) request: Option<Box<PendingRequest>>,
    pub(super) peer_id: PeerId,
    number: u64,
    /// Answers that the tracker may reply to.
    pub(super) answers_unreplied: u64,
    /// When it last left or lost its connection.
    pub(super) left_at: Option<Micros>,
    pub(super) wants_to_leave: bool,
    reconnects: u64,
}

impl LoadMember {
    pub(super) fn new(salt: u64, swarm: usize, is_seeder: bool, number: u64) -> Self {
        Self {
            swarm,
            is_seeder,
            state: MemberState::Closed,
            request: None,
            peer_id: ids::peer_id(salt, number),
            number,
            answers_unreplied: 0,
            left_at: None,
            wants_to_leave: false,
            reconnects: 0,
        }
    }

    pub(super) fn has_joined(&self) -> bool {
        self.state == MemberState::Joined && !self.wants_to_leave
    }

    /// Whether it is in its swarm and not leaving.
    pub(super) fn is_member(&self) -> bool {
        let is_stop = |request: &PendingRequest| request.kind == RequestKind::Stop;
        self.state == MemberState::Joined && !self.request.as_deref().is_some_and(is_stop)
    }

    pub(super) fn may_join(&self) -> bool {
        self.state == MemberState::Open && self.request.is_none()
    }

    /// Sets a new `peer_id`, like a reloaded page.
    pub(super) fn renew_peer_id(&mut self, salt: u64) {
        self.reconnects += 1;
        let run = salt.wrapping_add(self.reconnects.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        self.peer_id = ids::peer_id(run, self.number);
    }

    pub(super) fn left_after(&self, at: Micros) -> bool {
        self.left_at.is_some_and(|left_at| left_at >= at)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestKind {
    Join,
    Announce,
    Stop,
    Scrape,
}

/// A request in flight.
#[derive(Debug)]
pub(super) struct PendingRequest {
    pub(super) kind: RequestKind,
    pub(super) serial: u64,
    pub(super) due: Micros,
    pub(super) sent_at: Micros,
    pub(super) awaits_reply: bool,
    pub(super) is_measured: bool,
    /// Whether it counts as one of the closed loop's requests in flight.
    pub(super) is_counted: bool,
    /// The numbers of its offers.
    pub(super) offers: Range<u64>,
    /// Number of offers that must reach a member.
    pub(super) expected_offers: u64,
    pub(super) relayed_offers: u64,
    /// Expected answers.
    pub(super) expected_answers: u64,
    /// Replies to earlier answers that precede its own reply.
    pub(super) replies_ahead: u64,
    /// The swarm's `version` at the start.
    pub(super) version: u64,
    /// Other members that the tracker must have counted at the start.
    pub(super) others: u64,
    /// Number of possible receivers that may already have left.
    pub(super) stale_members: u64,
    /// The swarm's `departures` at the start.
    pub(super) departures_before: u64,
    pub(super) replied_at: Micros,
    /// Number of its offers that may reach no member, once it is fixed.
    pub(super) excused_max: Option<u64>,
}

impl PendingRequest {
    /// Records the reply. The tracker chose among the members that it counts. So at most its surplus over the real
    /// number can be members that had left; a count that is too low gives no information.
    pub(super) fn record_reply(&mut self, members: u64, departures: u64, now: Micros) {
        self.awaits_reply = false;
        self.replied_at = now;
        let present = self
            .others
            .saturating_sub(departures - self.departures_before);
        if let Some(surplus) = members
            .checked_sub(1)
            .and_then(|counted| counted.checked_sub(present))
        {
            self.stale_members = self.stale_members.min(surplus);
        }
    }

    /// Returns the number of its offers that have not arrived.
    pub(super) fn missing_offers(&self) -> u64 {
        self.expected_offers.saturating_sub(self.relayed_offers)
    }

    /// Fixes and returns how many offers may reach no member: one for each member that had left, or left since then.
    pub(super) fn fix_excused_max(&mut self, departures: u64) -> u64 {
        *self
            .excused_max
            .get_or_insert(self.stale_members + (departures - self.departures_before))
    }

    pub(super) fn is_complete(&self) -> bool {
        !self.awaits_reply
            && self.relayed_offers >= self.expected_offers
            && self.expected_answers == 0
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct SentOffer {
    pub(super) from: usize,
    /// Serial number of its announce.
    pub(super) serial: u64,
    /// When its announce was due.
    pub(super) due: Micros,
    pub(super) sent_at: Micros,
    pub(super) is_measured: bool,
    pub(super) to: Option<usize>,
    /// When its answer was sent.
    pub(super) answered_at: Option<Micros>,
    /// How a missing offer of its announce was counted.
    pub(super) verdict: Option<OfferVerdict>,
    pub(super) answer: AnswerState,
}

/// How an offer is counted that has not arrived when its announce ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OfferVerdict {
    Excused,
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerState {
    /// No answer is expected.
    None,
    Delayed,
    Sent,
    Received,
    /// Sent, but not expected: counted as excused unless it arrives.
    Excused,
}

/// The recent offers by their number.
#[derive(Debug)]
pub(super) struct OfferTable {
    first_ever: u64,
    first: u64,
    all: VecDeque<SentOffer>,
}

/// Result of a lookup of an offer's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OfferLookup {
    Current,
    /// Sent, but already removed from the table.
    Expired,
    Unknown,
}

impl OfferTable {
    pub(super) fn new(first: u64) -> Self {
        Self {
            first_ever: first,
            first,
            all: VecDeque::new(),
        }
    }

    pub(super) fn next_number(&self) -> u64 {
        self.first + self.all.len() as u64
    }

    pub(super) fn push(&mut self, offer: SentOffer) {
        self.all.push_back(offer);
    }

    pub(super) fn look_up(&self, number: u64) -> OfferLookup {
        if number >= self.next_number() || number < self.first_ever {
            OfferLookup::Unknown
        } else if number < self.first {
            OfferLookup::Expired
        } else {
            OfferLookup::Current
        }
    }

    pub(super) fn get(&mut self, number: u64) -> Option<&mut SentOffer> {
        let index = number.checked_sub(self.first)?;
        self.all.get_mut(usize::try_from(index).ok()?)
    }

    /// Removes and returns the oldest offer if it was sent before `before`.
    pub(super) fn pop_sent_before(&mut self, before: Micros) -> Option<SentOffer> {
        self.all.front().filter(|offer| offer.sent_at < before)?;
        self.first += 1;
        self.all.pop_front()
    }

    /// Returns the number of members whose offers a member could still answer when the tracker served its announce: they were
    /// sent before the reply, and their answers after the announce. A tracker may withhold offers that would cross them.
    pub(super) fn crossing_members(&self, member: usize, announce: &PendingRequest) -> u64 {
        let crosses = |offer: &&SentOffer| {
            offer.to == Some(member)
                && offer.sent_at.saturating_add(ANSWER_TIME_MAX) > announce.sent_at
                && offer.sent_at <= announce.replied_at
                && offer.answered_at.is_none_or(|at| at >= announce.sent_at)
        };
        let mut senders: Vec<_> = self
            .all
            .iter()
            .filter(crosses)
            .map(|one| one.from)
            .collect();
        senders.sort_unstable();
        senders.dedup();
        senders.len() as u64
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut SentOffer> {
        self.all.iter_mut()
    }
}
