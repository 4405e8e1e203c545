//! Limits the resources of HTTP requests per address: processor time, bytes of unread responses, and slots.
//!
//! Shared by all workers, in shards; one shard is locked at a time. Stores hashes of addresses only, and reads no
//! clock: time is an argument. The HTTP layer calls it for each request; WebSocket messages do not use it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::{AddressKind, LivePolicy, RateKey, RateKeys, shard};
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
const API_TIME_PERCENT: u32 = 75;
/// How far the time of an address may be overdrawn: the cost of a request is known only afterwards.
const OVERDRAFT_MAX: Duration = Duration::from_mins(1);

/// A resource with a limit per address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpResource {
    /// Bytes of unread responses: `limits.address_response_bytes_max`, `limits.response_bytes_max`.
    ResponseBytes,
    /// Slots of followers of the live statistics: `limits.address_followers_max`, `limits.followers_max`.
    Followers,
    /// Pending history queries: [`ADDRESS_QUERIES_MAX`]. The history bounds their total itself.
    HistoryQueries,
}

/// Which bound refuses a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaExceeded {
    /// The bound of the address or its network.
    Address,
    /// The bound of all addresses together.
    All,
}

/// The processor-time budget that a request is charged to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CpuBudget {
    /// The budget of the client's address.
    Address(RateKeys),
    /// That budget, for the API and statistics, which may take only a part of it.
    Api(RateKeys),
    /// The separate budget of the client's address for health checks.
    HealthCheck(RateKeys),
    /// The common budget of requests with the admin token.
    Operator,
}

/// All addresses that used something recently.
#[derive(Debug)]
pub struct HttpUsage {
    shards: Box<[Mutex<HashMap<RateKey, HttpUsageRecord>>]>,
    record_count: AtomicUsize,
    /// Totals per [`HttpResource`]: without the admin token, and with it.
    totals: [AtomicUsize; 3],
    operator_totals: [AtomicUsize; 3],
    operator_replenished_at: Mutex<Duration>,
    policy: LivePolicy<HttpUsagePolicy>,
}

/// From `limits.address_http_time_*`, `limits.*response_bytes_max`, `limits.*followers_max`, `limits.network_factor`,
/// `limits.private_factor` and `limits.addresses_max`.
#[derive(Debug, Clone, Copy)]
pub struct HttpUsagePolicy {
    addresses_max: usize,
    network_factor: u32,
    private_factor: u32,
    /// Processor time of an address per second.
    time_per_second: Duration,
    time_burst: Duration,
    address_max: [usize; 3],
    total_max: [usize; 3],
    operator_max: [usize; 3],
}

impl HttpUsagePolicy {
    /// Creates the policy from the settings.
    #[must_use]
    pub fn new(limits: &config::Limits) -> Self {
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
            time_burst: limits.address_http_time_burst,
            address_max: [
                limits.address_response_bytes_max,
                limits.address_followers_max,
                ADDRESS_QUERIES_MAX,
            ],
            total_max: [limits.response_bytes_max, limits.followers_max, usize::MAX],
            operator_max: [OPERATOR_RESPONSE_BYTES_MAX, operator_followers, usize::MAX],
        }
    }

    /// Returns the factor by which the limits of an address exceed those of a public one.
    const fn factor_of(&self, keys: RateKeys) -> u32 {
        match keys.kind {
            AddressKind::Public => 1,
            AddressKind::Private => self.private_factor,
        }
    }

    /// Returns that factor for its network.
    const fn network_factor_of(&self, keys: RateKeys) -> u32 {
        self.factor_of(keys).saturating_mul(self.network_factor)
    }

    /// Returns the time in which `cost` of processor time is replenished, for a budget of `factor` addresses.
    fn replenish_time(&self, cost: Duration, factor: u32) -> Duration {
        let per_second = self.time_per_second.as_nanos() * u128::from(factor);
        let nanos = cost.as_nanos().saturating_mul(NANOS_PER_SECOND) / per_second.max(1);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Returns the policy for the API's part of the budget.
    fn for_api(self) -> Self {
        let api_part = |time: Duration| time * API_TIME_PERCENT / 100;
        Self {
            time_per_second: api_part(self.time_per_second),
            time_burst: api_part(self.time_burst),
            ..self
        }
    }

    /// Returns how long a budget that is replenished at `replenished_at` stays exhausted.
    fn wait(&self, replenished_at: Duration, factor: u32, now: Duration) -> Duration {
        let burst_time = self.replenish_time(self.time_burst.saturating_mul(factor), factor);
        replenished_at
            .saturating_sub(now)
            .saturating_sub(burst_time)
    }

    fn charge(&self, replenished_at: &mut Duration, cost: Duration, factor: u32, now: Duration) {
        let burst_time = self.replenish_time(self.time_burst.saturating_mul(factor), factor);
        let after = (*replenished_at).max(now);
        let after = after.saturating_add(self.replenish_time(cost, factor));
        *replenished_at = after.min(now.saturating_add(burst_time).saturating_add(OVERDRAFT_MAX));
    }
}

