//! Limits connections, HTTP peers and new connections per address, and counts strikes for hostile connections.
//!
//! Shared by all workers, in shards; one shard is locked at a time. Stores hashes only. The hub calls it once or twice
//! in the life of a connection and for each HTTP request, never for a message.

mod accept_rate;
mod carry_over;
mod page_strikes;

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use smallvec::SmallVec;

use super::bucket::BucketLevel;
use super::carried_usage::EndedConnections;
use super::delaying_bucket::DelayingBucket;
use super::score::Score;
use super::{AddressKind, LivePolicy, QuotaUsage, RateKey, RateKeys, WidestKey, shard};
use crate::config;

pub use accept_rate::HandshakeCharge;
pub use page_strikes::{PageKeys, StrikeOutcome};

/// Number of shards, each behind its own lock.
const SHARDS: usize = 64;
/// A strike score below this is forgotten.
const STRIKE_SCORE_MIN: f32 = 0.1;

/// All addresses that have connections or had some recently.
#[derive(Debug)]
pub struct Addresses {
    shards: Box<[Mutex<HashMap<RateKey, AddressRecord>>]>,
    count: AtomicUsize,
    policy: LivePolicy<AddressPolicy>,
}

/// From `limits.address_*`, `limits.addresses_max`, `limits.*_factor`, `limits.failed_handshake_cost` and `bans.*`.
#[derive(Debug, Clone, Copy)]
pub struct AddressPolicy {
    addresses_max: usize,
    connections_max: u32,
    http_peers_max: u32,
    network_factor: u32,
    private_factor: u32,
    address_arrivals: DelayingBucket,
    network_arrivals: DelayingBucket,
    address_requests: DelayingBucket,
    network_requests: DelayingBucket,
    accepts: DelayingBucket,
    failed_handshake_cost: u32,
    strikes_max: u32,
    origins_max: u32,
    bans_private: bool,
    points_half_life: Duration,
    recovery_factor: u32,
    /// Seconds in which an empty bucket of messages refills; 0 if no usage is forgiven.
    forgiven_max: f64,
    strike_every: Duration,
    strike_half_life: Duration,
}

impl AddressPolicy {
    /// Creates the policy from the settings.
    #[must_use]
    pub fn new(limits: &config::Limits, bans: &config::Bans) -> Self {
        let bucket = |factor: u32| {
            let rate = limits.address_connections_per_second.saturating_mul(factor);
            let burst = limits.address_connections_burst.saturating_mul(factor);
            DelayingBucket::new(rate, burst, limits.arrival_delay_max)
        };
        let requests = |factor: u32| {
            let rate = limits.address_http_requests_per_second;
            let burst = limits.address_http_requests_burst;
            // No delay: a waiting request would only occupy memory.
            DelayingBucket::new(
                rate.saturating_mul(factor),
                burst.saturating_mul(factor),
                Duration::ZERO,
            )
        };
        Self {
            addresses_max: limits.addresses_max,
            connections_max: limits.address_connections_max,
            http_peers_max: limits.address_http_peers_max,
            network_factor: limits.network_factor,
            private_factor: limits.private_factor,
            address_arrivals: bucket(1),
            network_arrivals: bucket(limits.network_factor),
            address_requests: requests(1),
            network_requests: requests(limits.network_factor),
            accepts: DelayingBucket::new(
                limits.address_accepts_per_second(),
                limits.address_accepts_burst(),
                Duration::ZERO,
            ),
            failed_handshake_cost: limits.failed_handshake_cost,
            strikes_max: bans.strikes_max,
            origins_max: bans.origins_max,
            bans_private: bans.private,
            points_half_life: bans.connection_score_half_life,
            recovery_factor: limits.address_recovery_factor,
            forgiven_max: match limits.address_recovery_factor {
                0 => 0.0,
                _ => {
                    f64::from(limits.messages_burst) / f64::from(limits.messages_per_second.max(1))
                }
            },
            strike_every: bans.strike_every,
            strike_half_life: bans.strike_half_life,
        }
    }

