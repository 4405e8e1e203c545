//! State of the exchange: swarms, members, requests in flight and offers. Used only by the exchange.

use std::collections::VecDeque;
use std::ops::Range;

use crate::load::ids;
use crate::protocol::{InfoHash, PeerId};

/// Microseconds since the start of the run.
pub(in crate::load) type Micros = u64;

/// Longest time in which a tracker may still send offers to an ended connection.
const NOTICE: Micros = 5_000_000;

#[derive(Debug)]
pub(super) struct Swarm {
    info_hash: InfoHash,
    /// The info-hash as JSON string, as it is sent.
    pub(super) json: String,
    /// Members whose join has a reply, and that are not leaving.
    pub(super) present: u64,
    /// Joins and leaves in flight.
    pub(super) changing: u64,
    /// Incremented at each start and end of a join or leave.
    pub(super) version: u64,
    /// Total number of members that started to leave or lost their connection.
    pub(super) gone: u64,
    /// End times of member connections, kept as long as the tracker may not have noticed.
    ended: VecDeque<Micros>,
    /// Whether the tracker may still count lost members.
    pub(super) is_unsure: bool,
}

impl Swarm {
    pub(super) fn new(salt: u64, number: u64) -> Self {
        let info_hash = ids::info_hash(salt, number);
        let mut info_hash_json = String::new();
        ids::write(info_hash.as_bytes(), &mut info_hash_json);
        Self {
            info_hash,
            json: info_hash_json,
            present: 0,
            changing: 0,
            version: 0,
            gone: 0,
            ended: VecDeque::new(),
            is_unsure: false,
        }
    }

    /// Whether the JSON value is this info-hash, with any escapes.
    pub(super) fn is(&self, json: &str) -> bool {
        json == self.json || InfoHash::from_json(json) == Ok(self.info_hash)
    }

    pub(super) fn begin_change(&mut self) {
        self.changing += 1;
        self.version += 1;
    }

    pub(super) fn end_change(&mut self) {
        self.changing = self.changing.saturating_sub(1);
        self.version += 1;
    }

    /// Records the end of a member's connection.
    pub(super) fn lose_connection(&mut self, now: Micros) {
        self.gone += 1;
        self.version += 1;
        self.is_unsure = true;
        self.ghosts(now);
        self.ended.push_back(now);
    }

    /// Returns the number of ended connections that the tracker may still count as members.
    pub(super) fn ghosts(&mut self, now: Micros) -> u64 {
        let is_noticed = |end: &Micros| end.saturating_add(NOTICE) <= now;
        while self.ended.front().is_some_and(is_noticed) {
            self.ended.pop_front();
        }
        self.ended.len() as u64
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// No connection.
    Closed,
    /// Connected, but in no swarm.
    Open,
    Joined,
    /// Has left its swarm.
    Left,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) swarm: usize,
    pub(super) seeds: bool,
    pub(super) state: State,
    pub(super) unit: Option<Box<Unit>>,
    pub(super) peer_id: PeerId,
    number: u64,
    /// Answers that the tracker may reply to.
    pub(super) answers_unreplied: u64,
    /// When it last left or lost its connection.
    pub(super) gone_at: Option<Micros>,
    pub(super) wants_to_leave: bool,
    reconnects: u64,
}

impl Member {
    pub(super) fn new(salt: u64, swarm: usize, is_seeder: bool, number: u64) -> Self {
        Self {
            swarm,
            seeds: is_seeder,
            state: State::Closed,
            unit: None,
            peer_id: ids::peer_id(salt, number),
            number,
            answers_unreplied: 0,
            gone_at: None,
            wants_to_leave: false,
            reconnects: 0,
        }
    }

    pub(super) fn has_joined(&self) -> bool {
        self.state == State::Joined && !self.wants_to_leave
    }

    /// Whether it is in its swarm and not leaving.
    pub(super) fn is_member(&self) -> bool {
        let is_stop = |request: &Unit| request.kind == Kind::Stop;
        self.state == State::Joined && !self.unit.as_deref().is_some_and(is_stop)
    }

    pub(super) fn may_join(&self) -> bool {
        self.state == State::Open && self.unit.is_none()
    }

