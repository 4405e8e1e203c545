//! How fast one connection, one address and one site may go, and what happens beyond: first slower, then refused with a
//! reason that can be read, and only a flood ends it.
//!
//! Counts with governor's token buckets on a time that is handed in; sleeps and sends nothing. The hub asks when a connection
//! comes, before and after each message, and when it ends.

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
    /// Takes `limits.*`, `bans.connection_score_*` and `connection.malformed_per_minute_max`.
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

/// What a connection may send only so much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// `limits.messages_per_second`
    Messages,
    /// `limits.offers_per_second`
    Offers,
    /// `limits.bytes_per_second`
    Bytes,
}

/// How long a connection shall not be read, and over which limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// The limit that takes longest to be kept again.
    pub rate: Rate,
    /// At most `limits.delay_max`.
    pub time: Duration,
}

/// Whether a message is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is.
    Serve,
    /// It is answered with a failure, because of this limit.
    Refuse(Rate),
    /// The connection is to be closed: `limits.refusals_per_minute_max` refusals have not stopped it.
    Flood,
}

/// A connection that has kept within its limits for this long has its `limits.patience` back.
const CALM: Duration = Duration::from_secs(2);
/// The share of `bans.connection_score_max` that counts as a strike even of a connection that ended by itself.
const HOSTILE_SHARE: f32 = 0.5;
/// After so many half-lives nothing is left of a score.
const HALF_LIVES: u32 = 10;
/// At least so long is remembered that a connection was over a limit: all buckets by the minute are full again.
const TROUBLE_KEPT_MIN: Duration = Duration::from_mins(5);

/// How much of its limits one connection has used. Small, as there is one for each.
#[derive(Debug, Default)]
pub struct Usage {
    messages: Level,
    offers: Level,
    bytes: Level,
    /// Made when first needed, as few connections ever do.
    trouble: Option<Box<Trouble>>,
    /// Served, but not yet paid for: reading pauses until it is.
    owed_bytes: u32,
    owed_offers: u16,
    owed_messages: u16,
}

const _: () = assert!(size_of::<Usage>() == 40);

/// What is known of a connection that was over a limit once.
#[derive(Debug, Default)]
struct Trouble {
    malformed: Level,
    refusals: Level,
    /// When it began to be slowed, if it has not been calm since.
    slowed_since: Option<Duration>,
    /// When it was last over a limit.
    over_at: Duration,
    /// For hostile behaviour.
    score: Score,
    /// What the score came from.
    held: Held,
}

impl Usage {
    /// Whether it was over a limit, or did something wrong, not long ago.
    #[must_use]
    pub const fn was_in_trouble(&self) -> bool {
        self.trouble.is_some()
    }

    fn trouble(&mut self) -> &mut Trouble {
        self.trouble.get_or_insert_default()
    }
}

