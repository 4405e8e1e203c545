//! Limits the resources of HTTP requests per address: processor time, bytes of unread responses, and slots.
//!
//! Shared by all workers, in shards; one shard is locked at a time. Stores hashes of addresses only, and reads no
//! clock: time is an argument. The HTTP layer calls it for each request; WebSocket messages do not use it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use super::{AddressKind, Key, Whence, shard};
use crate::config;

/// Number of shards, each behind its own lock.
const SHARDS: usize = 64;
/// Maximum number of pending history queries of one address: a dashboard sends them one after the other.
pub const ADDRESS_QUERIES_MAX: usize = 4;
/// Followers of the live statistics with the admin token, in addition to `limits.followers_max`.
pub const OPERATOR_FOLLOWERS_MAX: usize = 8;
/// Unread response bytes of requests with the admin token, in addition to `limits.response_bytes_max`: six of the
/// largest history responses.
pub const OPERATOR_RESPONSE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Factor by which the processor time of all requests with the admin token may exceed that of one address.
const OPERATOR_TIME_FACTOR: u32 = 4;
const NANOS_PER_SECOND: u128 = 1_000_000_000;
/// Percent of an address's processor time that the API and statistics may take. A page of another site can make a
/// browser request these. The rest is left for pages, announces and scrapes of the same address.
const API_PERCENT: u32 = 75;
/// How far the time of an address may be overdrawn: the cost of a request is known only afterwards.
const OVERDRAFT_MAX: Duration = Duration::from_mins(1);

/// A resource with a limit per address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// Bytes of unread responses: `limits.address_response_bytes_max`, `limits.response_bytes_max`.
    ResponseBytes,
    /// Slots of followers of the live statistics: `limits.address_followers_max`, `limits.followers_max`.
    Followers,
    /// Pending history queries: [`ADDRESS_QUERIES_MAX`]. The history bounds their total itself.
    Queries,
}

/// Which bound refuses a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoom {
    /// The bound of the address or its network.
    Address,
    /// The bound of all addresses together.
    All,
}

/// The processor-time budget that a request is charged to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payer {
    /// The budget of the client's address.
    Address(Whence),
    /// That budget, for the API and statistics, which may take only a part of it.
    Api(Whence),
    /// The separate budget of the client's address for health checks.
    Watcher(Whence),
    /// The common budget of requests with the admin token.
    Operator,
}

/// All addresses that used something recently.
#[derive(Debug)]
pub struct HttpUse {
    shards: Box<[Mutex<HashMap<Key, Record>>]>,
    known: AtomicUsize,
    /// Totals per [`Claimed`]: without the admin token, and with it.
    all: [AtomicUsize; 3],
    operator: [AtomicUsize; 3],
    operator_paid_at: Mutex<Duration>,
    policy: RwLock<Policy>,
}

/// From `limits.address_http_time_*`, `limits.*response_bytes_max`, `limits.*followers_max`, `limits.network_factor`,
/// `limits.private_factor` and `limits.addresses_max`.
#[derive(Debug, Clone, Copy)]
struct Policy {
    addresses_max: usize,
    network_factor: u32,
    private_factor: u32,
    /// Processor time of an address per second.
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

    /// Returns the factor by which the limits of an address exceed those of a public one.
    const fn factor_of(&self, keys: Whence) -> u32 {
        match keys.kind {
            AddressKind::Public => 1,
            AddressKind::Private => self.private_factor,
        }
    }

    /// Returns that factor for its network.
    const fn factor_around(&self, keys: Whence) -> u32 {
        self.factor_of(keys).saturating_mul(self.network_factor)
    }

