//! How many offers one member may be given: a bucket of four bytes beside each.
//!
//! Counts as governor does (GCRA), on the time that the tracker hands in; a limiter of governor's takes eight bytes of
//! state and a clock of its own. The choice of receivers asks it.

use std::time::Duration;

/// Units of the clock in a second. Its 32 bits come round after five days.
const UNITS_PER_SECOND: u32 = 10_000;
/// Longest time that a full bucket takes to empty, so that what was left before the clock came round is told apart.
const WINDOW_SECONDS_MAX: u32 = 3600;

/// `limits.offers_received_per_second`, `limits.offers_received_burst` and `limits.offers_received_reserved_percent`, for one member of
/// a swarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intake {
    /// Between two offers, in units; at most [`UNITS_PER_SECOND`].
    apart: u32,
    /// For a whole burst, in units.
    window: u32,
    /// How much of the window is for senders that have given little lately.
    reserved_percent: u32,
}

/// Why a member is not given an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enough {
    /// It was given as many as it may be.
    All,
    /// Only the part is left that is for senders who have given little.
    ForMany,
}

/// How full the bucket of one member is: when it will be empty, in units. In the past for an empty one; the default is the
/// moment at which the clock comes round, which for the seconds before it is not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Level(u32);

/// A time as levels count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tick(u32);

impl Tick {
    pub(super) fn of(now: Duration) -> Self {
        let units = now.as_secs().wrapping_mul(u64::from(UNITS_PER_SECOND))
            + u64::from(now.subsec_nanos() / (1_000_000_000 / UNITS_PER_SECOND));
        // Comes round, which `take` knows.
        Self(u32::try_from(units & u64::from(u32::MAX)).unwrap_or(0))
    }
}

impl Intake {
    /// As many as there are.
    pub const UNLIMITED: Self = Self {
        apart: 0,
        window: 0,
        reserved_percent: 0,
    };

    /// So many offers a second for long, and so many at once; both at least one.
    #[must_use]
    pub const fn new(per_second: u32, burst: u32) -> Self {
        let per_second = if per_second == 0 { 1 } else { per_second };
        let apart = UNITS_PER_SECOND / per_second;
        let apart = if apart == 0 { 1 } else { apart };
        let most = UNITS_PER_SECOND * WINDOW_SECONDS_MAX;
        let burst = if burst == 0 { 1 } else { burst };
        let window = apart.saturating_mul(burst);
        Self {
            apart,
            window: if window > most { most } else { window },
            reserved_percent: 0,
        }
    }

    /// The same with so much of it, in percent up to 100, for senders whose address group has given little to the swarm lately.
    #[must_use]
    pub const fn reserving(self, percent: u32) -> Self {
        Self {
            reserved_percent: if percent > 100 { 100 } else { percent },
            ..self
        }
    }

    /// In one number, which may be shared.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.reserved_percent as u64) << 48 | (self.apart as u64) << 32 | self.window as u64
    }

    /// The one that this number stands for.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self {
            apart: (bits >> 32 & 0xffff) as u32,
            window: (bits & 0xffff_ffff) as u32,
            reserved_percent: (bits >> 48 & 0xff) as u32,
        }
    }

    /// Gives a member one offer, if its bucket has room for one of such a sender.
    pub(super) fn take(
        self,
        level: &mut Level,
        gives_little: bool,
        now: Tick,
    ) -> Result<(), Enough> {
        let ahead = level.ahead(now, self.window);
        let after = ahead + self.apart;
        if after > self.window {
            return Err(Enough::All);
        }
        if !gives_little && after > self.for_many() {
            return Err(Enough::ForMany);
        }
        level.0 = now.0.wrapping_add(after);
        Ok(())
    }

    /// The part of the window that is not reserved: room for one offer at least.
    fn for_many(self) -> u32 {
        // At most 3,600 seconds, so it fits.
        let reserved = u64::from(self.window) * u64::from(self.reserved_percent) / 100;
        let reserved = u32::try_from(reserved).unwrap_or(self.window);
        (self.window - reserved).max(self.apart)
    }

    /// Whether anything is reserved.
    pub(super) const fn reserves(self) -> bool {
        self.reserved_percent > 0 && self.apart > 0
    }

    /// Takes note that an address group gives `offers` to a swarm, of which `level` tells how many it gave lately. True if these
    /// were little before: no more than a quarter of what one member may be given.
    pub(super) fn note_given(self, level: &mut Level, offers: usize, now: Tick) -> bool {
        // Whoever gives more has to pause for a whole window: a bucket that holds two empties to one.
        let most = 2 * self.window;
        let ahead = level.ahead(now, most);
        let offers = u32::try_from(offers).unwrap_or(u32::MAX);
        let cost = offers.saturating_mul(4 * self.apart);
        level.0 = now.0.wrapping_add(ahead.saturating_add(cost).min(most));
        ahead <= self.window
    }
}