    /// Sets a new `peer_id`, like a reloaded page.
    pub(super) fn renew(&mut self, salt: u64) {
        self.reconnects += 1;
        let run = salt.wrapping_add(self.reconnects.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        self.peer_id = ids::peer_id(run, self.number);
    }

    pub(super) fn went_after(&self, at: Micros) -> bool {
        self.gone_at.is_some_and(|left_at| left_at >= at)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Join,
    Announce,
    Stop,
    Scrape,
}

/// A request in flight.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) kind: Kind,
    pub(super) serial: u64,
    pub(super) due: Micros,
    pub(super) sent: Micros,
    pub(super) awaits_reply: bool,
    pub(super) is_measured: bool,
    /// Whether it counts as one of the closed loop's requests in flight.
    pub(super) is_counted: bool,
    /// The numbers of its offers.
    pub(super) offers: Range<u64>,
    /// Number of offers that must reach a member.
    pub(super) expected: u64,
    pub(super) relayed: u64,
    /// Expected answers.
    pub(super) answers: u64,
    /// Replies to earlier answers that precede its own reply.
    pub(super) replies_ahead: u64,
    /// The swarm's `version` at the start.
    pub(super) version: u64,
    /// Other members that the tracker must have counted at the start.
    pub(super) others: u64,
    /// Number of possible receivers that may already have left.
    pub(super) ghosts: u64,
    /// The swarm's `gone` at the start.
    pub(super) gone_before: u64,
    pub(super) replied: Micros,
    /// Number of its offers that may reach no member, once it is fixed.
    pub(super) excused_max: Option<u64>,
}

impl Unit {
    /// Records the reply. The tracker chose among the members that it counts. So at most its surplus over the real
    /// number can be members that had left; a count that is too low gives no information.
    pub(super) fn replied(&mut self, members: u64, departures: u64, now: Micros) {
        self.awaits_reply = false;
        self.replied = now;
        let present = self.others.saturating_sub(departures - self.gone_before);
        if let Some(surplus) = members
            .checked_sub(1)
            .and_then(|counted| counted.checked_sub(present))
        {
            self.ghosts = self.ghosts.min(surplus);
        }
    }

    /// Returns the number of its offers that have not arrived.
    pub(super) fn missing(&self) -> u64 {
        self.expected.saturating_sub(self.relayed)
    }

    /// Fixes and returns how many offers may reach no member: one for each member that had left, or left since then.
    pub(super) fn excuse(&mut self, departures: u64) -> u64 {
        *self
            .excused_max
            .get_or_insert(self.ghosts + (departures - self.gone_before))
    }

    pub(super) fn is_over(&self) -> bool {
        !self.awaits_reply && self.relayed >= self.expected && self.answers == 0
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    pub(super) from: usize,
    /// Serial number of its announce.
    pub(super) serial: u64,
    /// When its announce was due.
    pub(super) due: Micros,
    pub(super) sent: Micros,
    pub(super) is_measured: bool,
    pub(super) to: Option<usize>,
    /// How a missing offer of its announce was counted.
    pub(super) given_up: Option<GivenUp>,
    pub(super) answer: Answer,
}

/// How an offer is counted that has not arrived when its announce ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenUp {
    Excused,
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// No answer is expected.
    None,
    Thinking,
    Sent,
    Received,
    /// Sent, but not expected: counted as excused unless it arrives.
    Excused,
}

/// The recent offers by their number.
#[derive(Debug)]
pub(super) struct Offers {
    very_first: u64,
    first: u64,
    all: VecDeque<Offer>,
}

/// Result of a lookup of an offer's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Now,
    /// Sent, but already removed from the table.
    Over,
    Never,
}

impl Offers {
    pub(super) fn new(first: u64) -> Self {
        Self {
            very_first: first,
            first,
            all: VecDeque::new(),
        }
    }

    pub(super) fn next_number(&self) -> u64 {
        self.first + self.all.len() as u64
    }

    pub(super) fn push(&mut self, offer: Offer) {
        self.all.push_back(offer);
    }

    pub(super) fn knows(&self, number: u64) -> Known {
        if number >= self.next_number() || number < self.very_first {
            Known::Never
        } else if number < self.first {
            Known::Over
        } else {
            Known::Now
        }
    }

    pub(super) fn get(&mut self, number: u64) -> Option<&mut Offer> {
        let index = number.checked_sub(self.first)?;
        self.all.get_mut(usize::try_from(index).ok()?)
    }

    /// Removes and returns the oldest offer if it was sent before `before`.
    pub(super) fn pop_older(&mut self, before: Micros) -> Option<Offer> {
        self.all.front().filter(|offer| offer.sent < before)?;
        self.first += 1;
        self.all.pop_front()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Offer> {
        self.all.iter_mut()
    }
}