    /// Returns the factor by which the limits of this kind of address exceed those of a public one.
    fn factor_of(&self, kind: AddressKind) -> u32 {
        match kind {
            AddressKind::Public => 1,
            AddressKind::Private => self.private_factor,
        }
    }

    fn add_strike(&self, record: &mut AddressRecord, most: u32, now: Duration) -> bool {
        let is_known = record.strikes.points(now, self.strike_half_life) >= STRIKE_SCORE_MIN;
        if is_known && record.strikes.age(now) < self.strike_every {
            return false;
        }
        let strikes = record.strikes.add(1.0, now, self.strike_half_life);
        // A float represents these numbers well enough.
        #[expect(clippy::cast_precision_loss, reason = "thousands at most")]
        let most = most.saturating_add(record.connections) as f32;
        strikes > most
    }
}

/// The record of one address or network. Small, because there are many.
#[derive(Debug, Default)]
struct AddressRecord {
    network: Option<RateKey>,
    kind: AddressKind,
    arrivals: BucketLevel,
    requests: BucketLevel,
    accepts: BucketLevel,
    strikes: Score,
    /// Points for different origins whose pages misbehaved.
    origin_strikes: Score,
    connections: u32,
    http_peers: u32,
    /// The share of the swarm table that its WebSockets and HTTP peers use; owned by them.
    quota_usage: Weak<QuotaUsage>,
    /// The same share, held while there are HTTP peers.
    http_quota_usage: Option<Arc<QuotaUsage>>,
    /// The usage of ended connections.
    ended_connections: Option<Box<EndedConnections>>,
}

/// A resource with a limit per address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CountedResource {
    /// `limits.address_connections_max`
    Connection,
    /// `limits.address_http_peers_max`
    HttpPeer,
}

impl AddressRecord {
    fn count_mut(&mut self, what: CountedResource) -> &mut u32 {
        match what {
            CountedResource::Connection => &mut self.connections,
            CountedResource::HttpPeer => &mut self.http_peers,
        }
    }

    fn is_idle(&mut self, policy: &AddressPolicy, now: Duration) -> bool {
        self.drop_recovered(policy, now);
        let faded = |score: Score| score.points(now, policy.strike_half_life) < STRIKE_SCORE_MIN;
        let buckets = [&self.arrivals, &self.requests, &self.accepts];
        self.connections == 0
            && self.http_peers == 0
            && self.ended_connections.is_none()
            && buckets
                .iter()
                .all(|level| level.time_until_full(now).is_zero())
            && faded(self.strikes)
            && faded(self.origin_strikes)
    }

    /// Returns its share of the swarm table. `wider` is that of its network.
    fn shared_quota_usage(
        &mut self,
        factor: u32,
        group: NonZeroU64,
        wider: Option<Arc<QuotaUsage>>,
    ) -> Arc<QuotaUsage> {
        self.quota_usage.upgrade().unwrap_or_else(|| {
            let share = Arc::new(QuotaUsage::with_factor(factor, wider).with_group(group));
            self.quota_usage = Arc::downgrade(&share);
            share
        })
    }
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

    /// Counts a connection if its address has room. Returns the key under which it is counted.
    pub fn admit_connection(&self, keys: RateKeys) -> Option<RateKey> {
        self.try_count(CountedResource::Connection, keys)
    }

    /// Counts a membership over HTTP if its address has room. Returns the key under which it is counted, and its share
    /// of the swarm table.
    pub fn admit_http_peer(&self, keys: RateKeys) -> Option<(RateKey, Arc<QuotaUsage>)> {
        let key = self.try_count(CountedResource::HttpPeer, keys)?;
        let wider = keys.network.filter(|_| key != RateKey::OVERFLOW);
        let factor = self.policy().factor_of(keys.kind);
        let network_share = |wider: RateKey| {
            self.with_record(wider, |record| {
                record.shared_quota_usage(factor, wider.into(), None)
            })
            .1
        };
        let network_share = wider.map(network_share);
        let group = self.address_group(key, wider);
        let (_, share) = self.with_record(key, |record| {
            let share = record.shared_quota_usage(factor, group, network_share);
            record.http_quota_usage = Some(Arc::clone(&share));
            share
        });
        share.record_change(0, 1);
        Some((key, share))
    }

