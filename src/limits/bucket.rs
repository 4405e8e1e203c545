//! Implements token buckets that share all parameters: only the fill level, eight bytes, is stored per connection and
//! limit.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};

/// The fill level of one bucket, as governor stores it. 0 is an unused bucket, which is full.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct BucketLevel(Cell<u64>);

impl BucketLevel {
    /// Returns the time until the bucket is full again.
    pub(super) fn time_until_full(&self, now: Duration) -> Duration {
        Duration::from_nanos(self.nanos_until_full(now))
    }

    pub(super) fn nanos_until_full(&self, now: Duration) -> u64 {
        self.0.get().saturating_sub(as_nanos(now))
    }

    pub(super) fn set_nanos_until_full(&self, nanos: u64, now: Duration) {
        self.0.set(as_nanos(now).saturating_add(nanos));
    }
}

/// Returns a duration in nanoseconds, at most 584 years.
pub(super) fn as_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Governor requires hashable keys; nothing hashes this one.
impl Hash for BucketLevel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.get().hash(state);
    }
}

/// A state store in which the key itself holds the state.
#[derive(Debug)]
struct LevelStore;

impl StateStore for LevelStore {
    type Key = BucketLevel;

    fn measure_and_replace<T, F, E>(&self, level: &BucketLevel, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let known = Some(level.0.get()).filter(|&level| level > 0);
        let (decision, next) = decide(known.map(Nanos::new))?;
        level.0.set(next.as_u64());
        Ok(decision)
    }
}

/// One limit for any number of buckets; each [`BucketLevel`] is one bucket.
#[derive(Debug)]
pub(super) struct TokenBucket<C: Clock> {
    limiter: RateLimiter<BucketLevel, LevelStore, C, NoOpMiddleware<C::Instant>>,
    burst: NonZeroU32,
    /// The time in which one token is replenished.
    token_period: Nanos,
    /// When it was created: levels are measured from here.
    created_at: C::Instant,
}

impl<C: Clock + Clone> TokenBucket<C> {
    pub(super) fn new(quota: Quota, clock: &C) -> Self {
        // Governor reads the clock once as well, and the same.
        let created_at = clock.now();
        Self {
            limiter: RateLimiter::new(quota, LevelStore, clock.clone()),
            burst: quota.burst_size(),
            token_period: quota.replenish_interval().into(),
            created_at,
        }
    }

    /// Converts a level of this bucket to one of `other` that lacks as many tokens, or all of a smaller one.
    pub(super) fn convert_level(&self, level: &BucketLevel, other: &Self) {
        let now = |bucket: &Self| {
            let now = bucket.limiter.clock().now();
            now.duration_since(bucket.created_at).as_u64()
        };
        let seconds_until_full = level.0.get().saturating_sub(now(self));
        let missing = seconds_until_full.div_ceil(self.token_period.as_u64().max(1));
        let missing = missing.min(u64::from(other.burst.get()));
        let seconds_until_full = missing.saturating_mul(other.token_period.as_u64());
        // 0 is a full bucket at any time.
        level.0.set(if missing == 0 {
            0
        } else {
            now(other).saturating_add(seconds_until_full)
        });
    }

    /// Returns the seconds until a level is full again, with the debt charged as well.
    pub(super) fn seconds_until_full(&self, level: &BucketLevel, owed: u32) -> f64 {
        let now = self.limiter.clock().now();
        let now = now.duration_since(self.created_at).as_u64();
        let missing = Duration::from_nanos(level.0.get().saturating_sub(now));
        missing.as_secs_f64() + f64::from(owed) * self.token_period().as_secs_f64()
    }

    /// Returns a level that is full after `seconds_until_full` seconds, and the debt beyond an empty bucket.
    pub(super) fn restore_level(&self, seconds_until_full: f64) -> (BucketLevel, u32) {
        let seconds_until_full =
            Duration::try_from_secs_f64(seconds_until_full).unwrap_or_default();
        let empty = self.token_period().saturating_mul(self.burst.get());
        let missing = seconds_until_full.min(empty);
        let now = self.limiter.clock().now();
        let now = Duration::from_nanos(now.duration_since(self.created_at).as_u64());
        let full_at = as_nanos(now + missing);
        // 0 is a full bucket at any time.
        let level = BucketLevel(Cell::new(if missing.is_zero() { 0 } else { full_at }));
        let owed = seconds_until_full.saturating_sub(missing).as_nanos()
            / self.token_period().as_nanos().max(1);
        (level, u32::try_from(owed).unwrap_or(u32::MAX))
    }

    fn token_period(&self) -> Duration {
        Duration::from_nanos(self.token_period.as_u64())
    }

    /// Takes one token. Returns false if there is none.
    pub(super) fn take(&self, level: &BucketLevel) -> bool {
        self.limiter.check_key(level).is_ok()
    }

    /// Like [`Self::charge_debt`], for a debt of two bytes.
    pub(super) fn charge_small_debt(
        &self,
        level: &BucketLevel,
        owed: &mut u16,
    ) -> Option<Duration> {
        let mut all = u32::from(*owed);
        let wait = self.charge_debt(level, &mut all);
        *owed = u16::try_from(all).unwrap_or(u16::MAX);
        wait
    }

    /// Charges the debt as far as possible. Returns how long the rest must wait.
    pub(super) fn charge_debt(&self, level: &BucketLevel, owed: &mut u32) -> Option<Duration> {
        while let Some(all) = NonZeroU32::new(*owed) {
            // More than the burst can never be taken at once.
            let part = all.min(self.burst);
            match self.limiter.check_key_n(level, part) {
                Ok(Ok(())) => *owed -= part.get(),
                Ok(Err(not_until)) => {
                    return Some(not_until.wait_time_from(self.limiter.clock().now()));
                }
                Err(_) => *owed = 0,
            }
        }
        None
    }
}
