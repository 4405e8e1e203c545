//! Stores the last introductions of one member, and by one bit each whom it met before: 56 bytes.

use std::time::Duration;

use super::introduction::{Introduction, MatchClock, MatchTime, Progress, TICKS_PER_SECOND};
use super::serial::Serial;

/// Introductions that are stored one by one.
pub(super) const RECENT: usize = 8;
/// After this many ticks an introduction is removed, long before its time wraps around: half an hour.
const RECENT_TICKS_MAX: u32 = 1_800 * TICKS_PER_SECOND;
/// Most answers take less: two seconds.
const ANSWER_TICKS: u32 = 2 * TICKS_PER_SECOND;
/// An answer within this time counts as a fast first one: three seconds.
const FAST_TICKS: u32 = 3 * TICKS_PER_SECOND;

/// The last introductions of a member, and bits for the older ones that were answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecentIntroductions {
    pub(super) introductions: [Introduction; RECENT],
    /// Bytes, because the alignment of one number would make it larger.
    answered: [u8; 16],
    /// At the first introduction.
    first_at: MatchTime,
    /// Minutes of uptime when bits were cleared. Wraps around.
    forgot_at: u8,
    /// The place that is overwritten next.
    oldest: u8,
}

const _: () = assert!(size_of::<RecentIntroductions>() <= 56);

/// What is known of two members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::swarm) struct Pair {
    /// The direction of an offer that may still be answered: `Given` or `Received`.
    pub(in crate::swarm) awaited: Option<Progress>,
    pub(in crate::swarm) is_acquainted: bool,
    /// Seconds since the last offer.
    pub(in crate::swarm) age_seconds: u32,
    /// Unanswered tries in a row, as far as they are told apart.
    pub(in crate::swarm) tries: u16,
}

impl RecentIntroductions {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            introductions: [Introduction::default(); RECENT],
            answered: [0; 16],
            first_at: MatchTime::from_uptime(now),
            forgot_at: minutes(now),
            oldest: 0,
        }
    }

    /// Returns what is known of the member and another one.
    #[inline]
    pub(super) fn pair(&self, other: Serial, clock: MatchClock) -> Option<Pair> {
        let found = self.introductions.iter().find(|one| one.is_with(other))?;
        Some(Pair {
            awaited: found.is_awaited(clock).then(|| found.progress()),
            is_acquainted: found.is_acquainted(),
            age_seconds: found.age(clock.now) / TICKS_PER_SECOND,
            tries: found.tries(),
        })
    }

    /// Returns the bits of the other members of all that are stored.
    pub(super) fn partner_bits(&self) -> u128 {
        let stored = self.introductions.iter();
        stored.fold(0, |bits, one| bits | one.partner_bit())
    }

    fn find_mut(&mut self, other: Serial) -> Option<&mut Introduction> {
        self.introductions.iter_mut().find(|one| one.is_with(other))
    }

    /// Begins an introduction in its place, or in that of the oldest one. Returns whether the one that was there before was
    /// under way, and whether it counts as missed: the member did not answer a stranger for a while, and now makes offers of its own.
    pub(super) fn begin(
        &mut self,
        other: Serial,
        progress: Progress,
        now: MatchTime,
    ) -> (bool, bool) {
        if let Some(introduction) = self.find_mut(other) {
            let was_under_way = introduction.is_under_way();
            introduction.begin(progress, now);
            return (was_under_way, false);
        }
        let place = usize::from(self.oldest) % RECENT;
        self.oldest = self.oldest.wrapping_add(1);
        let Some(introduction) = self.introductions.get_mut(place) else {
            return (true, false);
        };
        let was_under_way = introduction.is_under_way();
        let was_missed = progress == Progress::Given
            && introduction.progress() == Progress::Received
            && !introduction.is_acquainted()
            && introduction.age(now) >= ANSWER_TICKS;
        *introduction = Introduction::new(other);
        introduction.begin(progress, now);
        (was_under_way, was_missed)
    }

    /// Returns whether the introduction was under way, and whether the two were acquainted before.
    pub(super) fn answer(&mut self, other: Serial) -> (bool, bool) {
        self.find_mut(other).map_or((false, false), |introduction| {
            let before = (introduction.is_under_way(), introduction.is_acquainted());
            introduction.answer();
            before
        })
    }

    /// Returns whether the introduction was under way.
    pub(super) fn remove(&mut self, other: Serial) -> bool {
        self.find_mut(other).is_some_and(|introduction| {
            let was_under_way = introduction.is_under_way();
            *introduction = Introduction::default();
            was_under_way
        })
    }

    pub(super) fn minutes_since_forgetting(&self, now: Duration) -> u8 {
        minutes(now).wrapping_sub(self.forgot_at)
    }

    /// Forgets the bits that are not `kept`, and what is older than half an hour. The bits of the last acquaintances stay.
    pub(super) fn forget_old(&mut self, now: Duration, kept: u128) {
        let acquainted = self.introductions.iter().filter(|one| one.is_acquainted());
        let last = acquainted.fold(0, |bits, one| bits | one.partner_bit());
        self.set_bits(self.bits() & (kept | last));
        self.forgot_at = minutes(now);
        let now = MatchTime::from_uptime(now);
        for introduction in &mut self.introductions {
            if introduction.age(now) > RECENT_TICKS_MAX {
                *introduction = Introduction::default();
            }
        }
    }

    pub(super) fn is_fast_first(&self, now: Duration) -> bool {
        MatchTime::from_uptime(now)
            .ticks_since(self.first_at)
            .ticks()
            <= FAST_TICKS
    }

    pub(super) fn bits(&self) -> u128 {
        u128::from_ne_bytes(self.answered)
    }

    pub(super) fn set_bits(&mut self, bits: u128) {
        self.answered = bits.to_ne_bytes();
    }

    pub(super) fn count_bits(&self) -> u8 {
        u8::try_from(self.bits().count_ones()).unwrap_or(u8::MAX)
    }
}

fn minutes(now: Duration) -> u8 {
    let [low, ..] = (now.as_secs() / 60).to_le_bytes();
    low
}
