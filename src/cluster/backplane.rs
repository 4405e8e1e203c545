//! Defines the way to the other nodes: none, or a network in memory whose faults a test controls.
//!
//! An implementation delivers heartbeats to all nodes, the sender included, and batches to one. It may lose, repeat and
//! delay both. It never blocks: while it cannot take more, batches stay in the bounded outboxes of the cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::{Cluster, NodeId, Transmit};

/// The way of one node to the others.
pub trait Backplane {
    /// Returns whether it takes a batch now.
    fn is_ready(&self) -> bool;

    /// Sends a batch to its receiver.
    fn send(&mut self, transmit: Transmit);

    /// Sends a heartbeat to all nodes.
    fn broadcast(&mut self, heartbeat: Vec<u8>);
}

impl<B: Backplane + ?Sized> Backplane for Box<B> {
    fn is_ready(&self) -> bool {
        (**self).is_ready()
    }

    fn send(&mut self, transmit: Transmit) {
        (**self).send(transmit);
    }

    fn broadcast(&mut self, heartbeat: Vec<u8>) {
        (**self).broadcast(heartbeat);
    }
}

impl Cluster {
    /// Sends the batches that are due, as far as the backplane takes them.
    pub fn flush(&mut self, backplane: &mut impl Backplane, now: Duration) {
        while backplane.is_ready()
            && let Some(transmit) = self.poll_transmit(now)
        {
            backplane.send(transmit);
        }
    }
}

/// The backplane of a node without a cluster. It takes nothing.
#[derive(Debug, Clone, Copy)]
pub struct NoBackplane;

impl Backplane for NoBackplane {
    fn is_ready(&self) -> bool {
        false
    }

    fn send(&mut self, _: Transmit) {}

    fn broadcast(&mut self, _: Vec<u8>) {}
}

/// What a network in memory does with messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkFaults {
    /// Lost messages, in percent.
    pub lost_percent: u32,
    /// Messages that arrive twice, in percent.
    pub repeated_percent: u32,
    /// Messages that others overtake, in percent.
    pub overtaken_percent: u32,
    /// Longest delay of the others.
    pub delay_max: Duration,
}

impl NetworkFaults {
    /// A network as it should be.
    pub const NONE: Self = Self {
        lost_percent: 0,
        repeated_percent: 0,
        overtaken_percent: 0,
        delay_max: Duration::from_millis(3),
    };
}

/// Longest delay of a message that others overtake.
const OVERTAKEN_DELAY_MAX: Duration = Duration::from_millis(400);

/// Most messages that a network keeps while it is down, as the buffers of clients do.
const KEPT_MAX: usize = 200;

/// A message of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// A heartbeat.
    HeartbeatMessage(Vec<u8>),
    /// A batch.
    Batch(Vec<u8>),
    /// The receiver of a batch does not exist.
    Unreachable(NodeId),
    /// The network works again, or is lost.
    Connected(bool),
}

/// A network in memory, in virtual time. The same seed and the same calls give the same deliveries.
#[derive(Debug)]
pub struct MemoryNetwork {
    nodes: BTreeSet<NodeId>,
    /// Pairs that cannot reach each other.
    cut: BTreeSet<(NodeId, NodeId)>,
    faults: NetworkFaults,
    is_down: bool,
    queue: BTreeMap<(Duration, u64), (NodeId, Delivery)>,
    /// What was sent while it was down, and arrives late.
    kept: Vec<(NodeId, NodeId, Delivery)>,
    last_arrival: BTreeMap<(NodeId, NodeId), Duration>,
    serial: u64,
    rng: SmallRng,
}

