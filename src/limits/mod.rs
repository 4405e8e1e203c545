//! Limits the rates of connections, addresses and origins. A client over its limits is first slowed down, then refused
//! with a readable reason. Only hostile behaviour closes its connection: a flood, or too many malformed messages.
//!
//! Counts with governor's token buckets. Time is an argument; this module never sleeps or sends. The hub calls it when
//! a connection opens, before and after each message, and when it closes.

mod addresses;
mod bans;
mod bucket;
mod cached_time;
mod carried_usage;
mod client_tokens;
mod delaying_bucket;
mod hashed_rates;
mod http_usage;
mod interval_controller;
mod limited;
mod live_policy;
mod origins;
mod pressure;
mod rate_keys;
mod refusal_messages;
mod score;
mod shard;
mod shedding;
mod swarm_quota;
mod token_attempts;

use std::num::NonZeroU32;
use std::time::Duration;

use governor::Quota;
use governor::clock::Clock;

use crate::config;
use bucket::{BucketLevel, TokenBucket};
use score::{Score, ViolationCounts};

pub use addresses::{AddressPolicy, Addresses, HandshakeCharge, PageKeys, StrikeOutcome};
pub use bans::{Ban, BanPolicy, BanReason, Bans};
pub use cached_time::CachedTime;
pub use carried_usage::CarriedUsage;
pub use client_tokens::ClientTokens;
pub use hashed_rates::{HashedRatePolicy, HashedRates, RateRefusal};
pub use http_usage::{
    ADDRESS_QUERIES_MAX, CpuBudget, HttpResource, HttpUsage, HttpUsagePolicy,
    OPERATOR_FOLLOWERS_MAX, OPERATOR_RESPONSE_BYTES_MAX, QuotaExceeded, ResourceClaim,
};
pub use interval_controller::IntervalController;
pub use limited::Limited;
pub use live_policy::LivePolicy;
pub use origins::{OriginCount, OriginPlacement, OriginPolicy, OriginRefusal, Origins};
pub use pressure::{KERNEL_BYTES_PER_BLOCKED, Pressure, PressureLevel};
pub use rate_keys::{AccountKey, AddressKind, OriginId, RateKey, RateKeys, WidestKey};
pub use refusal_messages::{
    RefusalMessageClaim, RefusalMessageLimit, RefusalMessagePolicy, RefusalMessages,
};
pub use score::{AbuseReport, Violation};
pub use shedding::{ConnectionMemory, choose_to_shed};
pub use swarm_quota::{QuotaUsage, SwarmQuota};
pub use token_attempts::{AttemptPolicy, TokenAttempts, TooManyAttempts};

/// The limits of every connection, named as in the configuration.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionPolicy {
    messages: Quota,
    offers: Quota,
    bytes: Quota,
    malformed: Quota,
    refusals: Quota,
    delay_max: Duration,
    patience: Duration,
    score_max: f32,
    score_half_life: Duration,
}

impl ConnectionPolicy {
    /// Reads `limits.*`, `bans.connection_score_*` and `connection.malformed_per_minute_max`.
    #[must_use]
    pub fn new(
        limits: &config::Limits,
        bans: &config::Bans,
        malformed_per_minute_max: u32,
    ) -> Self {
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
            #[expect(clippy::cast_precision_loss, reason = "the setting has a bound")]
            score_max: bans.connection_score_max as f32,
            score_half_life: bans.connection_score_half_life,
        }
    }
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

/// What a connection is rate limited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionRate {
    /// `limits.messages_per_second`
    Messages,
    /// `limits.offers_per_second`
    Offers,
    /// `limits.bytes_per_second`
    Bytes,
}

/// How long reading from a connection pauses, and for which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadPause {
    /// The exceeded limit that takes longest to recover.
    pub rate: ConnectionRate,
    /// At most `limits.delay_max`.
    pub time: Duration,
}

/// Whether a message is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageVerdict {
    /// Serve it.
    Serve,
    /// Answer it with a failure, because of this limit.
    Refuse(ConnectionRate),
    /// Close the connection: it continued after `limits.refusals_per_minute_max` refusals.
    Flood,
}

