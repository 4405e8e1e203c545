//! Tells the owners of swarms how many members this node has.

use std::time::Duration;

use super::directory::{Registration, hash_row, keys_of};
use super::local_swarms::SwarmKey;
use super::wire::{Entry, RegisterFlags};
use super::{Cluster, LinkEpoch, NodeId, Population, Slot};
use crate::protocol::InfoHash;

/// Most registrations in one tick, so that a take-over does not block everything else.
const REGISTRATIONS_PER_TICK: usize = 20_000;

/// Time from a new link to a comparison with all owners. Until then most registrations are done.
const DIGESTS_AFTER_LINK: Duration = Duration::from_secs(1);

impl Cluster {
    /// Stores how many members of a swarm this node has. Called after each change.
    ///
    /// The first members and the end of the last one are registered at once, other changes at the next tick. The first
    /// ones also make the node ask who else has members.
    pub fn set_population(&mut self, info_hash: &InfoHash, population: Population, now: Duration) {
        let key = self.key(info_hash);
        let none = Population::default();
        let swarm = match self.local.swarms.get_mut(&key) {
            Some(swarm) => swarm,
            None if population == none => return,
            None => self.local.swarms.entry(key).or_default(),
        };
        let before = std::mem::replace(&mut swarm.population, population);
        if before == none && population != none {
            self.register(key, true, now);
        } else if before != none && population == none {
            if self.register(key, false, now) {
                self.remove_if_unused(key);
            }
        } else if before != population {
            self.local.mark_dirty(key);
        }
    }

    /// Sends the population of a swarm to its owner. If the vector is wanted, waits for it. Returns false if this happens
    /// at a later tick, because there is no space now.
    pub(super) fn register(&mut self, key: SwarmKey, wants_vector: bool, now: Duration) -> bool {
        let owner = self.ownership.owner(key.0);
        if self.members.is_alone() {
            self.directory.forget_sync(LinkEpoch::SELF, key.0);
            self.sync_queue.entry(key.0).or_insert(false);
        } else if owner == Some(self.identity.node) {
            let registered = self.register_here(key, false);
            self.counters.refused_rows += u64::from(!registered);
            if wants_vector && !self.store_own_vector(key) {
                self.holds.begin(key.1, now);
            }
        } else {
            let flags = RegisterFlags {
                wants_vector,
                is_repeated: false,
            };
            if !self.has_space_to(owner) {
                self.local.mark_dirty(key);
                return false;
            }
            self.send_registration(key, flags, now);
            if wants_vector {
                self.holds.begin(key.1, now);
            }
        }
        if let Some(swarm) = self.local.swarms.get_mut(&key) {
            swarm.set_registered(now);
        }
        true
    }

    /// Removes a swarm without members, or later if its vector is awaited for somebody who asks.
    fn remove_if_unused(&mut self, key: SwarmKey) {
        let swarm = self.local.swarms.get(&key);
        if swarm.is_some_and(|swarm| swarm.population != Population::default()) {
            return;
        }
        if self.holds.is_awaited(&key.1) {
            self.local.mark_dirty(key);
        } else {
            self.local.swarms.remove(&key);
        }
    }

    fn has_space_to(&self, node: Option<NodeId>) -> bool {
        let node = node.and_then(|node| self.members.node(node));
        node.is_some_and(|node| node.outbox.has_control_space())
    }

    const fn next_sequence(&mut self) -> u64 {
        self.last_sequence += 1;
        self.last_sequence
    }

    fn register_here(&mut self, key: SwarmKey, is_repeated: bool) -> bool {
        let swarm = self.local.swarms.get(&key);
        let registration = Registration {
            population: swarm.map(|swarm| swarm.population).unwrap_or_default(),
            sequence: self.next_sequence(),
            is_repeated,
        };
        self.directory.register(key, LinkEpoch::SELF, registration)
    }

    fn send_registration(&mut self, key: SwarmKey, flags: RegisterFlags, now: Duration) {
        let sequence = self.next_sequence();
        let swarm = self.local.swarms.get(&key);
        let entry = Entry::Register {
            info_hash: key.1,
            population: swarm.map(|swarm| swarm.population).unwrap_or_default(),
            sequence,
            flags,
        };
        let owner = self.ownership.owner(key.0);
        if let Some(node) = owner.and_then(|owner| self.members.node_mut(owner)) {
            node.outbox.push_control(&entry, now);
        }
    }

    /// Sends the changes that are due.
    pub(super) fn register_changes(&mut self, now: Duration) {
        for key in self.local.take_due(now, REGISTRATIONS_PER_TICK) {
            let swarm = self.local.swarms.get(&key);
            let is_unchanged = swarm.is_some_and(|swarm| swarm.population == swarm.registered);
            if is_unchanged || self.register(key, false, now) {
                self.remove_if_unused(key);
            }
        }
    }

    /// Assigns the slots anew, and registers the swarms of those that have moved.
    pub(super) fn assign_slots(&mut self, now: Duration) {
        let moved = self.ownership.assign(&self.members.owners());
        for (slot, before) in &moved {
            if *before == self.identity.node {
                self.directory.lose(*slot);
            }
            if self.owns(*slot) {
                self.directory.set_provisional(*slot, now);
            }
            self.sync_queue.entry(*slot).or_insert(false);
        }
        if !moved.is_empty() {
            self.ownership_changed = now;
        }
    }

