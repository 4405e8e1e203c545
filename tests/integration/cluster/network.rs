//! Nodes of a cluster in this process. Channels take the place of the engine; a test can cut a node off.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use swarmhub::ClusterStart;
use swarmhub::cluster::{
    Backplane, ClusterIdentity, Delivery, HashKey, NodeId, NodeView, Population, Slots, Transmit,
};
use swarmhub::config::Config;
use swarmhub::protocol::InfoHash;
use tokio::sync::mpsc;

use crate::support::{TestServer, id, wait_until};

/// Messages that wait for one node.
const INBOX_MAX: usize = 4096;

/// The channels of all nodes.
#[derive(Debug, Default)]
struct Channels {
    inboxes: BTreeMap<NodeId, mpsc::Sender<Delivery>>,
    cut_off: BTreeSet<NodeId>,
}

/// The network between the nodes of a test.
#[derive(Debug, Clone, Default)]
pub(super) struct Network(Arc<Mutex<Channels>>);

impl Network {
    fn with<R>(&self, act: impl FnOnce(&mut Channels) -> R) -> R {
        act(&mut self.0.lock())
    }

    /// Starts a server as a node of the cluster.
    pub(super) fn start(&self, number: u64, change: impl FnOnce(&mut Config)) -> TestServer {
        let node = NodeId::new(number);
        let (inbox, deliveries) = mpsc::channel(INBOX_MAX);
        inbox.try_send(Delivery::Connected(true)).unwrap();
        self.with(|channels| channels.inboxes.insert(node, inbox));
        let start = ClusterStart {
            identity: ClusterIdentity {
                node,
                slots: Slots::new(Slots::COUNT, HashKey::new([7; 2])),
                secret: None,
            },
            backplane: Box::new(Port {
                network: self.clone(),
                node,
            }),
            deliveries,
            sending: None,
        };
        TestServer::start_in_cluster(start, change)
    }

    /// Loses all messages from and to a node from now on, or no longer.
    pub(super) fn cut_off(&self, number: u64, is_cut_off: bool) {
        let node = NodeId::new(number);
        self.with(|channels| {
            if is_cut_off {
                channels.cut_off.insert(node);
            } else {
                channels.cut_off.remove(&node);
            }
        });
    }
}

/// The way of one node to the others.
struct Port {
    network: Network,
    node: NodeId,
}

impl Backplane for Port {
    fn is_ready(&self) -> bool {
        true
    }

    fn send(&mut self, transmit: Transmit) {
        self.network.with(|channels| {
            if channels.cut_off.contains(&self.node) || channels.cut_off.contains(&transmit.to) {
                return;
            }
            let inbox = channels.inboxes.get(&transmit.to);
            let delivered = inbox.map(|inbox| inbox.try_send(Delivery::Batch(transmit.batch)));
            if delivered.is_none_or(|sent| sent.is_err())
                && let Some(own) = channels.inboxes.get(&self.node)
            {
                let _ = own.try_send(Delivery::Unreachable(transmit.to));
            }
        });
    }

    fn broadcast(&mut self, heartbeat: Vec<u8>) {
        self.network.with(|channels| {
            for (node, inbox) in &channels.inboxes {
                let is_cut_off = |node| channels.cut_off.contains(node);
                if *node == self.node || !is_cut_off(node) && !is_cut_off(&self.node) {
                    let _ = inbox.try_send(Delivery::HeartbeatMessage(heartbeat.clone()));
                }
            }
        });
    }
}

/// Returns the members of a swarm on the other nodes, as far as a node knows them.
pub(super) fn others_of(server: &TestServer, swarm: &str) -> Population {
    let info_hash = InfoHash::new(id(swarm).as_bytes().try_into().unwrap());
    server
        .node
        .cluster()
        .unwrap()
        .others(&info_hash)
        .population()
}

/// Returns the other nodes that a node counts.
pub(super) fn visible(server: &TestServer) -> usize {
    let cluster = server.node.cluster().unwrap();
    let nodes = cluster.with_core(|core, _| core.nodes());
    nodes
        .iter()
        .filter(|node: &&NodeView| node.is_visible)
        .count()
}

/// Waits until all nodes know each other.
pub(super) async fn when_linked(servers: &[TestServer]) {
    wait_until("the nodes know each other", || {
        let mut others = servers.iter().map(visible);
        others.all(|others| others == servers.len() - 1)
    })
    .await;
}

/// Starts that many nodes, and waits until they know each other.
pub(super) async fn cluster(count: u64) -> (Network, Vec<TestServer>) {
    cluster_with(count, |_| {}).await
}

/// Does the same with the settings of `change`.
pub(super) async fn cluster_with(
    count: u64,
    change: impl Fn(&mut Config),
) -> (Network, Vec<TestServer>) {
    let network = Network::default();
    let servers = (1..=count).map(|number| network.start(number, &change));
    let servers: Vec<_> = servers.collect();
    when_linked(&servers).await;
    (network, servers)
}
