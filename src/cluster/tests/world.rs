//! Several nodes with browsers, and one list of all that is true: the naive tracker that sees everything.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use super::browser::{Browser, OfferFate, population};
use crate::cluster::wire::{MessageSecret, NodeTotals};
use crate::cluster::{
    Backplane, Cluster, ClusterEvent, ClusterIdentity, Delivery, Effect, HashKey, MemoryNetwork,
    NodeId, Population, Slots,
};
use crate::protocol::{ConnectionId, InfoHash, OfferId, PeerId};

/// Few slots, so that the simulation is fast.
const SLOTS: u16 = 24;

/// One node.
#[derive(Debug)]
pub(super) struct TestNode {
    pub(super) cluster: Cluster,
    pub(super) browsers: BTreeMap<ConnectionId, Browser>,
    pub(super) is_draining: bool,
    /// It does nothing until then; its messages wait.
    pub(super) paused_until: Option<Duration>,
    inbox: VecDeque<Delivery>,
}

impl TestNode {
    pub(super) fn in_swarm(&self, info_hash: InfoHash) -> impl Iterator<Item = &Browser> {
        let browsers = self.browsers.values();
        browsers.filter(move |browser| browser.info_hash == info_hash)
    }

    pub(super) fn population(&self, info_hash: InfoHash) -> Population {
        population(self.in_swarm(info_hash))
    }
}

/// An answer that a browser will send.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlannedAnswer {
    pub(super) node: NodeId,
    pub(super) browser: Browser,
    pub(super) to: PeerId,
    pub(super) offer_id: OfferId,
    /// The offering peer is on the same node.
    pub(super) is_local: bool,
}

