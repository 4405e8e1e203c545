//! Gives matchmaking access to the members of a swarm: their introductions, by position.

use std::time::Duration;

use rand::Rng;

use super::last_seen::LastSeen;
use super::matchmaking::{
    AnswerLesson, BITS, Candidate, IntroductionRecord, MatchClock, Progress, Serial,
};
use super::member_list::RoleFilter;
use super::receiver_quota::{ReceiverQuotaExhausted, ReceiverQuotaTime};
use super::websocket_members::WebSocketMembers;
use super::{AddressGroup, Member, OfferTerms, Role};

/// Missed offers that a new member inherits, at most: enough to come after others, too few to lose the short intervals.
const INHERITED_MISSED_MAX: u8 = 3;

impl WebSocketMembers {
    pub(super) fn group_at(&self, position: usize) -> Option<AddressGroup> {
        self.list.group_at(position)
    }

    /// Returns whether the address group of a member has other members.
    pub(super) fn has_company(&self, position: usize) -> bool {
        self.list.has_company(position)
    }

    pub(super) fn record_at(&self, position: usize) -> Option<&IntroductionRecord> {
        self.list
            .at(position)
            .map(|(_, state)| &state.introductions)
    }

    pub(super) fn record_at_mut(&mut self, position: usize) -> Option<&mut IntroductionRecord> {
        self.list
            .at_mut(position)
            .map(|(_, state)| &mut state.introductions)
    }

    /// Calls `found` with the positions of up to `wanted` random members, by address group first, each once.
    pub(super) fn sample(
        &self,
        among: RoleFilter,
        wanted: usize,
        rng: &mut impl Rng,
        found: impl FnMut(u32),
    ) {
        self.list.sample(among, wanted, rng, found);
    }

    /// Calls `found` with the positions of two random members of an address group that has several.
    pub(super) fn sample_group(
        &self,
        group: AddressGroup,
        rng: &mut impl Rng,
        found: impl FnMut(u32),
    ) {
        self.list.sample_group(group, rng, found);
    }

    /// Returns a member as a candidate for the offers of another one, after its introductions that were not answered in time
    /// have ended. `None` for a member that must not receive them: of the same connection or `peer_id`, or with blocked
    /// output.
    #[inline]
    pub(super) fn candidate_at(
        &mut self,
        position: usize,
        sender: Member,
        clock: MatchClock,
    ) -> Option<Candidate<'_>> {
        let role = self.list.role_of(position);
        let (member, group, state) = self.list.entry_mut(position)?;
        if member.connection == sender.connection
            || state.last_seen.has_flag(LastSeen::BLOCKED)
            || member.peer_id == sender.peer_id
        {
            return None;
        }
        state.introductions.settle(clock);
        Some(Candidate {
            peer_id: &member.peer_id,
            role,
            group,
            record: &state.introductions,
        })
    }

    /// Ends the introductions of a member that were not answered in time.
    #[inline]
    pub(super) fn settle_at(&mut self, position: usize, clock: MatchClock) {
        if let Some(record) = self.record_at_mut(position) {
            record.settle(clock);
        }
    }

    /// Charges one offer to the quota of the member at a position, and returns the member.
    ///
    /// # Errors
    ///
    /// Its quota is used up.
    #[inline]
    pub(super) fn charge_at(
        &mut self,
        position: usize,
        terms: &OfferTerms,
    ) -> Result<Member, ReceiverQuotaExhausted> {
        let now = ReceiverQuotaTime::from_uptime(terms.now);
        let (member, state) = self
            .list
            .at_mut(position)
            .ok_or(ReceiverQuotaExhausted::Total)?;
        terms
            .quota
            .charge(&mut state.receiver_level, terms.is_light_sender, now)?;
        Ok(*member)
    }

    /// Stores with a receiver that it was given an offer of the member with that number. Returns its own number.
    #[inline]
    pub(super) fn begin_received(
        &mut self,
        position: usize,
        from: Serial,
        time: (MatchClock, Duration),
    ) -> Option<Serial> {
        let record = self.record_at_mut(position)?;
        record.begin(from, Progress::Received, time);
        Some(record.serial())
    }

    /// Stores with the sender at a position that its offers were given to members with these numbers.
    #[inline]
    pub(super) fn begin_given(&mut self, from: usize, to: &[Serial], time: (MatchClock, Duration)) {
        if let Some(record) = self.record_at_mut(from) {
            for serial in to {
                record.begin(*serial, Progress::Given, time);
            }
        }
    }

    /// Stores that an offer was answered, at that age. The positions are the last known ones.
    pub(super) fn record_answer(
        &mut self,
        (from, from_position): (Member, usize),
        (to, to_position): (Member, usize),
        (age, now): (Duration, Duration),
    ) -> AnswerLesson {
        let (Some(from), Some(to)) = (
            self.find_position(from, from_position),
            self.find_position(to, to_position),
        ) else {
            return AnswerLesson::default();
        };
        let facts = |members: &Self, position| {
            let is_seeder = members.list.role_of(position) == Role::Seeder;
            members
                .record_at(position)
                .map(|record| (record.serial(), is_seeder))
        };
        let (Some((from_serial, from_is_seeder)), Some((to_serial, to_is_seeder))) =
            (facts(self, from), facts(self, to))
        else {
            return AnswerLesson::default();
        };
        let of_offering = self
            .record_at_mut(from)
            .map(|record| record.answer(to_serial, (to_is_seeder, false), now));
        let of_answering = self
            .record_at_mut(to)
            .map(|record| record.answer(from_serial, (from_is_seeder, true), now));
        let lesson = of_offering.unwrap_or_default() + of_answering.unwrap_or_default();
        // Nobody makes others look slow by answers within one address, or to the same one again and again.
        if !lesson.is_repeated && self.group_at(from) != self.group_at(to) {
            self.patience.learn(age);
        }
        self.alone -= u32::from(lesson.first_answers);
        lesson
    }

    /// Returns a number for a new member: in a small swarm one whose bit no other member has.
    pub(super) fn unused_serial(&mut self) -> Serial {
        let mut serial = self.last_serial.next();
        if self.len() < BITS {
            let records = (0..self.len()).filter_map(|position| self.record_at(position));
            let used = records.fold(0, |bits, record| bits | record.serial().bit());
            while used & serial.bit() != 0 {
                serial = serial.next();
            }
        }
        self.last_serial = serial;
        serial
    }

    /// Returns how many missed offers a new member of an address group begins with: as many as another of the group has, unless one
    /// of them has answered introductions and misses none. So new ids for old silence gain nothing.
    pub(super) fn inherited_missed(&self, group: AddressGroup) -> u8 {
        let mut inherited = 0;
        for position in self.list.some_of_group(group) {
            let Some(mate) = self.record_at(position) else {
                continue;
            };
            if mate.answered() > 0 && mate.missed() == 0 {
                return 0;
            }
            inherited = inherited.max(mate.missed());
        }
        inherited.min(INHERITED_MISSED_MAX)
    }

    /// Lets the other members of a small swarm forget one that has left. In a large one time does.
    pub(super) fn forget(&mut self, left: &IntroductionRecord) {
        if !left.was_introduced() || self.len() >= BITS {
            return;
        }
        let serial = left.serial();
        let shares_bit = |record: &IntroductionRecord| record.serial().bit() == serial.bit();
        let has_own_bit = !(0..self.len())
            .filter_map(|position| self.record_at(position))
            .any(shares_bit);
        for position in 0..self.len() {
            if let Some(record) = self.record_at_mut(position) {
                record.forget(serial, has_own_bit);
            }
        }
    }
}