    /// Returns the time in which `cost` of processor time is replenished, for a budget of `factor` addresses.
    fn paid_after(&self, cost: Duration, factor: u32) -> Duration {
        let per_second = self.time_per_second.as_nanos() * u128::from(factor);
        let nanos = cost.as_nanos().saturating_mul(NANOS_PER_SECOND) / per_second.max(1);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Returns the policy for the API's part of the budget.
    fn of_api(self) -> Self {
        let part = |time: Duration| time * API_PERCENT / 100;
        Self {
            time_per_second: part(self.time_per_second),
            burst: part(self.burst),
            ..self
        }
    }

    /// Returns how long a budget that is replenished at `paid_at` stays exhausted.
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

/// The usage of one address. Small, because every address with requests has one.
#[derive(Debug, Default)]
struct Record {
    /// When the processor time that it took is replenished.
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

/// A claimed amount of a resource, released when dropped.
#[derive(Debug)]
pub struct Claim {
    of: Arc<HttpUse>,
    what: Claimed,
    amount: usize,
    /// The keys under which it is counted.
    keys: [Option<Key>; 2],
    is_operators: bool,
}

impl Claim {
    /// Returns the amount.
    #[must_use]
    pub const fn amount(&self) -> usize {
        self.amount
    }

    /// Releases a part of it.
    pub fn release(&mut self, amount: usize) {
        let amount = amount.min(self.amount);
        self.amount -= amount;
        let index = self.what as usize;
        for key in self.keys.iter().flatten() {
            let mut shard = self.of.shard(*key).lock();
            if let Some(held) = shard
                .get_mut(key)
                .and_then(|record| record.claimed.get_mut(index))
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
    /// Creates an empty table.
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

    /// Applies new limits. Existing claims stay.
    pub fn retune(&self, limits: &config::Limits) {
        *self.policy.write() = Policy::new(limits);
    }

    /// Claims an amount of a resource. `None` is a client without limits of addresses.
    ///
    /// # Errors
    ///
    /// The amount exceeds a bound.
    pub fn claim(
        self: &Arc<Self>,
        what: Claimed,
        keys: Option<Whence>,
        amount: usize,
    ) -> Result<Claim, NoRoom> {
        let policy = *self.policy.read();
        let mut claim = self.claim_of_all(what, amount, false, &policy)?;
        let Some(keys) = keys else {
            return Ok(claim);
        };
        let index = what as usize;
        let most = policy.address_max.get(index).copied().unwrap_or_default();
        let own_max = most.saturating_mul(policy.factor_of(keys) as usize);
        let (own, fits) = self.with(keys.own, |record| add(record, index, amount, own_max));
        if !fits {
            return Err(NoRoom::Address);
        }
        claim.keys = [Some(own), None];
        // The overflow record has no network.
        let Some(wider) = keys.wider.filter(|_| own != Key::OTHERS) else {
            return Ok(claim);
        };
        let most = most.saturating_mul(policy.factor_around(keys) as usize);
        let (wider, fits) = self.with(wider, |record| add(record, index, amount, most));
        if !fits {
            return Err(NoRoom::Address);
        }
        claim.keys = [Some(own), Some(wider)];
        Ok(claim)
    }

    /// Claims an amount from the reserve of requests with the admin token.
    ///
    /// # Errors
    ///
    /// The amount exceeds the reserve.
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

    /// Returns the claimed total, with and without the admin token.
    #[must_use]
    pub fn claimed(&self, what: Claimed) -> usize {
        let totals = [false, true].map(|is_operators| self.total(what, is_operators));
        totals
            .into_iter()
            .flatten()
            .map(|total| total.load(Ordering::Relaxed))
            .sum()
    }

    /// Checks whether a budget has processor time left.
    ///
    /// # Errors
    ///
    /// The time after which it has.
    pub fn may_spend(&self, payer: Payer, now: Duration) -> Result<(), Duration> {
        let policy = *self.policy.read();
        let wait = match payer {
            Payer::Operator => {
                policy.wait(*self.operator_paid_at.lock(), OPERATOR_TIME_FACTOR, now)
            }
            Payer::Address(keys) => self.wait_of(keys, &policy, now, |record| record.paid_at),
            Payer::Api(keys) => {
                let api = self.wait_of(keys, &policy.of_api(), now, |record| record.api_paid_at);
                api.max(self.wait_of(keys, &policy, now, |record| record.paid_at))
            }
            Payer::Watcher(keys) => {
                self.wait_of(keys, &policy, now, |record| record.watcher_paid_at)
            }
        };
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }

    fn wait_of(
        &self,
        keys: Whence,
        policy: &Policy,
        now: Duration,
        paid_at: impl Fn(&Record) -> Duration,
    ) -> Duration {
        let own = self.known_or_others(keys.own, &paid_at);
        let wider = keys.wider.map_or(Duration::ZERO, |wider| {
            self.known_or_others(wider, &paid_at)
        });
        let own = policy.wait(own, policy.factor_of(keys), now);
        own.max(policy.wait(wider, policy.factor_around(keys), now))
    }

    /// Charges the processor time of a request.
    pub fn spend(&self, payer: Payer, cost: Duration, now: Duration) {
        let policy = *self.policy.read();
        let keys = match payer {
            Payer::Operator => {
                let paid_at = &mut *self.operator_paid_at.lock();
                return policy.charge(paid_at, cost, OPERATOR_TIME_FACTOR, now);
            }
            Payer::Address(keys) | Payer::Api(keys) | Payer::Watcher(keys) => keys,
        };
        let charged = [
            (Some(keys.own), policy.factor_of(keys)),
            (keys.wider, policy.factor_around(keys)),
        ];
        for (key, factor) in charged {
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

    /// Returns the number of shards for [`Self::tidy`].
    #[must_use]
    pub fn parts(&self) -> usize {
        self.shards.len()
    }

    /// Evicts the idle addresses of one shard.
    pub fn tidy(&self, number: usize, now: Duration) {
        let Some(shard) = self.shards.get(number) else {
            return;
        };
        let evicted = shard::retain(&mut shard.lock(), |record| !record.is_idle(now));
        self.known.fetch_sub(evicted, Ordering::Relaxed);
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

    /// Calls `act` with the record of a key and creates it if needed. Uses the overflow record if there are too many.
    /// Also returns the key of the record.
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

fn add(record: &mut Record, index: usize, amount: usize, most: usize) -> bool {
    let Some(held) = record.claimed.get_mut(index) else {
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
