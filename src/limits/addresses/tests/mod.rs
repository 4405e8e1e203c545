//! Tests the limits of addresses and their networks.

mod accept_rate;
mod bans;
mod carry_over;
mod connections;
mod http;

use std::sync::Arc;

use super::*;
use crate::config;
use crate::limits::{AddressKind, CachedTime, CarriedUsage, QuotaUsage, SwarmQuota};

struct TestAddresses {
    addresses: Addresses,
    clock: CachedTime,
}

impl TestAddresses {
    fn new(change: impl FnOnce(&mut config::Limits)) -> Self {
        let mut limits = config::Limits::default();
        change(&mut limits);
        let clock = CachedTime::default();
        clock.advance_to(Duration::from_secs(100));
        Self {
            addresses: Addresses::new(AddressPolicy::new(&limits, &config::Bans::default())),
            clock,
        }
    }

    fn advance(&self, time: Duration) {
        self.clock.advance_to(self.clock.get() + time);
    }

    fn admit_upgrade(&self, keys: RateKeys) -> Result<Duration, Duration> {
        self.addresses.admit_upgrade(keys, self.clock.get())
    }

    fn evict_idle(&self) {
        (0..self.addresses.shard_count())
            .for_each(|part| self.addresses.evict_idle(part, self.clock.get()));
    }
}

/// Admits a connection that becomes a WebSocket. Returns its key and its share of the swarm table.
fn register_websocket(addresses: &Addresses, keys: RateKeys) -> (RateKey, Arc<QuotaUsage>) {
    let key = addresses.admit_connection(keys).expect("room");
    (key, addresses.register_websocket(keys, key))
}

fn ipv4(hash: u64) -> RateKeys {
    RateKeys {
        address: RateKey::new(hash),
        network: None,
        kind: AddressKind::Public,
    }
}

fn ipv6(hash: u64, wider: u64) -> RateKeys {
    RateKeys {
        address: RateKey::new(hash),
        network: Some(RateKey::new(wider)),
        kind: AddressKind::Public,
    }
}

fn private(hash: u64) -> RateKeys {
    RateKeys {
        kind: AddressKind::Private,
        ..ipv4(hash)
    }
}

/// Returns how many new TCP connections of an address are accepted in a row.
fn accepted(world: &TestAddresses, keys: RateKeys) -> usize {
    let accept = |_: &usize| {
        world
            .addresses
            .accept_connection(keys, world.clock.get())
            .is_ok()
    };
    (0..1_000_000).take_while(accept).count()
}
