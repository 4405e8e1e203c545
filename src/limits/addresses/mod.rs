//! Limits connections, HTTP peers and new connections per address, and counts strikes for hostile connections.
//!
//! Shared by all workers, in shards; one shard is locked at a time. Stores hashes only. `node/admission` calls it
//! once or twice in the life of a connection and for each HTTP request, never for a message.

mod accept_rate;
mod carry_over;
mod connections;
mod http_peers;
mod page_strikes;
mod policy;
mod record;
mod request_rates;
mod strikes;

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::{LivePolicy, RateKey, RateKeys, WidestKey, shard};
use record::{AddressRecord, CountedResource};

pub use accept_rate::HandshakeCharge;
pub use page_strikes::{PageKeys, StrikeOutcome};
pub use policy::AddressPolicy;

/// Number of shards, each behind its own lock.
const SHARDS: usize = 64;

/// All addresses that have connections or had some recently.
#[derive(Debug)]
pub struct Addresses {
    shards: Box<[Mutex<HashMap<RateKey, AddressRecord>>]>,
    count: AtomicUsize,
    policy: LivePolicy<AddressPolicy>,
}

impl Addresses {
    /// Creates an empty table.
    #[must_use]
    pub fn new(policy: impl Into<LivePolicy<AddressPolicy>>) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            count: AtomicUsize::new(0),
            policy: policy.into(),
        }
    }

    fn policy(&self) -> AddressPolicy {
        self.policy.get()
    }

    /// Returns the address group of a key. It is the address itself, or one of `limits.network_factor` groups that a
    /// /48 has for all of its /64 networks. So a /48 has a bounded multiple of an address's weight, however many
    /// networks it uses.
    #[must_use]
    pub fn address_group(&self, key: RateKey, network_key: Option<RateKey>) -> NonZeroU64 {
        network_key.map_or(key.into(), |network_key| {
            let factor = u64::from(self.policy().network_factor).max(1);
            let group_number = key.bits() % factor;
            let offset = group_number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            RateKey::new(network_key.bits().wrapping_add(offset)).into()
        })
    }

    /// Counts one more of a resource if its address and network have room. Returns the key under which it is counted.
    fn try_count(&self, what: CountedResource, keys: RateKeys) -> Option<RateKey> {
        let policy = self.policy();
        let address_max = match what {
            CountedResource::Connection => policy.connections_max,
            CountedResource::HttpPeer => policy.http_peers_max,
        };
        let address_max = address_max.saturating_mul(policy.factor_of(keys.kind));
        let network_max = address_max.saturating_mul(policy.network_factor);
        let count_below = |record: &mut AddressRecord, max: u32| {
            let count = record.count_mut(what);
            let is_counted = *count < max;
            *count += u32::from(is_counted);
            is_counted
        };
        let (key, is_counted) =
            self.with_record(keys.address, |record| count_below(record, address_max));
        if !is_counted {
            return None;
        }
        // The overflow record has no network.
        let network_key = keys.network.filter(|_| key != RateKey::OVERFLOW);
        let Some(network_key) = network_key else {
            return Some(key);
        };
        let (network_key, is_counted) =
            self.with_record(network_key, |record| count_below(record, network_max));
        self.with_existing(key, |record| {
            record.network = Some(network_key);
            if !is_counted {
                let count = record.count_mut(what);
                *count = count.saturating_sub(1);
            }
        });
        is_counted.then_some(key)
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
        let policy = self.policy();
        let evicted = shard::retain(&mut shard.lock(), |record| !record.is_idle(&policy, now));
        self.count.fetch_sub(evicted, Ordering::Relaxed);
    }

    /// Returns the number of stored addresses and networks.
    #[must_use]
    pub fn record_count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Returns the widest key of an address: its connections share one part of an origin's limits.
    #[must_use]
    pub fn widest_key_of(&self, key: RateKey) -> WidestKey {
        let existing = self.with_existing(key, |record| (record.network, record.kind));
        let (network_key, kind) = existing.unwrap_or_default();
        WidestKey {
            key: network_key.unwrap_or(key),
            kind,
        }
    }

    /// Calls `act` with the record of a key and creates it if needed. Uses the overflow record if there are too many.
    /// Also returns the key of the record.
    fn with_record<R>(
        &self,
        key: RateKey,
        act: impl FnOnce(&mut AddressRecord) -> R,
    ) -> (RateKey, R) {
        let mut shard = self.shard(key).lock();
        if let Some(record) = shard.get_mut(&key) {
            return (key, act(record));
        }
        if self.count.load(Ordering::Relaxed) < self.policy().addresses_max
            || key == RateKey::OVERFLOW
        {
            self.count.fetch_add(1, Ordering::Relaxed);
            return (key, act(shard.entry(key).or_default()));
        }
        drop(shard);
        self.with_record(RateKey::OVERFLOW, act)
    }

    fn with_existing<R>(
        &self,
        key: RateKey,
        act: impl FnOnce(&mut AddressRecord) -> R,
    ) -> Option<R> {
        self.shard(key).lock().get_mut(&key).map(act)
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder of the length")]
    fn shard(&self, key: RateKey) -> &Mutex<HashMap<RateKey, AddressRecord>> {
        let number = usize::try_from(key.bits() % self.shards.len() as u64).unwrap_or(0);
        &self.shards[number]
    }
}

#[cfg(test)]
mod tests;
