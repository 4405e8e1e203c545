//! Counts the memberships over HTTP of addresses.

use std::sync::Arc;

use super::Addresses;
use super::record::{AddressRecord, CountedResource};
use crate::limits::{QuotaUsage, RateKey, RateKeys};

impl Addresses {
    /// Counts a membership over HTTP if its address has room. Returns the key under which it is counted, and its share
    /// of the swarm table.
    pub fn admit_http_peer(&self, keys: RateKeys) -> Option<(RateKey, Arc<QuotaUsage>)> {
        let key = self.try_count(CountedResource::HttpPeer, keys)?;
        let network_key = keys.network.filter(|_| key != RateKey::OVERFLOW);
        let factor = self.policy().factor_of(keys.kind);
        let network_share = |network_key: RateKey| {
            self.with_record(network_key, |record| {
                record.shared_quota_usage(factor, network_key.into(), None)
            })
            .1
        };
        let network_share = network_key.map(network_share);
        let group = self.address_group(key, network_key);
        let (_, share) = self.with_record(key, |record| {
            let share = record.shared_quota_usage(factor, group, network_share);
            record.http_quota_usage = Some(Arc::clone(&share));
            share
        });
        share.record_change(0, 1);
        Some((key, share))
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
        let (network_key, share) = self.with_existing(key, decrement).unwrap_or_default();
        if let Some(share) = share {
            share.record_change(1, 0);
        }
        if let Some(network_key) = network_key {
            self.with_existing(network_key, decrement);
        }
    }
}