/// A connection that stays within its limits for this long regains its `limits.patience`.
const CALM_PERIOD: Duration = Duration::from_secs(2);
/// The share of `bans.connection_score_max` above which an ended connection gets a strike, however it ended.
const HOSTILE_SHARE: f32 = 0.5;
/// Number of half-lives after which a score is forgotten.
const SCORE_HALF_LIVES_MAX: u32 = 10;
/// Minimum time for which a connection that was over a limit is remembered: all buckets per minute refill in it.
const OVER_LIMIT_RETENTION_MIN: Duration = Duration::from_mins(5);

/// The rate-limit usage of one connection. Small, because every connection has one.
#[derive(Debug, Default)]
pub struct ConnectionUsage {
    messages: BucketLevel,
    offers: BucketLevel,
    bytes: BucketLevel,
    /// Allocated on first use, because few connections need it.
    over_limit: Option<Box<OverLimitState>>,
    /// Bytes served but not yet charged to the bucket; reading pauses until they are.
    owed_bytes: u32,
    owed_offers: u16,
    owed_messages: u16,
}

const _: () = assert!(size_of::<ConnectionUsage>() == 40);

/// The state of a connection that was over a limit.
#[derive(Debug, Default)]
struct OverLimitState {
    malformed: BucketLevel,
    refusals: BucketLevel,
    /// When it was first slowed since it was last calm.
    slowed_since: Option<Duration>,
    /// When it was last over a limit.
    last_over_at: Duration,
    /// Points for hostile behaviour.
    score: Score,
    /// The violations behind the score.
    violations: ViolationCounts,
}

impl ConnectionUsage {
    /// Returns whether it was over a limit or had a violation recently.
    #[must_use]
    pub const fn was_over_limit(&self) -> bool {
        self.over_limit.is_some()
    }

    fn over_limit_mut(&mut self) -> &mut OverLimitState {
        self.over_limit.get_or_insert_default()
    }
}

/// Enforces the rate limits of the connections of one worker.
#[derive(Debug)]
pub struct Limiter<C: Clock> {
    messages: TokenBucket<C>,
    offers: TokenBucket<C>,
    bytes: TokenBucket<C>,
    malformed: TokenBucket<C>,
    refusals: TokenBucket<C>,
    delay_max: Duration,
    patience: Duration,
    score_max: f32,
    score_half_life: Duration,
    over_limit_retention: Duration,
}

impl<C: Clock + Clone> Limiter<C> {
    /// Creates a limiter with the limits of `policy` and the time of `clock`.
    #[must_use]
    pub fn new(policy: &ConnectionPolicy, clock: &C) -> Self {
        Self {
            messages: TokenBucket::new(policy.messages, clock),
            offers: TokenBucket::new(policy.offers, clock),
            bytes: TokenBucket::new(policy.bytes, clock),
            malformed: TokenBucket::new(policy.malformed, clock),
            refusals: TokenBucket::new(policy.refusals, clock),
            delay_max: policy.delay_max,
            patience: policy.patience,
            score_max: policy.score_max,
            score_half_life: policy.score_half_life,
            over_limit_retention: (policy.score_half_life * SCORE_HALF_LIVES_MAX)
                .max(OVER_LIMIT_RETENTION_MIN),
        }
    }

    /// Converts usage under these limits to usage under `others`, on the same clock, without loss or gain.
    pub fn convert_usage(&self, usage: &mut ConnectionUsage, others: &Self) {
        self.messages
            .convert_level(&usage.messages, &others.messages);
        self.offers.convert_level(&usage.offers, &others.offers);
        self.bytes.convert_level(&usage.bytes, &others.bytes);
        if let Some(over_limit) = &usage.over_limit {
            self.malformed
                .convert_level(&over_limit.malformed, &others.malformed);
            self.refusals
                .convert_level(&over_limit.refusals, &others.refusals);
        }
    }