/// All nodes, the network and the time.
#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Duration,
    pub(super) rng: SmallRng,
    pub(super) network: MemoryNetwork,
    pub(super) nodes: BTreeMap<NodeId, TestNode>,
    pub(super) offers: BTreeMap<OfferId, OfferFate>,
    pub(super) answers: BTreeMap<(Duration, u64), PlannedAnswer>,
    /// Questions about swarms that wait for an answer.
    pub(super) questions: BTreeMap<u64, (NodeId, InfoHash)>,
    /// Answered questions with the number of members.
    pub(super) told: BTreeMap<u64, Population>,
    /// HTTP announces that wait, and the numbers of peers that finished ones got.
    pub(super) http: BTreeMap<u64, (NodeId, InfoHash)>,
    pub(super) http_found: BTreeMap<u64, usize>,
    pub(super) last_number: u64,
    /// What went wrong by intention, to read with a failure.
    pub(super) log: Vec<String>,
    secret: Option<MessageSecret>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        // Every fourth cluster signs its messages.
        let secret = rng
            .random_ratio(1, 4)
            .then(|| MessageSecret::new(b"secret"));
        Self {
            now: Duration::from_secs(100),
            network: MemoryNetwork::new(seed),
            nodes: BTreeMap::new(),
            offers: BTreeMap::new(),
            answers: BTreeMap::new(),
            questions: BTreeMap::new(),
            told: BTreeMap::new(),
            http: BTreeMap::new(),
            http_found: BTreeMap::new(),
            last_number: 0,
            log: Vec::new(),
            secret,
            rng,
        }
    }

    pub(super) fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(super) fn add_node(&mut self) -> NodeId {
        let id = NodeId::new(self.rng.random());
        let identity = ClusterIdentity {
            node: id,
            slots: Slots::new(SLOTS, HashKey::new([9; 2])),
            secret: self.secret.clone(),
        };
        let node = TestNode {
            cluster: Cluster::new(identity),
            browsers: BTreeMap::new(),
            is_draining: false,
            paused_until: None,
            inbox: VecDeque::new(),
        };
        self.nodes.insert(id, node);
        self.network.add(id, self.now);
        id
    }

    /// Ends a node without a word.
    pub(super) fn crash(&mut self, id: NodeId) {
        self.network.remove(id);
        self.nodes.remove(&id);
        self.questions.retain(|_, (node, _)| *node != id);
        self.http.retain(|_, (node, _)| *node != id);
    }

    /// Ends a node that says goodbye.
    pub(super) fn stop(&mut self, id: NodeId) {
        self.handle(id, &ClusterEvent::Leave);
        self.crash(id);
    }

    pub(super) fn set_draining(&mut self, id: NodeId, is_draining: bool) {
        let now = self.now;
        if let Some(node) = self.nodes.get_mut(&id) {
            node.is_draining = is_draining;
            let totals = NodeTotals {
                connections: u32::try_from(node.browsers.len()).unwrap(),
                ..NodeTotals::default()
            };
            node.cluster.set_totals(totals, is_draining, now);
        }
    }

    /// Returns whether a node can do something now.
    pub(super) fn is_awake(&self, id: NodeId) -> bool {
        self.nodes
            .get(&id)
            .is_some_and(|node| node.paused_until.is_none())
    }

    pub(super) fn join(&mut self, id: NodeId, browser: Browser) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.browsers.insert(browser.connection, browser);
        }
        self.update_population(id, browser.info_hash);
    }

    pub(super) fn leave(&mut self, id: NodeId, browser: Browser) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.browsers.remove(&browser.connection);
        }
        self.update_population(id, browser.info_hash);
    }

    pub(super) fn update_population(&mut self, id: NodeId, info_hash: InfoHash) {
        let now = self.now;
        if let Some(node) = self.nodes.get_mut(&id) {
            let population = node.population(info_hash);
            node.cluster.set_population(&info_hash, population, now);
        }
    }

    /// Returns the members of a swarm on all nodes.
    pub(super) fn truth(&self, info_hash: InfoHash) -> Population {
        population(
            self.nodes
                .values()
                .flat_map(|node| node.in_swarm(info_hash)),
        )
    }

    /// Returns the browsers of a node that may get offers of a peer of a swarm, in random order.
    pub(super) fn receivers(&mut self, id: NodeId, from: (InfoHash, PeerId)) -> Vec<Browser> {
        let Some(node) = self.nodes.get(&id) else {
            return Vec::new();
        };
        let candidates = node.in_swarm(from.0);
        let candidates = candidates.filter(|it| !it.is_http && it.peer_id != from.1);
        let mut candidates: Vec<_> = candidates.copied().collect();
        candidates.shuffle(&mut self.rng);
        candidates
    }

    /// Returns what all nodes store about a swarm, to read with a failure.
    pub(super) fn describe(&self, info_hash: InfoHash) -> String {
        let mut text = self.log.join("\n");
        for (id, node) in &self.nodes {
            let cluster = &node.cluster;
            let key = cluster.key(&info_hash);
            let peers = cluster.members.nodes();
            let peers: Vec<_> = peers
                .map(|(id, node)| (id, node.epoch, node.peer_epoch, node.is_visible()))
                .collect();
            let _ = write!(
                text,
                "\nnode {id} has {:?}, owner {:?}\n  members {peers:?}\n  {:?}\n  {}\n  {:?}",
                node.population(info_hash),
                cluster.ownership.owner(key.0),
                cluster.local.swarms.get(&key),
                cluster.directory.describe(key),
                cluster.counters,
            );
        }
        text
    }

    pub(super) fn handle(&mut self, id: NodeId, event: &ClusterEvent<'_>) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(&id) else {
            return;
        };
        let mut effects = Vec::new();
        node.cluster
            .handle(*event, now, &mut self.rng, &mut effects);
        for effect in effects {
            match effect {
                Effect::Broadcast(heartbeat) => self.network.port(id, now).broadcast(heartbeat),
                effect => self.follow(id, effect),
            }
        }
    }

    pub(super) fn deliver(&mut self, id: NodeId, delivery: &Delivery) {
        let event = match delivery {
            Delivery::HeartbeatMessage(bytes) => ClusterEvent::HeartbeatReceived(bytes),
            Delivery::Batch(bytes) => ClusterEvent::BatchReceived(bytes),
            Delivery::Unreachable(node) => ClusterEvent::NodeUnreachable(*node),
            Delivery::Connected(true) => ClusterEvent::EngineUp,
            Delivery::Connected(false) => ClusterEvent::EngineDown,
        };
        self.handle(id, &event);
    }

    /// Lets everything happen until `end`.
    pub(super) fn run_until(&mut self, end: Duration) {
        loop {
            let mut next = end;
            next = next.min(self.network.next_arrival().unwrap_or(end));
            if let Some(((at, _), _)) = self.answers.first_key_value() {
                next = next.min(*at);
            }
            for node in self.nodes.values() {
                let timeout = || node.cluster.next_timeout();
                next = next.min(node.paused_until.unwrap_or_else(timeout));
            }
            self.now = self.now.max(next);
            if self.now >= end {
                return;
            }
            self.step();
        }
    }

    fn step(&mut self) {
        let now = self.now;
        while let Some((id, delivery)) = self.network.deliver(now) {
            if self.is_awake(id) {
                self.deliver(id, &delivery);
            } else if let Some(node) = self.nodes.get_mut(&id) {
                node.inbox.push_back(delivery);
            }
        }
        while let Some(entry) = self.answers.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let answer = entry.remove();
            self.send_answer(answer);
        }
        let ids: Vec<_> = self.nodes.keys().copied().collect();
        for id in ids {
            self.run_node(id);
        }
    }

    fn run_node(&mut self, id: NodeId) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(&id) else {
            return;
        };
        if let Some(until) = node.paused_until {
            if now < until {
                return;
            }
            node.paused_until = None;
            // Timers first, as in a process that was stopped.
            let inbox = std::mem::take(&mut node.inbox);
            self.handle(id, &ClusterEvent::Timeout);
            for delivery in inbox {
                self.deliver(id, &delivery);
            }
        } else if node.cluster.next_timeout() <= now {
            self.handle(id, &ClusterEvent::Timeout);
        }
        if let Some(node) = self.nodes.get_mut(&id) {
            node.cluster.flush(&mut self.network.port(id, now), now);
        }
    }
}
