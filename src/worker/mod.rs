//! Runs one worker: a thread with its own runtime, listeners and hub.
//!
//! A worker accepts connections and serves them until they end; only messages move between workers. The server starts
//! and stops the workers.

mod accept;
mod control;
mod handshake_slots;
mod ice_thread;
mod liveness;
mod sweep;
mod turn;

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::runtime::LocalOptions;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::task::TaskTracker;

use crate::connection::WorkerContext;
use crate::http::{AppState, WorkerRouter};
use crate::hub::{DEADLINE_SLICES, Ended, Hub, Mailboxes};
use crate::limits::PressureLevel;
use crate::memory::{self, ShrinkDetector};
use crate::net::tls::TlsAcceptor;
use crate::net::{ListenerSocket, OpenConnections, WorkerListener};
use crate::node::Node;
use handshake_slots::HandshakeSlots;

pub(crate) use control::{SettingsNotice, WorkerControl};
pub(crate) use ice_thread::{IceThread, TurnConnection};
pub(crate) use liveness::Liveness;

/// How often a slice of the connections is checked; each connection is checked once a second.
const TICK: Duration = Duration::from_millis(1000 / DEADLINE_SLICES as u64);
/// Seconds of one pass over all addresses that evicts idle ones.
const ADDRESS_EVICTION_SECONDS: usize = 8;
/// Shortest time between two closing steps of a drain.
const DRAIN_STEP_MIN: Duration = Duration::from_millis(10);
/// How long a handshake cannot be displaced by newer ones: a few round trips across the world.
const HANDSHAKE_GRACE: Duration = Duration::from_secs(1);

/// Smallest decrease of connections that triggers a memory trim; a handshake takes 20 KB.
const CONNECTIONS_SHRINK_MIN: usize = 128;
/// Smallest decrease of memberships that triggers a memory trim. Each takes 600 bytes if it is a swarm of its own.
const MEMBERSHIPS_SHRINK_MIN: usize = 4096;

/// Everything that a worker needs to run.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) number: u8,
    pub(crate) workers: usize,
    pub(crate) listeners: Vec<WorkerListener>,
    pub(crate) open_connections: Arc<OpenConnections>,
    pub(crate) tls: Option<Arc<TlsAcceptor>>,
    /// Where connections to the TURN relay go, if it is on.
    pub(crate) turn_connections: Option<mpsc::Sender<TurnConnection>>,
    pub(crate) node: Arc<Node>,
    pub(crate) mailboxes: Arc<Mailboxes>,
    pub(crate) app_state: Arc<AppState>,
    pub(crate) started: Instant,
    pub(crate) control: WorkerControl,
    pub(crate) liveness: Arc<Liveness>,
}

impl Worker {
    /// Runs on this thread until it is drained and its connections have ended or are dropped.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())?;
        let listeners = std::mem::take(&mut self.listeners);
        runtime.block_on(async {
            let (node, mailboxes) = (Arc::clone(&self.node), Arc::clone(&self.mailboxes));
            let hub = Hub::new(node, mailboxes, self.number, rand::random());
            hub.advance_to(self.started.elapsed());
            let message_bytes_max = self.node.settings().worker.message_bytes_max;
            let handshakes_max = self.node.settings().config().connection.handshakes_max;
            let worker = Rc::new(RunningWorker {
                router: Rc::new(WorkerRouter::new(&self.app_state, Rc::clone(&hub))),
                context: WorkerContext::new(Rc::clone(&hub), self.started, message_bytes_max),
                handshakes: HandshakeSlots::new(handshakes_max, HANDSHAKE_GRACE),
                brief_handshakes: HandshakeSlots::new(
                    OpenConnections::brief_max(self.workers),
                    Duration::ZERO,
                ),
                listener_count: listeners.len(),
                hub,
                full_logged_at: Cell::new(None),
                connection_shrink: ShrinkDetector::new(CONNECTIONS_SHRINK_MIN),
                membership_shrink: ShrinkDetector::new(MEMBERSHIPS_SHRINK_MIN),
                tasks: TaskTracker::new(),
                setup: self,
            });
            worker.serve(listeners).await
        })
    }
}

