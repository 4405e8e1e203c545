//! What requests over HTTP take of us, by address: processor time, bytes of responses that wait to be taken, and places.
//!
//! Shared by all workers, in shards of which one at a time is locked. Knows hashes of addresses only, and no clock: whoever asks
//! says how late it is. The HTTP layer asks for each request; messages of WebSockets never come here.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use super::{AddressKind, Key, Whence, shard};
use crate::config;

/// How many locks the addresses are divided into.
const SHARDS: usize = 64;
/// Questions to history of one address that may wait for their answer: a dashboard asks them one after the other.
pub const ADDRESS_QUERIES_MAX: usize = 4;
/// Followers of the live statistics with the admin token, beside those of `limits.followers_max`.
pub const OPERATOR_FOLLOWERS_MAX: usize = 8;
/// Bytes of responses to requests with the admin token that may wait, beside those of `limits.response_bytes_max`: six of the
/// largest answers of history.
pub const OPERATOR_RESPONSE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How many times as much processor time requests with the admin token may take, all together, as those of one address.
const OPERATOR_TIME_FACTOR: u32 = 4;
const NANOS_PER_SECOND: u128 = 1_000_000_000;
/// Percent of the processor time of an address that the API and statistics may take. A page of another site can make its
/// visitor's browser ask for these; the rest is left for pages, announces and scrapes of the same address.
const API_PERCENT: u32 = 75;
/// How far beyond its bound the time of an address may be overdrawn: what one request costs is known afterwards.
const OVERDRAFT_MAX: Duration = Duration::from_mins(1);

/// What an address may have only so much of at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// Bytes of responses that wait: `limits.address_response_bytes_max`, `limits.response_bytes_max`.
    ResponseBytes,
    /// Places of those who follow the live statistics: `limits.address_followers_max`, `limits.followers_max`.
    Followers,
    /// Questions to history: [`ADDRESS_QUERIES_MAX`]; for all together the history has a bound of its own.
    Queries,
}

/// Why there is no room for a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoom {
    /// The address, or its network, has as much as it may.
    Address,
    /// All together have.
    All,
}

/// Whose processor time a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payer {
    /// The address that sends it.
    Address(Whence),
    /// The same, for the API and statistics, which may take a part of it only.
    Api(Whence),
    /// The same, for requests that ask whether the server is well: these are paid for by themselves.
    Watcher(Whence),
    /// Whoever has shown the admin token.
    Operator,
}

/// All addresses that have had something lately.
#[derive(Debug)]
pub struct HttpUse {
    shards: Box<[Mutex<HashMap<Key, Record>>]>,
    known: AtomicUsize,
    /// By [`Claimed`]: of all strangers together, and with the admin token.
    all: [AtomicUsize; 3],
    operator: [AtomicUsize; 3],
    operator_paid_at: Mutex<Duration>,
    policy: RwLock<Policy>,
}

/// By `limits.address_http_time_*`, `limits.*response_bytes_max`, `limits.*followers_max`, `limits.network_factor`,
/// `limits.private_factor` and `limits.addresses_max`.
#[derive(Debug, Clone, Copy)]
struct Policy {
    addresses_max: usize,
    network_factor: u32,
    private_factor: u32,
    /// Processor time of an address in a second.
    time_per_second: Duration,
    burst: Duration,
    address_max: [usize; 3],
    all_max: [usize; 3],
    operator_max: [usize; 3],
}

impl Policy {
    fn new(limits: &config::Limits) -> Self {
        let followers_on = limits.followers_max > 0;
        let operator_followers = if followers_on {
            OPERATOR_FOLLOWERS_MAX
        } else {
            0
        };
        Self {
            addresses_max: limits.addresses_max,
            network_factor: limits.network_factor,
            private_factor: limits.private_factor,
            time_per_second: limits.address_http_time_per_second,
            burst: limits.address_http_time_burst,
            address_max: [
                limits.address_response_bytes_max,
                limits.address_followers_max,
                ADDRESS_QUERIES_MAX,
            ],
            all_max: [limits.response_bytes_max, limits.followers_max, usize::MAX],
            operator_max: [OPERATOR_RESPONSE_BYTES_MAX, operator_followers, usize::MAX],
        }
    }

