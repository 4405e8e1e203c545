//! Limits the connections and announces of the pages of each web origin.
//!
//! Shared by all workers behind one lock. It is taken when a page's connection opens and closes, and for its announces
//! only if `limits.origin_announces_per_second` is set. An origin keeps its id while it has connections.

mod origin_table;

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use slab::Slab;

use super::bucket::BucketLevel;
use super::delaying_bucket::DelayingBucket;
use super::{AccountKey, AddressKind, LivePolicy, OriginId, RateKeys, WidestKey};
use crate::config;
use origin_table::{OriginEntry, OriginTable};

/// Bytes of the longest origin that gets an id of its own; host names have at most 253.
const ORIGIN_BYTES_MAX: usize = 300;
/// The slot of all origins without an id of their own, which share one limit.
const OVERFLOW_SLOT: usize = 0;

/// All origins whose pages are connected.
#[derive(Debug)]
pub struct Origins {
    table: Mutex<OriginTable>,
    policy: LivePolicy<OriginPolicy>,
}

/// From `limits.origin*`.
#[derive(Debug, Clone, Copy)]
pub struct OriginPolicy {
    origins_max: usize,
    connections_max: Option<u32>,
    announces_per_second: Option<u32>,
    announces_burst: u32,
    delay_max: Duration,
    announce_bucket: DelayingBucket,
    address_percent: u32,
    address_origins_max: u32,
    network_factor: u32,
    private_factor: u32,
}

/// The number of connections of an origin's pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginCount {
    /// The origin; `None` for all without an id of their own.
    pub origin: Option<Box<str>>,
    /// Its connections.
    pub connections: u32,
}

impl OriginPolicy {
    /// Creates the policy from the settings.
    #[must_use]
    pub fn new(limits: &config::Limits) -> Self {
        let rate = limits.origin_announces_per_second;
        let burst = limits.origin_announces_burst;
        Self {
            origins_max: limits.origins_max,
            connections_max: limits.origin_connections_max,
            announces_per_second: rate,
            announces_burst: burst,
            delay_max: limits.delay_max,
            announce_bucket: DelayingBucket::new(rate.unwrap_or(1), burst, limits.delay_max),
            address_percent: limits.origin_address_percent,
            address_origins_max: limits.address_origins_max,
            network_factor: limits.network_factor,
            private_factor: limits.private_factor,
        }
    }

    /// Returns the part of `whole` that one address may use, at least one.
    fn address_part(&self, whole: u32, kind: AddressKind) -> u32 {
        let factor = match kind {
            AddressKind::Public => 1,
            AddressKind::Private => self.private_factor,
        };
        let percent = self.address_percent.saturating_mul(factor).min(100);
        let part = (u64::from(whole) * u64::from(percent)).div_ceil(100);
        u32::try_from(part).unwrap_or(whole).max(1)
    }
}

/// Why a page gets no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginRefusal {
    /// `limits.origin_connections_max`
    Origin,
    /// `limits.origin_address_percent`
    Address,
}

/// Where a connection of a page is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginPlacement {
    /// With its own origin.
    Own,
    /// With all others: there are `limits.origins_max` origins, or its origin is too long.
    Overflow,
    /// With all others: its address already added `limits.address_origins_max` origins.
    OverflowOfAddress,
}

/// Returns the id of the origin in a slot.
fn origin_id(slot: usize) -> OriginId {
    OriginId(u16::try_from(slot + 1).unwrap_or(0))
}

impl Origins {
    /// Creates an empty table.
    #[must_use]
    pub fn new(policy: impl Into<LivePolicy<OriginPolicy>>) -> Self {
        let mut entries = Slab::new();
        entries.insert(OriginEntry::default());
        Self {
            table: Mutex::new(OriginTable {
                slots: HashMap::new(),
                entries,
                usages: HashMap::new(),
                added_by: HashMap::new(),
            }),
            policy: policy.into(),
        }
    }

    fn policy(&self) -> OriginPolicy {
        self.policy.get()
    }

    /// Checks whether an origin has room for one more connection from an address. `None` is an address without limits.
    ///
    /// # Errors
    ///
    /// The origin is full, or the address uses its part of it.
    pub fn check_upgrade(&self, origin: &str, keys: Option<RateKeys>) -> Result<(), OriginRefusal> {
        let policy = self.policy();
        let Some(connections_max) = policy.connections_max else {
            return Ok(());
        };
        let table = self.table.lock();
        let slot = match table.slots.get(origin) {
            Some(slot) => *slot,
            None if table.has_slot_for(origin, keys, &policy) => return Ok(()),
            None => OVERFLOW_SLOT,
        };
        if table.connections(slot) >= connections_max {
            return Err(OriginRefusal::Origin);
        }
        let Some(widest) = keys.map(RateKeys::widest) else {
            return Ok(());
        };
        let usage = table
            .usages
            .get(&AccountKey::new(Some(widest.key), origin_id(slot)));
        let address_max = policy.address_part(connections_max, widest.kind);
        match usage {
            Some(usage) if usage.connections >= address_max => Err(OriginRefusal::Address),
            _ => Ok(()),
        }
    }

