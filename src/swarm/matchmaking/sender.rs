//! Compares the sender of offers with each candidate. Nobody is refused but a member whose own offer would cross.

use super::cost::{
    ACQUAINTED, BASE, BOTH_SEEDERS, Bonus, CROWDED, Cost, LAST_RESORT, MISSED, MISSED_MAX,
    OLD_ACQUAINTANCE_SECONDS, SEEDERS_WANTED, UNANSWERED_TRY, UNDER_WAY, WRONG_WAY,
};
use super::introduction::{MatchClock, Progress};
use super::introduction_record::{IntroductionRecord, has_trystero_form};
use super::recent_introductions::{Pair, RecentIntroductions};
use super::serial::{BITS, Serial};
use crate::protocol::{ConnectionId, PeerId};
use crate::swarm::{AddressGroup, RemoteSender, Role, SiteId};

/// The sender of offers, as far as it decides about the order.
#[derive(Debug)]
pub(super) struct Sender {
    peer_id: PeerId,
    pub(super) role: Role,
    pub(super) group: AddressGroup,
    site: Option<SiteId>,
    /// `None` for a member of another node: nobody here remembers it.
    serial: Option<Serial>,
    recent: Option<RecentIntroductions>,
    /// The bits of those in `recent`, so that few candidates are searched there.
    recent_bits: u128,
    /// Zero in swarms of so many members that some share bits.
    bits: u128,
    wants_seeders: bool,
    cannot_cross: bool,
    /// `tracker.nearest`
    nearest: bool,
    clock: MatchClock,
}

/// What a receiver remembers of the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReceiverMemory {
    Nothing,
    /// Its own offer to the sender is under way, so another one would cross it.
    OwnOffer,
    /// They are acquainted, which costs so much.
    Acquainted(u32),
}

/// A member that may receive an offer.
pub(in crate::swarm) struct Candidate<'m> {
    pub(in crate::swarm) peer_id: &'m PeerId,
    pub(in crate::swarm) role: Role,
    pub(in crate::swarm) group: AddressGroup,
    pub(in crate::swarm) record: &'m IntroductionRecord,
}

impl Sender {
    pub(super) fn new(
        (peer_id, role, group): (PeerId, Role, AddressGroup),
        record: &IntroductionRecord,
        members: usize,
        (nearest, clock): (bool, MatchClock),
    ) -> Self {
        Self {
            peer_id,
            role,
            group,
            site: record.site(),
            serial: Some(record.serial()),
            recent: record.recent(),
            recent_bits: record.recent().map_or(0, |recent| recent.partner_bits()),
            bits: if members <= BITS {
                record.answered_bits()
            } else {
                0
            },
            wants_seeders: role == Role::Leecher && record.seeders_met() < SEEDERS_WANTED,
            cannot_cross: record.cannot_cross(),
            nearest,
            clock,
        }
    }

    /// Creates a sender that is a member on another node, of which nothing is known here.
    pub(super) fn remote(from: RemoteSender, clock: MatchClock) -> Self {
        Self {
            peer_id: from.peer_id,
            role: from.role,
            group: AddressGroup::of_connection(ConnectionId::NONE),
            site: None,
            serial: None,
            recent: None,
            recent_bits: 0,
            bits: 0,
            wants_seeders: false,
            cannot_cross: has_trystero_form(from.peer_id),
            nearest: false,
            clock,
        }
    }

    pub(super) fn clock(&self) -> MatchClock {
        self.clock
    }

    pub(super) fn serial(&self) -> Option<Serial> {
        self.serial
    }

    pub(super) fn site(&self) -> Option<SiteId> {
        self.site
    }

    /// Returns whether `tracker.nearest` is on.
    pub(super) fn prefers_own_group(&self) -> bool {
        self.nearest
    }

    pub(super) fn wants_seeders(&self) -> bool {
        self.wants_seeders
    }

