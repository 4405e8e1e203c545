//! Stores the populations of all nodes in the swarms of the slots that this node owns.
//!
//! Each node writes only its own rows. Rows of forgotten nodes are ignored when they are read, and removed later. A slot
//! is *provisional* until all nodes have said that they registered everything: then a vector that lacks a node does not
//! mean that the node has no members.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use smallvec::SmallVec;

use super::local_swarms::SwarmKey;
use super::members::Members;
use super::wire::{NODES_MAX, NodeRow};
use super::{HashKey, LinkEpoch, NodeId, Population, Slot};
use crate::protocol::InfoHash;

/// Most swarms in the directory of one node.
pub(super) const DIRECTORY_SWARMS_MAX: usize = 8 << 20;

/// The members of a swarm on one node.
#[derive(Debug, Clone, Copy)]
struct Row {
    link: LinkEpoch,
    sequence: u64,
    population: Population,
}

/// Who must get the vector of a swarm at the next tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notify {
    Nobody,
    /// All but the one whose row has changed.
    AllBut(LinkEpoch),
    All,
}

#[derive(Debug)]
struct DirectorySwarm {
    /// With population zero after a node has left, so that a late registration is recognised, until the next sweep.
    rows: SmallVec<[Row; 2]>,
    notify: Notify,
    /// Everybody gets the vector when the slot is no longer provisional.
    is_deferred: bool,
}

/// A registration of a population.
#[derive(Debug, Clone, Copy)]
pub(super) struct Registration {
    pub(super) population: Population,
    pub(super) sequence: u64,
    pub(super) is_repeated: bool,
}

/// The directory of one node.
#[derive(Debug)]
pub(super) struct Directory {
    swarms: BTreeMap<SwarmKey, DirectorySwarm>,
    /// Swarms whose vector must be sent, each once.
    notify_queue: VecDeque<SwarmKey>,
    /// The slots that each node has registered completely.
    synced: BTreeMap<LinkEpoch, BTreeSet<Slot>>,
    /// Owned slots that all nodes have registered completely. All others are provisional: a node may register its swarms
    /// here before this node knows that it owns them.
    settled: BTreeSet<Slot>,
    /// Owned slots that are not settled, since when.
    waiting: BTreeMap<Slot, Duration>,
    last_version: u64,
    swarms_max: usize,
}

/// Returns the keys of all swarms of a slot.
pub(super) fn keys_of(slot: Slot) -> std::ops::RangeInclusive<SwarmKey> {
    (slot, InfoHash::new([0; 20]))..=(slot, InfoHash::new([0xff; 20]))
}

impl Directory {
    pub(super) fn new(swarms_max: usize) -> Self {
        Self {
            swarms: BTreeMap::new(),
            notify_queue: VecDeque::new(),
            synced: BTreeMap::new(),
            settled: BTreeSet::new(),
            waiting: BTreeMap::new(),
            last_version: 0,
            swarms_max,
        }
    }

    #[cfg(test)]
    pub(super) fn describe(&self, key: SwarmKey) -> String {
        let is_provisional = self.is_provisional(key.0);
        format!("{:?}, provisional: {is_provisional}", self.swarms.get(&key))
    }

