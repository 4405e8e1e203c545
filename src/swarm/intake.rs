//! Limits how many offers one member receives: a token bucket of four bytes for each.
//!
//! Uses GCRA like governor, on the time that the tracker passes in. A limiter of governor takes eight bytes of state
//! and a clock of its own. The choice of receivers calls it.

use std::time::Duration;

/// Units of the clock in a second. Its 32 bits wrap around after five days.
const UNITS_PER_SECOND: u32 = 10_000;
/// Longest time that a full bucket takes to empty. It is short enough to recognise a level from before the clock
/// wrapped around.
const WINDOW_SECONDS_MAX: u32 = 3600;

/// `limits.offers_received_per_second`, `limits.offers_received_burst` and `limits.offers_received_reserved_percent`,
/// for one member of a swarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intake {
    /// Interval between two offers, in units; at most [`UNITS_PER_SECOND`].
    apart: u32,
    /// Time that a whole burst takes to drain, in units.
    window: u32,
    /// The part of the window that is reserved for senders that have sent few offers lately.
    reserved_percent: u32,
}

/// Why a member does not receive an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enough {
    /// It has received as many as its quota allows.
    All,
    /// Only the part reserved for senders of few offers is left.
    ForMany,
}

/// The level of one member's bucket: the time when it will be empty, in units. A time in the past means empty. The
/// default is the moment at which the clock wraps around, which is in the future for the seconds before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Level(u32);

/// A time in the units of levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tick(u32);

impl Tick {
    pub(super) fn of(now: Duration) -> Self {
        let units = now.as_secs().wrapping_mul(u64::from(UNITS_PER_SECOND))
            + u64::from(now.subsec_nanos() / (1_000_000_000 / UNITS_PER_SECOND));
        // Wraps around, which `take` handles.
        Self(u32::try_from(units & u64::from(u32::MAX)).unwrap_or(0))
    }
}

impl Intake {
    /// No limit.
    pub const UNLIMITED: Self = Self {
        apart: 0,
        window: 0,
        reserved_percent: 0,
    };

    /// Creates a quota of `per_second` offers in the long run and `burst` at once; both at least one.
    #[must_use]
    pub const fn new(per_second: u32, burst: u32) -> Self {
        let per_second = if per_second == 0 { 1 } else { per_second };
        let apart = UNITS_PER_SECOND / per_second;
        let apart = if apart == 0 { 1 } else { apart };
        let window_max = UNITS_PER_SECOND * WINDOW_SECONDS_MAX;
        let burst = if burst == 0 { 1 } else { burst };
        let window = apart.saturating_mul(burst);
        Self {
            apart,
            window: if window > window_max {
                window_max
            } else {
                window
            },
            reserved_percent: 0,
        }
    }

    /// Reserves `percent` of the quota (at most 100) for senders whose address group has sent few offers to the swarm
    /// lately.
    #[must_use]
    pub const fn reserving(self, percent: u32) -> Self {
        Self {
            reserved_percent: if percent > 100 { 100 } else { percent },
            ..self
        }
    }

    /// Packs the quota into one number, which may be stored atomically.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.reserved_percent as u64) << 48 | (self.apart as u64) << 32 | self.window as u64
    }

    /// Unpacks the result of [`Self::to_bits`].
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self {
            apart: (bits >> 32 & 0xffff) as u32,
            window: (bits & 0xffff_ffff) as u32,
            reserved_percent: (bits >> 48 & 0xff) as u32,
        }
    }

    /// Charges one offer to the bucket of a member, if it has room for one from such a sender.
    pub(super) fn take(
        self,
        level: &mut Level,
        is_light_sender: bool,
        now: Tick,
    ) -> Result<(), Enough> {
        let backlog = level.ahead(now, self.window);
        let after = backlog + self.apart;
        if after > self.window {
            return Err(Enough::All);
        }
        if !is_light_sender && after > self.for_many() {
            return Err(Enough::ForMany);
        }
        level.0 = now.0.wrapping_add(after);
        Ok(())
    }

    /// Returns the part of the window that is not reserved: room for one offer at least.
    fn for_many(self) -> u32 {
        // At most 3,600 seconds, so it fits.
        let reserved = u64::from(self.window) * u64::from(self.reserved_percent) / 100;
        let reserved = u32::try_from(reserved).unwrap_or(self.window);
        (self.window - reserved).max(self.apart)
    }

    /// Returns whether any part is reserved.
    pub(super) const fn reserves(self) -> bool {
        self.reserved_percent > 0 && self.apart > 0
    }

    /// Counts `offers` that an address group sends to a swarm; `level` holds what it sent lately. Returns true if that
    /// was little before: no more than a quarter of what one member may receive.
    pub(super) fn note_given(self, level: &mut Level, offers: usize, now: Tick) -> bool {
        // A sender above this must pause for a whole window: a bucket of two windows drains to one.
        let backlog_max = 2 * self.window;
        let backlog = level.ahead(now, backlog_max);
        let offers = u32::try_from(offers).unwrap_or(u32::MAX);
        let cost = offers.saturating_mul(4 * self.apart);
        level.0 = now
            .0
            .wrapping_add(backlog.saturating_add(cost).min(backlog_max));
        backlog <= self.window
    }
}

