//! Limits connections, HTTP peers and new connections per address, and counts strikes for hostile connections.
//!
//! Shared by all workers, in shards; one shard is locked at a time. Stores hashes only. The hub calls it once or twice
//! in the life of a connection and for each HTTP request, never for a message.

mod accepts;
mod ended;
mod pages;

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use smallvec::SmallVec;

use super::bucket::{Lending, Level};
use super::score::Score;
use super::spent::EndedConnections;
use super::{AddressKind, Group, Key, Share, Whence, shard};
use crate::config;

pub use accepts::HandshakeCharge;
pub use pages::{PageKeys, Struck};

/// Number of shards, each behind its own lock.
const SHARDS: usize = 64;
/// A strike score below this is forgotten.
const STRIKES_MIN: f32 = 0.1;

/// All addresses that have connections or had some recently.
#[derive(Debug)]
pub struct Addresses {
    shards: Box<[Mutex<HashMap<Key, Record>>]>,
    count: AtomicUsize,
    policy: RwLock<Policy>,
}

/// From `limits.address_*`, `limits.addresses_max`, `limits.*_factor`, `limits.failed_handshake_cost` and `bans.*`.
#[derive(Debug, Clone, Copy)]
struct Policy {
    most: usize,
    connections_max: u32,
    http_peers_max: u32,
    factor: u32,
    private_factor: u32,
    own: Lending,
    wider: Lending,
    own_requests: Lending,
    wider_requests: Lending,
    accepts: Lending,
    failed_handshake_cost: u32,
    strikes_max: u32,
    origins_max: u32,
    bans_private: bool,
    points_half_life: Duration,
    recovery_factor: u32,
    /// Seconds in which an empty bucket of messages refills; 0 if no usage is forgiven.
    forgiven_max: f64,
    strike_every: Duration,
    half_life: Duration,
}

impl Policy {
    fn new(limits: &config::Limits, bans: &config::Bans) -> Self {
        let bucket = |factor: u32| {
            let rate = limits.address_connections_per_second.saturating_mul(factor);
            let burst = limits.address_connections_burst.saturating_mul(factor);
            Lending::new(rate, burst, limits.arrival_delay_max)
        };
        let requests = |factor: u32| {
            let rate = limits.address_http_requests_per_second;
            let burst = limits.address_http_requests_burst;
            // No delay: a waiting request would only occupy memory.
            Lending::new(
                rate.saturating_mul(factor),
                burst.saturating_mul(factor),
                Duration::ZERO,
            )
        };
        Self {
            most: limits.addresses_max,
            connections_max: limits.address_connections_max,
            http_peers_max: limits.address_http_peers_max,
            factor: limits.network_factor,
            private_factor: limits.private_factor,
            own: bucket(1),
            wider: bucket(limits.network_factor),
            own_requests: requests(1),
            wider_requests: requests(limits.network_factor),
            accepts: Lending::new(
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
            half_life: bans.strike_half_life,
        }
    }

    /// Returns the factor by which the limits of this kind of address exceed those of a public one.
    fn factor_of(&self, kind: AddressKind) -> u32 {
        match kind {
            AddressKind::Public => 1,
            AddressKind::Private => self.private_factor,
        }
    }

    fn is_struck(&self, record: &mut Record, most: u32, now: Duration) -> bool {
        let is_known = record.strikes.points(now, self.half_life) >= STRIKES_MIN;
        if is_known && record.strikes.age(now) < self.strike_every {
            return false;
        }
        let strikes = record.strikes.add(1.0, now, self.half_life);
        // A float represents these numbers well enough.
        #[expect(clippy::cast_precision_loss, reason = "thousands at most")]
        let most = most.saturating_add(record.connections) as f32;
        strikes > most
    }
}

/// The record of one address or network. Small, because there are many.
#[derive(Debug, Default)]
struct Record {
    wider: Option<Key>,
    kind: AddressKind,
    arrivals: Level,
    requests: Level,
    accepts: Level,
    strikes: Score,
    /// Points for different origins whose pages misbehaved.
    origins: Score,
    connections: u32,
    http_peers: u32,
    /// The share of the swarm table that its WebSockets and HTTP peers use; owned by them.
    share: Weak<Share>,
    /// The same share, held while there are HTTP peers.
    kept: Option<Arc<Share>>,
    /// The usage of ended connections.
    ended: Option<Box<EndedConnections>>,
}

/// A resource with a limit per address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// `limits.address_connections_max`
    Connection,
    /// `limits.address_http_peers_max`
    HttpPeer,
}

