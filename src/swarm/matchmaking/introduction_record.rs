//! Stores what the introductions of one member have taught: 16 bytes for each member, and 64 bytes on the heap after its
//! first introduction.

use std::time::Duration;

use rand::{Rng, RngExt};

use super::answer_lesson::AnswerLesson;
use super::introduction::{MatchClock, Progress};
use super::recent_introductions::{Pair, RECENT, RecentIntroductions};
use super::serial::Serial;
use crate::protocol::PeerId;
use crate::swarm::SiteId;

/// After this time half of the bits are cleared at random: connections break, and members of large swarms leave unseen.
const FORGET_MINUTES: u8 = 10;
/// Unanswered offers in a row that are counted.
const MISSED_MAX: u8 = 15;
/// Seeders that a leecher has met, as far as they are counted.
const SEEDERS_MAX: u8 = 3;
/// Short intervals in a row that are counted.
const LONELY_REPLIES_MAX: u8 = 7;

/// What the introductions of a member have taught.
#[derive(Debug)]
pub(in crate::swarm) struct IntroductionRecord {
    recent: Option<Box<RecentIntroductions>>,
    serial: Serial,
    site: Option<SiteId>,
    /// Members with which an introduction was answered, at most 128.
    answered: u8,
    /// The [`MatchClock::beginning`] of the oldest one under way.
    oldest_began: u8,
    /// Unanswered offers in a row, and introductions under way: four bits each.
    counts: u8,
    /// Two numbers and two flags, see the constants.
    flags: u8,
}

const _: () = assert!(size_of::<IntroductionRecord>() == 16);

/// Two members with this flag can't cross their offers.
const CANNOT_CROSS: u8 = 1;
/// No introduction was answered yet.
const ALONE: u8 = 1 << 1;
const SEEDERS_SHIFT: u32 = 2;
const LONELY_SHIFT: u32 = 4;

impl IntroductionRecord {
    pub(in crate::swarm) fn new(serial: Serial, site: Option<SiteId>, peer_id: PeerId) -> Self {
        let cannot_cross = if has_trystero_form(peer_id) {
            CANNOT_CROSS
        } else {
            0
        };
        Self {
            recent: None,
            serial,
            site,
            answered: 0,
            oldest_began: 0,
            counts: 0,
            flags: ALONE | cannot_cross,
        }
    }

    /// Sets how many offers it begins with as missed.
    pub(in crate::swarm) fn with_missed(mut self, missed: u8) -> Self {
        self.set_missed(missed);
        self
    }

    pub(in crate::swarm) fn serial(&self) -> Serial {
        self.serial
    }

    pub(in crate::swarm) fn site(&self) -> Option<SiteId> {
        self.site
    }

    /// Returns whether it had any introduction.
    pub(in crate::swarm) fn was_introduced(&self) -> bool {
        self.recent.is_some()
    }

    /// Returns the number of members with which it had an answered introduction, as far as it is remembered.
    pub(in crate::swarm) fn answered(&self) -> u8 {
        self.answered
    }

    /// Returns how many of the last offers it did not answer.
    pub(in crate::swarm) fn missed(&self) -> u8 {
        self.counts >> 4
    }

    /// Returns how many of its stored introductions may still be answered.
    pub(in crate::swarm) fn under_way(&self) -> u8 {
        self.counts & 15
    }

    pub(in crate::swarm) fn is_crowded(&self) -> bool {
        usize::from(self.under_way()) >= RECENT
    }

    pub(in crate::swarm) fn cannot_cross(&self) -> bool {
        self.flags & CANNOT_CROSS != 0
    }

    /// Returns whether it never had an answered introduction.
    pub(in crate::swarm) fn is_alone(&self) -> bool {
        self.flags & ALONE != 0
    }

    pub(in crate::swarm) fn seeders_met(&self) -> u8 {
        self.flags >> SEEDERS_SHIFT & SEEDERS_MAX
    }

    /// Counts a reply with a short interval. Returns how many there were in a row before.
    pub(in crate::swarm) fn count_lonely_reply(&mut self) -> u8 {
        let before = self.flags >> LONELY_SHIFT & LONELY_REPLIES_MAX;
        self.flags += u8::from(before < LONELY_REPLIES_MAX) << LONELY_SHIFT;
        before
    }

    pub(in crate::swarm) fn end_lonely_replies(&mut self) {
        self.flags &= !(LONELY_REPLIES_MAX << LONELY_SHIFT);
    }

    fn set_missed(&mut self, missed: u8) {
        self.counts = self.under_way() | missed.min(MISSED_MAX) << 4;
    }

    fn set_under_way(&mut self, under_way: u8) {
        self.counts = self.missed() << 4 | under_way;
    }

    /// Returns a copy of its last introductions.
    pub(super) fn recent(&self) -> Option<RecentIntroductions> {
        self.recent.as_deref().copied()
    }

    /// Returns what is known of this member and another one, if their introduction is among the last ones.
    #[inline]
    pub(in crate::swarm) fn pair(&self, other: Serial, clock: MatchClock) -> Option<Pair> {
        self.recent.as_ref()?.pair(other, clock)
    }

