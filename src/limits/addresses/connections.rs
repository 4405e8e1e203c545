//! Counts the connections of addresses.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Addresses;
use super::record::{AddressRecord, CountedResource};
use crate::limits::{AddressKind, QuotaUsage, RateKey, RateKeys};

impl Addresses {
    /// Counts a connection if its address has room. Returns the key under which it is counted.
    pub fn admit_connection(&self, keys: RateKeys) -> Option<RateKey> {
        self.try_count(CountedResource::Connection, keys)
    }

    /// Returns the share of the swarm table that the address of a WebSocket uses. `key` is the one under which
    /// [`Self::admit_connection`] has counted its connection.
    pub fn register_websocket(&self, keys: RateKeys, key: RateKey) -> Arc<QuotaUsage> {
        let factor = self.policy().factor_of(keys.kind);
        let network_key = self.with_existing(key, |record| record.network).flatten();
        let network_share = network_key.map(|network_key| {
            self.with_record(network_key, |record| {
                record.shared_quota_usage(factor, network_key.into(), None)
            })
            .1
        });
        let group = self.address_group(key, network_key);
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
        if let Some(network_key) = self.with_existing(key, decrement).flatten() {
            self.with_existing(network_key, decrement);
        }
    }

    /// Returns the number of connections of the address or network that has most, without the overflow record. It scans
    /// all shards, one after the other.
    #[must_use]
    pub fn largest_connections(&self) -> u32 {
        self.largest_connections_of(|_| true)
    }

    /// Like [`Self::largest_connections`], for private addresses only.
    #[must_use]
    pub fn largest_private_connections(&self) -> u32 {
        self.largest_connections_of(|record| record.kind == AddressKind::Private)
    }

    fn largest_connections_of(&self, counts: impl Fn(&AddressRecord) -> bool) -> u32 {
        let largest_connections_of = |shard: &Mutex<HashMap<RateKey, AddressRecord>>| {
            let shard = shard.lock();
            let records = shard.iter().filter(|(key, _)| **key != RateKey::OVERFLOW);
            let counted = records.filter(|(_, record)| counts(record));
            counted.map(|(_, record)| record.connections).max()
        };
        self.shards
            .iter()
            .filter_map(largest_connections_of)
            .max()
            .unwrap_or(0)
    }
}