/// The usage of one address. Small, because every address with requests has one.
#[derive(Debug, Default)]
struct HttpUsageRecord {
    /// When the processor time that it took is replenished.
    replenished_at: Duration,
    /// The same for the API alone, at its part of the rate.
    api_replenished_at: Duration,
    health_check_replenished_at: Duration,
    claimed: [usize; 3],
}

impl HttpUsageRecord {
    fn is_idle(&self, now: Duration) -> bool {
        let replenished_at = [
            self.replenished_at,
            self.api_replenished_at,
            self.health_check_replenished_at,
        ];
        self.claimed == [0; 3]
            && replenished_at
                .iter()
                .all(|replenished_at| *replenished_at <= now)
    }
}

/// A claimed amount of a resource, released when dropped.
#[derive(Debug)]
pub struct ResourceClaim {
    owner: Arc<HttpUsage>,
    resource: HttpResource,
    amount: usize,
    /// The keys under which it is counted.
    keys: [Option<RateKey>; 2],
    is_operator: bool,
}

impl ResourceClaim {
    /// Returns the amount.
    #[must_use]
    pub const fn amount(&self) -> usize {
        self.amount
    }

    /// Releases a part of it.
    pub fn release(&mut self, amount: usize) {
        let amount = amount.min(self.amount);
        self.amount -= amount;
        let index = self.resource as usize;
        for key in self.keys.iter().flatten() {
            let mut shard = self.owner.shard(*key).lock();
            if let Some(held) = shard
                .get_mut(key)
                .and_then(|record| record.claimed.get_mut(index))
            {
                *held = held.saturating_sub(amount);
            }
        }
        if let Some(all) = self.owner.total(self.resource, self.is_operator) {
            all.fetch_sub(amount, Ordering::Relaxed);
        }
    }
}

impl Drop for ResourceClaim {
    fn drop(&mut self) {
        self.release(self.amount);
    }
}

