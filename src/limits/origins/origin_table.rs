//! Stores the connected origins, the addresses that added them, and the part that each address uses.

use std::collections::HashMap;
use std::time::Duration;

use slab::Slab;

use super::{BucketLevel, ORIGIN_BYTES_MAX, OriginPolicy};
use crate::limits::{AccountKey, AddressKind, RateKey, RateKeys};

#[derive(Debug)]
pub(super) struct OriginTable {
    pub(super) slots: HashMap<Box<str>, usize>,
    /// The id is one more than the slot.
    pub(super) entries: Slab<OriginEntry>,
    /// What one address or network uses of one origin.
    pub(super) usages: HashMap<AccountKey, OriginUsage>,
    /// Number of origins that each address and network added.
    pub(super) added_by: HashMap<RateKey, u32>,
}

#[derive(Debug, Default)]
pub(super) struct OriginEntry {
    pub(super) connections: u32,
    pub(super) announce_level: BucketLevel,
    /// The address and the network that added it.
    pub(super) added_by: [Option<RateKey>; 2],
}

#[derive(Debug, Default)]
pub(super) struct OriginUsage {
    pub(super) connections: u32,
    pub(super) announce_level: BucketLevel,
}

impl OriginTable {
    pub(super) fn connections(&self, slot: usize) -> u32 {
        self.entries.get(slot).map_or(0, |entry| entry.connections)
    }

    /// Returns whether an address may add one more origin.
    pub(super) fn may_add_origin(&self, keys: Option<RateKeys>, policy: &OriginPolicy) -> bool {
        let Some(keys) = keys else {
            return true;
        };
        let added = |key: RateKey| self.added_by.get(&key).copied().unwrap_or(0);
        let max = policy.address_origins_max;
        let max = match keys.kind {
            AddressKind::Public => max,
            AddressKind::Private => max.saturating_mul(policy.private_factor),
        };
        let network_max = max.saturating_mul(policy.network_factor);
        added(keys.address) < max && keys.network.is_none_or(|key| added(key) < network_max)
    }

    /// Returns whether an unknown origin gets a slot of its own.
    pub(super) fn has_slot_for(
        &self,
        origin: &str,
        keys: Option<RateKeys>,
        policy: &OriginPolicy,
    ) -> bool {
        self.slots.len() < policy.origins_max
            && origin.len() <= ORIGIN_BYTES_MAX
            && self.may_add_origin(keys, policy)
    }

    pub(super) fn add(&mut self, origin: &str, keys: Option<RateKeys>) -> usize {
        let both = keys.map_or([None; 2], |keys| [Some(keys.address), keys.network]);
        for key in both.into_iter().flatten() {
            *self.added_by.entry(key).or_default() += 1;
        }
        let slot = self.entries.insert(OriginEntry {
            added_by: both,
            ..OriginEntry::default()
        });
        self.slots.insert(origin.into(), slot);
        slot
    }

    /// Evicts idle origins and usages.
    pub(super) fn evict_idle(&mut self, now: Duration) {
        let Self {
            slots,
            entries,
            usages,
            added_by,
        } = self;
        let is_active = |connections: u32, announces: &BucketLevel| {
            connections > 0 || !announces.time_until_full(now).is_zero()
        };
        usages.retain(|_, usage| is_active(usage.connections, &usage.announce_level));
        slots.retain(|_, slot| {
            let entry = entries.get(*slot);
            let is_retained =
                entry.is_some_and(|entry| is_active(entry.connections, &entry.announce_level));
            if !is_retained && let Some(entry) = entries.try_remove(*slot) {
                for key in entry.added_by.into_iter().flatten() {
                    let added = added_by.entry(key).or_default();
                    *added = added.saturating_sub(1);
                }
            }
            is_retained
        });
        added_by.retain(|_, added| *added > 0);
        if slots.capacity() > 4 * slots.len() {
            slots.shrink_to(2 * slots.len());
            entries.shrink_to_fit();
            added_by.shrink_to(2 * added_by.len());
        }
        if usages.capacity() > 4 * usages.len() {
            usages.shrink_to(2 * usages.len());
        }
    }
}