    /// Registers everything that a node owns with it, since it knows nothing of this node, and waits for its own
    /// registrations.
    pub(super) fn register_with(&mut self, node: NodeId, now: Duration) {
        self.digests_at = Some(now + DIGESTS_AFTER_LINK);
        for slot in self.identity.slots.all() {
            if self.ownership.owner(slot) == Some(node) {
                self.sync_queue.insert(slot, true);
            } else if self.owns(slot) {
                self.directory.set_provisional(slot, now);
            }
        }
    }

    pub(super) fn owns(&self, slot: Slot) -> bool {
        self.ownership.owner(slot) == Some(self.identity.node)
    }

    /// Registers all swarms of some slots of the queue.
    pub(super) fn register_slots(&mut self, now: Duration) {
        if self.members.is_alone() {
            return;
        }
        let mut left = REGISTRATIONS_PER_TICK;
        let queued: Vec<_> = self
            .sync_queue
            .iter()
            .map(|(slot, it)| (*slot, *it))
            .collect();
        for (slot, wants_vector) in queued {
            let owns = self.owns(slot);
            if left == 0 {
                break;
            }
            if !owns && !self.has_space_to(self.ownership.owner(slot)) {
                continue;
            }
            self.sync_queue.remove(&slot);
            let done = self.register_slot(slot, wants_vector, now);
            left = left.saturating_sub(done + 1);
        }
    }

    fn register_slot(&mut self, slot: Slot, wants_vector: bool, now: Duration) -> usize {
        let owns = self.owns(slot);
        let first_sequence = self.last_sequence + 1;
        let present = self.local.swarms.range(keys_of(slot));
        let present = present.filter(|(_, swarm)| swarm.population != Population::default());
        let present: Vec<_> = present.map(|(key, _)| *key).collect();
        for key in &present {
            let swarm = self.local.swarms.get(key);
            let source = swarm.and_then(|swarm| swarm.vector.source);
            if owns {
                let registered = self.register_here(*key, true);
                self.counters.refused_rows += u64::from(!registered);
                if source.is_none_or(|(link, _)| link != LinkEpoch::SELF) {
                    self.store_own_vector(*key);
                }
            } else {
                let is_needed = source.is_none() || self.holds.is_awaited(&key.1);
                let flags = RegisterFlags {
                    wants_vector: wants_vector || is_needed,
                    is_repeated: true,
                };
                self.send_registration(*key, flags, now);
            }
            if let Some(swarm) = self.local.swarms.get_mut(key) {
                swarm.set_registered(now);
            }
        }
        let count = u32::try_from(present.len()).unwrap_or(u32::MAX);
        if owns {
            let whole = (slot, LinkEpoch::SELF);
            self.directory.finish_sync(whole, first_sequence, count);
        } else if let Some(owner) = self.ownership.owner(slot) {
            let entry = Entry::SyncEnd {
                slot,
                first_sequence,
                count,
            };
            if let Some(node) = self.members.node_mut(owner) {
                node.outbox.push_control(&entry, now);
            }
        }
        present.len()
    }

    /// Sends digests of the queued slots to their owners.
    pub(super) fn send_digests(&mut self, now: Duration) {
        let queued: Vec<_> = self.digest_queue.iter().copied().collect();
        for slot in queued {
            let owner = self.ownership.owner(slot);
            let is_other = owner.is_some_and(|owner| owner != self.identity.node);
            // A slot that is registered anew needs no digest.
            if is_other && !self.sync_queue.contains_key(&slot) {
                if !self.has_space_to(owner) {
                    continue;
                }
                let entry = self.digest(slot);
                if let Some(node) = owner.and_then(|owner| self.members.node_mut(owner)) {
                    node.outbox.push_control(&entry, now);
                }
            }
            self.digest_queue.remove(&slot);
        }
    }

    fn digest(&self, slot: Slot) -> Entry<'static> {
        let hash_key = self.identity.slots.key();
        let (mut count, mut rows, mut vectors) = (0, 0_u64, 0_u64);
        for ((_, info_hash), swarm) in self.local.swarms.range(keys_of(slot)) {
            if swarm.registered == Population::default() {
                continue;
            }
            count += 1;
            let hash = hash_row(hash_key, info_hash, None, swarm.registered);
            rows = rows.wrapping_add(hash);
            for (link, population) in &swarm.vector.rows {
                if let Some(node) = self.members.known(*link) {
                    let hash = hash_row(hash_key, info_hash, Some(node), *population);
                    vectors = vectors.wrapping_add(hash);
                }
            }
        }
        Entry::Digest {
            slot,
            count,
            rows,
            vectors,
        }
    }

    /// Compares everything with a node, because batches from there were lost.
    pub(super) fn repair(&mut self, node: NodeId, now: Duration) {
        self.counters.lost_batches += 1;
        if let Some(node) = self.members.node_mut(node) {
            node.outbox.push_control(&Entry::Check, now);
        }
        self.queue_digests_for(node);
    }

    pub(super) fn queue_digests_for(&mut self, node: NodeId) {
        let slots = self.identity.slots.all();
        let owned = slots.filter(|slot| self.ownership.owner(*slot) == Some(node));
        self.digest_queue.extend(owned);
    }

    /// Asks the owner of a swarm again for its vector.
    pub(super) fn ask_again(&mut self, info_hash: &InfoHash, now: Duration) {
        let key = self.key(info_hash);
        if self.owns(key.0) {
            return;
        }
        let flags = RegisterFlags {
            wants_vector: true,
            is_repeated: false,
        };
        if self.has_space_to(self.ownership.owner(key.0)) {
            self.send_registration(key, flags, now);
            if let Some(swarm) = self.local.swarms.get_mut(&key) {
                swarm.set_registered(now);
            }
        }
    }
}
