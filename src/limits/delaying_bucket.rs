//! A token bucket that delays. Its levels are shared by workers, which have separate limiters, so time is an argument.

use std::time::Duration;

use super::bucket::{BucketLevel, as_nanos};
use crate::timing::Gcra;

/// How far charges may overdraw a bucket beyond its maximum wait. With less than a charge takes, failures would cost
/// the same as successes once the bucket is empty. With more, an address would be blocked for long after the offender
/// has left.
const OVERDRAFT_TIME_MAX: Duration = Duration::from_secs(10);

/// Refunds what [`DelayingBucket::charge`] took.
pub(super) fn refund(level: &BucketLevel, charged: Duration, now: Duration) {
    let before = level.nanos_until_full(now);
    level.set_nanos_until_full(before.saturating_sub(as_nanos(charged)), now);
}

/// A token bucket that delays: a caller that takes from an empty bucket waits, and is refused if the wait would exceed
/// a bound.
#[derive(Debug, Clone, Copy)]
pub(super) struct DelayingBucket {
    /// In nanoseconds.
    gcra: Gcra,
    wait_max: Duration,
}

impl DelayingBucket {
    pub(super) fn new(per_second: u32, burst: u32, wait_max: Duration) -> Self {
        let token_period = as_nanos(Duration::from_secs(1)) / u64::from(per_second.max(1));
        Self {
            gcra: Gcra {
                token_period,
                burst_time: token_period.saturating_mul(burst.max(1).into()),
            },
            wait_max,
        }
    }

    /// Creates a bucket with this rate per minute and the same burst, without delay.
    pub(super) fn per_minute(number: u32) -> Self {
        let number = u64::from(number.max(1));
        let token_period = as_nanos(Duration::from_mins(1)) / number;
        Self {
            gcra: Gcra {
                token_period,
                burst_time: token_period.saturating_mul(number),
            },
            wait_max: Duration::ZERO,
        }
    }

    /// Returns the bucket with `factor` times the rate and burst.
    pub(super) fn scaled(self, factor: u32) -> Self {
        let token_period = (self.gcra.token_period / u64::from(factor.max(1))).max(1);
        Self {
            gcra: Gcra {
                token_period,
                ..self.gcra
            },
            ..self
        }
    }

    /// Takes `number` tokens, available or not. The missing ones must be replenished first, but the overdraft is
    /// bounded by [`OVERDRAFT_TIME_MAX`]. Returns what it took, as the time in which that is replenished.
    pub(super) fn charge(&self, level: &BucketLevel, number: u32, now: Duration) -> Duration {
        let overdraft_max = as_nanos(self.wait_max + OVERDRAFT_TIME_MAX);
        let before = level.nanos_until_full(now);
        let max = self.gcra.burst_time.saturating_add(overdraft_max);
        let after = self.gcra.take(before, number, max);
        level.set_nanos_until_full(after, now);
        Duration::from_nanos(after.saturating_sub(before))
    }

    /// Returns how long to wait for one token, without taking it.
    ///
    /// # Errors
    ///
    /// Like [`Self::take`].
    pub(super) fn check(&self, level: &BucketLevel, now: Duration) -> Result<Duration, Duration> {
        let wait = Duration::from_nanos(self.gcra.wait(level.nanos_until_full(now)));
        if wait > self.wait_max {
            return Err(wait.saturating_sub(self.wait_max));
        }
        Ok(wait)
    }

    /// Takes one token. Returns how long to wait for it.
    ///
    /// # Errors
    ///
    /// The wait would be too long. The error is the time after which one token may be taken.
    pub(super) fn take(&self, level: &BucketLevel, now: Duration) -> Result<Duration, Duration> {
        let wait = self.check(level, now)?;
        let after = self.gcra.take(level.nanos_until_full(now), 1, u64::MAX);
        level.set_nanos_until_full(after, now);
        Ok(wait)
    }
}
