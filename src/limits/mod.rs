//! Limits the rates of connections, addresses and origins. A client over its limits is first slowed down, then refused
//! with a readable reason. Only a flood closes its connection.
//!
//! Counts with governor's token buckets. Time is an argument; this module never sleeps or sends. The hub calls it when
//! a connection opens, before and after each message, and when it closes.

mod addresses;
mod bans;
mod bucket;
mod guesses;
mod holding;
mod http_use;
mod limited;
mod origins;
mod pace;
mod pressure;
mod score;
mod shard;
mod share;
mod spent;
mod time;
mod tokens;
mod visit;

use std::num::NonZeroU32;
use std::time::Duration;

use governor::Quota;
use governor::clock::Clock;

use crate::config;
use bucket::{Bucket, Level};
use score::{Held, Score};

pub use addresses::{Addresses, HandshakeCharge, PageKeys, Struck};
pub use bans::{Ban, Bans, Offence};
pub use guesses::{Guesses, TooManyWrong};
pub use holding::{Holding, choose as choose_holders};
pub use http_use::{
    ADDRESS_QUERIES_MAX, Claim, Claimed, HttpUse, NoRoom, OPERATOR_FOLLOWERS_MAX,
    OPERATOR_RESPONSE_BYTES_MAX, Payer,
};
pub use limited::Limited;
pub use origins::{OriginCount, OriginFull, Origins, Place};
pub use pace::Pace;
pub use pressure::{KERNEL_BYTES_PER_BLOCKED, Pressure, Step};
pub use score::{Grudge, Misdeed};
pub use share::{Portion, Share};
pub use spent::Spent;
pub use time::CachedTime;
pub use tokens::Tokens;
pub use visit::{AddressKind, Group, Key, OriginId, Visit, Whence};

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
    score_max: f32,
    score_half_life: Duration,
}

impl Policy {
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
pub enum Rate {
    /// `limits.messages_per_second`
    Messages,
    /// `limits.offers_per_second`
    Offers,
    /// `limits.bytes_per_second`
    Bytes,
}

/// How long reading from a connection pauses, and for which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// The exceeded limit that takes longest to recover.
    pub rate: Rate,
    /// At most `limits.delay_max`.
    pub time: Duration,
}

/// Whether a message is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Serve it.
    Serve,
    /// Answer it with a failure, because of this limit.
    Refuse(Rate),
    /// Close the connection: it continued after `limits.refusals_per_minute_max` refusals.
    Flood,
}

/// A connection that stays within its limits for this long regains its `limits.patience`.
const CALM: Duration = Duration::from_secs(2);
/// The share of `bans.connection_score_max` above which an ended connection gets a strike, however it ended.
const HOSTILE_SHARE: f32 = 0.5;
/// Number of half-lives after which a score is forgotten.
const HALF_LIVES: u32 = 10;
/// Minimum time for which a connection that was over a limit is remembered: all buckets per minute refill in it.
const TROUBLE_KEPT_MIN: Duration = Duration::from_mins(5);

/// The rate-limit usage of one connection. Small, because every connection has one.
#[derive(Debug, Default)]
pub struct Usage {
    messages: Level,
    offers: Level,
    bytes: Level,
    /// Allocated on first use, because few connections need it.
    trouble: Option<Box<Trouble>>,
    /// Bytes served but not yet charged to the bucket; reading pauses until they are.
    owed_bytes: u32,
    owed_offers: u16,
    owed_messages: u16,
}

const _: () = assert!(size_of::<Usage>() == 40);

/// The state of a connection that was over a limit.
#[derive(Debug, Default)]
struct Trouble {
    malformed: Level,
    refusals: Level,
    /// When it was first slowed since it was last calm.
    slowed_since: Option<Duration>,
    /// When it was last over a limit.
    over_at: Duration,
    /// Points for hostile behaviour.
    score: Score,
    /// The violations behind the score.
    held: Held,
}

impl Usage {
    /// Returns whether it was over a limit or had a violation recently.
    #[must_use]
    pub const fn was_in_trouble(&self) -> bool {
        self.trouble.is_some()
    }

    fn trouble(&mut self) -> &mut Trouble {
        self.trouble.get_or_insert_default()
    }
}

/// Enforces the rate limits of the connections of one worker.
#[derive(Debug)]
pub struct Limiter<C: Clock> {
    messages: Bucket<C>,
    offers: Bucket<C>,
    bytes: Bucket<C>,
    malformed: Bucket<C>,
    refusals: Bucket<C>,
    delay_max: Duration,
    patience: Duration,
    score_max: f32,
    score_half_life: Duration,
    trouble_kept: Duration,
}

