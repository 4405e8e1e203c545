//! A point in time in two or four bytes, for state that exists once for each connection, member or offer.
//!
//! A time counts ticks since the process started and wraps around, so it may be compared only with times that are less
//! than one round of the counter apart.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// A stored count of ticks. Non-zero counts leave room for `None`; their lowest bit is always set, which halves the
/// resolution.
pub(crate) trait TickCount: Copy {
    /// The number of ticks by which a difference of two counts may exceed the true time.
    const ERROR_TICKS: u32;

    /// Returns the low bits of a count.
    fn wrapping(ticks: u64) -> Self;

    /// Returns the ticks from `earlier` to this count, modulo one round.
    fn wrapping_since(self, earlier: Self) -> u32;
}

impl TickCount for u32 {
    const ERROR_TICKS: u32 = 1;

    #[inline]
    fn wrapping(ticks: u64) -> Self {
        Self::try_from(ticks & u64::from(Self::MAX)).unwrap_or(0)
    }

    #[inline]
    fn wrapping_since(self, earlier: Self) -> u32 {
        self.wrapping_sub(earlier)
    }
}

impl TickCount for u16 {
    const ERROR_TICKS: u32 = 1;

    #[inline]
    fn wrapping(ticks: u64) -> Self {
        let [low, high, ..] = ticks.to_le_bytes();
        Self::from_le_bytes([low, high])
    }

    #[inline]
    fn wrapping_since(self, earlier: Self) -> u32 {
        self.wrapping_sub(earlier).into()
    }
}

impl TickCount for NonZeroU32 {
    const ERROR_TICKS: u32 = 2;

    #[inline]
    fn wrapping(ticks: u64) -> Self {
        Self::new(u32::wrapping(ticks) | 1).unwrap_or(Self::MIN)
    }

    #[inline]
    fn wrapping_since(self, earlier: Self) -> u32 {
        self.get().wrapping_sub(earlier.get())
    }
}

impl TickCount for NonZeroU16 {
    const ERROR_TICKS: u32 = 2;

    #[inline]
    fn wrapping(ticks: u64) -> Self {
        let low = u16::try_from(ticks & u64::from(u16::MAX)).unwrap_or(0);
        Self::new(low | 1).unwrap_or(Self::MIN)
    }

    #[inline]
    fn wrapping_since(self, earlier: Self) -> u32 {
        self.get().wrapping_sub(earlier.get()).into()
    }
}

/// A time since the process started, in ticks. `TICKS_PER_SECOND` divides a billion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WrappingTime<Count, const TICKS_PER_SECOND: u32>(Count);

impl<Count: TickCount, const TICKS_PER_SECOND: u32> WrappingTime<Count, TICKS_PER_SECOND> {
    /// Converts a time since the process started.
    #[inline]
    pub(crate) fn from_uptime(now: Duration) -> Self {
        let fraction = now.subsec_nanos() / (NANOS_PER_SECOND / TICKS_PER_SECOND);
        let whole = now.as_secs().wrapping_mul(u64::from(TICKS_PER_SECOND));
        Self(Count::wrapping(whole.wrapping_add(u64::from(fraction))))
    }

    /// Returns the ticks from `earlier` to this time, modulo one round.
    #[inline]
    pub(crate) fn ticks_since(self, earlier: Self) -> TickAge<TICKS_PER_SECOND> {
        TickAge(self.0.wrapping_since(earlier.0))
    }

    /// Returns the time since then. It is at most the true one: a deadline may be late, but not early.
    #[inline]
    pub(crate) fn age(self, now: Duration) -> Duration {
        let ticks = Self::from_uptime(now).0.wrapping_since(self.0);
        TickAge::<TICKS_PER_SECOND>(ticks.saturating_sub(Count::ERROR_TICKS)).into()
    }
}

impl<const TICKS_PER_SECOND: u32> WrappingTime<u16, TICKS_PER_SECOND> {
    /// Returns the stored count of ticks.
    #[inline]
    pub(crate) const fn to_bits(self) -> u16 {
        self.0
    }
}