    /// How many times as much an address may have as one on the internet.
    const fn factor_of(&self, whence: Whence) -> u32 {
        match whence.kind {
            AddressKind::Public => 1,
            AddressKind::Private => self.private_factor,
        }
    }

    /// The same for the network around it.
    const fn factor_around(&self, whence: Whence) -> u32 {
        self.factor_of(whence).saturating_mul(self.network_factor)
    }

    /// The time after which `cost` of processor time has come back, for somebody who may have `factor` times as much as an
    /// address.
    fn paid_after(&self, cost: Duration, factor: u32) -> Duration {
        let a_second = self.time_per_second.as_nanos() * u128::from(factor);
        let nanos = cost.as_nanos().saturating_mul(NANOS_PER_SECOND) / a_second.max(1);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The same, for what the API may take of it.
    fn of_api(self) -> Self {
        let part = |time: Duration| time * API_PERCENT / 100;
        Self {
            time_per_second: part(self.time_per_second),
            burst: part(self.burst),
            ..self
        }
    }

    /// For how much longer nothing more is to be had, if what was taken is paid for at `paid_at`.
    fn wait(&self, paid_at: Duration, factor: u32, now: Duration) -> Duration {
        let own = self.paid_after(self.burst.saturating_mul(factor), factor);
        paid_at.saturating_sub(now).saturating_sub(own)
    }

    fn charge(&self, paid_at: &mut Duration, cost: Duration, factor: u32, now: Duration) {
        let own = self.paid_after(self.burst.saturating_mul(factor), factor);
        let after = (*paid_at).max(now);
        let after = after.saturating_add(self.paid_after(cost, factor));
        *paid_at = after.min(now.saturating_add(own).saturating_add(OVERDRAFT_MAX));
    }
}

/// Small, as there is one for each address that asks something.
#[derive(Debug, Default)]
struct Record {
    /// When the processor time that it took has come back.
    paid_at: Duration,
    /// The same for the API alone, at its part of the rate.
    api_paid_at: Duration,
    watcher_paid_at: Duration,
    claimed: [usize; 3],
}

impl Record {
    fn is_idle(&self, now: Duration) -> bool {
        let paid_at = [self.paid_at, self.api_paid_at, self.watcher_paid_at];
        self.claimed == [0; 3] && paid_at.iter().all(|paid_at| *paid_at <= now)
    }
}

/// Something that is claimed, until it is dropped.
#[derive(Debug)]
pub struct Claim {
    of: Arc<HttpUse>,
    what: Claimed,
    amount: usize,
    /// Under which keys it is counted.
    keys: [Option<Key>; 2],
    is_operators: bool,
}

impl Claim {
    /// How much it is.
    #[must_use]
    pub const fn amount(&self) -> usize {
        self.amount
    }

    /// Gives a part of it back.
    pub fn release(&mut self, amount: usize) {
        let amount = amount.min(self.amount);
        self.amount -= amount;
        let place = self.what as usize;
        for key in self.keys.iter().flatten() {
            let mut shard = self.of.shard(*key).lock();
            if let Some(held) = shard
                .get_mut(key)
                .and_then(|record| record.claimed.get_mut(place))
            {
                *held = held.saturating_sub(amount);
            }
        }
        if let Some(all) = self.of.total(self.what, self.is_operators) {
            all.fetch_sub(amount, Ordering::Relaxed);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.release(self.amount);
    }
}

impl HttpUse {
    /// Nobody has anything yet.
    #[must_use]
    pub fn new(limits: &config::Limits) -> Arc<Self> {
        Arc::new(Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            known: AtomicUsize::new(0),
            all: Default::default(),
            operator: Default::default(),
            operator_paid_at: Mutex::default(),
            policy: RwLock::new(Policy::new(limits)),
        })
    }