impl<C: Clock + Clone> Limiter<C> {
    /// Creates a limiter with the limits of `policy` and the time of `clock`.
    #[must_use]
    pub fn new(policy: &Policy, clock: &C) -> Self {
        Self {
            messages: Bucket::new(policy.messages, clock),
            offers: Bucket::new(policy.offers, clock),
            bytes: Bucket::new(policy.bytes, clock),
            malformed: Bucket::new(policy.malformed, clock),
            refusals: Bucket::new(policy.refusals, clock),
            delay_max: policy.delay_max,
            patience: policy.patience,
            score_max: policy.score_max,
            score_half_life: policy.score_half_life,
            trouble_kept: (policy.score_half_life * HALF_LIVES).max(TROUBLE_KEPT_MIN),
        }
    }

    /// Converts usage under these limits to usage under `others`, on the same clock, without loss or gain.
    pub fn carry_over(&self, usage: &mut Usage, others: &Self) {
        self.messages.carry_over(&usage.messages, &others.messages);
        self.offers.carry_over(&usage.offers, &others.offers);
        self.bytes.carry_over(&usage.bytes, &others.bytes);
        if let Some(over_limit) = &usage.trouble {
            self.malformed
                .carry_over(&over_limit.malformed, &others.malformed);
            self.refusals
                .carry_over(&over_limit.refusals, &others.refusals);
        }
    }

    /// Returns the usage that an ended connection leaves to its address; `None` if it has used nothing.
    pub fn spent(&self, usage: &Usage, now: Duration) -> Option<Spent> {
        let (messages, offers) = (usage.owed_messages.into(), usage.owed_offers.into());
        let mut spent = Spent {
            messages: self.messages.until_full(&usage.messages, messages),
            offers: self.offers.until_full(&usage.offers, offers),
            bytes: self.bytes.until_full(&usage.bytes, usage.owed_bytes),
            ..Spent::default()
        };
        if let Some(over_limit) = &usage.trouble {
            spent.malformed = self.malformed.until_full(&over_limit.malformed, 0);
            spent.refusals = self.refusals.until_full(&over_limit.refusals, 0);
            let points = over_limit.score.points(now, self.score_half_life);
            // Above that the address gets a strike instead.
            if points <= self.score_max * HOSTILE_SHARE {
                spent.points = points.into();
            }
        }
        spent.is_worth_keeping().then_some(spent)
    }

    /// Returns the usage of a connection that continues an ended one. [`Self::charge`] makes it wait for its debt.
    pub fn begin(&self, spent: &Spent, now: Duration) -> Usage {
        let (messages, owed_messages) = self.messages.begin(spent.messages);
        let (offers, owed_offers) = self.offers.begin(spent.offers);
        let (bytes, owed_bytes) = self.bytes.begin(spent.bytes);
        let to_u16 = |owed: u32| u16::try_from(owed).unwrap_or(u16::MAX);
        let mut usage = Usage {
            messages,
            offers,
            bytes,
            trouble: None,
            owed_bytes,
            owed_offers: to_u16(owed_offers),
            owed_messages: to_u16(owed_messages),
        };
        if spent.has_trouble() {
            let over_limit = usage.trouble();
            over_limit.over_at = now;
            (over_limit.malformed, _) = self.malformed.begin(spent.malformed);
            (over_limit.refusals, _) = self.refusals.begin(spent.refusals);
            #[expect(clippy::cast_possible_truncation, reason = "a few hundred at most")]
            let points = spent.points as f32;
            over_limit.score.add(points, now, self.score_half_life);
        }
        usage
    }

    /// Decides whether a message is served. `now` is the time of the clock.
    pub fn admit(&self, usage: &mut Usage, now: Duration) -> Admission {
        if let Some(over_limit) = &mut usage.trouble
            && now.saturating_sub(over_limit.over_at) > CALM
        {
            over_limit.slowed_since = None;
            let idle = over_limit
                .score
                .age(now)
                .min(now.saturating_sub(over_limit.over_at));
            if idle > self.trouble_kept {
                usage.trouble = None;
            }
        }
        if let Some(pause) = self.settle(usage) {
            return self.refuse(usage, pause.rate, now);
        }
        usage.owed_messages = 1;
        let slowed_since = usage.trouble.as_ref().and_then(|known| known.slowed_since);
        let patience_is_over =
            slowed_since.is_some_and(|since| now.saturating_sub(since) > self.patience);
        if patience_is_over && let Some(pause) = self.settle(usage) {
            usage.owed_messages = 0;
            return self.refuse(usage, pause.rate, now);
        }
        Admission::Serve
    }

