//! Drives the core of a cluster: passes on what comes from other nodes, carries out what the core wants, and sends its
//! batches. One task per server; it knows the engine only as a [`Backplane`].

mod nats_start;
mod offers;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::handle::ServerState;
use crate::cluster::wire::NodeTotals;
use crate::cluster::{
    Backplane, Cluster, ClusterEvent, ClusterIdentity, Delivery, Effect, FLUSH_AFTER,
};
use crate::node::{AnsweredQuestion, Node, NodeCluster, Requester, add_found};
use crate::protocol::Sdp;
use crate::tracker::{Relay, RemoteAnswer};

pub(super) use nats_start::start_with_nats;

/// Most deliveries that are followed before changes of this node have their turn.
const DELIVERIES_PER_TURN: usize = 64;

/// How often the totals of the heartbeats are updated.
const TOTALS_EVERY: Duration = Duration::from_secs(1);

/// Longest time until the goodbye has left the process.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// What a server needs to be part of a cluster.
pub struct ClusterStart {
    /// Who it is.
    pub identity: ClusterIdentity,
    /// The way to the other nodes.
    pub backplane: Box<dyn Backplane + Send>,
    /// What comes from them, and whether the way works.
    pub deliveries: mpsc::Receiver<Delivery>,
    /// Ends when all has been sent after the backplane was dropped, if it does not send at once.
    pub sending: Option<JoinHandle<()>>,
}

impl fmt::Debug for ClusterStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = &mut f.debug_struct("ClusterStart");
        start
            .field("node", &self.identity.node)
            .finish_non_exhaustive()
    }
}

/// The task that drives the core.
pub(super) struct ClusterTask {
    state: Arc<ServerState>,
    cluster: Arc<NodeCluster>,
    backplane: Box<dyn Backplane + Send>,
    deliveries: mpsc::Receiver<Delivery>,
    sending: Option<JoinHandle<()>>,
    rng: SmallRng,
    totals_at: Instant,
    /// The announces at the last update of the totals.
    announces: u64,
}

impl fmt::Debug for ClusterTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterTask").finish_non_exhaustive()
    }
}

impl ClusterTask {
    /// Makes a node part of a cluster.
    pub(super) fn new(state: &Arc<ServerState>, start: ClusterStart) -> Self {
        let cluster = state.node.join_cluster(Cluster::new(start.identity));
        Self {
            state: Arc::clone(state),
            cluster,
            backplane: start.backplane,
            deliveries: start.deliveries,
            sending: start.sending,
            rng: SmallRng::seed_from_u64(rand::random()),
            totals_at: Instant::now(),
            announces: 0,
        }
    }

    /// Runs until `leave` is cancelled. Then it tells the other nodes that this one stops.
    pub(super) async fn run(mut self, leave: CancellationToken) {
        let cluster = Arc::clone(&self.cluster);
        loop {
            let mut until = cluster.begin_wait();
            if !self.backplane.is_ready() {
                // What is due cannot be sent now, so it must not keep this task busy.
                until = until.max(Instant::now() + FLUSH_AFTER);
            }
            tokio::select! {
                Some(delivery) = self.deliveries.recv() => self.follow_deliveries(&delivery),
                () = cluster.woken() => {}
                () = sleep_until(until) => {}
                () = leave.cancelled() => break,
            }
            self.follow_queue();
            if cluster.begin_wait() <= Instant::now() {
                self.update_totals();
                self.handle(ClusterEvent::Timeout);
            }
            self.flush();
        }
        self.handle(ClusterEvent::Leave);
        self.flush();
        drop(self.backplane);
        if let Some(sending) = self.sending {
            // Without an engine nobody hears the goodbye.
            let _ = timeout(GOODBYE_TIMEOUT, sending).await;
        }
    }

    fn flush(&mut self) {
        let backplane = &mut self.backplane;
        self.cluster
            .with_core(|core, now| core.flush(backplane, now));
    }

    fn node(&self) -> &Node {
        &self.state.node
    }

    /// Follows a delivery, and others that wait.
    fn follow_deliveries(&mut self, first: &Delivery) {
        self.handle(event_of(first));
        for _ in 1..DELIVERIES_PER_TURN {
            match self.deliveries.try_recv() {
                Ok(delivery) => self.handle(event_of(&delivery)),
                Err(_) => return,
            }
        }
    }

    /// Tells the core which swarms have changed, then lets it hold the announces that waited for this.
    fn follow_queue(&mut self) {
        let queue = self.cluster.take_queue();
        for info_hash in queue.changed {
            let population = self.node().tracker().population(&info_hash);
            self.cluster
                .with_core(|core, now| core.set_population(&info_hash, population, now));
        }
        for announce in queue.held {
            let held = self.cluster.with_core(|core, _| {
                let is_awaited = core.others(&announce.info_hash).is_awaited;
                if is_awaited {
                    core.hold(announce)
                } else {
                    Err(announce)
                }
            });
            if let Err(announce) = held {
                self.distribute(&announce);
            }
        }
        for question in queue.questions {
            if let Some(answered) = self.cluster.open_question(question) {
                self.answer(answered);
            }
        }
    }