    /// Returns the usage that an ended connection leaves to its address; `None` if it has used nothing.
    pub fn carried_usage(&self, usage: &ConnectionUsage, now: Duration) -> Option<CarriedUsage> {
        let (messages, offers) = (usage.owed_messages.into(), usage.owed_offers.into());
        let mut spent = CarriedUsage {
            messages: self.messages.seconds_until_full(&usage.messages, messages),
            offers: self.offers.seconds_until_full(&usage.offers, offers),
            bytes: self
                .bytes
                .seconds_until_full(&usage.bytes, usage.owed_bytes),
            ..CarriedUsage::default()
        };
        if let Some(over_limit) = &usage.over_limit {
            spent.malformed = self.malformed.seconds_until_full(&over_limit.malformed, 0);
            spent.refusals = self.refusals.seconds_until_full(&over_limit.refusals, 0);
            let points = over_limit.score.points(now, self.score_half_life);
            // Above that the address gets a strike instead.
            if points <= self.score_max * HOSTILE_SHARE {
                spent.points = points.into();
            }
        }
        spent.is_significant().then_some(spent)
    }

    /// Returns the usage of a connection that continues an ended one. [`Self::charge_message`] makes it wait for its debt.
    pub fn restore_usage(&self, spent: &CarriedUsage, now: Duration) -> ConnectionUsage {
        let (messages, owed_messages) = self.messages.restore_level(spent.messages);
        let (offers, owed_offers) = self.offers.restore_level(spent.offers);
        let (bytes, owed_bytes) = self.bytes.restore_level(spent.bytes);
        let to_u16 = |owed: u32| u16::try_from(owed).unwrap_or(u16::MAX);
        let mut usage = ConnectionUsage {
            messages,
            offers,
            bytes,
            over_limit: None,
            owed_bytes,
            owed_offers: to_u16(owed_offers),
            owed_messages: to_u16(owed_messages),
        };
        if spent.has_violations() {
            let over_limit = usage.over_limit_mut();
            over_limit.last_over_at = now;
            (over_limit.malformed, _) = self.malformed.restore_level(spent.malformed);
            (over_limit.refusals, _) = self.refusals.restore_level(spent.refusals);
            #[expect(clippy::cast_possible_truncation, reason = "a few hundred at most")]
            let points = spent.points as f32;
            over_limit.score.add(points, now, self.score_half_life);
        }
        usage
    }

    /// Decides whether a message is served. `now` is the time of the clock.
    pub fn check_message(&self, usage: &mut ConnectionUsage, now: Duration) -> MessageVerdict {
        if let Some(over_limit) = &mut usage.over_limit
            && now.saturating_sub(over_limit.last_over_at) > CALM_PERIOD
        {
            over_limit.slowed_since = None;
            let idle = over_limit
                .score
                .age(now)
                .min(now.saturating_sub(over_limit.last_over_at));
            if idle > self.over_limit_retention {
                usage.over_limit = None;
            }
        }
        if let Some(pause) = self.charge_debt(usage) {
            return self.refuse(usage, pause.rate, now);
        }
        usage.owed_messages = 1;
        let slowed_since = usage
            .over_limit
            .as_ref()
            .and_then(|over_limit| over_limit.slowed_since);
        let patience_is_over =
            slowed_since.is_some_and(|since| now.saturating_sub(since) > self.patience);
        if patience_is_over && let Some(pause) = self.charge_debt(usage) {
            usage.owed_messages = 0;
            return self.refuse(usage, pause.rate, now);
        }
        MessageVerdict::Serve
    }

    fn refuse(
        &self,
        usage: &mut ConnectionUsage,
        rate: ConnectionRate,
        now: Duration,
    ) -> MessageVerdict {
        let over_limit = usage.over_limit_mut();
        over_limit.last_over_at = now;
        if self.refusals.take(&over_limit.refusals) {
            MessageVerdict::Refuse(rate)
        } else {
            MessageVerdict::Flood
        }
    }