impl<const TICKS_PER_SECOND: u32> WrappingTime<u32, TICKS_PER_SECOND> {
    /// Returns the time that is `ticks` later.
    #[inline]
    pub(crate) const fn add_ticks(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    /// Returns the stored count, for atomic storage.
    pub(crate) const fn to_bits(self) -> u32 {
        self.0
    }

    /// Restores the result of [`Self::to_bits`].
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

/// The time between two wrapping times, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TickAge<const TICKS_PER_SECOND: u32>(u32);

impl<const TICKS_PER_SECOND: u32> TickAge<TICKS_PER_SECOND> {
    pub(crate) const fn ticks(self) -> u32 {
        self.0
    }
}

/// Rounds down; too long a time becomes the longest.
impl<const TICKS_PER_SECOND: u32> From<Duration> for TickAge<TICKS_PER_SECOND> {
    fn from(age: Duration) -> Self {
        let fraction = age.subsec_nanos() / (NANOS_PER_SECOND / TICKS_PER_SECOND);
        let whole = age.as_secs().saturating_mul(u64::from(TICKS_PER_SECOND));
        Self(u32::try_from(whole.saturating_add(u64::from(fraction))).unwrap_or(u32::MAX))
    }
}

impl<const TICKS_PER_SECOND: u32> From<TickAge<TICKS_PER_SECOND>> for Duration {
    #[inline]
    fn from(age: TickAge<TICKS_PER_SECOND>) -> Self {
        let fraction = age.0 % TICKS_PER_SECOND * (NANOS_PER_SECOND / TICKS_PER_SECOND);
        Self::new(u64::from(age.0 / TICKS_PER_SECOND), fraction)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Checks that the age of `start` at `start + later` is slightly too short at most, and never too long.
    fn check_age<Count: TickCount, const TICKS_PER_SECOND: u32>(start: Duration, later: Duration) {
        let age = WrappingTime::<Count, TICKS_PER_SECOND>::from_uptime(start).age(start + later);
        assert!(age <= later, "{start:?} {later:?} {age:?}");
        let error_max = Duration::from_secs(1) / TICKS_PER_SECOND * (2 * Count::ERROR_TICKS);
        assert!(
            later.saturating_sub(age) <= error_max,
            "{start:?} {later:?} {age:?}"
        );
    }

    proptest! {
        #[test]
        fn ages_are_exact_or_slightly_short(
            start in 0..1_000_000_000_000_000_000_u64,
            later in 0..8_190_000_000_000_u64,
        ) {
            let (start, later) = (Duration::from_nanos(start), Duration::from_nanos(later));
            check_age::<u32, 1_000>(start, later);
            check_age::<u32, 10_000>(start, later);
            check_age::<NonZeroU32, 1_000>(start, later);
            check_age::<NonZeroU16, 8>(start, later);
        }

        #[test]
        fn ages_survive_a_wrap(rounds in 1..1_000_u64, before in 0..60_000_u64, after in 0..60_000_u64) {
            let round = Duration::from_millis(1 << 32);
            let start = (round * u32::try_from(rounds)?).saturating_sub(Duration::from_millis(before));
            let later = Duration::from_millis(before + after);
            check_age::<u32, 1_000>(start, later);
            check_age::<NonZeroU32, 1_000>(start, later);
            let start = Duration::from_secs(8_192 * rounds).saturating_sub(Duration::from_millis(before));
            check_age::<NonZeroU16, 8>(start, later);
        }

        #[test]
        fn added_ticks_are_counted(start: u64, ticks: u32) {
            let start = WrappingTime::<u32, 10_000>::from_uptime(Duration::from_nanos(start));
            prop_assert_eq!(start.add_ticks(ticks).ticks_since(start).ticks(), ticks);
            prop_assert_eq!(WrappingTime::from_bits(start.to_bits()), start);
        }

        #[test]
        fn an_age_is_rounded_down_to_ticks(nanos in 0..4_000_000_000_000_000_u64) {
            let age = TickAge::<1_000>::from(Duration::from_nanos(nanos));
            prop_assert_eq!(Duration::from(age), Duration::from_millis(nanos / 1_000_000));
        }
    }

    #[test]
    fn an_unset_time_takes_no_space() {
        assert_eq!(size_of::<Option<WrappingTime<NonZeroU32, 1_000>>>(), 4);
        assert_eq!(size_of::<Option<WrappingTime<NonZeroU16, 8>>>(), 2);
    }

    #[test]
    fn ages_beyond_the_range_are_the_longest() {
        let longest = TickAge::<1_000>::from(Duration::MAX);
        assert_eq!(longest.ticks(), u32::MAX);
    }
}