impl Level {
    /// Returns the units until the bucket is empty, in a bucket of `backlog_max`.
    fn ahead(self, now: Tick, backlog_max: u32) -> u32 {
        let backlog = self.0.wrapping_sub(now.0);
        // A level further ahead than a full bucket is in the past.
        if backlog > backlog_max { 0 } else { backlog }
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
        let quota = Intake::new(10, 30);
        // Also where the clock wraps around, and long after.
        for start in [10_000, 5_000_000, 429_496_729, 3 * 429_496_729 + 5] {
            let mut level = Level::default();
            let _ = quota.take(&mut level, true, milliseconds(start - 10_000));
            let mut given = |at: u64, tries: u32| {
                (0..tries)
                    .filter(|_| {
                        quota
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
        let quota = Intake::new(10, 30);
        let mut level = Level::default();
        for days in [0, 1, 3, 5, 7] {
            let now = Tick::of(Duration::from_hours(24 * days));
            assert_eq!(
                (0..50)
                    .filter(|_| quota.take(&mut level, true, now).is_ok())
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
        for quota in [
            Intake::UNLIMITED,
            Intake::new(10, 30),
            Intake::new(10, 30).reserving(25),
            Intake::new(1, u32::MAX).reserving(100),
        ] {
            assert_eq!(Intake::from_bits(quota.to_bits()), quota);
        }
    }

    #[test]
    fn the_largest_settings_stay_within_the_clock() {
        for (per_second, burst) in [(1, u32::MAX), (u32::MAX, u32::MAX), (0, 0)] {
            let quota = Intake::new(per_second, burst);
            let mut level = Level::default();
            assert_eq!(quota.take(&mut level, true, milliseconds(0)), Ok(()));
            let (mut level, all) = (Level::default(), quota.reserving(100));
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
        let quota = Intake::new(10, 40).reserving(25);
        let mut level = Level::default();
        let mut given = |is_light_sender: bool, at: u64| {
            let now = milliseconds(at);
            let mut results: Vec<_> = (0..100)
                .map(|_| quota.take(&mut level, is_light_sender, now))
                .collect();
            let refused = results.pop();
            (
                results.iter().filter(|given| given.is_ok()).count(),
                refused,
            )
        };
        assert_eq!(given(false, 0), (30, Some(Err(Enough::ForMany))));
        assert_eq!(given(true, 0), (10, Some(Err(Enough::All))));
        // While others use up everything, a sender of many offers gets nothing.
        assert_eq!(given(false, 900), (0, Some(Err(Enough::ForMany))));
        assert_eq!(given(true, 900).0, 9);
        assert_eq!(given(false, 2_900).0, 10);
    }

    #[test]
    fn who_gives_much_has_to_pause_until_it_gives_little() {
        let quota = Intake::new(10, 30).reserving(25);
        let mut level = Level::default();
        let mut is_light = |offers, at| quota.note_given(&mut level, offers, milliseconds(at));
        assert!(is_light(20, 0), "the first announce of any size");
        assert!(!is_light(20, 10));
        for at in 1..100 {
            assert!(!is_light(10, 10 + at * 20));
        }
        assert!(!is_light(0, 4_000), "its pause is too short");
        assert!(is_light(5, 5_100));
        // Two offers a second are within a quarter of ten.
        assert!((0..100).all(|at| is_light(1, 20_000 + at * 500)));
    }
}
