//! Tells nodes who else has members of their swarms.

use std::time::Duration;

use smallvec::SmallVec;

use super::directory::Notify;
use super::local_swarms::{SwarmKey, Vector};
use super::wire::{Entry, List, NodeRow};
use super::{Cluster, Effect, LinkEpoch, NodeId, Population, Slot};

/// Most swarms whose vectors are sent in one tick.
const VECTORS_PER_TICK: usize = 20_000;

/// A vector that has come from the owner.
#[derive(Debug)]
pub(super) struct ReceivedVector<'a> {
    pub(super) key: SwarmKey,
    /// The owner, and the version that it gave the vector.
    pub(super) source: (LinkEpoch, u64),
    pub(super) is_provisional: bool,
    pub(super) rows: List<'a, NodeRow>,
}

impl Cluster {
    /// Sends the vectors that have changed.
    pub(super) fn send_vectors(&mut self, now: Duration, effects: &mut Vec<Effect<'_>>) {
        for _ in 0..self.directory.notify_count().min(VECTORS_PER_TICK) {
            let Some((key, notify)) = self.directory.next_to_notify() else {
                break;
            };
            if !self.owns(key.0) {
                // It has moved away, or nodes know before this one that it moves here.
                self.directory.defer(key);
                continue;
            }
            for link in self.directory.interested(key) {
                let is_told = match notify {
                    Notify::Nobody => false,
                    Notify::AllBut(source) => source != link,
                    Notify::All => true,
                };
                if is_told && link == LinkEpoch::SELF {
                    if self.store_own_vector(key) {
                        self.release(&key.1, effects);
                    }
                } else if is_told {
                    self.send_vector(key, link, now);
                }
            }
        }
    }

    /// Sends the vector of a swarm to one node, or later if there is no space.
    pub(super) fn send_vector(&mut self, key: SwarmKey, link: LinkEpoch, now: Duration) {
        let Some(node) = self.members.linked(link) else {
            return;
        };
        if !self
            .members
            .node(node)
            .is_some_and(|it| it.outbox.has_control_space())
        {
            self.directory.notify_all(key);
            return;
        }
        let (version, rows) = self.vector(key, link);
        let entry = Entry::Vector {
            info_hash: key.1,
            version,
            is_provisional: self.directory.is_provisional(key.0),
            rows: List::Items(&rows),
        };
        if let Some(node) = self.members.node_mut(node) {
            node.outbox.push_control(&entry, now);
        }
    }

    fn vector(&mut self, key: SwarmKey, link: LinkEpoch) -> (u64, SmallVec<[NodeRow; 4]>) {
        let nodes = (self.identity.node, &self.members);
        self.directory.vector(key, link, nodes)
    }

    /// Follows the directory of this node itself. Returns whether the vector is worth to go on with.
    pub(super) fn store_own_vector(&mut self, key: SwarmKey) -> bool {
        let (version, rows) = self.vector(key, LinkEpoch::SELF);
        let vector = ReceivedVector {
            key,
            source: (LinkEpoch::SELF, version),
            is_provisional: self.directory.is_provisional(key.0),
            rows: List::Items(&rows),
        };
        self.store_vector(&vector, Duration::ZERO)
    }

    /// Stores a vector. Returns whether offers can be split by it: it is complete, or names at least one node.
    pub(super) fn store_vector(&mut self, vector: &ReceivedVector<'_>, now: Duration) -> bool {
        let Some(swarm) = self.local.swarms.get_mut(&vector.key) else {
            return false;
        };
        let (owner, version) = vector.source;
        let is_late = |(known, newest)| known == owner && newest >= version;
        if swarm.vector.source.is_some_and(is_late) {
            return false;
        }
        let mut rows: SmallVec<[(LinkEpoch, Population); 2]> = SmallVec::new();
        for row in vector.rows.iter() {
            let is_other = row.node != self.identity.node;
            if is_other && let Some(link) = self.members.mention(row.node, now) {
                rows.push((link, row.population));
            }
        }
        let is_useful = !vector.is_provisional || !rows.is_empty();
        if vector.is_provisional {
            // The owner does not know everybody yet: what the previous one has said still counts.
            let kept = swarm.vector.rows.iter().filter(|(link, _)| {
                let is_listed = rows.iter().any(|(listed, _)| listed == link);
                !is_listed && self.members.known(*link).is_some()
            });
            let kept: SmallVec<[_; 2]> = kept.copied().collect();
            rows.extend(kept);
        }
        swarm.vector = Vector {
            source: Some(vector.source),
            rows,
        };
        is_useful
    }

    /// Ends the provisional time of slots, and asks nodes again that have not registered them.
    pub(super) fn settle_slots(&mut self, overdue_since: Option<Duration>, now: Duration) {
        let nodes = self.members.nodes();
        let nodes = nodes.filter(|(_, node)| node.peer_epoch.is_some());
        let others: Vec<(NodeId, LinkEpoch)> = nodes.map(|(id, node)| (id, node.epoch)).collect();
        let mut links: Vec<_> = others.iter().map(|(_, link)| *link).collect();
        links.push(LinkEpoch::SELF);
        let overdue = self
            .directory
            .settle((&links, &self.members), overdue_since, now);
        for slot in overdue {
            for (id, link) in &others {
                if !self.directory.has_synced(*link, slot) {
                    self.ask_for_slot(*id, slot, now);
                }
            }
        }
    }

    /// Asks a node to register a slot again.
    pub(super) fn ask_for_slot(&mut self, node: NodeId, slot: Slot, now: Duration) {
        if let Some(node) = self.members.node_mut(node)
            && node.outbox.has_control_space()
        {
            self.counters.repaired_slots += 1;
            node.outbox.push_control(&Entry::Sync { slot }, now);
        }
    }
}
