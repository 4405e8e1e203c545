//! One worker: a thread with its own runtime, its own listeners and its own hub.
//!
//! Accepts connections and keeps them until they end; nothing moves between workers but messages. The server starts
//! the workers and tells them to stop.

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

/// How often a slice of the connections is looked at: each connection once a second.
const TICK: Duration = Duration::from_millis(1000 / DEADLINE_SLICES as u64);
/// Longest time in which the whole swarm table is searched for expired members.
const SWEEP_MAX: Duration = Duration::from_secs(30);
/// Seconds in which all addresses are looked at for those to forget.
const TIDY_PASS: usize = 8;
/// Connections are closed in steps of at least this when they are many.
const PARTING_STEP_MIN: Duration = Duration::from_millis(10);
/// How long a handshake is safe from newer ones: a few round trips to the other side of the world.
const HANDSHAKE_GRACE: Duration = Duration::from_secs(1);

/// Fewer connections that have gone leave too little memory behind to be worth the trouble: a handshake takes 20 KB.
const CONNECTIONS_GONE_MIN: usize = 128;
/// The same for memberships, which take 600 bytes each when each is a swarm of its own.
const MEMBERSHIPS_GONE_MIN: usize = 4096;

/// What a worker is made of.
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
    /// Runs on this thread until it is ordered to leave and the connections have ended, or are given up.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())?;
        let listeners = std::mem::take(&mut self.listeners);
        runtime.block_on(async {
            let hub = Hub::new(Arc::clone(&self.node), self.number, rand::random());
            hub.advance_to(self.started.elapsed());
            let in_force = self.orders.in_force();
            let message_bytes_max = in_force.config.connection.message_bytes_max;
            let worker = Rc::new(Running {
                site: Rc::new(Site::new(&self.site, Rc::clone(&hub))),
                around: Surroundings::new(Rc::clone(&hub), self.started, message_bytes_max),
                timeouts: Cell::new(timeouts(&in_force.config)),
                proxy_timeout: Cell::new(in_force.config.proxies.proxy_timeout),
                handshakes: Handshakes::new(
                    in_force.config.connection.handshakes_max,
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

/// A worker on its own thread.
struct Running {
    seat: Worker,
    hub: Rc<Hub>,
    site: Rc<Site>,
    around: Rc<Surroundings>,
    timeouts: Cell<Timeouts>,
    proxy_timeout: Cell<Duration>,
    handshakes: Rc<Handshakes>,
    /// Those of brief connections, when descriptors run short.
    hurried: Rc<Handshakes>,
    /// How many it accepts from, each with a task of its own.
    listeners: usize,
    /// When it was last logged that there is no room for more connections.
    told_full: Cell<Option<Instant>>,
    tasks: TaskTracker,
    /// Its connections, with those that are no WebSockets yet.
    connections: Ebb,
    /// Those of the whole process; the first worker looks at them.
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
        let others = [
            tokio::task::spawn_local(Rc::clone(&self).take_mail()),
            tokio::task::spawn_local(Rc::clone(&self).tick()),
            tokio::task::spawn_local(Rc::clone(&self).take_settings()),
        ];
        let orders = &self.seat.orders;
        orders.leave.cancelled().await;
        tokio::select! {
            () = self.part() => {}
            () = orders.hurry.cancelled() => {}
        }
        self.hub.close_all(Ended::Stopping);
        self.tasks.close();
        tokio::select! {
            () = self.tasks.wait() => {}
            () = orders.give_up.cancelled() => {
                tracing::warn!(connections = self.tasks.len(), "connections dropped that did not end in time");
            }
        }
        for task in others {
            task.abort();
        }
        Ok(())
    }

    /// Closes the connections one after the other, evenly over `drain.spread`.
    async fn part(&self) {
        let spread = self.seat.orders.in_force().config.drain.spread;
        let (began, all) = (Instant::now(), self.hub.connections());
        let each = spread / u32::try_from(all.max(1)).unwrap_or(u32::MAX);
        let mut steps = interval(each.clamp(PARTING_STEP_MIN, TICK));
        while self.hub.connections() > 0 && began.elapsed() < spread {
            let stay = staying(all, spread.saturating_sub(began.elapsed()), spread);
            let surplus = self.hub.connections().saturating_sub(stay);
            self.hub.close_some(surplus, Ended::Stopping);
            steps.tick().await;
        }
    }

    /// Takes over what a reload has changed.
    async fn take_settings(self: Rc<Self>) {
        let mut news = self.seat.orders.news();
        while news.changed().await.is_ok() {
            let in_force = Arc::clone(&news.borrow_and_update());
            self.hub.retune();
            self.around
                .retune(in_force.config.connection.message_bytes_max);
            self.timeouts.set(timeouts(&in_force.config));
            self.proxy_timeout
                .set(in_force.config.proxies.proxy_timeout);
            in_force.taken();
        }
    }

    /// Tells the other workers how many connections there are, with `more` that are no tasks yet.
    fn tell_sockets(&self, more: usize) {
        let open = (self.tasks.len() + more).saturating_sub(self.listeners);
        self.connections.note(open);
        self.seat.sockets.tell(self.seat.number, open);
    }

    async fn take_mail(self: Rc<Self>) {
        loop {
            std::future::poll_fn(|cx| self.hub.poll_mail(cx)).await;
            // The receivers' turn; what comes in the meantime is taken at once.
            tokio::task::yield_now().await;
        }
    }

    async fn tick(self: Rc<Self>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut last, mut part) = (Instant::now(), 0);
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
                part = self.sweep(part).await;
                self.look_at_the_tide();
            }
        }
    }

    /// Gives memory back when most connections have gone, WebSockets or not, or most memberships.
    fn look_at_the_tide(&self) {
        let connections = self.connections.has_come(self.tasks.len());
        let memberships =
            self.seat.number == 0 && self.memberships.has_come(self.memberships_now());
        if connections {
            self.hub.give_room_back();
        }
        if connections || memberships {
            let began = Instant::now();
            memory::give_back();
            tracing::debug!(took = ?began.elapsed(), "memory given back");
        }
    }

    fn memberships_now(&self) -> usize {
        let totals = self.seat.node.tracker().swarms().totals();
        totals.seeders + totals.leechers
    }

    /// Acts on how much memory the process has; the first worker asks the system.
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

    /// Forgets addresses that have nothing here any more: all of them within `TIDY_PASS`.
    fn tidy(&self, now: Instant) {
        let parts = self.seat.node.address_parts();
        let second = now.saturating_duration_since(self.seat.started).as_secs();
        let second = usize::try_from(second).unwrap_or(0);
        for part in (second % TIDY_PASS..parts).step_by(TIDY_PASS) {
            if part % self.seat.workers == usize::from(self.seat.number) {
                self.hub.tidy_addresses(part);
            }
        }
    }

    /// Searches the next parts of the swarm table that are this worker's; returns where to go on in a second.
    async fn sweep(&self, from: usize) -> usize {
        let parts = self.seat.node.tracker().swarms().parts();
        let ttl = self.seat.node.tracker().rules().ttl;
        let pass = (ttl.membership.min(ttl.http_membership) / 4)
            .clamp(Duration::from_secs(1), SWEEP_MAX)
            .as_secs();
        let a_second = parts.div_ceil(usize::try_from(pass).unwrap_or(1));
        let number = usize::from(self.seat.number);
        for part in from..from + a_second {
            let part = part % parts;
            if part % self.seat.workers == number {
                while self.hub.sweep_slice(part).is_some() {
                    // A swarm may be huge; connections have their turns in between.
                    tokio::task::yield_now().await;
                }
            }
        }
        (from + a_second) % parts
    }
}
/// How many of `all` connections are still to be open when `left` of `spread` is left: half way through the first one's
/// share of the time it goes.
fn staying(all: usize, left: Duration, spread: Duration) -> usize {
    let spread = spread.as_nanos().max(1);
    let stay = (all as u128 * left.as_nanos() + spread / 2) / spread;
    usize::try_from(stay).unwrap_or(all)
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
