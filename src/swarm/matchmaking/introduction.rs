//! Packs what is known of one introduction into four bytes, because each member stores eight of them.

use std::time::Duration;

use super::patience::Patience;
use super::serial::Serial;
use crate::timing::WrappingTime;

/// Ticks of [`MatchTime`] in a second.
pub(super) const TICKS_PER_SECOND: u32 = 8;

/// A time in eighths of a second. It wraps around after two hours; what is older than half an hour is forgotten.
pub(in crate::swarm) type MatchTime = WrappingTime<u16, TICKS_PER_SECOND>;

/// The time, and how long an answer may take.
#[derive(Debug, Clone, Copy)]
pub(in crate::swarm) struct MatchClock {
    pub(in crate::swarm) now: MatchTime,
    /// Ticks.
    patience: u32,
}

/// The progress of an introduction, as one of the two members sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::swarm) enum Progress {
    /// It was never answered.
    Unanswered,
    /// This member made the offer, and may still get an answer.
    Given,
    /// This member received the offer, and may still answer.
    Received,
    /// It was answered.
    Answered,
}

/// The other member of an introduction, its progress and time, and what happened in earlier ones of the same pair.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Introduction {
    /// Serial, tries and progress.
    bits: u16,
    at: MatchTime,
}

const SERIAL_MASK: u16 = Serial::MASK << SERIAL_SHIFT;
const SERIAL_SHIFT: u32 = 4;
const TRIES_SHIFT: u32 = 2;
/// Stands in place of the unanswered tries: an earlier introduction of the pair was answered.
const ACQUAINTED: u16 = 3;
/// Most unanswered tries that are told apart.
const TRIES_MAX: u16 = 2;

impl MatchClock {
    pub(in crate::swarm) fn new(now: Duration, patience: Patience) -> Self {
        Self {
            now: MatchTime::from_uptime(now),
            patience: patience.ticks(),
        }
    }

    /// Returns whether an introduction of that age may still be answered.
    fn allows(self, age: u32) -> bool {
        age < self.patience
    }

    /// Returns the beginning of an introduction of that age, in half seconds and eight bits.
    pub(super) fn beginning(self, age: u32) -> u8 {
        half_seconds(u32::from(self.now.to_bits()).wrapping_sub(age))
    }

    /// Returns whether an introduction with that [`Self::beginning`] may be due. It is wrong for some seconds every two
    /// minutes, after which it is right again.
    pub(super) fn may_be_due(self, beginning: u8) -> bool {
        let age = half_seconds(self.now.to_bits().into()).wrapping_sub(beginning);
        u32::from(age) >= self.patience / HALF_SECOND
    }
}

/// Ticks in half a second.
const HALF_SECOND: u32 = TICKS_PER_SECOND / 2;

fn half_seconds(ticks: u32) -> u8 {
    let [low, ..] = (ticks / HALF_SECOND).to_le_bytes();
    low
}

impl Introduction {
    /// Begins the first introduction of a pair.
    pub(super) fn new(partner: Serial) -> Self {
        Self {
            bits: partner.get() << SERIAL_SHIFT,
            at: MatchTime::default(),
        }
    }

    #[inline]
    pub(super) fn is_with(self, partner: Serial) -> bool {
        self.bits & SERIAL_MASK == partner.get() << SERIAL_SHIFT
    }

    /// Returns the bit of the other member; zero for an unused introduction.
    pub(super) fn partner_bit(self) -> u128 {
        match self.bits >> SERIAL_SHIFT {
            0 => 0,
            serial => Serial::new(serial).bit(),
        }
    }

    pub(super) fn progress(self) -> Progress {
        match self.bits & 3 {
            0 => Progress::Unanswered,
            1 => Progress::Given,
            2 => Progress::Received,
            _ => Progress::Answered,
        }
    }

    /// Returns the ticks since the last offer.
    pub(super) fn age(self, now: MatchTime) -> u32 {
        now.ticks_since(self.at).ticks()
    }

    pub(super) fn is_under_way(self) -> bool {
        matches!(self.progress(), Progress::Given | Progress::Received)
    }

    /// Returns whether it may still be answered.
    pub(super) fn is_awaited(self, clock: MatchClock) -> bool {
        self.is_under_way() && clock.allows(self.age(clock.now))
    }

    /// Returns whether any introduction of the pair was answered.
    pub(super) fn is_acquainted(self) -> bool {
        self.progress() == Progress::Answered || self.before() == ACQUAINTED
    }

    /// Returns the number of unanswered tries in a row, at most [`TRIES_MAX`].
    pub(super) fn tries(self) -> u16 {
        match self.before() {
            ACQUAINTED => 0,
            tries => tries,
        }
    }

    fn before(self) -> u16 {
        self.bits >> TRIES_SHIFT & 3
    }

    /// Begins another introduction of the pair.
    pub(super) fn begin(&mut self, progress: Progress, now: MatchTime) {
        let before = if self.is_acquainted() {
            ACQUAINTED
        } else {
            self.before()
        };
        self.set(before, progress);
        self.at = now;
    }

    /// Ends an introduction without an answer. Acquainted members rightly ignore a further offer.
    pub(super) fn end_unanswered(&mut self) {
        match self.before() {
            ACQUAINTED => self.set(0, Progress::Answered),
            tries => self.set((tries + 1).min(TRIES_MAX), Progress::Unanswered),
        }
    }

    pub(super) fn answer(&mut self) {
        self.set(0, Progress::Answered);
    }

    fn set(&mut self, before: u16, progress: Progress) {
        self.bits = self.bits & SERIAL_MASK | before << TRIES_SHIFT | progress as u16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(millis: u64) -> MatchClock {
        MatchClock::new(Duration::from_millis(millis), Patience::default())
    }

    #[test]
    fn unanswered_tries_count_until_an_answer() {
        let mut pair = Introduction::new(Serial::new(7));
        for tries in [0, 1, 2, 2] {
            assert_eq!((pair.tries(), pair.is_acquainted()), (tries, false));
            pair.begin(Progress::Given, clock(7_000).now);
            assert!(pair.is_under_way());
            pair.end_unanswered();
            assert_eq!(pair.progress(), Progress::Unanswered);
        }
        pair.begin(Progress::Received, clock(20_000).now);
        pair.answer();
        assert_eq!((pair.progress(), pair.tries()), (Progress::Answered, 0));
        assert!(pair.is_with(Serial::new(7)) && !pair.is_with(Serial::new(8)));
    }

    #[test]
    fn acquainted_members_stay_acquainted_without_an_answer() {
        let mut pair = Introduction::new(Serial::new(7));
        pair.begin(Progress::Given, clock(1_000).now);
        pair.answer();
        pair.begin(Progress::Given, clock(60_000).now);
        assert!(pair.is_acquainted() && pair.is_under_way());
        pair.end_unanswered();
        assert!(pair.is_acquainted() && !pair.is_under_way());
    }

    #[test]
    fn times_are_right_where_the_clock_wraps_around() {
        for start in [0, 31_900, 63_990, 8_191_000, 100_000_000] {
            let mut pair = Introduction::new(Serial::new(7));
            pair.begin(Progress::Given, clock(start).now);
            let beginning = clock(start).beginning(0);
            assert!(pair.is_awaited(clock(start + 9_800)));
            assert!(!pair.is_awaited(clock(start + 10_250)));
            assert!(!clock(start + 9_400).may_be_due(beginning), "{start}");
            assert!(clock(start + 10_250).may_be_due(beginning), "{start}");
            assert!(clock(start + 120_000).may_be_due(beginning), "{start}");
        }
    }
}