    /// Goes by other limits from now on. What is claimed stays.
    pub fn retune(&self, limits: &config::Limits) {
        *self.policy.write() = Policy::new(limits);
    }

    /// Claims so much for somebody; `None` stands for one whom no limit of addresses applies to.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    pub fn claim(
        self: &Arc<Self>,
        what: Claimed,
        whence: Option<Whence>,
        amount: usize,
    ) -> Result<Claim, NoRoom> {
        let policy = *self.policy.read();
        let mut claim = self.claim_of_all(what, amount, false, &policy)?;
        let Some(whence) = whence else {
            return Ok(claim);
        };
        let place = what as usize;
        let most = policy.address_max.get(place).copied().unwrap_or_default();
        let own_max = most.saturating_mul(policy.factor_of(whence) as usize);
        let (own, fits) = self.with(whence.own, |record| add(record, place, amount, own_max));
        if !fits {
            return Err(NoRoom::Address);
        }
        claim.keys = [Some(own), None];
        // The others have no network in common.
        let Some(wider) = whence.wider.filter(|_| own != Key::OTHERS) else {
            return Ok(claim);
        };
        let most = most.saturating_mul(policy.factor_around(whence) as usize);
        let (wider, fits) = self.with(wider, |record| add(record, place, amount, most));
        if !fits {
            return Err(NoRoom::Address);
        }
        claim.keys = [Some(own), Some(wider)];
        Ok(claim)
    }

    /// Claims so much for who has shown the admin token, of what is kept for that.
    ///
    /// # Errors
    ///
    /// That is used up as well.
    pub fn claim_for_operator(
        self: &Arc<Self>,
        what: Claimed,
        amount: usize,
    ) -> Result<Claim, NoRoom> {
        let policy = *self.policy.read();
        self.claim_of_all(what, amount, true, &policy)
    }

    fn claim_of_all(
        self: &Arc<Self>,
        what: Claimed,
        amount: usize,
        is_operators: bool,
        policy: &Policy,
    ) -> Result<Claim, NoRoom> {
        let max = if is_operators {
            policy.operator_max
        } else {
            policy.all_max
        };
        let most = max.get(what as usize).copied().unwrap_or_default();
        let more = |held: usize| held.checked_add(amount).filter(|held| *held <= most);
        let total = self.total(what, is_operators).ok_or(NoRoom::All)?;
        total
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .map_err(|_| NoRoom::All)?;
        Ok(Claim {
            of: Arc::clone(self),
            what,
            amount,
            keys: [None, None],
            is_operators,
        })
    }

    /// How much of it all have together, with the admin token or without.
    #[must_use]
    pub fn claimed(&self, what: Claimed) -> usize {
        let totals = [false, true].map(|is_operators| self.total(what, is_operators));
        totals
            .into_iter()
            .flatten()
            .map(|total| total.load(Ordering::Relaxed))
            .sum()
    }

    /// Whether somebody may take more processor time.
    ///
    /// # Errors
    ///
    /// The time after which it may.
    pub fn may_spend(&self, payer: Payer, now: Duration) -> Result<(), Duration> {
        let policy = *self.policy.read();
        let wait = match payer {
            Payer::Operator => {
                policy.wait(*self.operator_paid_at.lock(), OPERATOR_TIME_FACTOR, now)
            }
            Payer::Address(whence) => self.wait_of(whence, &policy, now, |record| record.paid_at),
            Payer::Api(whence) => {
                let api = self.wait_of(whence, &policy.of_api(), now, |record| record.api_paid_at);
                api.max(self.wait_of(whence, &policy, now, |record| record.paid_at))
            }
            Payer::Watcher(whence) => {
                self.wait_of(whence, &policy, now, |record| record.watcher_paid_at)
            }
        };
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }

    fn wait_of(
        &self,
        whence: Whence,
        policy: &Policy,
        now: Duration,
        paid_at: impl Fn(&Record) -> Duration,
    ) -> Duration {
        let own = self.known_or_others(whence.own, &paid_at);
        let wider = whence.wider.map_or(Duration::ZERO, |wider| {
            self.known_or_others(wider, &paid_at)
        });
        let own = policy.wait(own, policy.factor_of(whence), now);
        own.max(policy.wait(wider, policy.factor_around(whence), now))
    }

    /// Takes note of processor time that a request took.
    pub fn spend(&self, payer: Payer, cost: Duration, now: Duration) {
        let policy = *self.policy.read();
        let whence = match payer {
            Payer::Operator => {
                let paid_at = &mut *self.operator_paid_at.lock();
                return policy.charge(paid_at, cost, OPERATOR_TIME_FACTOR, now);
            }
            Payer::Address(whence) | Payer::Api(whence) | Payer::Watcher(whence) => whence,
        };
        let keys = [
            (Some(whence.own), policy.factor_of(whence)),
            (whence.wider, policy.factor_around(whence)),
        ];
        for (key, factor) in keys {
            let Some(key) = key else { continue };
            self.with(key, |record| {
                if let Payer::Watcher(_) = payer {
                    return policy.charge(&mut record.watcher_paid_at, cost, factor, now);
                }
                policy.charge(&mut record.paid_at, cost, factor, now);
                if let Payer::Api(_) = payer {
                    let policy = policy.of_api();
                    policy.charge(&mut record.api_paid_at, cost, factor, now);
                }
            });
        }
    }

    /// How many parts [`Self::tidy`] divides the addresses into.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.shards.len()
    }

    /// Forgets those of one part that have nothing and owe nothing.
    pub fn tidy(&self, part: usize, now: Duration) {
        let Some(shard) = self.shards.get(part) else {
            return;
        };
        let gone = shard::retain(&mut shard.lock(), |record| !record.is_idle(now));
        self.known.fetch_sub(gone, Ordering::Relaxed);
    }

    fn total(&self, what: Claimed, is_operators: bool) -> Option<&AtomicUsize> {
        let totals = if is_operators {
            &self.operator
        } else {
            &self.all
        };
        totals.get(what as usize)
    }

    fn known_or_others(&self, key: Key, paid_at: impl Fn(&Record) -> Duration) -> Duration {
        if let Some(record) = self.shard(key).lock().get(&key) {
            return paid_at(record);
        }
        if self.known.load(Ordering::Relaxed) < self.policy.read().addresses_max {
            return Duration::ZERO;
        }
        let others = self.shard(Key::OTHERS).lock();
        others.get(&Key::OTHERS).map_or(Duration::ZERO, paid_at)
    }

    /// Calls `act` with the record of a key, made if need be; with that of the others if there are too many. Also gives the
    /// key it was.
    fn with<R>(&self, key: Key, act: impl FnOnce(&mut Record) -> R) -> (Key, R) {
        let mut shard = self.shard(key).lock();
        if let Some(record) = shard.get_mut(&key) {
            return (key, act(record));
        }
        if self.known.load(Ordering::Relaxed) < self.policy.read().addresses_max
            || key == Key::OTHERS
        {
            self.known.fetch_add(1, Ordering::Relaxed);
            return (key, act(shard.entry(key).or_default()));
        }
        drop(shard);
        self.with(Key::OTHERS, act)
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder of the length")]
    fn shard(&self, key: Key) -> &Mutex<HashMap<Key, Record>> {
        let number = usize::try_from(key.bits() % self.shards.len() as u64).unwrap_or(0);
        &self.shards[number]
    }
}

fn add(record: &mut Record, place: usize, amount: usize, most: usize) -> bool {
    let Some(held) = record.claimed.get_mut(place) else {
        return false;
    };
    let fits = held.checked_add(amount).is_some_and(|sum| sum <= most);
    if fits {
        *held += amount;
    }
    fits
}

#[cfg(test)]
#[path = "tests/http_use.rs"]
mod tests;