    /// Returns the address group of a key. It is the address itself, or one of `limits.network_factor` groups that a
    /// /48 has for all of its /64 networks. So a /48 has a bounded multiple of an address's weight, however many
    /// networks it uses.
    #[must_use]
    pub fn address_group(&self, own: RateKey, wider: Option<RateKey>) -> NonZeroU64 {
        wider.map_or(own.into(), |wider| {
            let factor = u64::from(self.policy().network_factor).max(1);
            let part = own.bits() % factor;
            RateKey::new(
                wider
                    .bits()
                    .wrapping_add(part.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            )
            .into()
        })
    }

    fn try_count(&self, what: CountedResource, keys: RateKeys) -> Option<RateKey> {
        let policy = self.policy();
        let own_max = match what {
            CountedResource::Connection => policy.connections_max,
            CountedResource::HttpPeer => policy.http_peers_max,
        };
        let own_max = own_max.saturating_mul(policy.factor_of(keys.kind));
        let room = |record: &mut AddressRecord, most: u32| {
            let held = record.count_mut(what);
            let fits = *held < most;
            *held += u32::from(fits);
            fits
        };
        let (key, fits) = self.with_record(keys.address, |record| room(record, own_max));
        if !fits {
            return None;
        }
        // The overflow record has no network.
        let wider = keys.network.filter(|_| key != RateKey::OVERFLOW);
        let Some(wider) = wider else {
            return Some(key);
        };
        let most = own_max.saturating_mul(policy.network_factor);
        let (wider, fits) = self.with_record(wider, |record| room(record, most));
        self.with_existing(key, |record| {
            record.network = Some(wider);
            if !fits {
                let held = record.count_mut(what);
                *held = held.saturating_sub(1);
            }
        });
        fits.then_some(key)
    }

    /// Returns the share of the swarm table that the address of a WebSocket uses. `key` is the one under which
    /// [`Self::admit_connection`] has counted its connection.
    pub fn register_websocket(&self, keys: RateKeys, key: RateKey) -> Arc<QuotaUsage> {
        let factor = self.policy().factor_of(keys.kind);
        let network = self.with_existing(key, |record| record.network).flatten();
        let network_share = network.map(|network| {
            self.with_record(network, |record| {
                record.shared_quota_usage(factor, network.into(), None)
            })
            .1
        });
        let group = self.address_group(key, network);
        let (_, share) = self.with_record(key, |record| {
            if key != RateKey::OVERFLOW {
                record.kind = keys.kind;
            }
            record.shared_quota_usage(factor, group, network_share)
        });
        share
    }

    /// Releases a connection that was counted under this key.
    pub fn release_connection(&self, key: RateKey) {
        let decrement = |record: &mut AddressRecord| {
            record.connections = record.connections.saturating_sub(1);
            record.network
        };
        if let Some(wider) = self.with_existing(key, decrement).flatten() {
            self.with_existing(wider, decrement);
        }
    }

    /// Releases a membership over HTTP that was counted under this key.
    pub fn release_http_peer(&self, key: RateKey) {
        let decrement = |record: &mut AddressRecord| {
            record.http_peers = record.http_peers.saturating_sub(1);
            let share = match record.http_peers {
                0 => record.http_quota_usage.take(),
                _ => record.http_quota_usage.clone(),
            };
            (record.network, share)
        };
        let (wider, share) = self.with_existing(key, decrement).unwrap_or_default();
        if let Some(share) = share {
            share.record_change(1, 0);
        }
        if let Some(wider) = wider {
            self.with_existing(wider, decrement);
        }
    }

    /// Admits a request over HTTP.
    ///
    /// # Errors
    ///
    /// The time after which one more is served, if there were too many.
    pub fn admit_http_request(&self, keys: RateKeys, now: Duration) -> Result<(), Duration> {
        let policy = self.policy();
        let factor = policy.factor_of(keys.kind);
        let (key, own) = self.with_record(keys.address, |record| {
            let requests = policy.address_requests.scaled(factor);
            requests.take(&record.requests, now)
        });
        own?;
        if let Some(wider) = keys.network.filter(|_| key != RateKey::OVERFLOW) {
            let (_, wider) = self.with_record(wider, |record| {
                let requests = policy.network_requests.scaled(factor);
                requests.take(&record.requests, now)
            });
            wider?;
        }
        Ok(())
    }

    /// Admits a new WebSocket. Returns how long it must wait.
    ///
    /// # Errors
    ///
    /// The time after which there is room again, if too many wait already.
    pub fn admit_upgrade(&self, keys: RateKeys, now: Duration) -> Result<Duration, Duration> {
        let policy = self.policy();
        let factor = policy.factor_of(keys.kind);
        let take = |bucket: DelayingBucket, record: &AddressRecord| {
            bucket.scaled(factor).take(&record.arrivals, now)
        };
        let (key, own) =
            self.with_record(keys.address, |record| take(policy.address_arrivals, record));
        let own = own?;
        match keys.network.filter(|_| key != RateKey::OVERFLOW) {
            Some(wider) => {
                let (_, wider) =
                    self.with_record(wider, |record| take(policy.network_arrivals, record));
                Ok(own.max(wider?))
            }
            None => Ok(own),
        }
    }

    /// Adds a strike for a connection that was closed as hostile. Returns the address and the network to ban for it.
    ///
    /// Many clients share an address, so a hostile one must not lock the others out. A connection counts only when it
    /// was closed for its behaviour, and only once per `bans.strike_every`. A ban takes more strikes than
    /// `bans.strikes_max` plus one for each open connection of the address. Strikes halve every
    /// `bans.strike_half_life`, so there are never more than about eighty (by default). An address with as many
    /// connections is thus never banned, while one with only hostile connections is banned after a minute. Private
    /// addresses are not banned unless `bans.private` is set.
    pub fn add_strike(&self, key: RateKey, now: Duration) -> SmallVec<[RateKey; 2]> {
        let mut banned = SmallVec::new();
        if key == RateKey::OVERFLOW {
            return banned;
        }
        let policy = self.policy();
        let is_exempt = |record: &mut AddressRecord| {
            record.kind == AddressKind::Private && !policy.bans_private
        };
        if self.with_existing(key, is_exempt).unwrap_or(false) {
            return banned;
        }
        let mut strike = |key: RateKey, most: u32| {
            self.with_existing(key, |record| {
                if policy.add_strike(record, most, now) {
                    banned.push(key);
                }
                record.network
            })
        };
        if let Some(wider) = strike(key, policy.strikes_max).flatten() {
            strike(
                wider,
                policy.strikes_max.saturating_mul(policy.network_factor),
            );
        }
        banned
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

    /// Returns the number of connections of the address or network that has most, without the overflow record. It scans
    /// all shards, one after the other.
    #[must_use]
    pub fn largest_connections(&self) -> u32 {
        self.largest_connections_of(|_| true)
    }

    /// Like [`largest`](Self::largest_connections), for private addresses only.
    #[must_use]
    pub fn largest_private_connections(&self) -> u32 {
        self.largest_connections_of(|record| record.kind == AddressKind::Private)
    }

    fn largest_connections_of(&self, counts: impl Fn(&AddressRecord) -> bool) -> u32 {
        let largest_connections_of = |shard: &Mutex<HashMap<RateKey, AddressRecord>>| {
            let shard = shard.lock();
            let known = shard.iter().filter(|(key, _)| **key != RateKey::OVERFLOW);
            let counted = known.filter(|(_, record)| counts(record));
            counted.map(|(_, record)| record.connections).max()
        };
        self.shards
            .iter()
            .filter_map(largest_connections_of)
            .max()
            .unwrap_or(0)
    }

    /// Returns the widest key of an address: its connections share one part of an origin's limits.
    #[must_use]
    pub fn widest_key_of(&self, key: RateKey) -> WidestKey {
        let known = self.with_existing(key, |record| (record.network, record.kind));
        let (wider, kind) = known.unwrap_or_default();
        WidestKey {
            key: wider.unwrap_or(key),
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