impl Level {
    /// For how many units it is not empty, in a bucket of `most`.
    fn ahead(self, now: Tick, most: u32) -> u32 {
        let ahead = self.0.wrapping_sub(now.0);
        // Further ahead than a full bucket can be is the past.
        if ahead > most { 0 } else { ahead }
    }

    pub(super) const fn to_bits(self) -> u32 {
        self.0
    }

    pub(super) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(milliseconds: u64) -> Tick {
        Tick::of(Duration::from_millis(milliseconds))
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let intake = Intake::new(10, 30);
        // Also where the clock comes round, and long after.
        for start in [10_000, 5_000_000, 429_496_729, 3 * 429_496_729 + 5] {
            let mut level = Level::default();
            let _ = intake.take(&mut level, true, milliseconds(start - 10_000));
            let mut given = |at: u64, tries: u32| {
                (0..tries)
                    .filter(|_| {
                        intake
                            .take(&mut level, true, milliseconds(start + at))
                            .is_ok()
                    })
                    .count()
            };
            assert_eq!(given(0, 100), 30, "{start}");
            assert_eq!(given(99, 5), 0);
            assert_eq!(given(100, 5), 1);
            assert_eq!(given(1_100, 50), 10);
            assert_eq!(given(10_000, 50), 30);
        }
    }

    #[test]
    fn who_got_nothing_for_days_has_all_of_its_burst() {
        let intake = Intake::new(10, 30);
        let mut level = Level::default();
        for days in [0, 1, 3, 5, 7] {
            let now = Tick::of(Duration::from_hours(24 * days));
            assert_eq!(
                (0..50)
                    .filter(|_| intake.take(&mut level, true, now).is_ok())
                    .count(),
                30,
                "{days}"
            );
        }
    }

    #[test]
    fn without_a_limit_everything_passes() {
        let mut level = Level::default();
        let mut is_given = |at: u64| {
            let given =
                Intake::UNLIMITED.take(&mut level, at.is_multiple_of(2), milliseconds(at / 100));
            given.is_ok()
        };
        assert!((0..10_000).all(&mut is_given));
    }

    #[test]
    fn a_limit_survives_as_a_number() {
        for intake in [
            Intake::UNLIMITED,
            Intake::new(10, 30),
            Intake::new(10, 30).reserving(25),
            Intake::new(1, u32::MAX).reserving(100),
        ] {
            assert_eq!(Intake::from_bits(intake.to_bits()), intake);
        }
    }

    #[test]
    fn the_largest_settings_stay_within_the_clock() {
        for (per_second, burst) in [(1, u32::MAX), (u32::MAX, u32::MAX), (0, 0)] {
            let intake = Intake::new(per_second, burst);
            let mut level = Level::default();
            assert_eq!(intake.take(&mut level, true, milliseconds(0)), Ok(()));
            let (mut level, all) = (Level::default(), intake.reserving(100));
            assert_eq!(
                all.take(&mut level, false, milliseconds(0)),
                Ok(()),
                "one at least"
            );
            assert!(all.note_given(&mut level, usize::MAX, milliseconds(0)));
        }
    }

    #[test]
    fn a_part_is_kept_for_those_who_have_given_little() {
        let intake = Intake::new(10, 40).reserving(25);
        let mut level = Level::default();
        let mut given = |gives_little: bool, at: u64| {
            let now = milliseconds(at);
            let mut results: Vec<_> = (0..100)
                .map(|_| intake.take(&mut level, gives_little, now))
                .collect();
            let refused = results.pop();
            (
                results.iter().filter(|given| given.is_ok()).count(),
                refused,
            )
        };
        assert_eq!(given(false, 0), (30, Some(Err(Enough::ForMany))));
        assert_eq!(given(true, 0), (10, Some(Err(Enough::All))));
        // While others take all that there is, one that gives much gets nothing.
        assert_eq!(given(false, 900), (0, Some(Err(Enough::ForMany))));
        assert_eq!(given(true, 900).0, 9);
        assert_eq!(given(false, 2_900).0, 10);
    }

    #[test]
    fn who_gives_much_has_to_pause_until_it_gives_little() {
        let intake = Intake::new(10, 30).reserving(25);
        let mut level = Level::default();
        let mut gives_little = |offers, at| intake.note_given(&mut level, offers, milliseconds(at));
        assert!(gives_little(20, 0), "the first one of whatever size");
        assert!(!gives_little(20, 10));
        for at in 1..100 {
            assert!(!gives_little(10, 10 + at * 20));
        }
        assert!(!gives_little(0, 4_000), "it has not paused for long enough");
        assert!(gives_little(5, 5_100));
        // Two offers a second are within a quarter of ten.
        assert!((0..100).all(|at| gives_little(1, 20_000 + at * 500)));
    }
}
