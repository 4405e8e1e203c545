//! Joins several nodes to one tracker: knows which other nodes have members of a swarm, and passes offers and answers to
//! them.
//!
//! Owns the list of nodes, the directory of populations, and the queues to other nodes. Does no I/O and reads no clock:
//! events come in with the time, effects and batches come out. The tracker asks it where members are; it knows no member
//! itself. Each node stays a complete tracker without it.

mod backplane;
mod directory;
mod exchange;
mod holds;
mod http_requests;
mod ids;
mod local_swarms;
mod members;
mod offer_records;
mod others;
mod outbox;
mod ownership;
mod population;
mod receive;
mod registration;
mod replay_window;
mod siphash;
mod tick;
mod vectors;
pub mod wire;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::Rng;

use crate::protocol::{ConnectionId, InfoHash, OfferId, PeerId};
use directory::{DIRECTORY_SWARMS_MAX, Directory};
use holds::{Held, Holds};
use http_requests::HttpRequests;
use local_swarms::{LocalSwarms, SwarmKey};
use members::{MemberChange, Members};
use offer_records::{OFFER_RECORDS_MAX, OfferRecords};
use ownership::Ownership;
use wire::{Batch, BatchHeader, Class, HttpPeer, List, MessageSecret, NodeTotals, WireOffer};

pub use backplane::{Backplane, Delivery, MemoryNetwork, MemoryPort, NetworkFaults, NoBackplane};
pub use exchange::{OfferOrigin, RelayedOffer};
pub use holds::{HELD_BYTES_MAX, HeldAnnounce};
pub use ids::{LinkEpoch, NodeId, Slot, Slots};
pub use others::{OtherNode, Others, Split, Transport};
pub use outbox::FLUSH_AFTER;
pub use population::Population;
pub use siphash::HashKey;

/// Time in which changes are collected before they are sent.
pub const TICK_EVERY: Duration = Duration::from_millis(100);

/// What a node must know to be part of a cluster.
#[derive(Debug, Clone)]
pub struct ClusterIdentity {
    /// The node.
    pub node: NodeId,
    /// The slots, the same on all nodes.
    pub slots: Slots,
    /// Signs all messages, if there is one.
    pub secret: Option<MessageSecret>,
}

/// What happens outside.
#[derive(Debug, Clone, Copy)]
pub enum ClusterEvent<'a> {
    /// The time of [`Cluster::next_timeout`] has come. Later batches may be fetched, too.
    Timeout,
    /// The engine can be used.
    EngineUp,
    /// The engine is lost.
    EngineDown,
    /// A heartbeat has come, also one of this node.
    HeartbeatReceived(&'a [u8]),
    /// A batch has come.
    BatchReceived(&'a [u8]),
    /// The engine knows no receiver for a batch to this node.
    NodeUnreachable(NodeId),
    /// This node stops.
    Leave,
}

/// What the caller must do.
#[derive(Debug)]
pub enum Effect<'a> {
    /// Send this heartbeat to all nodes, this one included.
    Broadcast(Vec<u8>),
    /// The engine works, or is lost.
    Connected(bool),
    /// Another node is a member now, or is no longer.
    NodeChanged(NodeId, bool),
    /// Split these offers over this node and the others.
    Distribute(HeldAnnounce),
    /// The question with this number can be answered with [`Cluster::others`].
    Answerable(InfoHash, u64),
    /// Give each of these offers to a different member, never to one with the `peer_id` of the offering peer.
    GiveOffers(NodeId, OfferOrigin, List<'a, WireOffer<'a>>),
    /// These offers found no receiver at the node: split them over this node and the other ones.
    Redraw(NodeId, OfferOrigin, Vec<WireOffer<'a>>),
    /// Deliver an answer.
    DeliverAnswer {
        /// The connection of the offering peer, if it is still open.
        connection: ConnectionId,
        /// The swarm.
        info_hash: InfoHash,
        /// The offering peer.
        to: PeerId,
        /// The answering peer.
        from: PeerId,
        /// The offer.
        offer_id: OfferId,
        /// The SDP as a raw JSON string.
        sdp: &'a [u8],
    },
    /// Name up to this many HTTP members of the swarm with [`Cluster::name_http_peers`].
    ListHttpPeers(NodeId, InfoHash, u32, usize),
    /// The peers that other nodes have named for the HTTP announce with this number.
    HttpPeers(u64, Vec<HttpPeer>),
}

/// A batch to send.
#[derive(Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The receiver.
    pub to: NodeId,
    /// The class.
    pub class: Class,
    /// The batch.
    pub batch: Vec<u8>,
}

