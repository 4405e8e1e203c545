//! How fast one connection may go, and what happens beyond: first it is read more slowly, then refused with a
//! readable failure, and only a flood ends it.
//!
//! Counts with governor's token buckets on a time that is handed in; sleeps and sends nothing. The hub asks before and
//! after each message.

mod pace;
mod time;

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::config;

pub use pace::Pace;
pub use time::CachedTime;

type Bucket<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// The limits of every connection, named as in the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    messages: Quota,
    offers: Quota,
    bytes: Quota,
    malformed: Quota,
    refusals: Quota,
    delay_max: Duration,
    patience: Duration,
}

impl Policy {
    /// Takes `limits.*` and `connection.malformed_per_minute_max`.
    #[must_use]
    pub fn new(limits: &config::Limits, malformed_per_minute_max: u32) -> Self {
        let per_second =
            |rate, burst| Quota::per_second(at_least_one(rate)).allow_burst(at_least_one(burst));
        Self {
            messages: per_second(limits.messages_per_second, limits.messages_burst),
            offers: per_second(limits.offers_per_second, limits.offers_burst),
            bytes: per_second(limits.bytes_per_second, limits.bytes_burst),
            malformed: Quota::per_minute(at_least_one(malformed_per_minute_max)),
            refusals: Quota::per_minute(at_least_one(limits.refusals_per_minute_max)),
            delay_max: limits.delay_max,
            patience: limits.patience,
        }
    }
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

/// Whether a message is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is.
    Serve,
    /// It is answered with a failure.
    Refuse,
    /// The connection is to be closed: `limits.refusals_per_minute_max` refusals have not stopped it.
    Flood,
}

/// The limits of one connection, and how much of them it has used.
#[derive(Debug)]
pub struct ConnectionLimits<C: Clock> {
    messages: Bucket<C>,
    offers: Bucket<C>,
    bytes: Bucket<C>,
    /// Served, but not yet paid for: reading pauses until it is.
    owed_messages: u32,
    owed_offers: u32,
    owed_bytes: u32,
    /// When the connection began to be slowed, if it has not been calm since.
    slowed_since: Option<Duration>,
    /// When it was last over a limit.
    over_at: Duration,
    /// Made when first needed, as few connections ever do.
    malformed: Option<Box<Bucket<C>>>,
    refusals: Option<Box<Bucket<C>>>,
}

/// A connection that has kept within its limits for this long has its `limits.patience` back.
const CALM: Duration = Duration::from_secs(2);

impl<C: Clock + Clone> ConnectionLimits<C> {
    /// Nothing used yet.
    #[must_use]
    pub fn new(policy: &Policy, clock: &C) -> Self {
        Self {
            messages: bucket(policy.messages, clock),
            offers: bucket(policy.offers, clock),
            owed_messages: 0,
            owed_offers: 0,
            bytes: bucket(policy.bytes, clock),
            owed_bytes: 0,
            slowed_since: None,
            over_at: Duration::ZERO,
            malformed: None,
            refusals: None,
        }
    }

    /// Asked before a message is served. `now` is the time of `clock`.
    pub fn admit(&mut self, policy: &Policy, clock: &C, now: Duration) -> Admission {
        if now.saturating_sub(self.over_at) > CALM {
            self.slowed_since = None;
        }
        if self.settle(policy, clock).is_some() {
            return self.refuse(policy, clock, now);
        }
        self.owed_messages = 1;
        let patience_is_over = self
            .slowed_since
            .is_some_and(|since| now.saturating_sub(since) > policy.patience);
        if patience_is_over && self.settle(policy, clock).is_some() {
            self.owed_messages = 0;
            return self.refuse(policy, clock, now);
        }
        Admission::Serve
    }

    fn refuse(&mut self, policy: &Policy, clock: &C, now: Duration) -> Admission {
        self.over_at = now;
        let refusals = self
            .refusals
            .get_or_insert_with(|| Box::new(bucket(policy.refusals, clock)));
        if refusals.check().is_ok() {
            Admission::Refuse
        } else {
            Admission::Flood
        }
    }

    /// Told after a message was served, and how many offers were relayed for it. `Some` is how long the connection
    /// shall not be read, at most `limits.delay_max`.
    pub fn charge(
        &mut self,
        policy: &Policy,
        clock: &C,
        offers: u32,
        now: Duration,
    ) -> Option<Duration> {
        self.owed_offers = self.owed_offers.saturating_add(offers);
        let wait = self.settle(policy, clock)?;
        Some(self.slow_down(policy, wait, now))
    }

    fn slow_down(&mut self, policy: &Policy, wait: Duration, now: Duration) -> Duration {
        self.over_at = now;
        self.slowed_since.get_or_insert(now);
        wait.min(policy.delay_max)
    }

    /// Told how many bytes were read, whether they made a message or not; `Some` is how long the connection shall not be
    /// read because of them. This is what stops floods of frames that never become a message.
    pub fn charge_bytes(
        &mut self,
        policy: &Policy,
        clock: &C,
        bytes: u32,
        now: Duration,
    ) -> Option<Duration> {
        self.owed_bytes = self.owed_bytes.saturating_add(bytes);
        let wait = pay(&self.bytes, policy.bytes, &mut self.owed_bytes, clock)?;
        Some(self.slow_down(policy, wait, now))
    }

    /// Counts a malformed message. False if there are too many: the connection is to be closed.
    pub fn allow_malformed(&mut self, policy: &Policy, clock: &C) -> bool {
        self.malformed
            .get_or_insert_with(|| Box::new(bucket(policy.malformed, clock)))
            .check()
            .is_ok()
    }

    /// Pays what is owed as far as possible; `Some` is when the rest can be paid.
    fn settle(&mut self, policy: &Policy, clock: &C) -> Option<Duration> {
        let messages = pay(
            &self.messages,
            policy.messages,
            &mut self.owed_messages,
            clock,
        );
        let offers = pay(&self.offers, policy.offers, &mut self.owed_offers, clock);
        let bytes = pay(&self.bytes, policy.bytes, &mut self.owed_bytes, clock);
        messages.max(offers).max(bytes)
    }
}

fn bucket<C: Clock + Clone>(quota: Quota, clock: &C) -> Bucket<C> {
    RateLimiter::direct_with_clock(quota, clock.clone())
}

fn pay<C: Clock>(bucket: &Bucket<C>, quota: Quota, owed: &mut u32, clock: &C) -> Option<Duration> {
    while let Some(all) = NonZeroU32::new(*owed) {
        // More than the burst can never be paid at once.
        let part = all.min(quota.burst_size());
        match bucket.check_n(part) {
            Ok(Ok(())) => *owed -= part.get(),
            Ok(Err(not_until)) => return Some(not_until.wait_time_from(clock.now())),
            Err(_) => *owed = 0,
        }
    }
    None
}

#[cfg(test)]
mod tests;
