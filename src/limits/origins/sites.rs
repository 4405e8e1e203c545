//! Stores the connected origins, the addresses that added them, and the part that each address uses.

use std::collections::HashMap;
use std::time::Duration;

use slab::Slab;

use super::{Level, ORIGIN_BYTES_MAX, Policy};
use crate::limits::{AddressKind, Key, Visit, Whence};

#[derive(Debug)]
pub(super) struct Sites {
    pub(super) places: HashMap<Box<str>, usize>,
    /// The id is one more than the slot.
    pub(super) by_number: Slab<Site>,
    /// What one address or network uses of one origin.
    pub(super) parts: HashMap<Visit, Part>,
    /// Number of origins that each address and network added.
    pub(super) named_first: HashMap<Key, u32>,
}

#[derive(Debug, Default)]
pub(super) struct Site {
    pub(super) connections: u32,
    pub(super) announces: Level,
    /// The address and the network that added it.
    pub(super) named_by: [Option<Key>; 2],
}

#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) connections: u32,
    pub(super) announces: Level,
}

impl Sites {
    pub(super) fn connections(&self, slot: usize) -> u32 {
        self.by_number
            .get(slot)
            .map_or(0, |entry| entry.connections)
    }

    /// Returns whether an address may add one more origin.
    pub(super) fn may_name(&self, keys: Option<Whence>, policy: &Policy) -> bool {
        let Some(keys) = keys else {
            return true;
        };
        let named = |key: Key| self.named_first.get(&key).copied().unwrap_or(0);
        let most = policy.address_origins_max;
        let most = match keys.kind {
            AddressKind::Public => most,
            AddressKind::Private => most.saturating_mul(policy.private_factor),
        };
        let of_network = most.saturating_mul(policy.network_factor);
        named(keys.own) < most && keys.wider.is_none_or(|wider| named(wider) < of_network)
    }

    /// Returns whether an unknown origin gets a slot of its own.
    pub(super) fn has_place_for(
        &self,
        origin: &str,
        keys: Option<Whence>,
        policy: &Policy,
    ) -> bool {
        self.places.len() < policy.most
            && origin.len() <= ORIGIN_BYTES_MAX
            && self.may_name(keys, policy)
    }

    pub(super) fn add(&mut self, origin: &str, keys: Option<Whence>) -> usize {
        let both = keys.map_or([None; 2], |keys| [Some(keys.own), keys.wider]);
        for key in both.into_iter().flatten() {
            *self.named_first.entry(key).or_default() += 1;
        }
        let slot = self.by_number.insert(Site {
            named_by: both,
            ..Site::default()
        });
        self.places.insert(origin.into(), slot);
        slot
    }

    /// Evicts idle origins and parts.
    pub(super) fn tidy(&mut self, now: Duration) {
        let Self {
            places,
            by_number,
            parts,
            named_first,
        } = self;
        let is_active = |connections: u32, announces: &Level| {
            connections > 0 || !announces.ahead(now).is_zero()
        };
        parts.retain(|_, part| is_active(part.connections, &part.announces));
        places.retain(|_, slot| {
            let entry = by_number.get(*slot);
            let is_retained =
                entry.is_some_and(|entry| is_active(entry.connections, &entry.announces));
            if !is_retained && let Some(entry) = by_number.try_remove(*slot) {
                for key in entry.named_by.into_iter().flatten() {
                    let named = named_first.entry(key).or_default();
                    *named = named.saturating_sub(1);
                }
            }
            is_retained
        });
        named_first.retain(|_, named| *named > 0);
        if places.capacity() > 4 * places.len() {
            places.shrink_to(2 * places.len());
            by_number.shrink_to_fit();
            named_first.shrink_to(2 * named_first.len());
        }
        if parts.capacity() > 4 * parts.len() {
            parts.shrink_to(2 * parts.len());
        }
    }
}