    /// Charges a served message and its relayed offers. Returns how long reading must pause, at most
    /// `limits.delay_max`.
    pub fn charge_message(
        &self,
        usage: &mut ConnectionUsage,
        offers: u32,
        now: Duration,
    ) -> Option<ReadPause> {
        let offers = u16::try_from(offers).unwrap_or(u16::MAX);
        usage.owed_offers = usage.owed_offers.saturating_add(offers);
        let pause = self.charge_debt(usage)?;
        Some(self.slow_down(usage, pause, now))
    }

    /// Charges bytes that were read, whether or not they formed a message. Returns how long reading must pause for
    /// them. This stops floods of frames that never complete a message.
    pub fn charge_bytes(
        &self,
        usage: &mut ConnectionUsage,
        bytes: u32,
        now: Duration,
    ) -> Option<ReadPause> {
        usage.owed_bytes = usage.owed_bytes.saturating_add(bytes);
        let time = self
            .bytes
            .charge_debt(&usage.bytes, &mut usage.owed_bytes)?;
        let rate = ConnectionRate::Bytes;
        Some(self.slow_down(usage, ReadPause { rate, time }, now))
    }

    fn slow_down(&self, usage: &mut ConnectionUsage, pause: ReadPause, now: Duration) -> ReadPause {
        let over_limit = usage.over_limit_mut();
        over_limit.last_over_at = now;
        over_limit.slowed_since.get_or_insert(now);
        ReadPause {
            time: pause.time.min(self.delay_max),
            ..pause
        }
    }

    /// Counts a malformed message. Returns false if there are too many: the connection must close.
    pub fn allow_malformed(&self, usage: &mut ConnectionUsage) -> bool {
        self.malformed.take(&usage.over_limit_mut().malformed)
    }

    /// Records a violation. Returns false if the score is too high: the connection must close.
    pub fn allow_violation(
        &self,
        usage: &mut ConnectionUsage,
        violation: Violation,
        now: Duration,
    ) -> bool {
        let over_limit = usage.over_limit_mut();
        over_limit.violations.count(violation);
        let score = &mut over_limit.score;
        score.add(violation.points(), now, self.score_half_life) <= self.score_max
    }

    /// Returns the recorded violations of a connection and their consequences; `None` if there are none.
    pub fn abuse_report(&self, usage: &ConnectionUsage, now: Duration) -> Option<AbuseReport> {
        let over_limit = usage.over_limit.as_ref()?;
        let points = over_limit.score.points(now, self.score_half_life);
        let is_slowed = over_limit.slowed_since.is_some()
            && now.saturating_sub(over_limit.last_over_at) <= CALM_PERIOD;
        (points > 0.0 || is_slowed).then_some(AbuseReport {
            points,
            points_max: self.score_max,
            violations: over_limit.violations,
            is_slowed,
        })
    }

    /// Returns whether the address of an ended connection gets a strike: its score is over half of what closes a
    /// connection. So disconnecting just in time does not avoid the strike.
    pub fn is_hostile(&self, usage: &ConnectionUsage, now: Duration) -> bool {
        let score = usage.over_limit.as_ref().map(|over_limit| over_limit.score);
        score.is_some_and(|score| {
            score.points(now, self.score_half_life) > self.score_max * HOSTILE_SHARE
        })
    }

    /// Charges the debt as far as possible. Returns how long the rest must wait.
    fn charge_debt(&self, usage: &mut ConnectionUsage) -> Option<ReadPause> {
        let messages = self
            .messages
            .charge_small_debt(&usage.messages, &mut usage.owed_messages);
        let offers = self
            .offers
            .charge_small_debt(&usage.offers, &mut usage.owed_offers);
        let bytes = self.bytes.charge_debt(&usage.bytes, &mut usage.owed_bytes);
        let mut waits = [
            (messages, ConnectionRate::Messages),
            (offers, ConnectionRate::Offers),
            (bytes, ConnectionRate::Bytes),
        ];
        if waits.iter().all(|(wait, _)| wait.is_none()) {
            return None;
        }
        waits.sort_by_key(|(wait, _)| *wait);
        let [.., (time, rate)] = waits;
        time.map(|time| ReadPause { rate, time })
    }
}

#[cfg(test)]
mod tests;
