//! Runs one worker: a thread with its own runtime, listeners and hub.
//!
//! A worker accepts connections and serves them until they end; only messages move between workers. The server starts
//! and stops the workers.

mod accept;
mod handshakes;
mod orders;
mod pulse;

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::runtime::LocalOptions;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::connection::Surroundings;
use crate::http::{Shared, Site, Timeouts};
use crate::hub::{DEADLINE_SLICES, Ended, Hub, Node};
use crate::limits::Step;
use crate::memory::{self, Ebb};
use crate::net::tls::Tls;
use crate::net::{Listener, Socket, Sockets};
use handshakes::Handshakes;

pub(crate) use orders::{InForce, Orders};
pub(crate) use pulse::Pulse;

/// How often a slice of the connections is checked; each connection is checked once a second.
const TICK: Duration = Duration::from_millis(1000 / DEADLINE_SLICES as u64);
/// Longest time of one search of the whole swarm table for expired members.
const SWEEP_MAX: Duration = Duration::from_secs(30);
/// Seconds of one pass over all addresses that evicts idle ones.
const TIDY_PASS: usize = 8;
/// Shortest time between two closing steps of a drain.
const PARTING_STEP_MIN: Duration = Duration::from_millis(10);
/// How long a handshake cannot be displaced by newer ones: a few round trips across the world.
const HANDSHAKE_GRACE: Duration = Duration::from_secs(1);

/// Smallest decrease of connections that triggers a memory trim; a handshake takes 20 KB.
const CONNECTIONS_GONE_MIN: usize = 128;
/// Smallest decrease of memberships that triggers a memory trim. Each takes 600 bytes if it is a swarm of its own.
const MEMBERSHIPS_GONE_MIN: usize = 4096;

/// Everything that a worker needs to run.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) number: u8,
    pub(crate) workers: usize,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) sockets: Arc<Sockets>,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) node: Arc<Node>,
    pub(crate) site: Arc<Shared>,
    pub(crate) started: Instant,
    pub(crate) orders: Orders,
    pub(crate) pulse: Arc<Pulse>,
}

impl Worker {
    /// Runs on this thread until it is drained and its connections have ended or are dropped.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())?;
        let listeners = std::mem::take(&mut self.listeners);
        runtime.block_on(async {
            let hub = Hub::new(Arc::clone(&self.node), self.number, rand::random());
            hub.advance_to(self.started.elapsed());
            let active = self.orders.in_force();
            let message_bytes_max = active.config.connection.message_bytes_max;
            let worker = Rc::new(Running {
                site: Rc::new(Site::new(&self.site, Rc::clone(&hub))),
                around: Surroundings::new(Rc::clone(&hub), self.started, message_bytes_max),
                timeouts: Cell::new(timeouts(&active.config)),
                proxy_timeout: Cell::new(active.config.proxies.proxy_timeout),
                handshakes: Handshakes::new(
                    active.config.connection.handshakes_max,
                    HANDSHAKE_GRACE,
                ),
                hurried: Handshakes::new(Sockets::hurried_max(self.workers), Duration::ZERO),
                listeners: listeners.len(),
                hub,
                told_full: Cell::new(None),
                connections: Ebb::of_at_least(CONNECTIONS_GONE_MIN),
                memberships: Ebb::of_at_least(MEMBERSHIPS_GONE_MIN),
                tasks: TaskTracker::new(),
                seat: self,
            });
            worker.serve(listeners).await
        })
    }
}

/// The state of a running worker, on its own thread.
struct Running {
    seat: Worker,
    hub: Rc<Hub>,
    site: Rc<Site>,
    around: Rc<Surroundings>,
    timeouts: Cell<Timeouts>,
    proxy_timeout: Cell<Duration>,
    handshakes: Rc<Handshakes>,
    /// Handshakes of brief connections, used when file descriptors run short.
    hurried: Rc<Handshakes>,
    /// Number of listeners, each with a task of its own.
    listeners: usize,
    /// Time of the last log line about missing room for connections.
    told_full: Cell<Option<Instant>>,
    tasks: TaskTracker,
    /// Connections of this worker, including those not yet upgraded to WebSocket.
    connections: Ebb,
    /// Memberships of the whole process; only the first worker checks them.
    memberships: Ebb,
}

fn timeouts(config: &Config) -> Timeouts {
    Timeouts {
        head: config.connection.handshake_timeout,
        whole: config.connection.http_timeout,
        stuck: config.connection.stuck_after,
    }
}

impl Running {
    async fn serve(self: Rc<Self>, listeners: Vec<Listener>) -> io::Result<()> {
        for Listener {
            number,
            listen,
            socket,
        } in listeners
        {
            let worker = Rc::clone(&self);
            match socket {
                Socket::Tcp(socket) => {
                    let listener = TcpListener::from_std(socket)?;
                    self.tasks
                        .spawn_local(worker.accept(listener, (number, listen)));
                }
                #[cfg(unix)]
                Socket::Unix(socket) => {
                    let listener = UnixListener::from_std(socket)?;
                    self.tasks
                        .spawn_local(worker.accept(listener, (number, listen)));
                }
            }
        }
        let service_tasks = [
            tokio::task::spawn_local(Rc::clone(&self).take_mail()),
            tokio::task::spawn_local(Rc::clone(&self).tick()),
            tokio::task::spawn_local(Rc::clone(&self).take_settings()),
        ];
        let control = &self.seat.orders;
        control.leave.cancelled().await;
        tokio::select! {
            () = self.part() => {}
            () = control.hurry.cancelled() => {}
        }
        self.hub.close_all(Ended::Stopping);
        self.tasks.close();
        tokio::select! {
            () = self.tasks.wait() => {}
            () = control.give_up.cancelled() => {
                tracing::warn!(connections = self.tasks.len(), "open connections dropped after the drain timeout");
            }
        }
        for task in service_tasks {
            task.abort();
        }
        Ok(())
    }