/// The state of a running worker, on its own thread.
struct RunningWorker {
    setup: Worker,
    hub: Rc<Hub>,
    router: Rc<WorkerRouter>,
    context: Rc<WorkerContext>,
    handshakes: Rc<HandshakeSlots>,
    /// Handshakes of brief connections, used when file descriptors run short.
    brief_handshakes: Rc<HandshakeSlots>,
    /// Number of listeners, each with a task of its own.
    listener_count: usize,
    /// Time of the last log line about missing room for connections.
    full_logged_at: Cell<Option<Instant>>,
    tasks: TaskTracker,
    /// Watches the connections of this worker, including those not yet upgraded to WebSocket.
    connection_shrink: ShrinkDetector,
    /// Watches the memberships of the whole process; only the first worker checks them.
    membership_shrink: ShrinkDetector,
}

impl RunningWorker {
    async fn serve(self: Rc<Self>, listeners: Vec<WorkerListener>) -> io::Result<()> {
        for WorkerListener {
            index: number,
            listen,
            socket,
        } in listeners
        {
            let worker = Rc::clone(&self);
            match socket {
                ListenerSocket::Tcp(socket) => {
                    let listener = TcpListener::from_std(socket)?;
                    self.tasks
                        .spawn_local(worker.accept(listener, (number, listen)));
                }
                #[cfg(unix)]
                ListenerSocket::Unix(socket) => {
                    let listener = UnixListener::from_std(socket)?;
                    self.tasks
                        .spawn_local(worker.accept(listener, (number, listen)));
                }
            }
        }
        let service_tasks = [
            tokio::task::spawn_local(Rc::clone(&self).deliver_mail()),
            tokio::task::spawn_local(Rc::clone(&self).tick()),
            tokio::task::spawn_local(Rc::clone(&self).apply_settings_changes()),
        ];
        let control = &self.setup.control;
        control.drain.cancelled().await;
        tokio::select! {
            () = self.drain_connections() => {}
            () = control.close_all.cancelled() => {}
        }
        self.hub.close_all(Ended::Stopping);
        self.tasks.close();
        tokio::select! {
            () = self.tasks.wait() => {}
            () = control.abort.cancelled() => {
                tracing::warn!(connections = self.tasks.len(), "open connections dropped after the drain timeout");
            }
        }
        for task in service_tasks {
            task.abort();
        }
        Ok(())
    }

    /// Closes the connections one by one, evenly over `drain.spread`.
    async fn drain_connections(&self) {
        let spread = self.setup.node.settings().drain.spread;
        let (start, total) = (Instant::now(), self.hub.connections());
        let interval_each = spread / u32::try_from(total.max(1)).unwrap_or(u32::MAX);
        let mut steps = interval(interval_each.clamp(DRAIN_STEP_MIN, TICK));
        while self.hub.connections() > 0 && start.elapsed() < spread {
            let open_target = open_target(total, spread.saturating_sub(start.elapsed()), spread);
            let surplus = self.hub.connections().saturating_sub(open_target);
            self.hub.close_some(surplus, Ended::Stopping);
            steps.tick().await;
        }
    }

    /// Copies the settings that are read for every message, after each reload.
    async fn apply_settings_changes(self: Rc<Self>) {
        let mut updates = self.setup.control.subscribe();
        while updates.changed().await.is_ok() {
            let update = Arc::clone(&updates.borrow_and_update());
            self.hub.update_settings();
            let message_bytes_max = self.setup.node.settings().worker.message_bytes_max;
            self.context.set_message_bytes_max(message_bytes_max);
            update.acknowledge();
        }
    }

    /// Reports the number of connections to the other workers, plus `more` that have no task yet.
    fn report_connections(&self, more: usize) {
        let open = (self.tasks.len() + more).saturating_sub(self.listener_count);
        self.connection_shrink.record(open);
        self.setup
            .open_connections
            .set_open(self.setup.number, open);
    }

    async fn deliver_mail(self: Rc<Self>) {
        loop {
            std::future::poll_fn(|cx| self.hub.poll_mail(cx)).await;
            // Lets the receivers run; mail that arrives meanwhile is delivered at once.
            tokio::task::yield_now().await;
        }
    }

