//! What the exchange knows: swarms, members, requests under way, offers. Only the exchange uses it.

use std::collections::VecDeque;
use std::ops::Range;

use crate::load::ids;
use crate::protocol::{InfoHash, PeerId};

/// Microseconds since the beginning of the run.
pub(in crate::load) type Micros = u64;

/// How long a tracker may take to notice that a connection has ended: until then offers may go to it.
const NOTICE: Micros = 5_000_000;

#[derive(Debug)]
pub(super) struct Swarm {
    info_hash: InfoHash,
    /// The info-hash as it is written in messages.
    pub(super) json: String,
    /// Members whose announce was replied to, and who have not begun to leave.
    pub(super) present: u64,
    /// Joins and leaves under way.
    pub(super) changing: u64,
    /// Grows with each beginning and end of a join or leave.
    pub(super) version: u64,
    /// How often members have begun to leave or lost their connection, ever.
    pub(super) gone: u64,
    /// When connections of members ended, for as long as the tracker may not have noticed.
    ended: VecDeque<Micros>,
    /// Whether the tracker may not know yet who is gone.
    pub(super) is_unsure: bool,
}

impl Swarm {
    pub(super) fn new(salt: u64, number: u64) -> Self {
        let info_hash = ids::info_hash(salt, number);
        let mut json = String::new();
        ids::write(info_hash.as_bytes(), &mut json);
        Self {
            info_hash,
            json,
            present: 0,
            changing: 0,
            version: 0,
            gone: 0,
            ended: VecDeque::new(),
            is_unsure: false,
        }
    }

    /// Whether the JSON value is its info-hash, in any spelling.
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

    /// A member's connection has ended.
    pub(super) fn lose_connection(&mut self, now: Micros) {
        self.gone += 1;
        self.version += 1;
        self.is_unsure = true;
        self.ghosts(now);
        self.ended.push_back(now);
    }

    /// How many ended connections the tracker may still take for members.
    pub(super) fn ghosts(&mut self, now: Micros) -> u64 {
        let noticed = |ended: &Micros| ended.saturating_add(NOTICE) <= now;
        while self.ended.front().is_some_and(noticed) {
            self.ended.pop_front();
        }
        self.ended.len() as u64
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// No connection.
    Closed,
    /// Connected, and in no swarm.
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
    pub(super) fn new(salt: u64, swarm: usize, seeds: bool, number: u64) -> Self {
        Self {
            swarm,
            seeds,
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

    /// Whether it is in its swarm, and has not begun to leave.
    pub(super) fn is_member(&self) -> bool {
        let leaves = |unit: &Unit| unit.kind == Kind::Stop;
        self.state == State::Joined && !self.unit.as_deref().is_some_and(leaves)
    }

    pub(super) fn may_join(&self) -> bool {
        self.state == State::Open && self.unit.is_none()
    }

    /// A page that is loaded again has a new `peer_id`.
    pub(super) fn renew(&mut self, salt: u64) {
        self.reconnects += 1;
        let run = salt.wrapping_add(self.reconnects.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        self.peer_id = ids::peer_id(run, self.number);
    }

    pub(super) fn went_after(&self, at: Micros) -> bool {
        self.gone_at.is_some_and(|gone| gone >= at)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Join,
    Announce,
    Stop,
    Scrape,
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) kind: Kind,
    pub(super) serial: u64,
    pub(super) due: Micros,
    pub(super) sent: Micros,
    pub(super) awaits_reply: bool,
    pub(super) is_measured: bool,
    /// Whether it takes one of the places of the closed loop.
    pub(super) is_counted: bool,
    /// The numbers of its offers.
    pub(super) offers: Range<u64>,
    /// How many of them have to come to somebody.
    pub(super) expected: u64,
    pub(super) relayed: u64,
    /// Answers to come.
    pub(super) answers: u64,
    /// Replies to earlier answers that come before its own.
    pub(super) replies_ahead: u64,
    /// Of the swarm, when it began.
    pub(super) version: u64,
    /// Members besides its own that the tracker had to know, when it began.
    pub(super) others: u64,
    /// How many of the members that the tracker may give its offers to may have been gone already.
    pub(super) ghosts: u64,
    /// What `gone` of the swarm was when it began.
    pub(super) gone_before: u64,
    pub(super) replied: Micros,
    /// How many of its offers may come to nobody, once that is certain.
    pub(super) excused_max: Option<u64>,
}

impl Unit {
    /// Takes in the reply. The tracker chose among as many members as it counts, so no more of them can have been gone
    /// than it counts too many; a count that is too low says nothing.
    pub(super) fn replied(&mut self, members: u64, gone: u64, now: Micros) {
        self.awaits_reply = false;
        self.replied = now;
        let there = self.others.saturating_sub(gone - self.gone_before);
        if let Some(too_many) = members
            .checked_sub(1)
            .and_then(|counted| counted.checked_sub(there))
        {
            self.ghosts = self.ghosts.min(too_many);
        }
    }

    /// How many of its offers have not come.
    pub(super) fn missing(&self) -> u64 {
        self.expected.saturating_sub(self.relayed)
    }

    /// Fixes how many offers may come to nobody: each member that had gone, or went since, may have cost one.
    pub(super) fn excuse(&mut self, gone: u64) -> u64 {
        *self
            .excused_max
            .get_or_insert(self.ghosts + (gone - self.gone_before))
    }

    pub(super) fn is_over(&self) -> bool {
        !self.awaits_reply && self.relayed >= self.expected && self.answers == 0
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    pub(super) from: usize,
    /// The serial number of the announce that it belongs to.
    pub(super) serial: u64,
    /// When it was due to be sent.
    pub(super) due: Micros,
    pub(super) sent: Micros,
    pub(super) is_measured: bool,
    pub(super) to: Option<usize>,
    /// What one of its announce, which had not come, was counted as.
    pub(super) given_up: Option<GivenUp>,
    pub(super) answer: Answer,
}

/// What an offer is counted as that has not come when its announce ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenUp {
    Excused,
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// There is none, or none any more.
    None,
    Thinking,
    Sent,
    Received,
    /// Sent, but not waited for, and counted as excused unless it comes after all.
    Excused,
}

/// The offers of the last seconds, by number.
#[derive(Debug)]
pub(super) struct Offers {
    very_first: u64,
    first: u64,
    all: VecDeque<Offer>,
}

/// What an offer's number stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Now,
    /// So long ago that it is over.
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
        let place = number.checked_sub(self.first)?;
        self.all.get_mut(usize::try_from(place).ok()?)
    }

    /// Takes the oldest one out if it was sent before `before`.
    pub(super) fn pop_older(&mut self, before: Micros) -> Option<Offer> {
        self.all.front().filter(|offer| offer.sent < before)?;
        self.first += 1;
        self.all.pop_front()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Offer> {
        self.all.iter_mut()
    }
}