/// Holds the connections of one worker to their limits.
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
    /// By `policy`, on the time of `clock`.
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

    /// Makes what a connection has used up under these limits count under `others`, on the same clock: no less and no
    /// more than that.
    pub fn carry_over(&self, usage: &mut Usage, others: &Self) {
        self.messages.carry_over(&usage.messages, &others.messages);
        self.offers.carry_over(&usage.offers, &others.offers);
        self.bytes.carry_over(&usage.bytes, &others.bytes);
        if let Some(trouble) = &usage.trouble {
            self.malformed
                .carry_over(&trouble.malformed, &others.malformed);
            self.refusals
                .carry_over(&trouble.refusals, &others.refusals);
        }
    }

    /// What an ending connection has used up of its limits; `None` if nothing.
    pub fn spent(&self, usage: &Usage, now: Duration) -> Option<Spent> {
        let (messages, offers) = (usage.owed_messages.into(), usage.owed_offers.into());
        let mut spent = Spent {
            messages: self.messages.until_full(&usage.messages, messages),
            offers: self.offers.until_full(&usage.offers, offers),
            bytes: self.bytes.until_full(&usage.bytes, usage.owed_bytes),
            ..Spent::default()
        };
        if let Some(trouble) = &usage.trouble {
            spent.malformed = self.malformed.until_full(&trouble.malformed, 0);
            spent.refusals = self.refusals.until_full(&trouble.refusals, 0);
            let points = trouble.score.points(now, self.score_half_life);
            // For more its address gets a strike.
            if points <= self.score_max * HOSTILE_SHARE {
                spent.points = points.into();
            }
        }
        spent.is_worth_keeping().then_some(spent)
    }

    /// What a connection has used up that goes on where another has ended. What it owes, [`Self::charge`] has it wait for.
    pub fn begin(&self, spent: &Spent, now: Duration) -> Usage {
        let (messages, owed_messages) = self.messages.begin(spent.messages);
        let (offers, owed_offers) = self.offers.begin(spent.offers);
        let (bytes, owed_bytes) = self.bytes.begin(spent.bytes);
        let few = |owed: u32| u16::try_from(owed).unwrap_or(u16::MAX);
        let mut usage = Usage {
            messages,
            offers,
            bytes,
            trouble: None,
            owed_bytes,
            owed_offers: few(owed_offers),
            owed_messages: few(owed_messages),
        };
        if spent.has_trouble() {
            let trouble = usage.trouble();
            trouble.over_at = now;
            (trouble.malformed, _) = self.malformed.begin(spent.malformed);
            (trouble.refusals, _) = self.refusals.begin(spent.refusals);
            #[expect(clippy::cast_possible_truncation, reason = "a few hundred at most")]
            let points = spent.points as f32;
            trouble.score.add(points, now, self.score_half_life);
        }
        usage
    }

    /// Asked before a message is served. `now` is the time of the clock.
    pub fn admit(&self, usage: &mut Usage, now: Duration) -> Admission {
        if let Some(trouble) = &mut usage.trouble
            && now.saturating_sub(trouble.over_at) > CALM
        {
            trouble.slowed_since = None;
            let quiet = trouble
                .score
                .age(now)
                .min(now.saturating_sub(trouble.over_at));
            if quiet > self.trouble_kept {
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
        let trouble = usage.trouble();
        trouble.over_at = now;
        if self.refusals.take(&trouble.refusals) {
            Admission::Refuse(rate)
        } else {
            Admission::Flood
        }
    }

    /// Told after a message was served, and how many offers were relayed for it. `Some` is how long the connection
    /// shall not be read, at most `limits.delay_max`.
    pub fn charge(&self, usage: &mut Usage, offers: u32, now: Duration) -> Option<Pause> {
        let offers = u16::try_from(offers).unwrap_or(u16::MAX);
        usage.owed_offers = usage.owed_offers.saturating_add(offers);
        let pause = self.settle(usage)?;
        Some(self.slow_down(usage, pause, now))
    }

    /// Told how many bytes were read, whether they made a message or not; `Some` is how long the connection shall not be
    /// read because of them. This is what stops floods of frames that never become a message.
    pub fn charge_bytes(&self, usage: &mut Usage, bytes: u32, now: Duration) -> Option<Pause> {
        usage.owed_bytes = usage.owed_bytes.saturating_add(bytes);
        let time = self.bytes.pay(&usage.bytes, &mut usage.owed_bytes)?;
        let rate = Rate::Bytes;
        Some(self.slow_down(usage, Pause { rate, time }, now))
    }

    fn slow_down(&self, usage: &mut Usage, pause: Pause, now: Duration) -> Pause {
        let trouble = usage.trouble();
        trouble.over_at = now;
        trouble.slowed_since.get_or_insert(now);
        Pause {
            time: pause.time.min(self.delay_max),
            ..pause
        }
    }

    /// Counts a malformed message. False if there are too many: the connection is to be closed.
    pub fn allow_malformed(&self, usage: &mut Usage) -> bool {
        self.malformed.take(&usage.trouble().malformed)
    }

    /// Holds something against a connection. False if it is too much together: the connection is to be closed.
    pub fn allow_offence(&self, usage: &mut Usage, misdeed: Misdeed, now: Duration) -> bool {
        let trouble = usage.trouble();
        trouble.held.count(misdeed);
        let score = &mut trouble.score;
        score.add(misdeed.points(), now, self.score_half_life) <= self.score_max
    }

    /// What is held against a connection, and what is done about it; `None` if there is nothing.
    pub fn grudge(&self, usage: &Usage, now: Duration) -> Option<Grudge> {
        let trouble = usage.trouble.as_ref()?;
        let points = trouble.score.points(now, self.score_half_life);
        let is_slowed =
            trouble.slowed_since.is_some() && now.saturating_sub(trouble.over_at) <= CALM;
        (points > 0.0 || is_slowed).then_some(Grudge {
            points,
            points_max: self.score_max,
            held: trouble.held,
            is_slowed,
        })
    }

    /// Whether so much is held against a connection that its address has to answer for it, however it ended: half of what
    /// would have closed it. Who hangs up just in time is not better than who is closed.
    pub fn is_hostile(&self, usage: &Usage, now: Duration) -> bool {
        let score = usage.trouble.as_ref().map(|trouble| trouble.score);
        score.is_some_and(|score| {
            score.points(now, self.score_half_life) > self.score_max * HOSTILE_SHARE
        })
    }

    /// Pays what is owed as far as possible; `Some` is when the rest can be paid.
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