    /// Stores the row of a node. Returns false if there is no space for it.
    pub(super) fn register(
        &mut self,
        key: SwarmKey,
        link: LinkEpoch,
        registration: Registration,
    ) -> bool {
        let is_full = self.swarms.len() >= self.swarms_max;
        let is_provisional = self.is_provisional(key.0);
        let swarm = match self.swarms.entry(key) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            // A question about a swarm without members.
            _ if registration.population == Population::default() => return true,
            _ if is_full => return false,
            std::collections::btree_map::Entry::Vacant(entry) => entry.insert(DirectorySwarm {
                rows: SmallVec::new(),
                notify: Notify::Nobody,
                is_deferred: false,
            }),
        };
        let row = Row {
            link,
            sequence: registration.sequence,
            population: registration.population,
        };
        let has_space = swarm.rows.len() < 2 * NODES_MAX;
        let before = match swarm.rows.iter_mut().find(|row| row.link == link) {
            Some(known) if known.sequence > row.sequence => return true,
            Some(known) => std::mem::replace(known, row).population,
            None if !has_space => return false,
            None => {
                swarm.rows.push(row);
                Population::default()
            }
        };
        if before != registration.population {
            if registration.is_repeated && is_provisional {
                swarm.is_deferred = true;
            } else {
                self.notify_others(key, link);
            }
        }
        true
    }

    /// Sends the vector of a swarm to all but `link` at the next tick.
    fn notify_others(&mut self, key: SwarmKey, link: LinkEpoch) {
        let Some(swarm) = self.swarms.get_mut(&key) else {
            return;
        };
        if swarm.notify == Notify::Nobody {
            self.notify_queue.push_back(key);
            swarm.notify = Notify::AllBut(link);
        } else if swarm.notify != Notify::AllBut(link) {
            swarm.notify = Notify::All;
        }
    }

    /// Sends the vector of a swarm to everybody at the next tick.
    pub(super) fn notify_all(&mut self, key: SwarmKey) {
        if let Some(swarm) = self.swarms.get_mut(&key) {
            if swarm.notify == Notify::Nobody {
                self.notify_queue.push_back(key);
            }
            swarm.notify = Notify::All;
        }
    }

    /// Removes and returns the next swarm whose vector must be sent.
    pub(super) fn next_to_notify(&mut self) -> Option<(SwarmKey, Notify)> {
        let key = self.notify_queue.pop_front()?;
        // It was removed in the meantime.
        let swarm = self.swarms.get_mut(&key);
        let notify = swarm.map(|swarm| std::mem::replace(&mut swarm.notify, Notify::Nobody));
        Some((key, notify.unwrap_or(Notify::Nobody)))
    }

    pub(super) fn notify_count(&self) -> usize {
        self.notify_queue.len()
    }

    /// Returns the nodes with members of a swarm.
    pub(super) fn interested(&self, key: SwarmKey) -> SmallVec<[LinkEpoch; 4]> {
        let rows = self.swarms.get(&key).into_iter().flat_map(|it| &it.rows);
        let present = rows.filter(|row| row.population != Population::default());
        present.map(|row| row.link).collect()
    }

    /// Returns the vector of a swarm for a node: the members of all others. It has a new version.
    pub(super) fn vector(
        &mut self,
        key: SwarmKey,
        link: LinkEpoch,
        (me, members): (NodeId, &Members),
    ) -> (u64, SmallVec<[NodeRow; 4]>) {
        self.last_version += 1;
        let is_provisional = self.is_provisional(key.0);
        let Some(swarm) = self.swarms.get_mut(&key) else {
            return (self.last_version, SmallVec::new());
        };
        swarm.is_deferred |= is_provisional;
        let rows = others(swarm, link, me, members);
        (self.last_version, rows.take(NODES_MAX).collect())
    }

    /// Follows the end of a registration of a whole slot: older rows of the node are outdated. Returns whether the rest
    /// is complete.
    pub(super) fn finish_sync(
        &mut self,
        (slot, link): (Slot, LinkEpoch),
        first_sequence: u64,
        count: u32,
    ) -> bool {
        let mut outdated: Vec<SwarmKey> = Vec::new();
        let mut present = 0_u32;
        for (key, swarm) in self.swarms.range_mut(keys_of(slot)) {
            let rows = swarm.rows.iter_mut().filter(|row| row.link == link);
            for row in rows.filter(|row| row.population != Population::default()) {
                if row.sequence < first_sequence {
                    row.population = Population::default();
                    outdated.push(*key);
                } else {
                    present += 1;
                }
            }
        }
        for key in outdated {
            self.notify_others(key, link);
        }
        if present == count {
            self.synced.entry(link).or_default().insert(slot);
        }
        present == count
    }

    /// Begins to own a slot, or waits for a node that must register it.
    pub(super) fn set_provisional(&mut self, slot: Slot, now: Duration) {
        self.settled.remove(&slot);
        self.waiting.entry(slot).or_insert(now);
    }

    /// Ends to own a slot.
    pub(super) fn lose(&mut self, slot: Slot) {
        self.settled.remove(&slot);
        self.waiting.remove(&slot);
        for synced in self.synced.values_mut() {
            synced.remove(&slot);
        }
    }

    pub(super) fn is_provisional(&self, slot: Slot) -> bool {
        !self.settled.contains(&slot)
    }

    pub(super) fn forget(&mut self, link: LinkEpoch) {
        self.synced.remove(&link);
    }

    /// Forgets that a node has registered a slot completely.
    pub(super) fn forget_sync(&mut self, link: LinkEpoch, slot: Slot) {
        if let Some(synced) = self.synced.get_mut(&link) {
            synced.remove(&slot);
        }
    }

    /// Sends the vector of a swarm to everybody when its slot is no longer provisional.
    pub(super) fn defer(&mut self, key: SwarmKey) {
        if let Some(swarm) = self.swarms.get_mut(&key) {
            swarm.is_deferred = true;
        }
    }

    pub(super) fn has_synced(&self, link: LinkEpoch, slot: Slot) -> bool {
        self.synced.get(&link).is_some_and(|it| it.contains(&slot))
    }

    /// Ends the provisional time of slots that all `nodes` have registered. Returns the slots that still wait for one
    /// since `overdue_since` or longer; their time begins again.
    pub(super) fn settle(
        &mut self,
        (nodes, members): (&[LinkEpoch], &Members),
        overdue_since: Option<Duration>,
        now: Duration,
    ) -> Vec<Slot> {
        let (mut settled, mut overdue) = (Vec::new(), Vec::new());
        for (slot, since) in &self.waiting {
            if nodes.iter().all(|link| self.has_synced(*link, *slot)) {
                settled.push(*slot);
            } else if overdue_since.is_some_and(|before| *since <= before) {
                overdue.push(*slot);
            }
        }
        for slot in settled {
            self.waiting.remove(&slot);
            self.settled.insert(slot);
            let swarms = self.swarms.range_mut(keys_of(slot));
            let deferred = swarms.filter_map(|(key, swarm)| {
                // Others may not have forgotten a node that this one had to forget.
                let before = swarm.rows.len();
                swarm.rows.retain(|row| members.is_known(row.link));
                let is_changed = swarm.rows.len() != before;
                (std::mem::take(&mut swarm.is_deferred) || is_changed).then_some(*key)
            });
            let deferred: Vec<_> = deferred.collect();
            for key in deferred {
                self.notify_all(key);
            }
        }
        for slot in &overdue {
            self.waiting.insert(*slot, now);
        }
        overdue
    }

    /// Removes what is no longer needed of a slot: all of it if it is not owned, else the rows of forgotten nodes and of
    /// nodes that left.
    pub(super) fn sweep(&mut self, slot: Slot, is_owned: bool, members: &Members) {
        let mut empty = Vec::new();
        for (key, swarm) in self.swarms.range_mut(keys_of(slot)) {
            swarm.rows.retain(|row| {
                is_owned && members.is_known(row.link) && row.population != Population::default()
            });
            if swarm.rows.is_empty() && swarm.notify == Notify::Nobody {
                empty.push(*key);
            }
        }
        for key in empty {
            self.swarms.remove(&key);
        }
    }

    /// Returns the number of rows of a node in a slot, the sum of their hashes, and that of their vectors. The latter is
    /// `None` while a vector waits to be sent.
    pub(super) fn digest(
        &self,
        (slot, link): (Slot, LinkEpoch),
        hash_key: &HashKey,
        (me, members): (NodeId, &Members),
    ) -> (u32, u64, Option<u64>) {
        let (mut count, mut sum, mut vectors) = (0, 0_u64, Some(0_u64));
        for ((_, info_hash), swarm) in self.swarms.range(keys_of(slot)) {
            let own = swarm.rows.iter().find(|row| row.link == link);
            let own = own.filter(|row| row.population != Population::default());
            let Some(row) = own else { continue };
            count += 1;
            sum = sum.wrapping_add(hash_row(hash_key, info_hash, None, row.population));
            let is_sent = swarm.notify == Notify::Nobody;
            vectors = vectors.filter(|_| is_sent).map(|vectors| {
                let rows = others(swarm, link, me, members);
                rows.fold(vectors, |sum, row| {
                    let hash = hash_row(hash_key, info_hash, Some(row.node), row.population);
                    sum.wrapping_add(hash)
                })
            });
        }
        (count, sum, vectors)
    }
}

/// Returns the members of a swarm on all nodes but one. Whether a node is reachable now is for each reader to judge.
fn others<'d>(
    swarm: &'d DirectorySwarm,
    link: LinkEpoch,
    me: NodeId,
    members: &'d Members,
) -> impl Iterator<Item = NodeRow> + 'd {
    let rows = swarm.rows.iter().filter(move |row| row.link != link);
    let present = rows.filter(|row| row.population != Population::default());
    present.filter_map(move |row| {
        let node = match row.link {
            LinkEpoch::SELF => me,
            link => members.known(link)?,
        };
        Some(NodeRow {
            node,
            population: row.population,
        })
    })
}

/// Returns the hash of a row in digests: of the own one, or of that of another node.
pub(super) fn hash_row(
    key: &HashKey,
    info_hash: &InfoHash,
    node: Option<NodeId>,
    population: Population,
) -> u64 {
    let mut bytes = [0; 44];
    let node = node.map_or(0, NodeId::to_bits).to_le_bytes();
    let parts = info_hash.as_bytes().iter().chain(&node);
    let population = population.to_bytes();
    let all = parts.chain(&population);
    bytes.iter_mut().zip(all).for_each(|(to, byte)| *to = *byte);
    key.hash(&bytes)
}
