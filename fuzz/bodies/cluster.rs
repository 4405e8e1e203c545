//! Reads the bytes as what another node sends: as a whole message, as the links of a heartbeat, and as the entries of an
//! accepted batch. Nothing may panic, and what is read must be written in the same way.

use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use swarmhub::cluster::wire::{
    Batch, BatchHeader, Class, HeartbeatMessage, LinkReport, List, NodeTotals,
};
use swarmhub::cluster::{
    Cluster, ClusterEvent, ClusterIdentity, Effect, HashKey, LinkEpoch, NodeId, Slots,
};

const ME: NodeId = NodeId::new(1);
const OTHER: NodeId = NodeId::new(2);

/// Panics if these bytes do any harm.
pub(crate) fn check(bytes: &[u8]) {
    check_message(bytes);
    check_entries(bytes);
    let mut node = Node::linked();
    for class in [Class::Control, Class::Signalling] {
        let batch = Batch::write(header(class), bytes, None);
        node.handle(ClusterEvent::BatchReceived(&batch));
        assert_eq!(node.cluster.counters().stale_batches, 0, "accepted");
    }
    node.handle(ClusterEvent::HeartbeatReceived(bytes));
    node.handle(ClusterEvent::BatchReceived(bytes));
    // What the entries have asked for is done.
    for _ in 0..30 {
        node.now += Duration::from_millis(100);
        node.handle(ClusterEvent::Timeout);
        node.heartbeat(true);
        while node.cluster.poll_transmit(node.now).is_some() {}
    }
}

fn header(class: Class) -> BatchHeader {
    BatchHeader {
        class,
        sender: OTHER,
        receiver: ME,
        epoch: LinkEpoch::new(1),
        number: 1,
    }
}

fn check_message(bytes: &[u8]) {
    if let Ok(heartbeat) = HeartbeatMessage::read(bytes, None) {
        let again = heartbeat.write(None);
        let read = HeartbeatMessage::read(&again, None).expect("a heartbeat");
        assert_eq!(read.write(None), again);
    }
}

fn check_entries(bytes: &[u8]) {
    let batch = Batch::write(header(Class::Control), bytes, None);
    let batch = Batch::read(&batch, None).expect("a batch");
    let mut written = Vec::new();
    for entry in batch.entries().flatten() {
        entry.write(&mut written);
    }
    let again = Batch::write(header(Class::Control), &written, None);
    let again = Batch::read(&again, None).expect("a batch");
    let mut twice = Vec::new();
    for entry in again.entries() {
        entry.expect("an entry").write(&mut twice);
    }
    assert_eq!(written, twice);
}

/// A node that knows one other node.
struct Node {
    cluster: Cluster,
    now: Duration,
    rng: SmallRng,
    heartbeats: u64,
}

impl Node {
    fn linked() -> Self {
        let identity = ClusterIdentity {
            node: ME,
            slots: Slots::new(8, HashKey::new([1; 2])),
            secret: None,
        };
        let mut node = Self {
            cluster: Cluster::new(identity),
            now: Duration::from_secs(1),
            rng: SmallRng::seed_from_u64(1),
            heartbeats: 1 << 40,
        };
        node.handle(ClusterEvent::EngineUp);
        node.heartbeat(false);
        assert!(node.cluster.nodes().iter().all(|node| node.is_visible));
        node
    }

    /// The other node lives, and the engine works.
    fn heartbeat(&mut self, is_echoed: bool) {
        self.heartbeats += 1;
        let link = LinkReport {
            node: ME,
            epoch: LinkEpoch::new(7),
            sends_under: LinkEpoch::new(1),
            control_sent: 0,
        };
        for node in [OTHER, ME].into_iter().take(1 + usize::from(is_echoed)) {
            let heartbeat = HeartbeatMessage {
                node,
                number: self.heartbeats,
                is_draining: false,
                is_leaving: false,
                totals: NodeTotals::default(),
                links: List::Items(&[link]),
            };
            let heartbeat = heartbeat.write(None);
            self.handle(ClusterEvent::HeartbeatReceived(&heartbeat));
        }
    }

    fn handle(&mut self, event: ClusterEvent<'_>) {
        let mut effects = Vec::new();
        self.cluster
            .handle(event, self.now, &mut self.rng, &mut effects);
        for effect in effects {
            if let Effect::GiveOffers(node, origin, offers) = effect {
                let offers: Vec<_> = offers.iter().collect();
                self.cluster.return_offers(node, &origin, &offers, self.now);
            }
        }
    }
}