/// Another node, for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeView {
    /// The node.
    pub node: NodeId,
    /// Whether its members count and receive offers.
    pub is_visible: bool,
    /// Whether it takes no new connections.
    pub is_draining: bool,
    /// Its totals.
    pub totals: NodeTotals,
}

/// What was dropped, refused or given up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClusterCounters {
    /// Messages that were malformed, of a newer version, or not signed.
    pub refused_messages: u64,
    /// Batches with an old epoch, from unknown nodes, or for other nodes.
    pub stale_batches: u64,
    /// Batches that came twice.
    pub repeated_batches: u64,
    /// Each heartbeat of a forgotten node, or out of order, or of more nodes than allowed.
    pub ignored_heartbeats: u64,
    /// Entries with offers or peer lists that did not fit into an outbox.
    pub dropped_offers: u64,
    /// Entries with answers that did not fit into an outbox.
    pub dropped_answers: u64,
    /// Answers from other nodes to offers that were not sent there, are answered, or expired.
    pub unmatched_answers: u64,
    /// Records of offers that were dropped before they expired.
    pub dropped_offer_records: u64,
    /// Vectors that did not come in time.
    pub vectors_given_up: u64,
    /// Announces and questions that could not be held.
    pub refused_holds: u64,
    /// Rows that did not fit into the directory.
    pub refused_rows: u64,
    /// Slots that had to be registered again, because the directory and a node differed.
    pub repaired_slots: u64,
    /// How often control batches were missing.
    pub lost_batches: u64,
}

/// One node's part of a cluster.
#[derive(Debug)]
pub struct Cluster {
    identity: ClusterIdentity,
    members: Members,
    ownership: Ownership,
    /// When a slot has moved for the last time.
    ownership_changed: Duration,
    local: LocalSwarms,
    directory: Directory,
    holds: Holds,
    /// Slots whose swarms must be registered with their owner, and whether their vectors are wanted.
    sync_queue: BTreeMap<Slot, bool>,
    /// Slots of which a digest must be sent to their owner.
    digest_queue: BTreeSet<Slot>,
    /// When all slots must be compared with their owners, since a node is linked again that the owners may not have
    /// forgotten: they do not repeat its rows.
    digests_at: Option<Duration>,
    /// The next slot of the regular digests and sweeps.
    rotation: u16,
    /// The time until which slots have had their turn.
    rotated: Duration,
    /// Offers of this node's members, on their way to other nodes.
    sent: OfferRecords<exchange::SentOffer>,
    /// Offers of other nodes' members that were given to members of this node.
    given: OfferRecords<exchange::GivenTo>,
    http_requests: HttpRequests,
    last_sequence: u64,
    next_tick: Duration,
    /// The node that got the last batch, for their turns.
    last_transmit_to: NodeId,
    totals: NodeTotals,
    counters: ClusterCounters,
}

impl Cluster {
    /// Creates a node that knows no others. The engine is down.
    #[must_use]
    pub fn new(identity: ClusterIdentity) -> Self {
        Self {
            members: Members::new(identity.node),
            ownership: Ownership::new(identity.slots, identity.node),
            ownership_changed: Duration::ZERO,
            local: LocalSwarms::default(),
            directory: Directory::new(DIRECTORY_SWARMS_MAX),
            holds: Holds::default(),
            sync_queue: identity.slots.all().map(|slot| (slot, false)).collect(),
            digest_queue: BTreeSet::new(),
            digests_at: None,
            rotation: 0,
            rotated: Duration::ZERO,
            sent: OfferRecords::new(OFFER_RECORDS_MAX),
            given: OfferRecords::new(OFFER_RECORDS_MAX),
            http_requests: HttpRequests::default(),
            last_sequence: 0,
            next_tick: Duration::ZERO,
            last_transmit_to: identity.node,
            totals: NodeTotals::default(),
            counters: ClusterCounters::default(),
            identity,
        }
    }