    /// Updates what the heartbeats say about this node.
    fn update_totals(&mut self) {
        let elapsed = self.totals_at.elapsed();
        if elapsed < TOTALS_EVERY {
            return;
        }
        self.totals_at = Instant::now();
        let node = self.node();
        let (swarms, counters) = (node.tracker().swarms().totals(), node.counters());
        let announces = counters.announces + counters.http_announces;
        let in_time = u128::from(announces - self.announces) * 1000 / elapsed.as_millis().max(1);
        let totals = NodeTotals {
            uptime_seconds: to_u32(node.clock().uptime().as_secs()),
            connections: to_u32(node.connections()),
            swarms: to_u32(swarms.swarms),
            seeders: to_u32(swarms.seeders),
            leechers: to_u32(swarms.leechers),
            announces_per_second: to_u32(in_time),
            outbox_percent: 0,
        };
        self.announces = announces;
        let is_draining = self.state.is_draining();
        self.cluster
            .with_core(|core, now| core.set_totals(totals, is_draining, now));
        self.cluster.ask_for_watched();
    }

    /// Passes the answer to a question on.
    fn answer(&self, answered: AnsweredQuestion) {
        let AnsweredQuestion { requester, found } = answered;
        match requester {
            Requester::Connection(id, info_hashes) => {
                let mut files = self.node().tracker().counts(info_hashes);
                add_found(&mut files, &found);
                if !self.state.mailboxes.push_scrape_reply(id, &files) {
                    let counters = self.node().telemetry().shared_counters();
                    counters.relays_dropped_inbox_full.add_shared(1);
                }
            }
            // The task may have ended.
            Requester::Task(sender) => drop(sender.send(found)),
            Requester::Subscribers => self.cluster.update_watched(&found),
        }
    }

    fn handle(&mut self, event: ClusterEvent<'_>) {
        let mut effects = Vec::new();
        let rng = &mut self.rng;
        self.cluster
            .with_core(|core, now| core.handle(event, now, rng, &mut effects));
        for effect in effects {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect<'_>) {
        match effect {
            Effect::Broadcast(heartbeat) => self.backplane.broadcast(heartbeat),
            Effect::Connected(is_connected) => {
                tracing::info!(is_connected, "cluster engine");
            }
            Effect::NodeChanged(node, is_linked) => {
                tracing::info!(%node, is_linked, "cluster node");
            }
            Effect::Distribute(announce) => self.distribute(&announce),
            Effect::GiveOffers(node, origin, offers) => {
                self.give(node, &origin, offers.iter());
            }
            Effect::Redraw(node, origin, offers) => self.redraw(node, origin, &offers),
            Effect::DeliverAnswer {
                connection,
                info_hash,
                to,
                from,
                offer_id,
                sdp,
            } => {
                let answer = self.sdp(sdp).map(|sdp| RemoteAnswer {
                    info_hash,
                    connection,
                    to,
                    from,
                    offer_id,
                    sdp,
                });
                let relay = answer.and_then(|answer| self.node().tracker().deliver_answer(&answer));
                self.relay(relay.as_slice());
            }
            Effect::Answerable(info_hash, number) => {
                if let Some(answered) = self.cluster.follow_answer(number, info_hash) {
                    self.answer(answered);
                }
            }
            Effect::ListHttpPeers(node, info_hash, request, wanted) => {
                let tracker = self.state.node.tracker();
                let peers = tracker.list_http_peers(&info_hash, wanted, &mut self.rng);
                self.cluster.with_core(|core, now| {
                    core.name_http_peers(node, (info_hash, request), &peers, now);
                });
            }
            Effect::HttpPeers(token, peers) => self.cluster.follow_http_peers(token, peers),
        }
    }

    /// Checks an SDP of another node.
    fn sdp<'a>(&self, sdp: &'a [u8]) -> Option<Sdp<'a>> {
        let bounds = self.node().settings().worker.hot.bounds;
        Sdp::from_json(sdp, bounds.sdp_bytes_max)
    }

    fn relay(&self, relays: &[Relay<'_>]) {
        if relays.is_empty() {
            return;
        }
        let introductions = self.node().introductions();
        if introductions.is_active() {
            introductions.record(relays, self.node().clock().uptime());
        }
        for relay in relays {
            if !self.state.mailboxes.push_relay(relay) {
                let counters = self.node().telemetry().shared_counters();
                counters.relays_dropped_inbox_full.add_shared(1);
            }
        }
    }
}

/// The running task of a server, if it is part of a cluster.
#[derive(Debug)]
pub(super) struct RunningCluster {
    task: Option<JoinHandle<()>>,
    /// Dropped with it, so that no task outlives its server.
    leave: DropGuard,
}

impl RunningCluster {
    /// Starts the task.
    pub(super) fn start(task: Option<ClusterTask>) -> Self {
        let leave = CancellationToken::new();
        let task = task.map(|task| tokio::spawn(task.run(leave.clone())));
        Self {
            task,
            leave: leave.drop_guard(),
        }
    }

    /// Tells the other nodes that this one stops.
    pub(super) async fn leave(self) {
        drop(self.leave);
        if let Some(task) = self.task {
            let _ = task.await;
        }
    }
}

fn to_u32(number: impl TryInto<u32>) -> u32 {
    number.try_into().unwrap_or(u32::MAX)
}

const fn event_of(delivery: &Delivery) -> ClusterEvent<'_> {
    match delivery {
        Delivery::HeartbeatMessage(bytes) => ClusterEvent::HeartbeatReceived(bytes.as_slice()),
        Delivery::Batch(bytes) => ClusterEvent::BatchReceived(bytes.as_slice()),
        Delivery::Unreachable(node) => ClusterEvent::NodeUnreachable(*node),
        Delivery::Connected(true) => ClusterEvent::EngineUp,
        Delivery::Connected(false) => ClusterEvent::EngineDown,
    }
}
