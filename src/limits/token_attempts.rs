//! Limits attempts to guess a token, per address and in total. Only wrong tokens count.
//!
//! One lock, taken only to check a token. Stores hashes of few addresses: those with recent wrong tokens and those that
//! had a right one.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use super::bucket::BucketLevel;
use super::delaying_bucket::DelayingBucket;
use super::{LivePolicy, RateKey};
use crate::config;

/// Maximum number of addresses with a record of their own; all others share one.
const ADDRESSES_MAX: usize = 1024;

/// The recent attempts at one token.
#[derive(Debug)]
pub struct TokenAttempts {
    policy: LivePolicy<AttemptPolicy>,
    state: Mutex<AttemptState>,
}

#[derive(Debug, Default)]
struct AttemptState {
    total: BucketLevel,
    others: AttemptRecord,
    addresses: HashMap<RateKey, AttemptRecord>,
}

/// From `limits.wrong_tokens_per_minute` and `limits.all_wrong_tokens_per_minute`.
#[derive(Debug, Clone, Copy)]
pub struct AttemptPolicy {
    per_address: DelayingBucket,
    total: DelayingBucket,
}

#[derive(Debug, Default)]
struct AttemptRecord {
    wrong: BucketLevel,
    had_right_token: bool,
}

/// Why a token is not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyAttempts {
    /// The time until the next one is checked.
    pub wait: Duration,
    /// Whether all addresses together exceeded the limit; else this one did.
    pub is_total: bool,
}

impl AttemptPolicy {
    /// Creates the policy from the settings.
    #[must_use]
    pub fn new(limits: &config::Limits) -> Self {
        Self {
            per_address: DelayingBucket::per_minute(limits.wrong_tokens_per_minute),
            total: DelayingBucket::per_minute(limits.all_wrong_tokens_per_minute),
        }
    }
}

impl TokenAttempts {
    /// Creates a limiter without attempts.
    #[must_use]
    pub fn new(policy: impl Into<LivePolicy<AttemptPolicy>>) -> Self {
        Self {
            policy: policy.into(),
            state: Mutex::default(),
        }
    }

    /// Checks a token with `is_right`, unless too many were wrong.
    ///
    /// # Errors
    ///
    /// Too many tokens were wrong.
    pub fn check(
        &self,
        from: RateKey,
        now: Duration,
        is_right: impl FnOnce() -> bool,
    ) -> Result<bool, TooManyAttempts> {
        let policy = self.policy.get();
        let AttemptState {
            total: all,
            others,
            addresses,
        } = &mut *self.state.lock();
        let record = addresses.get(&from);
        let too_many = |is_total| move |wait| TooManyAttempts { wait, is_total };
        let checked = policy
            .per_address
            .check(&record.unwrap_or(others).wrong, now);
        checked.map_err(too_many(false))?;
        if record.is_none_or(|record| !record.had_right_token) {
            policy.total.check(all, now).map_err(too_many(true))?;
        }
        let (is_known, is_right) = (record.is_some(), is_right());
        if !is_known && addresses.len() >= ADDRESSES_MAX {
            addresses.retain(|_, record| {
                record.had_right_token || !record.wrong.time_until_full(now).is_zero()
            });
        }
        let record = if is_known || addresses.len() < ADDRESSES_MAX {
            addresses.entry(from).or_default()
        } else {
            others
        };
        if is_right {
            record.had_right_token = true;
        } else {
            // Both have room, except the total where the address had a right token before.
            let _ = policy.per_address.take(&record.wrong, now);
            let _ = policy.total.take(all, now);
        }
        Ok(is_right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(own: u32, all: u32) -> TokenAttempts {
        TokenAttempts::new(AttemptPolicy::new(&config::Limits {
            wrong_tokens_per_minute: own,
            all_wrong_tokens_per_minute: all,
            ..config::Limits::default()
        }))
    }

    /// Returns how many wrong tokens in a row are checked.
    fn wrong(attempts: &TokenAttempts, from: RateKey, now: Duration) -> usize {
        (0..10_000)
            .take_while(|_| attempts.check(from, now, || false).is_ok())
            .count()
    }

    #[test]
    fn too_many_wrong_tokens_of_an_address_block_right_ones_as_well() {
        let attempts = attempts(10, 100);
        let (one, other) = (RateKey::new(7), RateKey::new(8));
        let now = Duration::from_secs(100);
        assert_eq!(wrong(&attempts, one, now), 10);
        let too_many = attempts.check(one, now, || true).expect_err("not checked");
        let TooManyAttempts { wait, is_total } = too_many;
        assert_eq!((wait, is_total), (Duration::from_secs(6), false));
        assert_eq!(attempts.check(other, now, || true), Ok(true));
        assert_eq!(attempts.check(one, now + wait, || true), Ok(true));
        // Right tokens are not limited.
        let right = (0..1000).filter(|_| attempts.check(other, now, || true) == Ok(true));
        assert_eq!(right.count(), 1000);
        assert_eq!(wrong(&attempts, one, now + Duration::from_mins(2)), 10);
    }

    #[test]
    fn an_address_with_a_right_token_passes_the_total_limit() {
        let attempts = attempts(10, 35);
        let now = Duration::from_secs(100);
        let operator = RateKey::new(7);
        assert_eq!(attempts.check(operator, now, || true), Ok(true));
        let attackers = (0..10).map(|number| wrong(&attempts, RateKey::new(100 + number), now));
        assert_eq!(attackers.sum::<usize>(), 35);
        assert_eq!(attempts.check(operator, now, || true), Ok(true));
        let too_many = attempts.check(RateKey::new(9), now, || true);
        assert!(too_many.expect_err("not checked").is_total);
    }

    #[test]
    fn records_of_addresses_are_bounded() {
        let attempts = attempts(1, 100_000);
        let now = Duration::from_secs(100);
        for number in 0..5000 {
            let _ = attempts.check(RateKey::new(100 + number), now, || false);
        }
        assert_eq!(attempts.state.lock().addresses.len(), ADDRESSES_MAX);
        // All others share one bucket until records are evicted.
        assert!(attempts.check(RateKey::new(9), now, || true).is_err());
        let later = now + Duration::from_mins(2);
        assert_eq!(attempts.check(RateKey::new(9), later, || false), Ok(false));
        assert_eq!(attempts.state.lock().addresses.len(), 1);
    }

    #[test]
    fn new_token_limits_apply_at_once() {
        let mut attempts = attempts(10, 100);
        let limits = config::Limits {
            wrong_tokens_per_minute: 3,
            ..config::Limits::default()
        };
        attempts.policy = AttemptPolicy::new(&limits).into();
        assert_eq!(
            wrong(&attempts, RateKey::new(7), Duration::from_secs(100)),
            3
        );
    }
}