    /// Follows an event, and appends what the caller must do. Batches to other nodes are fetched with
    /// [`Self::poll_transmit`].
    pub fn handle<'a>(
        &mut self,
        event: ClusterEvent<'a>,
        now: Duration,
        rng: &mut impl Rng,
        effects: &mut Vec<Effect<'a>>,
    ) {
        let mut changes = Vec::new();
        match event {
            ClusterEvent::Timeout if now >= self.next_tick => {
                self.next_tick = now + TICK_EVERY;
                self.members.tick(now, &mut changes);
                self.follow_changes(&changes, now, effects);
                changes.clear();
                self.tick(now, effects);
            }
            ClusterEvent::EngineUp => self.members.set_connected(true, now, &mut changes),
            ClusterEvent::EngineDown => self.members.set_connected(false, now, &mut changes),
            ClusterEvent::HeartbeatReceived(bytes) => {
                self.receive_heartbeat(bytes, (now, rng), &mut changes);
            }
            ClusterEvent::BatchReceived(bytes) => self.receive_batch(bytes, now, effects),
            ClusterEvent::NodeUnreachable(node) => self.members.set_unreachable(node, now),
            ClusterEvent::Timeout | ClusterEvent::Leave => {}
        }
        self.follow_changes(&changes, now, effects);
        let is_leaving = matches!(event, ClusterEvent::Leave);
        let fullest = self.members.nodes().map(|(_, node)| node.outbox.percent());
        self.totals.outbox_percent = fullest.max().unwrap_or(0);
        let secret = self.identity.secret.as_ref();
        let heartbeat = self
            .members
            .heartbeat(self.totals, (now, is_leaving), secret, rng);
        effects.extend(heartbeat.map(Effect::Broadcast));
    }

    /// Sets the totals that the heartbeats report, and whether the node takes no new connections.
    pub fn set_totals(&mut self, totals: NodeTotals, is_draining: bool, now: Duration) {
        self.totals = totals;
        if self.members.is_draining != is_draining {
            self.members.is_draining = is_draining;
            self.assign_slots(now);
        }
    }

    /// Returns the members of a swarm on other nodes, as far as this node knows them.
    #[must_use]
    pub fn others(&self, info_hash: &InfoHash) -> Others {
        let swarm = self.local.swarms.get(&self.key(info_hash));
        let is_unregistered =
            swarm.is_none() && self.members.is_connected() && !self.members.is_alone();
        let rows = swarm.into_iter().flat_map(|swarm| &swarm.vector.rows);
        let nodes = rows.filter_map(|(link, population)| {
            let (id, node) = self.members.visible(*link)?;
            Some(OtherNode {
                node: id,
                population: *population,
                is_congested: node.outbox.is_half_full(),
            })
        });
        Others {
            nodes: nodes.collect(),
            is_awaited: is_unregistered || self.holds.is_awaited(info_hash),
        }
    }

    /// Holds the offers of an announce until [`Effect::Distribute`] returns them.
    ///
    /// # Errors
    ///
    /// Returns the announce if the vector of its swarm is not awaited, or if there is no space.
    pub fn hold(&mut self, announce: HeldAnnounce) -> Result<(), HeldAnnounce> {
        let result = self.holds.hold(announce);
        self.counters.refused_holds += u64::from(result.is_err());
        result
    }

    /// Returns whether the number of members can be asked now with [`Self::others`]. If not, [`Effect::Answerable`]
    /// returns the number `question` within a second.
    pub fn is_answerable(&mut self, info_hash: &InfoHash, question: u64, now: Duration) -> bool {
        if !self.members.is_connected() || self.members.is_alone() {
            return true;
        }
        if !self.holds.is_awaited(info_hash) {
            let key = self.key(info_hash);
            if self.local.swarms.contains_key(&key) {
                return true;
            }
            self.local.swarms.entry(key).or_default();
            self.register(key, true, now);
            // The swarm has no members here; this removes it later.
            self.local.mark_dirty(key);
        }
        // If it cannot be held, what is known must do.
        !self.holds.hold_question(info_hash, question)
    }

    /// Returns the next batch that must be sent now. Call it again until it returns `None`, whenever the engine takes
    /// more.
    pub fn poll_transmit(&mut self, now: Duration) -> Option<Transmit> {
        let last = self.last_transmit_to;
        let due = |(id, node): (NodeId, &members::Node)| {
            let is_due = node.outbox.due_at().is_some_and(|due| due <= now);
            (is_due && node.peer_epoch.is_some()).then_some(id)
        };
        let due: BTreeSet<_> = self.members.nodes().filter_map(due).collect();
        let to = due.range(last..).find(|id| **id != last).or(due.first())?;
        let node = self.members.node_mut(*to)?;
        let (class, number, entries) = node.outbox.take(now)?;
        let header = BatchHeader {
            class,
            sender: self.identity.node,
            receiver: *to,
            epoch: node.peer_epoch?,
            number,
        };
        self.last_transmit_to = *to;
        Some(Transmit {
            to: *to,
            class,
            batch: Batch::write(header, &entries, self.identity.secret.as_ref()),
        })
    }

    /// Returns when [`ClusterEvent::Timeout`] or [`Self::poll_transmit`] has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Duration {
        let linked = self.members.nodes();
        let linked = linked.filter(|(_, node)| node.peer_epoch.is_some());
        let due = linked.filter_map(|(_, node)| node.outbox.due_at());
        let timer = self.next_tick.min(self.members.next_heartbeat());
        due.fold(timer, Duration::min)
    }

    /// Returns whether the engine can be used.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        self.members.is_connected()
    }

    /// Returns the other nodes.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeView> {
        let nodes = self.members.nodes().map(|(id, node)| NodeView {
            node: id,
            is_visible: node.is_visible(),
            is_draining: node.is_draining,
            totals: node.totals,
        });
        nodes.collect()
    }

    /// Returns the counters since the start.
    #[must_use]
    pub const fn counters(&self) -> ClusterCounters {
        self.counters
    }

    fn key(&self, info_hash: &InfoHash) -> SwarmKey {
        (self.identity.slots.of(info_hash), *info_hash)
    }

    /// Follows changes of the members: who owns what, and who must learn what.
    fn follow_changes(
        &mut self,
        changes: &[MemberChange],
        now: Duration,
        effects: &mut Vec<Effect<'_>>,
    ) {
        for change in changes {
            match *change {
                MemberChange::Connected(is_connected) => {
                    effects.push(Effect::Connected(is_connected));
                    if !is_connected {
                        for info_hash in self.holds.awaited() {
                            self.release(&info_hash, effects);
                        }
                    }
                }
                MemberChange::Lost(node, link) => {
                    self.directory.forget(link);
                    effects.push(Effect::NodeChanged(node, false));
                }
                MemberChange::Linked(node) => effects.push(Effect::NodeChanged(node, true)),
                MemberChange::Unlinked(node) => effects.push(Effect::NodeChanged(node, false)),
                MemberChange::BatchesLost(node) => self.repair(node, now),
                MemberChange::Owners => {}
            }
        }
        let is_repair = |change: &MemberChange| matches!(change, MemberChange::BatchesLost(_));
        if changes.iter().all(is_repair) {
            return;
        }
        self.assign_slots(now);
        for change in changes {
            if let MemberChange::Linked(node) = change {
                self.register_with(*node, now);
            }
        }
    }

    /// Ends the waiting for the vector of a swarm.
    fn release(&mut self, info_hash: &InfoHash, effects: &mut Vec<Effect<'_>>) {
        for held in self.holds.release(info_hash) {
            effects.push(match held {
                Held::Announce(announce) => Effect::Distribute(announce),
                Held::Question(number) => Effect::Answerable(*info_hash, number),
            });
        }
    }
}