    fn refuse(&self, usage: &mut Usage, rate: Rate, now: Duration) -> Admission {
        let over_limit = usage.trouble();
        over_limit.over_at = now;
        if self.refusals.take(&over_limit.refusals) {
            Admission::Refuse(rate)
        } else {
            Admission::Flood
        }
    }

    /// Charges a served message and its relayed offers. Returns how long reading must pause, at most
    /// `limits.delay_max`.
    pub fn charge(&self, usage: &mut Usage, offers: u32, now: Duration) -> Option<Pause> {
        let offers = u16::try_from(offers).unwrap_or(u16::MAX);
        usage.owed_offers = usage.owed_offers.saturating_add(offers);
        let pause = self.settle(usage)?;
        Some(self.slow_down(usage, pause, now))
    }

    /// Charges bytes that were read, whether or not they formed a message. Returns how long reading must pause for
    /// them. This stops floods of frames that never complete a message.
    pub fn charge_bytes(&self, usage: &mut Usage, bytes: u32, now: Duration) -> Option<Pause> {
        usage.owed_bytes = usage.owed_bytes.saturating_add(bytes);
        let time = self.bytes.pay(&usage.bytes, &mut usage.owed_bytes)?;
        let rate = Rate::Bytes;
        Some(self.slow_down(usage, Pause { rate, time }, now))
    }

    fn slow_down(&self, usage: &mut Usage, pause: Pause, now: Duration) -> Pause {
        let over_limit = usage.trouble();
        over_limit.over_at = now;
        over_limit.slowed_since.get_or_insert(now);
        Pause {
            time: pause.time.min(self.delay_max),
            ..pause
        }
    }

    /// Counts a malformed message. Returns false if there are too many: the connection must close.
    pub fn allow_malformed(&self, usage: &mut Usage) -> bool {
        self.malformed.take(&usage.trouble().malformed)
    }

    /// Records a violation. Returns false if the score is too high: the connection must close.
    pub fn allow_offence(&self, usage: &mut Usage, violation: Misdeed, now: Duration) -> bool {
        let over_limit = usage.trouble();
        over_limit.held.count(violation);
        let score = &mut over_limit.score;
        score.add(violation.points(), now, self.score_half_life) <= self.score_max
    }

    /// Returns the recorded violations of a connection and their consequences; `None` if there are none.
    pub fn grudge(&self, usage: &Usage, now: Duration) -> Option<Grudge> {
        let over_limit = usage.trouble.as_ref()?;
        let points = over_limit.score.points(now, self.score_half_life);
        let is_slowed =
            over_limit.slowed_since.is_some() && now.saturating_sub(over_limit.over_at) <= CALM;
        (points > 0.0 || is_slowed).then_some(Grudge {
            points,
            points_max: self.score_max,
            held: over_limit.held,
            is_slowed,
        })
    }

    /// Returns whether the address of an ended connection gets a strike: its score is over half of what closes a
    /// connection. So disconnecting just in time does not avoid the strike.
    pub fn is_hostile(&self, usage: &Usage, now: Duration) -> bool {
        let score = usage.trouble.as_ref().map(|over_limit| over_limit.score);
        score.is_some_and(|score| {
            score.points(now, self.score_half_life) > self.score_max * HOSTILE_SHARE
        })
    }

    /// Charges the debt as far as possible. Returns how long the rest must wait.
    fn settle(&self, usage: &mut Usage) -> Option<Pause> {
        let messages = self
            .messages
            .pay_few(&usage.messages, &mut usage.owed_messages);
        let offers = self.offers.pay_few(&usage.offers, &mut usage.owed_offers);
        let bytes = self.bytes.pay(&usage.bytes, &mut usage.owed_bytes);
        let mut waits = [
            (messages, Rate::Messages),
            (offers, Rate::Offers),
            (bytes, Rate::Bytes),
        ];
        if waits.iter().all(|(wait, _)| wait.is_none()) {
            return None;
        }
        waits.sort_by_key(|(wait, _)| *wait);
        let [.., (time, rate)] = waits;
        time.map(|time| Pause { rate, time })
    }
}

#[cfg(test)]
mod tests;
