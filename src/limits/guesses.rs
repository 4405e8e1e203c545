//! Limits attempts to guess a token, per address and in total. Only wrong tokens count.
//!
//! One lock, taken only to check a token. Stores hashes of few addresses: those with recent wrong tokens and those that
//! had a right one.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use super::Key;
use super::bucket::{Lending, Level};
use crate::config;

/// Maximum number of addresses with a record of their own; all others share one.
const ADDRESSES_MAX: usize = 1024;

/// The recent attempts at one token.
#[derive(Debug)]
pub struct Guesses(Mutex<State>);

#[derive(Debug)]
struct State {
    policy: Policy,
    all: Level,
    others: Record,
    addresses: HashMap<Key, Record>,
}

/// From `limits.wrong_tokens_per_minute` and `limits.all_wrong_tokens_per_minute`.
#[derive(Debug, Clone, Copy)]
struct Policy {
    own: Lending,
    all: Lending,
}

#[derive(Debug, Default)]
struct Record {
    wrong: Level,
    was_right: bool,
}

/// Why a token is not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyWrong {
    /// The time until the next one is checked.
    pub wait: Duration,
    /// Whether all addresses together exceeded the limit; else this one did.
    pub of_all: bool,
}

impl Policy {
    fn new(limits: &config::Limits) -> Self {
        Self {
            own: Lending::per_minute(limits.wrong_tokens_per_minute),
            all: Lending::per_minute(limits.all_wrong_tokens_per_minute),
        }
    }
}

impl Guesses {
    /// Creates a limiter without attempts.
    #[must_use]
    pub fn new(limits: &config::Limits) -> Self {
        Self(Mutex::new(State {
            policy: Policy::new(limits),
            all: Level::default(),
            others: Record::default(),
            addresses: HashMap::new(),
        }))
    }

    /// Applies new limits.
    pub fn retune(&self, limits: &config::Limits) {
        self.0.lock().policy = Policy::new(limits);
    }

    /// Checks a token with `is_right`, unless too many were wrong.
    ///
    /// # Errors
    ///
    /// Too many tokens were wrong.
    pub fn guess(
        &self,
        from: Key,
        now: Duration,
        is_right: impl FnOnce() -> bool,
    ) -> Result<bool, TooManyWrong> {
        let State {
            policy,
            all,
            others,
            addresses,
        } = &mut *self.0.lock();
        let known = addresses.get(&from);
        let too_many = |of_all| move |wait| TooManyWrong { wait, of_all };
        let own = policy.own.can_take(&known.unwrap_or(others).wrong, now);
        own.map_err(too_many(false))?;
        if known.is_none_or(|known| !known.was_right) {
            policy.all.can_take(all, now).map_err(too_many(true))?;
        }
        let (is_known, is_right) = (known.is_some(), is_right());
        if !is_known && addresses.len() >= ADDRESSES_MAX {
            addresses.retain(|_, record| record.was_right || !record.wrong.ahead(now).is_zero());
        }
        let record = if is_known || addresses.len() < ADDRESSES_MAX {
            addresses.entry(from).or_default()
        } else {
            others
        };
        if is_right {
            record.was_right = true;
        } else {
            // Both have room, except the total where the address had a right token before.
            let _ = policy.own.take(&record.wrong, now);
            let _ = policy.all.take(all, now);
        }
        Ok(is_right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guesses(own: u32, all: u32) -> Guesses {
        Guesses::new(&config::Limits {
            wrong_tokens_per_minute: own,
            all_wrong_tokens_per_minute: all,
            ..config::Limits::default()
        })
    }

    /// Returns how many wrong tokens in a row are checked.
    fn wrong(guesses: &Guesses, from: Key, now: Duration) -> usize {
        (0..10_000)
            .take_while(|_| guesses.guess(from, now, || false).is_ok())
            .count()
    }

    #[test]
    fn wrong_tokens_of_an_address_are_looked_at_so_often_a_minute_and_then_right_ones_neither() {
        let guesses = guesses(10, 100);
        let (one, other) = (Key::new(7), Key::new(8));
        let now = Duration::from_secs(100);
        assert_eq!(wrong(&guesses, one, now), 10);
        let too_many = guesses.guess(one, now, || true).expect_err("not checked");
        let TooManyWrong { wait, of_all } = too_many;
        assert_eq!((wait, of_all), (Duration::from_secs(6), false));
        assert_eq!(guesses.guess(other, now, || true), Ok(true));
        assert_eq!(guesses.guess(one, now + wait, || true), Ok(true));
        // Right tokens are not limited.
        let right = (0..1000).filter(|_| guesses.guess(other, now, || true) == Ok(true));
        assert_eq!(right.count(), 1000);
        assert_eq!(wrong(&guesses, one, now + Duration::from_mins(2)), 10);
    }

    #[test]
    fn wrong_tokens_of_all_are_bounded_and_who_was_right_before_is_let_through() {
        let guesses = guesses(10, 35);
        let now = Duration::from_secs(100);
        let operator = Key::new(7);
        assert_eq!(guesses.guess(operator, now, || true), Ok(true));
        let attackers = (0..10).map(|number| wrong(&guesses, Key::new(100 + number), now));
        assert_eq!(attackers.sum::<usize>(), 35);
        assert_eq!(guesses.guess(operator, now, || true), Ok(true));
        let too_many = guesses.guess(Key::new(9), now, || true);
        assert!(too_many.expect_err("not checked").of_all);
    }

    #[test]
    fn addresses_without_number_are_not_remembered() {
        let guesses = guesses(1, 100_000);
        let now = Duration::from_secs(100);
        for number in 0..5000 {
            let _ = guesses.guess(Key::new(100 + number), now, || false);
        }
        assert_eq!(guesses.0.lock().addresses.len(), ADDRESSES_MAX);
        // All others share one bucket until records are evicted.
        assert!(guesses.guess(Key::new(9), now, || true).is_err());
        let later = now + Duration::from_mins(2);
        assert_eq!(guesses.guess(Key::new(9), later, || false), Ok(false));
        assert_eq!(guesses.0.lock().addresses.len(), 1);
    }

    #[test]
    fn other_limits_hold_at_once() {
        let guesses = guesses(10, 100);
        guesses.retune(&config::Limits {
            wrong_tokens_per_minute: 3,
            ..config::Limits::default()
        });
        assert_eq!(wrong(&guesses, Key::new(7), Duration::from_secs(100)), 3);
    }
}