    /// Closes the connections one by one, evenly over `drain.spread`.
    async fn part(&self) {
        let spread = self.seat.orders.in_force().config.drain.spread;
        let (start, total) = (Instant::now(), self.hub.connections());
        let interval_each = spread / u32::try_from(total.max(1)).unwrap_or(u32::MAX);
        let mut steps = interval(interval_each.clamp(PARTING_STEP_MIN, TICK));
        while self.hub.connections() > 0 && start.elapsed() < spread {
            let open_target = staying(total, spread.saturating_sub(start.elapsed()), spread);
            let surplus = self.hub.connections().saturating_sub(open_target);
            self.hub.close_some(surplus, Ended::Stopping);
            steps.tick().await;
        }
    }

    /// Applies changed settings after each reload.
    async fn take_settings(self: Rc<Self>) {
        let mut updates = self.seat.orders.news();
        while updates.changed().await.is_ok() {
            let active = Arc::clone(&updates.borrow_and_update());
            self.hub.retune();
            self.around
                .retune(active.config.connection.message_bytes_max);
            self.timeouts.set(timeouts(&active.config));
            self.proxy_timeout.set(active.config.proxies.proxy_timeout);
            active.taken();
        }
    }

    /// Reports the number of connections to the other workers, plus `more` that have no task yet.
    fn tell_sockets(&self, more: usize) {
        let open = (self.tasks.len() + more).saturating_sub(self.listeners);
        self.connections.note(open);
        self.seat.sockets.tell(self.seat.number, open);
    }

    async fn take_mail(self: Rc<Self>) {
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
            self.hub.levels().was_late(now.elapsed());
            self.seat.pulse.beat();
            self.hub.advance_to(self.seat.started.elapsed());
            self.hub.check_deadlines();
            self.tell_sockets(0);
            self.memberships.note(self.memberships_now());
            if tick == 0 {
                self.hub.observe_load(now - last);
                last = now;
                self.look_at_memory();
                self.tidy(now);
                next_shard = self.sweep(next_shard).await;
                self.look_at_the_tide();
            }
        }
    }

    /// Returns memory to the system when most connections (WebSocket or not) or most memberships have ended.
    fn look_at_the_tide(&self) {
        let connections_shrank = self.connections.has_come(self.tasks.len());
        let memberships_shrank =
            self.seat.number == 0 && self.memberships.has_come(self.memberships_now());
        if connections_shrank {
            self.hub.give_room_back();
        }
        if connections_shrank || memberships_shrank {
            let start = Instant::now();
            memory::give_back();
            tracing::debug!(took = ?start.elapsed(), "memory returned to the system");
        }
    }

    fn memberships_now(&self) -> usize {
        let totals = self.seat.node.tracker().swarms().totals();
        totals.seeders + totals.leechers
    }

    /// Reacts to the memory use of the process; the first worker reads it from the system.
    fn look_at_memory(&self) {
        let blocked = self.site.blocked();
        self.hub.levels().http_blocked.set(blocked as u64);
        if self.seat.number == 0
            && let Some(resident_bytes) = memory::resident_bytes()
        {
            self.hub.observe_memory(resident_bytes);
        }
        self.site.shed();
        self.site.end_slow();
        if self.seat.number == 0 && self.seat.node.pressure().step() == Step::Shed {
            memory::give_back();
        }
    }

    /// Evicts idle addresses: all of them within `TIDY_PASS`.
    fn tidy(&self, now: Instant) {
        let shards = self.seat.node.address_parts();
        let second = now.saturating_duration_since(self.seat.started).as_secs();
        let second = usize::try_from(second).unwrap_or(0);
        for shard in (second % TIDY_PASS..shards).step_by(TIDY_PASS) {
            if shard % self.seat.workers == usize::from(self.seat.number) {
                self.hub.tidy_addresses(shard);
            }
        }
    }

    /// Searches this worker's next shards of the swarm table for expired members; returns the shard where the next
    /// second continues.
    async fn sweep(&self, from: usize) -> usize {
        let shards = self.seat.node.tracker().swarms().parts();
        let ttl = self.seat.node.tracker().rules().ttl;
        let pass = (ttl.membership.min(ttl.http_membership) / 4)
            .clamp(Duration::from_secs(1), SWEEP_MAX)
            .as_secs();
        let shards_per_second = shards.div_ceil(usize::try_from(pass).unwrap_or(1));
        let number = usize::from(self.seat.number);
        for shard in from..from + shards_per_second {
            let shard = shard % shards;
            if shard % self.seat.workers == number {
                while self.hub.sweep_slice(shard).is_some() {
                    // A swarm may be huge, so connections have their turns in between.
                    tokio::task::yield_now().await;
                }
            }
        }
        (from + shards_per_second) % shards
    }
}
/// Returns how many of `all` connections may still be open when `left` of `spread` remains. The first one closes half
/// way through its share of the time.
fn staying(all: usize, left: Duration, spread: Duration) -> usize {
    let spread = spread.as_nanos().max(1);
    let open = (all as u128 * left.as_nanos() + spread / 2) / spread;
    usize::try_from(open).unwrap_or(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_go_evenly_over_the_spread() {
        let spread = Duration::from_secs(10);
        let after = |all, seconds| {
            let left = spread.saturating_sub(Duration::from_secs(seconds));
            staying(all, left, spread)
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
        assert_eq!(staying(5, Duration::ZERO, Duration::ZERO), 0);
    }
}