impl Record {
    fn held(&mut self, what: Held) -> &mut u32 {
        match what {
            Held::Connection => &mut self.connections,
            Held::HttpPeer => &mut self.http_peers,
        }
    }

    fn is_idle(&mut self, policy: &Policy, now: Duration) -> bool {
        self.forget_ended(policy, now);
        let faded = |score: Score| score.points(now, policy.half_life) < STRIKES_MIN;
        let buckets = [&self.arrivals, &self.requests, &self.accepts];
        self.connections == 0
            && self.http_peers == 0
            && self.ended.is_none()
            && buckets.iter().all(|level| level.ahead(now).is_zero())
            && faded(self.strikes)
            && faded(self.origins)
    }

    /// Returns its share of the swarm table. `wider` is that of its network.
    fn share(&mut self, factor: u32, group: NonZeroU64, wider: Option<Arc<Share>>) -> Arc<Share> {
        self.share.upgrade().unwrap_or_else(|| {
            let share = Arc::new(Share::of_many(factor, wider).with_group(group));
            self.share = Arc::downgrade(&share);
            share
        })
    }
}

impl Addresses {
    /// Creates an empty table.
    #[must_use]
    pub fn new(limits: &config::Limits, bans: &config::Bans) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            count: AtomicUsize::new(0),
            policy: RwLock::new(Policy::new(limits, bans)),
        }
    }

    /// Applies new limits. Counts are unchanged.
    pub fn retune(&self, limits: &config::Limits, bans: &config::Bans) {
        *self.policy.write() = Policy::new(limits, bans);
    }

    fn policy(&self) -> Policy {
        *self.policy.read()
    }

    /// Counts a connection if its address has room. Returns the key under which it is counted.
    pub fn enter(&self, keys: Whence) -> Option<Key> {
        self.take_room(Held::Connection, keys)
    }

    /// Counts a membership over HTTP if its address has room. Returns the key under which it is counted, and its share
    /// of the swarm table.
    pub fn enter_http(&self, keys: Whence) -> Option<(Key, Arc<Share>)> {
        let key = self.take_room(Held::HttpPeer, keys)?;
        let wider = keys.wider.filter(|_| key != Key::OTHERS);
        let factor = self.policy().factor_of(keys.kind);
        let network_share = |wider: Key| {
            self.with(wider, |record| record.share(factor, wider.into(), None))
                .1
        };
        let network_share = wider.map(network_share);
        let group = self.group(key, wider);
        let (_, share) = self.with(key, |record| {
            let share = record.share(factor, group, network_share);
            record.kept = Some(Arc::clone(&share));
            share
        });
        share.note(0, 1);
        Some((key, share))
    }

    /// Returns the address group of a key. It is the address itself, or one of `limits.network_factor` groups that a
    /// /48 has for all of its /64 networks. So a /48 has a bounded multiple of an address's weight, however many
    /// networks it uses.
    #[must_use]
    pub fn group(&self, own: Key, wider: Option<Key>) -> NonZeroU64 {
        wider.map_or(own.into(), |wider| {
            let factor = u64::from(self.policy().factor).max(1);
            let part = own.bits() % factor;
            Key::new(
                wider
                    .bits()
                    .wrapping_add(part.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            )
            .into()
        })
    }

    fn take_room(&self, what: Held, keys: Whence) -> Option<Key> {
        let policy = self.policy();
        let own_max = match what {
            Held::Connection => policy.connections_max,
            Held::HttpPeer => policy.http_peers_max,
        };
        let own_max = own_max.saturating_mul(policy.factor_of(keys.kind));
        let room = |record: &mut Record, most: u32| {
            let held = record.held(what);
            let fits = *held < most;
            *held += u32::from(fits);
            fits
        };
        let (key, fits) = self.with(keys.own, |record| room(record, own_max));
        if !fits {
            return None;
        }
        // The overflow record has no network.
        let wider = keys.wider.filter(|_| key != Key::OTHERS);
        let Some(wider) = wider else {
            return Some(key);
        };
        let most = own_max.saturating_mul(policy.factor);
        let (wider, fits) = self.with(wider, |record| room(record, most));
        self.with_known(key, |record| {
            record.wider = Some(wider);
            if !fits {
                let held = record.held(what);
                *held = held.saturating_sub(1);
            }
        });
        fits.then_some(key)
    }

    /// Counts a WebSocket without a limit: its connection was admitted before. Also returns the share of the swarm
    /// table that its address uses.
    pub fn count(&self, keys: Whence) -> (Key, Arc<Share>) {
        let factor = self.policy().factor_of(keys.kind);
        let (key, ()) = self.with(keys.own, |record| record.connections += 1);
        let mut network = None;
        if let Some(wider) = keys.wider.filter(|_| key != Key::OTHERS) {
            let (wider, share) = self.with(wider, |record| {
                record.connections += 1;
                record.share(factor, wider.into(), None)
            });
            network = Some((wider, share));
        }
        let group = self.group(key, network.as_ref().map(|(wider, _)| *wider));
        let (_, share) = self.with(key, |record| {
            let (wider, share) = network.unzip();
            record.wider = wider.or(record.wider);
            if key != Key::OTHERS {
                record.kind = keys.kind;
            }
            record.share(factor, group, share)
        });
        (key, share)
    }

    /// Releases a connection that was counted under this key.
    pub fn leave(&self, key: Key) {
        let decrement = |record: &mut Record| {
            record.connections = record.connections.saturating_sub(1);
            record.wider
        };
        if let Some(wider) = self.with_known(key, decrement).flatten() {
            self.with_known(wider, decrement);
        }
    }

    /// Releases a membership over HTTP that was counted under this key.
    pub fn leave_http(&self, key: Key) {
        let decrement = |record: &mut Record| {
            record.http_peers = record.http_peers.saturating_sub(1);
            let share = match record.http_peers {
                0 => record.kept.take(),
                _ => record.kept.clone(),
            };
            (record.wider, share)
        };
        let (wider, share) = self.with_known(key, decrement).unwrap_or_default();
        if let Some(share) = share {
            share.note(1, 0);
        }
        if let Some(wider) = wider {
            self.with_known(wider, decrement);
        }
    }

    /// Admits a request over HTTP.
    ///
    /// # Errors
    ///
    /// The time after which one more is served, if there were too many.
    pub fn ask(&self, keys: Whence, now: Duration) -> Result<(), Duration> {
        let policy = self.policy();
        let factor = policy.factor_of(keys.kind);
        let (key, own) = self.with(keys.own, |record| {
            let requests = policy.own_requests.times(factor);
            requests.take(&record.requests, now)
        });
        own?;
        if let Some(wider) = keys.wider.filter(|_| key != Key::OTHERS) {
            let (_, wider) = self.with(wider, |record| {
                let requests = policy.wider_requests.times(factor);
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
    pub fn arrive(&self, keys: Whence, now: Duration) -> Result<Duration, Duration> {
        let policy = self.policy();
        let factor = policy.factor_of(keys.kind);
        let take =
            |bucket: Lending, record: &Record| bucket.times(factor).take(&record.arrivals, now);
        let (key, own) = self.with(keys.own, |record| take(policy.own, record));
        let own = own?;
        match keys.wider.filter(|_| key != Key::OTHERS) {
            Some(wider) => {
                let (_, wider) = self.with(wider, |record| take(policy.wider, record));
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
    pub fn strike(&self, key: Key, now: Duration) -> SmallVec<[Key; 2]> {
        let mut banned = SmallVec::new();
        if key == Key::OTHERS {
            return banned;
        }
        let policy = self.policy();
        let is_exempt =
            |record: &mut Record| record.kind == AddressKind::Private && !policy.bans_private;
        if self.with_known(key, is_exempt).unwrap_or(false) {
            return banned;
        }
        let mut strike = |key: Key, most: u32| {
            self.with_known(key, |record| {
                if policy.is_struck(record, most, now) {
                    banned.push(key);
                }
                record.wider
            })
        };
        if let Some(wider) = strike(key, policy.strikes_max).flatten() {
            strike(wider, policy.strikes_max.saturating_mul(policy.factor));
        }
        banned
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
        let policy = self.policy();
        let evicted = shard::retain(&mut shard.lock(), |record| !record.is_idle(&policy, now));
        self.count.fetch_sub(evicted, Ordering::Relaxed);
    }

    /// Returns the number of stored addresses and networks.
    #[must_use]
    pub fn known(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Returns the number of connections of the address or network that has most, without the overflow record. It scans
    /// all shards, one after the other.
    #[must_use]
    pub fn largest(&self) -> u32 {
        self.largest_of(|_| true)
    }

    /// Like [`largest`](Self::largest), for private addresses only.
    #[must_use]
    pub fn largest_private(&self) -> u32 {
        self.largest_of(|record| record.kind == AddressKind::Private)
    }

    fn largest_of(&self, counts: impl Fn(&Record) -> bool) -> u32 {
        let largest_of = |shard: &Mutex<HashMap<Key, Record>>| {
            let shard = shard.lock();
            let known = shard.iter().filter(|(key, _)| **key != Key::OTHERS);
            let counted = known.filter(|(_, record)| counts(record));
            counted.map(|(_, record)| record.connections).max()
        };
        self.shards.iter().filter_map(largest_of).max().unwrap_or(0)
    }

    /// Returns the widest key of an address: its connections share one part of an origin's limits.
    #[must_use]
    pub fn group_of(&self, key: Key) -> Group {
        let known = self.with_known(key, |record| (record.wider, record.kind));
        let (wider, kind) = known.unwrap_or_default();
        Group {
            key: wider.unwrap_or(key),
            kind,
        }
    }

    /// Calls `act` with the record of a key and creates it if needed. Uses the overflow record if there are too many.
    /// Also returns the key of the record.
    fn with<R>(&self, key: Key, act: impl FnOnce(&mut Record) -> R) -> (Key, R) {
        let mut shard = self.shard(key).lock();
        if let Some(record) = shard.get_mut(&key) {
            return (key, act(record));
        }
        if self.count.load(Ordering::Relaxed) < self.policy().most || key == Key::OTHERS {
            self.count.fetch_add(1, Ordering::Relaxed);
            return (key, act(shard.entry(key).or_default()));
        }
        drop(shard);
        self.with(Key::OTHERS, act)
    }

    fn with_known<R>(&self, key: Key, act: impl FnOnce(&mut Record) -> R) -> Option<R> {
        self.shard(key).lock().get_mut(&key).map(act)
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder of the length")]
    fn shard(&self, key: Key) -> &Mutex<HashMap<Key, Record>> {
        let number = usize::try_from(key.bits() % self.shards.len() as u64).unwrap_or(0);
        &self.shards[number]
    }
}

#[cfg(test)]
#[path = "tests/addresses.rs"]
mod tests;
