//! Carries the usage of ended connections over to new ones of their address.

use std::time::Duration;

use super::record::AddressRecord;
use super::{AddressPolicy, Addresses};
use crate::limits::carried_usage::Recovery;
use crate::limits::{CarriedUsage, RateKey};

impl Addresses {
    /// Stores the usage of an ending connection, under the key under which it is still counted.
    pub fn store_carried_usage(&self, key: RateKey, usage: &CarriedUsage, now: Duration) {
        let policy = self.policy();
        let keep = |record: &mut AddressRecord| {
            let recovery = policy.recovery(record);
            let ended = record.ended_connections.get_or_insert_default();
            ended.add(usage, now, recovery);
            record.network
        };
        if let Some(network_key) = self.with_existing(key, keep).flatten() {
            self.with_existing(network_key, keep);
        }
    }

    /// Returns the usage that a new connection under this key continues. It comes from an ended connection of its
    /// address. If there is none and more than `limits.network_factor` of its network have ended, it comes from one of
    /// those. `None` starts with full buckets.
    pub fn take_carried_usage(&self, key: RateKey, now: Duration) -> Option<CarriedUsage> {
        let policy = self.policy();
        let take = |record: &mut AddressRecord, fresh_max: u32| {
            let recovery = policy.recovery(record);
            let ended = record.ended_connections.as_mut()?;
            let has_more = ended.count(now, recovery) > fresh_max;
            has_more.then(|| ended.take(now, recovery)).flatten()
        };
        let existing = self.with_existing(key, |record| (take(record, 0), record.network));
        let (usage, network_key) = existing?;
        let Some(network_key) = network_key else {
            return usage;
        };
        let fresh_max = if usage.is_some() {
            0
        } else {
            policy.network_factor
        };
        let network_usage = self.with_existing(network_key, |record| take(record, fresh_max));
        usage.or(network_usage.flatten())
    }
}

impl AddressPolicy {
    fn recovery(&self, record: &AddressRecord) -> Recovery {
        Recovery {
            half_life: self.points_half_life,
            forgiven_per_second: f64::from(self.recovery_factor)
                * f64::from(self.factor_of(record.kind)),
            forgiven_max: self.forgiven_max,
        }
    }
}

impl AddressRecord {
    /// Drops the usage of ended connections once it has recovered.
    pub(super) fn drop_recovered(&mut self, policy: &AddressPolicy, now: Duration) {
        let recovery = policy.recovery(self);
        let ended = self.ended_connections.as_mut();
        if ended.is_some_and(|ended| ended.has_recovered(now, recovery)) {
            self.ended_connections = None;
        }
    }
}