    /// Returns the cost of a candidate; `None` if the offer would cross one of the candidate.
    #[inline]
    pub(super) fn cost(&self, candidate: &Candidate<'_>) -> Option<Cost> {
        let record = candidate.record;
        let mut is_acquainted = false;
        let mut need = u32::from(record.answered()) + u32::from(record.under_way());
        if record.is_crowded() {
            need += CROWDED;
        }
        let mut cost = BASE + need;
        if record.missed() > 1 {
            cost += MISSED * u32::from(record.missed().min(MISSED_MAX));
        }
        if (self.role, candidate.role) == (Role::Seeder, Role::Seeder) {
            cost += BOTH_SEEDERS;
        }
        let is_wrong_way = is_wrong_way((self.peer_id, self.cannot_cross), candidate);
        if is_wrong_way {
            cost += WRONG_WAY;
        }
        match self.pair_with(record.serial()) {
            Some(pair) => {
                is_acquainted = pair.is_acquainted;
                cost += self.cost_of_pair(pair, record)?;
            }
            None if record.serial().is_in(self.bits) => {
                is_acquainted = true;
                cost += ACQUAINTED - OLD_ACQUAINTANCE_SECONDS;
            }
            None => {}
        }
        Some(Cost {
            value: cost,
            need,
            is_wrong_way,
            bonus: self.bonus(candidate, cost),
            is_acquainted,
        })
    }

    /// Returns what the sender remembers of a member.
    #[inline]
    fn pair_with(&self, other: Serial) -> Option<Pair> {
        if !other.is_in(self.recent_bits) {
            return None;
        }
        self.recent.as_ref()?.pair(other, self.clock)
    }

    /// Returns what the earlier introductions of the two cost.
    #[inline]
    fn cost_of_pair(&self, pair: Pair, candidate: &IntroductionRecord) -> Option<u32> {
        if self.would_cross(pair, candidate) {
            return None;
        }
        let mut cost = UNANSWERED_TRY * u32::from(pair.tries);
        if pair.is_acquainted {
            cost += ACQUAINTED - pair.age_seconds;
        }
        if pair.awaited == Some(Progress::Given) {
            cost += UNDER_WAY;
        }
        Some(cost)
    }

    /// Returns whether an offer to the candidate would cross one from it: many clients then drop both connections and wait for
    /// their next announce (webtorrent/webtorrent, `lib/torrent.js`, `_addPeer`).
    #[inline]
    fn would_cross(&self, pair: Pair, candidate: &IntroductionRecord) -> bool {
        pair.awaited == Some(Progress::Received) && !(self.cannot_cross && candidate.cannot_cross())
    }

    /// Asks the memory of a chosen receiver, which may hold what a sender with many introductions has lost.
    #[inline]
    pub(super) fn memory_of(&self, receiver: &IntroductionRecord) -> ReceiverMemory {
        let pair = self.serial.and_then(|it| receiver.pair(it, self.clock));
        let Some(pair) = pair else {
            return ReceiverMemory::Nothing;
        };
        let cannot_cross = self.cannot_cross && receiver.cannot_cross();
        if pair.awaited == Some(Progress::Given) && !cannot_cross {
            ReceiverMemory::OwnOffer
        } else if pair.is_acquainted {
            ReceiverMemory::Acquainted(ACQUAINTED - pair.age_seconds)
        } else {
            ReceiverMemory::Nothing
        }
    }

    #[inline]
    fn bonus(&self, candidate: &Candidate<'_>, cost: u32) -> Bonus {
        if cost >= LAST_RESORT {
            Bonus::None
        } else if self.wants_seeders
            && candidate.role == Role::Seeder
            && !candidate.record.is_crowded()
        {
            Bonus::Seeder
        } else if self.nearest && candidate.group == self.group {
            Bonus::Address
        } else if self.site.is_some() && candidate.record.site() == self.site {
            Bonus::Site
        } else {
            Bonus::None
        }
    }
}

/// Returns whether a candidate ignores the offers of a sender: both are like trystero, and the candidate's id is lower.
#[inline]
pub(in crate::swarm) fn is_wrong_way(
    (sender, cannot_cross): (PeerId, bool),
    candidate: &Candidate<'_>,
) -> bool {
    cannot_cross && candidate.record.cannot_cross() && sender > *candidate.peer_id
}
