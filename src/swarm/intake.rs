//! How many offers one member may be given: a bucket of four bytes beside each.
//!
//! Counts as governor does (GCRA), on the time that the tracker hands in; a limiter of governor's takes eight bytes of
//! state and a clock of its own. The choice of receivers asks it.

use std::time::Duration;

/// Units of the clock in a second. Its 32 bits come round after five days.
const UNITS_PER_SECOND: u32 = 10_000;
/// Longest time that a full bucket takes to empty, so that what was left before the clock came round is told apart.
const WINDOW_SECONDS_MAX: u32 = 3600;

/// `limits.offers_received_per_second` and `limits.offers_received_burst`, for one member of a swarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intake {
    /// Between two offers, in units.
    apart: u32,
    /// For a whole burst, in units.
    window: u32,
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
        }
    }

    /// In one number, which may be shared.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.apart as u64) << 32 | self.window as u64
    }

    /// The one that this number stands for.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self {
            apart: (bits >> 32) as u32,
            window: (bits & 0xffff_ffff) as u32,
        }
    }

    /// Gives a member one offer, if its bucket has room.
    pub(super) fn take(self, level: &mut Level, now: Tick) -> bool {
        let ahead = level.0.wrapping_sub(now.0);
        // Further ahead than a full bucket can be is the past.
        let ahead = if ahead > self.window { 0 } else { ahead };
        let fits = ahead + self.apart <= self.window;
        if fits {
            level.0 = now.0.wrapping_add(ahead + self.apart);
        }
        fits
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
            intake.take(&mut level, milliseconds(start - 10_000));
            let mut given = |at: u64, tries: u32| {
                (0..tries)
                    .filter(|_| intake.take(&mut level, milliseconds(start + at)))
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
                (0..50).filter(|_| intake.take(&mut level, now)).count(),
                30,
                "{days}"
            );
        }
    }

    #[test]
    fn without_a_limit_everything_passes() {
        let mut level = Level::default();
        assert!((0..10_000).all(|at| Intake::UNLIMITED.take(&mut level, milliseconds(at / 100))));
    }

    #[test]
    fn a_limit_survives_as_a_number() {
        for intake in [
            Intake::UNLIMITED,
            Intake::new(10, 30),
            Intake::new(1, u32::MAX),
        ] {
            assert_eq!(Intake::from_bits(intake.to_bits()), intake);
        }
    }

    #[test]
    fn the_largest_settings_stay_within_the_clock() {
        for (per_second, burst) in [(1, u32::MAX), (u32::MAX, u32::MAX), (0, 0)] {
            let intake = Intake::new(per_second, burst);
            let mut level = Level::default();
            assert!(intake.take(&mut level, milliseconds(0)));
        }
    }
}