    /// Counts a connection of a page, from an address that shares its part of the origin's limits with `widest`. Returns
    /// the id of the origin and where the connection is counted.
    pub fn register_websocket(
        &self,
        origin: &str,
        keys: Option<RateKeys>,
        widest: Option<WidestKey>,
    ) -> (OriginId, OriginPlacement) {
        let policy = self.policy();
        let table = &mut *self.table.lock();
        let (slot, placement) = match table.slots.get(origin) {
            Some(slot) => (*slot, OriginPlacement::Own),
            None if table.has_slot_for(origin, keys, &policy) => {
                (table.add(origin, keys), OriginPlacement::Own)
            }
            None if table.may_add_origin(keys, &policy) => {
                (OVERFLOW_SLOT, OriginPlacement::Overflow)
            }
            None => (OVERFLOW_SLOT, OriginPlacement::OverflowOfAddress),
        };
        let id = origin_id(slot);
        if let Some(entry) = table.entries.get_mut(slot) {
            entry.connections += 1;
        }
        if let Some(widest) = widest {
            let usage = table.usages.entry(AccountKey::new(Some(widest.key), id));
            usage.or_default().connections += 1;
        }
        (id, placement)
    }

    /// Returns the number of connections that an address or network has from pages of an origin.
    #[must_use]
    pub fn connections_of(&self, id: OriginId, widest: WidestKey) -> u32 {
        let table = self.table.lock();
        let usage = table.usages.get(&AccountKey::new(Some(widest.key), id));
        usage.map_or(0, |usage| usage.connections)
    }

    /// Returns the origin with this id; `None` for the id of all origins without one of their own.
    #[must_use]
    pub fn name(&self, id: OriginId) -> Option<Box<str>> {
        let slot = usize::from(id.0).checked_sub(1)?;
        let table = self.table.lock();
        let mut named = table.slots.iter();
        named
            .find(|(_, known)| **known == slot)
            .map(|(name, _)| name.clone())
    }

    /// Returns whether an origin has an id of its own, or would get one.
    #[must_use]
    pub fn has_own_id(&self, origin: &str, keys: Option<RateKeys>) -> bool {
        let policy = self.policy();
        let table = self.table.lock();
        table.slots.contains_key(origin) || table.has_slot_for(origin, keys, &policy)
    }

    /// Returns all origins with connections, those with most connections first.
    #[must_use]
    pub fn list(&self) -> Vec<OriginCount> {
        let table = self.table.lock();
        let connections = |slot| table.connections(slot);
        let named = table.slots.iter().map(|(origin, slot)| OriginCount {
            origin: Some(origin.clone()),
            connections: connections(*slot),
        });
        let others = OriginCount {
            origin: None,
            connections: connections(OVERFLOW_SLOT),
        };
        let mut all: Vec<_> = named
            .chain([others])
            .filter(|count| count.connections > 0)
            .collect();
        drop(table);
        all.sort_by(|one, other| {
            let most_first = other.connections.cmp(&one.connections);
            most_first.then_with(|| one.origin.cmp(&other.origin))
        });
        all
    }

    /// Releases a connection that was counted for `widest`.
    pub fn release_connection(&self, id: OriginId, widest: Option<WidestKey>) {
        self.with_entry(id, |entry| {
            entry.connections = entry.connections.saturating_sub(1);
        });
        let Some(widest) = widest else { return };
        let account = AccountKey::new(Some(widest.key), id);
        let usages = &mut self.table.lock().usages;
        if let Some(usage) = usages.get_mut(&account) {
            usage.connections = usage.connections.saturating_sub(1);
        }
    }

    /// Charges an announce. Returns how long reading from its connection must pause.
    ///
    /// # Errors
    ///
    /// The announce must be refused: the maximum number already waits, for the origin or for this address at it.
    pub fn admit_announce(
        &self,
        id: OriginId,
        widest: Option<WidestKey>,
        now: Duration,
    ) -> Result<Duration, Duration> {
        let policy = self.policy();
        let Some(rate) = policy.announces_per_second else {
            return Ok(Duration::ZERO);
        };
        let mut wait = Duration::ZERO;
        if let Some(widest) = widest {
            let part = |whole| policy.address_part(whole, widest.kind);
            let bucket =
                DelayingBucket::new(part(rate), part(policy.announces_burst), policy.delay_max);
            let account = AccountKey::new(Some(widest.key), id);
            let usages = &mut self.table.lock().usages;
            wait = bucket.take(&usages.entry(account).or_default().announce_level, now)?;
        }
        let of_origin = self.with_entry(id, |entry| {
            policy.announce_bucket.take(&entry.announce_level, now)
        });
        of_origin
            .unwrap_or(Ok(Duration::ZERO))
            .map(|origin_wait| origin_wait.max(wait))
    }

    /// Evicts the origins without connections.
    pub fn evict_idle(&self, now: Duration) {
        self.table.lock().evict_idle(now);
    }

    fn with_entry<R>(&self, id: OriginId, act: impl FnOnce(&mut OriginEntry) -> R) -> Option<R> {
        let slot = usize::from(id.0).checked_sub(1)?;
        self.table.lock().entries.get_mut(slot).map(act)
    }
}

#[cfg(test)]
mod tests;
