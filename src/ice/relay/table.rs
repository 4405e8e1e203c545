//! All allocations, found by client, by relay port and by name.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use hashbrown::HashTable;
use slab::Slab;

use super::allocation::{Allocation, AllocationId, PeerName};
use super::five_tuple::FiveTuple;

/// The first relay port; the last one is 65535. Chromium ignores the candidates of other peers at lower ports.
pub(super) const FIRST_PORT: u16 = 1024;
/// The number of relay ports.
pub(super) const PORTS: usize = 65_536 - FIRST_PORT as usize;

/// The allocations and their indexes. Expired ones stay until `next_expired` or their client meets them.
#[derive(Debug, Default)]
pub(super) struct AllocationTable {
    slots: Slab<Allocation>,
    /// One slot for each client. Its key is in the slot.
    by_client: HashTable<u32>,
    /// One slot for each port in use.
    by_port: HashMap<u16, u32>,
    hasher: RandomState,
    last_port: u16,
    last_serial: u32,
    /// The next slot that `next_expired` looks at.
    cursor: usize,
}

impl AllocationTable {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Adds an allocation and names it, under the next free port. The client has no other one. Returns `None` if all
    /// ports are taken.
    pub(super) fn insert(&mut self, mut allocation: Allocation) -> Option<PeerName> {
        let port = self.free_port()?;
        let slot = u32::try_from(self.slots.vacant_key()).ok()?;
        self.last_port = port;
        self.last_serial = self.last_serial.wrapping_add(1);
        let id = AllocationId {
            slot,
            serial: self.last_serial,
        };
        allocation.name = PeerName { id, port };
        let hash = self.hasher.hash_one(allocation.client);
        self.slots.insert(allocation);
        self.by_port.insert(port, slot);
        let Self {
            slots,
            by_client,
            hasher,
            ..
        } = self;
        by_client.insert_unique(hash, slot, |&slot| {
            let allocation = slots.get(index(slot));
            allocation.map_or(0, |allocation| hasher.hash_one(allocation.client))
        });
        Some(PeerName { id, port })
    }

    pub(super) fn remove(&mut self, id: AllocationId) -> Option<Allocation> {
        self.get(id)?;
        let allocation = self.slots.try_remove(index(id.slot))?;
        self.by_port.remove(&allocation.name.port);
        let hash = self.hasher.hash_one(allocation.client);
        if let Ok(entry) = self.by_client.find_entry(hash, |&slot| slot == id.slot) {
            entry.remove();
        }
        Some(allocation)
    }

    /// Returns the allocation of a client, which may have expired.
    pub(super) fn find(&self, client: &FiveTuple) -> Option<AllocationId> {
        let is_of_client = |&slot: &u32| {
            let allocation = self.slots.get(index(slot));
            allocation.is_some_and(|allocation| allocation.client == *client)
        };
        let hash = self.hasher.hash_one(client);
        let slot = self.by_client.find(hash, is_of_client)?;
        self.slots.get(index(*slot)).map(|found| found.name.id)
    }

    pub(super) fn find_alive(&self, client: &FiveTuple, now: Duration) -> Option<&Allocation> {
        self.get(self.find(client)?)
            .filter(|found| found.is_alive(now))
    }

    pub(super) fn with_port(&self, port: u16, now: Duration) -> Option<&Allocation> {
        let slot = self.by_port.get(&port)?;
        let found = self.slots.get(index(*slot));
        found.filter(|found| found.is_alive(now))
    }

    pub(super) fn get(&self, id: AllocationId) -> Option<&Allocation> {
        let found = self.slots.get(index(id.slot));
        found.filter(|found| found.name.id == id)
    }

    pub(super) fn get_mut(&mut self, id: AllocationId) -> Option<&mut Allocation> {
        let found = self.slots.get_mut(index(id.slot));
        found.filter(|found| found.name.id == id)
    }

    /// Returns the next expired allocation within `slots_left` slots, which it reduces.
    pub(super) fn next_expired(
        &mut self,
        slots_left: &mut usize,
        now: Duration,
    ) -> Option<AllocationId> {
        while *slots_left > 0 {
            *slots_left -= 1;
            let slot = self.cursor;
            self.cursor = slot + 1;
            if self.cursor >= self.slots.capacity() {
                self.cursor = 0;
            }
            let found = self.slots.get(slot);
            if let Some(expired) = found.filter(|found| !found.is_alive(now)) {
                return Some(expired.name.id);
            }
        }
        None
    }

    /// Makes the next port the first one after `port` that is free.
    #[cfg(test)]
    pub(super) fn set_last_port(&mut self, port: u16) {
        self.last_port = port;
    }

    /// Returns the next free port. A port is used again as late as possible.
    fn free_port(&self) -> Option<u16> {
        if self.by_port.len() >= PORTS {
            return None;
        }
        let last = self.last_port.max(FIRST_PORT - 1);
        let after = (last..u16::MAX).map(|port| port + 1);
        let mut ports = after.chain(FIRST_PORT..=last);
        ports.find(|port| !self.by_port.contains_key(port))
    }
}

fn index(slot: u32) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}