    /// Returns whether an offer from or to another member may still be answered, if it is among the last ones.
    pub(in crate::swarm) fn awaits(
        &self,
        other: Serial,
        progress: Progress,
        clock: MatchClock,
    ) -> bool {
        let pair = self.pair(other, clock);
        pair.is_some_and(|pair| pair.awaited == Some(progress))
    }

    /// Returns the bits of all members with which it had an answered introduction.
    pub(in crate::swarm) fn answered_bits(&self) -> u128 {
        self.recent.as_ref().map_or(0, |recent| recent.bits())
    }

    /// Ends introductions that were not answered in time. It costs nothing while none is due.
    #[inline]
    pub(in crate::swarm) fn settle(&mut self, clock: MatchClock) {
        if self.under_way() > 0 && clock.may_be_due(self.oldest_began) {
            self.end_due(clock);
        }
    }

    #[cold]
    fn end_due(&mut self, clock: MatchClock) {
        let Some(recent) = &mut self.recent else {
            return;
        };
        let (mut missed, mut under_way, mut oldest) = (0, 0, 0);
        let bits = recent.bits();
        for introduction in &mut recent.introductions {
            if introduction.is_awaited(clock) {
                under_way += 1;
                oldest = oldest.max(introduction.age(clock.now));
            } else if introduction.is_under_way() {
                let is_acquainted =
                    introduction.is_acquainted() || bits & introduction.partner_bit() != 0;
                let is_received = introduction.progress() == Progress::Received;
                missed += u8::from(is_received && !is_acquainted);
                introduction.end_unanswered();
            }
        }
        let missed = self.missed().saturating_add(missed);
        self.set_missed(missed);
        self.set_under_way(under_way);
        self.oldest_began = clock.beginning(oldest);
    }

    /// Stores that an introduction to another member has begun. `progress` is `Given` or `Received`.
    #[inline]
    pub(in crate::swarm) fn begin(
        &mut self,
        other: Serial,
        progress: Progress,
        (clock, now): (MatchClock, Duration),
    ) {
        let recent = self
            .recent
            .get_or_insert_with(|| Box::new(RecentIntroductions::new(now)));
        let (was_under_way, was_missed) = recent.begin(other, progress, clock.now);
        if was_missed {
            self.set_missed(self.missed() + 1);
        }
        if self.under_way() == 0 {
            self.oldest_began = clock.beginning(0);
        }
        if !was_under_way {
            self.counts += 1;
        }
    }

    /// Stores that an introduction was answered. `is_seeder`: the other member is one; `is_receiver`: this one answered.
    pub(in crate::swarm) fn answer(
        &mut self,
        other: Serial,
        (is_seeder, is_receiver): (bool, bool),
        now: Duration,
    ) -> AnswerLesson {
        let mut lesson = AnswerLesson::default();
        // Without it this member was never introduced by these rules.
        let Some(recent) = &mut self.recent else {
            return lesson;
        };
        let (was_under_way, was_acquainted) = recent.answer(other);
        lesson.is_repeated = was_acquainted;
        let before = recent.bits();
        recent.set_bits(before | other.bit());
        self.answered += u8::from(before & other.bit() == 0);
        if self.flags & ALONE != 0 {
            lesson.first_answers = 1;
            lesson.fast_first_answers = u8::from(recent.is_fast_first(now));
            self.flags &= !ALONE;
        }
        if was_under_way {
            self.counts -= 1;
        }
        if is_receiver {
            self.set_missed(0);
        }
        let is_new = !was_acquainted && before & other.bit() == 0;
        if is_seeder && is_new && self.seeders_met() < SEEDERS_MAX {
            self.flags += 1 << SEEDERS_SHIFT;
        }
        lesson
    }

    /// Forgets a member that has left. `has_own_bit`: no other member shares its bit.
    pub(in crate::swarm) fn forget(&mut self, other: Serial, has_own_bit: bool) {
        let Some(recent) = &mut self.recent else {
            return;
        };
        let was_under_way = recent.remove(other);
        if has_own_bit && recent.bits() & other.bit() != 0 {
            recent.set_bits(recent.bits() & !other.bit());
            self.answered -= 1;
        }
        if was_under_way {
            self.counts -= 1;
        }
    }

    /// Forgets what is long ago. Called for each announce of the member.
    #[inline]
    pub(in crate::swarm) fn forget_old(&mut self, now: Duration, rng: &mut impl Rng) {
        if let Some(recent) = &mut self.recent
            && recent.minutes_since_forgetting(now) >= FORGET_MINUTES
        {
            recent.forget_old(now, rng.random());
            self.answered = recent.count_bits();
            // Seeders leave, and some that answered may never have connected.
            self.flags &= !(SEEDERS_MAX << SEEDERS_SHIFT);
            let under_way = recent.introductions.iter().filter(|one| one.is_under_way());
            let under_way = u8::try_from(under_way.count()).unwrap_or(0);
            self.set_under_way(under_way);
        }
    }
}

/// Returns whether an id has the form of trystero's: 20 letters and digits. Of two such clients only the one with the lower
/// id offers, so their offers can't cross (dmotz/trystero, `packages/core/src/strategy.ts`).
pub(super) fn has_trystero_form(peer_id: PeerId) -> bool {
    peer_id.as_bytes().iter().all(u8::is_ascii_alphanumeric)
}