impl MemoryNetwork {
    /// Creates a network without nodes.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            nodes: BTreeSet::new(),
            cut: BTreeSet::new(),
            faults: NetworkFaults::NONE,
            is_down: false,
            queue: BTreeMap::new(),
            kept: Vec::new(),
            last_arrival: BTreeMap::new(),
            serial: 0,
            rng: SmallRng::seed_from_u64(seed),
        }
    }

    /// Adds a node, which learns whether the network works.
    pub fn add(&mut self, node: NodeId, now: Duration) {
        self.nodes.insert(node);
        if !self.is_down {
            self.push(now, (node, Delivery::Connected(true)));
        }
    }

    /// Removes a node. Messages to it are lost, and their senders learn it.
    pub fn remove(&mut self, node: NodeId) {
        self.nodes.remove(&node);
    }

    /// Sets what happens to later messages.
    pub const fn set_faults(&mut self, faults: NetworkFaults) {
        self.faults = faults;
    }

    /// Sets whether messages from one node to another are lost.
    pub fn set_cut(&mut self, from: NodeId, to: NodeId, is_cut: bool) {
        if is_cut {
            self.cut.insert((from, to));
        } else {
            self.cut.remove(&(from, to));
        }
    }

    /// Ends all cuts.
    pub fn clear_cuts(&mut self) {
        self.cut.clear();
    }

    /// Sets whether the whole network is lost. All nodes learn it, if `is_noticed`. Some of what is sent meanwhile
    /// arrives when it works again.
    pub fn set_down(&mut self, is_down: bool, is_noticed: bool, now: Duration) {
        self.is_down = is_down;
        if is_down {
            let is_message = |it: &Delivery| !matches!(it, Delivery::Connected(_));
            self.queue.retain(|_, (_, delivery)| !is_message(delivery));
        } else {
            for (from, to, delivery) in std::mem::take(&mut self.kept) {
                self.transport((from, to), delivery, now);
            }
        }
        if is_noticed {
            for node in self.nodes.clone() {
                self.push(now, (node, Delivery::Connected(!is_down)));
            }
        }
    }

    /// Returns the way of one node to the others.
    pub const fn port(&mut self, node: NodeId, now: Duration) -> MemoryPort<'_> {
        MemoryPort {
            network: self,
            node,
            now,
        }
    }

    /// Returns when the next message arrives.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Duration> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// Removes the next message that has arrived, with its receiver.
    pub fn deliver(&mut self, now: Duration) -> Option<(NodeId, Delivery)> {
        if self.next_arrival()? > now {
            return None;
        }
        self.queue.pop_first().map(|(_, message)| message)
    }

    fn push(&mut self, at: Duration, message: (NodeId, Delivery)) {
        self.serial += 1;
        self.queue.insert((at, self.serial), message);
    }

    fn happens(&mut self, percent: u32) -> bool {
        percent > 0 && self.rng.random_range(0..100) < percent
    }

    fn transport(&mut self, (from, to): (NodeId, NodeId), delivery: Delivery, now: Duration) {
        if self.is_down {
            let is_kept = self.kept.len() < KEPT_MAX && self.happens(50);
            self.kept.extend(is_kept.then_some((from, to, delivery)));
            return;
        }
        if self.cut.contains(&(from, to)) || self.happens(self.faults.lost_percent) {
            return;
        }
        if self.happens(self.faults.repeated_percent) {
            let at = now + OVERTAKEN_DELAY_MAX.mul_f64(self.rng.random());
            self.push(at, (to, delivery.clone()));
        }
        if self.happens(self.faults.overtaken_percent) {
            let at = now + OVERTAKEN_DELAY_MAX.mul_f64(self.rng.random());
            self.push(at, (to, delivery));
            return;
        }
        let at = now + self.faults.delay_max.mul_f64(self.rng.random());
        let last = self.last_arrival.entry((from, to)).or_default();
        *last = at.max(*last);
        let at = *last;
        self.push(at, (to, delivery));
    }
}

/// The way of one node through a network in memory.
#[derive(Debug)]
pub struct MemoryPort<'n> {
    network: &'n mut MemoryNetwork,
    node: NodeId,
    now: Duration,
}

impl Backplane for MemoryPort<'_> {
    fn is_ready(&self) -> bool {
        true
    }

    fn send(&mut self, transmit: Transmit) {
        let (from, to) = (self.node, transmit.to);
        if self.network.nodes.contains(&to) {
            let batch = Delivery::Batch(transmit.batch);
            self.network.transport((from, to), batch, self.now);
        } else {
            let unreachable = Delivery::Unreachable(to);
            self.network.transport((from, from), unreachable, self.now);
        }
    }

    fn broadcast(&mut self, heartbeat: Vec<u8>) {
        for node in self.network.nodes.clone() {
            let heartbeat = Delivery::HeartbeatMessage(heartbeat.clone());
            self.network
                .transport((self.node, node), heartbeat, self.now);
        }
    }
}