impl HttpUsage {
    /// Creates an empty table. A change of the policy leaves existing claims.
    #[must_use]
    pub fn new(policy: impl Into<LivePolicy<HttpUsagePolicy>>) -> Arc<Self> {
        Arc::new(Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            record_count: AtomicUsize::new(0),
            totals: Default::default(),
            operator_totals: Default::default(),
            operator_replenished_at: Mutex::default(),
            policy: policy.into(),
        })
    }

    /// Claims an amount of a resource. `None` is a client without limits of addresses.
    ///
    /// # Errors
    ///
    /// The amount exceeds a bound.
    pub fn claim(
        self: &Arc<Self>,
        what: HttpResource,
        keys: Option<RateKeys>,
        amount: usize,
    ) -> Result<ResourceClaim, QuotaExceeded> {
        let policy = self.policy.get();
        let mut claim = self.claim_total(what, amount, false, &policy)?;
        let Some(keys) = keys else {
            return Ok(claim);
        };
        let index = what as usize;
        let max = policy.address_max.get(index).copied().unwrap_or_default();
        let address_max = max.saturating_mul(policy.factor_of(keys) as usize);
        let network_max = max.saturating_mul(policy.network_factor_of(keys) as usize);
        let (key, is_added) = self.with_record(keys.address, |record| {
            try_add(record, index, amount, address_max)
        });
        if !is_added {
            return Err(QuotaExceeded::Address);
        }
        claim.keys = [Some(key), None];
        // The overflow record has no network.
        let Some(network_key) = keys.network.filter(|_| key != RateKey::OVERFLOW) else {
            return Ok(claim);
        };
        let (network_key, is_added) = self.with_record(network_key, |record| {
            try_add(record, index, amount, network_max)
        });
        if !is_added {
            return Err(QuotaExceeded::Address);
        }
        claim.keys = [Some(key), Some(network_key)];
        Ok(claim)
    }

    /// Claims an amount from the reserve of requests with the admin token.
    ///
    /// # Errors
    ///
    /// The amount exceeds the reserve.
    pub fn claim_for_operator(
        self: &Arc<Self>,
        what: HttpResource,
        amount: usize,
    ) -> Result<ResourceClaim, QuotaExceeded> {
        let policy = self.policy.get();
        self.claim_total(what, amount, true, &policy)
    }

    fn claim_total(
        self: &Arc<Self>,
        what: HttpResource,
        amount: usize,
        is_operators: bool,
        policy: &HttpUsagePolicy,
    ) -> Result<ResourceClaim, QuotaExceeded> {
        let max = if is_operators {
            policy.operator_max
        } else {
            policy.total_max
        };
        let max = max.get(what as usize).copied().unwrap_or_default();
        let add = |claimed: usize| claimed.checked_add(amount).filter(|sum| *sum <= max);
        let total = self.total(what, is_operators).ok_or(QuotaExceeded::All)?;
        total
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add)
            .map_err(|_| QuotaExceeded::All)?;
        Ok(ResourceClaim {
            owner: Arc::clone(self),
            resource: what,
            amount,
            keys: [None, None],
            is_operator: is_operators,
        })
    }

    /// Returns the claimed total, with and without the admin token.
    #[must_use]
    pub fn claimed_total(&self, what: HttpResource) -> usize {
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
    pub fn check_cpu_time(&self, budget: CpuBudget, now: Duration) -> Result<(), Duration> {
        let policy = self.policy.get();
        let wait = match budget {
            CpuBudget::Operator => policy.wait(
                *self.operator_replenished_at.lock(),
                OPERATOR_TIME_FACTOR,
                now,
            ),
            CpuBudget::Address(keys) => {
                self.wait_for_keys(keys, &policy, now, |record| record.replenished_at)
            }
            CpuBudget::Api(keys) => {
                let api = self.wait_for_keys(keys, &policy.for_api(), now, |record| {
                    record.api_replenished_at
                });
                api.max(self.wait_for_keys(keys, &policy, now, |record| record.replenished_at))
            }
            CpuBudget::HealthCheck(keys) => self.wait_for_keys(keys, &policy, now, |record| {
                record.health_check_replenished_at
            }),
        };
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }

    fn wait_for_keys(
        &self,
        keys: RateKeys,
        policy: &HttpUsagePolicy,
        now: Duration,
        replenished_at: impl Fn(&HttpUsageRecord) -> Duration,
    ) -> Duration {
        let address_at = self.read_record(keys.address, &replenished_at);
        let network_at = keys.network.map_or(Duration::ZERO, |network_key| {
            self.read_record(network_key, &replenished_at)
        });
        let wait = policy.wait(address_at, policy.factor_of(keys), now);
        wait.max(policy.wait(network_at, policy.network_factor_of(keys), now))
    }

    /// Charges the processor time of a request.
    pub fn charge_cpu_time(&self, budget: CpuBudget, cost: Duration, now: Duration) {
        let policy = self.policy.get();
        let keys = match budget {
            CpuBudget::Operator => {
                let replenished_at = &mut *self.operator_replenished_at.lock();
                return policy.charge(replenished_at, cost, OPERATOR_TIME_FACTOR, now);
            }
            CpuBudget::Address(keys) | CpuBudget::Api(keys) | CpuBudget::HealthCheck(keys) => keys,
        };
        let charged = [
            (Some(keys.address), policy.factor_of(keys)),
            (keys.network, policy.network_factor_of(keys)),
        ];
        for (key, factor) in charged {
            let Some(key) = key else { continue };
            self.with_record(key, |record| {
                if let CpuBudget::HealthCheck(_) = budget {
                    return policy.charge(
                        &mut record.health_check_replenished_at,
                        cost,
                        factor,
                        now,
                    );
                }
                policy.charge(&mut record.replenished_at, cost, factor, now);
                if let CpuBudget::Api(_) = budget {
                    let policy = policy.for_api();
                    policy.charge(&mut record.api_replenished_at, cost, factor, now);
                }
            });
        }
    }

    /// Returns the number of shards for [`Self::evict_idle`].
    #[must_use]
    pub fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// Evicts the idle addresses of one shard.
    pub fn evict_idle(&self, number: usize, now: Duration) {
        let Some(shard) = self.shards.get(number) else {
            return;
        };
        let evicted = shard::retain(&mut shard.lock(), |record| !record.is_idle(now));
        self.record_count.fetch_sub(evicted, Ordering::Relaxed);
    }

    fn total(&self, what: HttpResource, is_operators: bool) -> Option<&AtomicUsize> {
        let totals = if is_operators {
            &self.operator_totals
        } else {
            &self.totals
        };
        totals.get(what as usize)
    }

    fn read_record(
        &self,
        key: RateKey,
        replenished_at: impl Fn(&HttpUsageRecord) -> Duration,
    ) -> Duration {
        if let Some(record) = self.shard(key).lock().get(&key) {
            return replenished_at(record);
        }
        if self.record_count.load(Ordering::Relaxed) < self.policy.get().addresses_max {
            return Duration::ZERO;
        }
        let others = self.shard(RateKey::OVERFLOW).lock();
        others
            .get(&RateKey::OVERFLOW)
            .map_or(Duration::ZERO, replenished_at)
    }

    /// Calls `act` with the record of a key and creates it if needed. Uses the overflow record if there are too many.
    /// Also returns the key of the record.
    fn with_record<R>(
        &self,
        key: RateKey,
        act: impl FnOnce(&mut HttpUsageRecord) -> R,
    ) -> (RateKey, R) {
        let mut shard = self.shard(key).lock();
        if let Some(record) = shard.get_mut(&key) {
            return (key, act(record));
        }
        if self.record_count.load(Ordering::Relaxed) < self.policy.get().addresses_max
            || key == RateKey::OVERFLOW
        {
            self.record_count.fetch_add(1, Ordering::Relaxed);
            return (key, act(shard.entry(key).or_default()));
        }
        drop(shard);
        self.with_record(RateKey::OVERFLOW, act)
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder of the length")]
    fn shard(&self, key: RateKey) -> &Mutex<HashMap<RateKey, HttpUsageRecord>> {
        let number = usize::try_from(key.bits() % self.shards.len() as u64).unwrap_or(0);
        &self.shards[number]
    }
}

fn try_add(record: &mut HttpUsageRecord, index: usize, amount: usize, most: usize) -> bool {
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
mod tests;