    async fn tick(self: Rc<Self>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut last, mut next_shard) = (Instant::now(), 0);
        for tick in (0..DEADLINE_SLICES).cycle() {
            let now = ticks.tick().await;
            self.hub.gauges().record_loop_lag(now.elapsed());
            self.setup.liveness.tick();
            self.hub.advance_to(self.setup.started.elapsed());
            self.hub.check_deadlines();
            self.report_connections(0);
            self.membership_shrink.record(self.membership_count());
            if tick == 0 {
                self.hub.observe_load(now - last);
                last = now;
                self.check_memory();
                self.evict_idle_addresses(now);
                next_shard = self.sweep(next_shard).await;
                self.trim_memory_if_shrunk();
            }
        }
    }

    /// Returns memory to the system when most connections (WebSocket or not) or most memberships have ended.
    fn trim_memory_if_shrunk(&self) {
        let connections_shrank = self.connection_shrink.has_shrunk(self.tasks.len());
        let memberships_shrank =
            self.setup.number == 0 && self.membership_shrink.has_shrunk(self.membership_count());
        if connections_shrank {
            self.hub.release_memory();
        }
        if connections_shrank || memberships_shrank {
            let start = Instant::now();
            memory::trim();
            tracing::debug!(took = ?start.elapsed(), "memory returned to the system");
        }
    }

    fn membership_count(&self) -> usize {
        let totals = self.setup.node.tracker().swarms().totals();
        totals.seeders + totals.leechers
    }

    /// Reacts to the memory use of the process; the first worker reads it from the system.
    fn check_memory(&self) {
        let blocked = self.router.blocked_connections();
        self.hub.gauges().http_blocked.set(blocked as u64);
        if self.setup.number == 0
            && let Some(resident_bytes) = memory::resident_bytes()
        {
            self.hub.observe_memory(resident_bytes);
        }
        self.router.shed_memory();
        self.router.close_slow_connections();
        if self.setup.number == 0
            && self.setup.node.admission().pressure().level() == PressureLevel::Shed
        {
            memory::trim();
        }
    }

    /// Evicts idle addresses: all of them within `ADDRESS_EVICTION_SECONDS`.
    fn evict_idle_addresses(&self, now: Instant) {
        let shards = self.setup.node.admission().addresses().shard_count();
        let second = now.saturating_duration_since(self.setup.started).as_secs();
        let second = usize::try_from(second).unwrap_or(0);
        for shard in (second % ADDRESS_EVICTION_SECONDS..shards).step_by(ADDRESS_EVICTION_SECONDS) {
            if shard % self.setup.workers == usize::from(self.setup.number) {
                let uptime = self.hub.time();
                self.setup.node.admission().evict_idle(shard, uptime);
                if shard == 0 {
                    self.setup.node.introductions().evict_stale(uptime);
                }
            }
        }
    }
}

/// Returns how many of `all` connections may still be open when `left` of `spread` remains. The first one closes half
/// way through its share of the time.
fn open_target(all: usize, left: Duration, spread: Duration) -> usize {
    let spread = spread.as_nanos().max(1);
    let open = (all as u128 * left.as_nanos() + spread / 2) / spread;
    usize::try_from(open).unwrap_or(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_close_evenly_over_the_spread() {
        let spread = Duration::from_secs(10);
        let after = |all, seconds| {
            let left = spread.saturating_sub(Duration::from_secs(seconds));
            open_target(all, left, spread)
        };
        assert_eq!(
            [0, 1, 5, 9, 10].map(|seconds| after(1000, seconds)),
            [1000, 900, 500, 100, 0]
        );
        assert_eq!([0, 4, 6].map(|seconds| after(1, seconds)), [1, 1, 0]);
        assert_eq!(
            [0, 2, 3, 7, 8].map(|seconds| after(2, seconds)),
            [2, 2, 1, 1, 0]
        );
        assert_eq!(open_target(5, Duration::ZERO, Duration::ZERO), 0);
    }
}
