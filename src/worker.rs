//! One worker: a thread with its own runtime, its own listeners and its own hub.
//!
//! Accepts connections and keeps them until they end; nothing moves between workers but messages. The server starts
//! the workers and tells them to stop.

mod accept;
mod handshakes;

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::runtime::LocalOptions;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::Surroundings;
use crate::http::{Shared, Site, Timeouts};
use crate::hub::{DEADLINE_SLICES, Ended, Hub, Node};
use crate::memory;
use crate::net::tls::Tls;
use crate::net::{Listener, Socket, Sockets};
use handshakes::Handshakes;

/// How often a slice of the connections is looked at: each connection once a second.
const TICK: Duration = Duration::from_millis(1000 / DEADLINE_SLICES as u64);
/// Longest time in which the whole swarm table is searched for expired members.
const SWEEP_MAX: Duration = Duration::from_secs(30);
/// How long a handshake is safe from newer ones: a few round trips to the other side of the world.
const HANDSHAKE_GRACE: Duration = Duration::from_secs(1);

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
    pub(crate) timeouts: Timeouts,
    pub(crate) proxy_timeout: Duration,
    pub(crate) handshakes_max: usize,
    pub(crate) message_bytes_max: usize,
    pub(crate) membership_ttl: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) stop: CancellationToken,
}

impl Worker {
    /// Runs on this thread until `stop` is cancelled and the connections have ended, or `drain_timeout` is over.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())?;
        let listeners = std::mem::take(&mut self.listeners);
        runtime.block_on(async {
            let hub = Hub::new(Arc::clone(&self.node), self.number, rand::random());
            let worker = Rc::new(Running {
                site: Rc::new(Site::new(&self.site, Rc::clone(&hub))),
                around: Surroundings::new(Rc::clone(&hub), self.started, self.message_bytes_max),
                handshakes: Handshakes::new(self.handshakes_max, HANDSHAKE_GRACE),
                hurried: Handshakes::new(Sockets::hurried_max(self.workers), Duration::ZERO),
                listeners: listeners.len(),
                hub,
                told_full: Cell::new(None),
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
    handshakes: Rc<Handshakes>,
    /// Those of brief connections, when descriptors run short.
    hurried: Rc<Handshakes>,
    /// How many it accepts from, each with a task of its own.
    listeners: usize,
    /// When it was last logged that there is no room for more connections.
    told_full: Cell<Option<Instant>>,
    tasks: TaskTracker,
}

impl Running {
    async fn serve(self: Rc<Self>, listeners: Vec<Listener>) -> io::Result<()> {
        for Listener { listen, socket } in listeners {
            let worker = Rc::clone(&self);
            match socket {
                Socket::Tcp(socket) => {
                    let listener = TcpListener::from_std(socket)?;
                    self.tasks.spawn_local(worker.accept(listener, listen));
                }
                #[cfg(unix)]
                Socket::Unix(socket) => {
                    let listener = UnixListener::from_std(socket)?;
                    self.tasks.spawn_local(worker.accept(listener, listen));
                }
            }
        }
        let mail = tokio::task::spawn_local(Rc::clone(&self).take_mail());
        let clock = tokio::task::spawn_local(Rc::clone(&self).tick());
        self.seat.stop.cancelled().await;
        self.hub.close_all(Ended::Stopping);
        self.tasks.close();
        if timeout(self.seat.drain_timeout, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                connections = self.hub.connections(),
                "connections dropped: drain.timeout is over"
            );
        }
        mail.abort();
        clock.abort();
        Ok(())
    }

    /// Tells the other workers how many connections there are, with `more` that are no tasks yet.
    fn tell_sockets(&self, more: usize) {
        let open = (self.tasks.len() + more).saturating_sub(self.listeners);
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
            self.hub.advance_to(self.seat.started.elapsed());
            self.hub.check_deadlines();
            self.tell_sockets(0);
            if tick == 0 {
                self.hub.observe_load(now - last);
                last = now;
                part = self.sweep(part).await;
                if self.hub.ebb() {
                    memory::give_back();
                    tracing::debug!(took = ?now.elapsed(), "memory given back");
                }
            }
        }
    }

    /// Searches the next parts of the swarm table that are this worker's; returns where to go on in a second.
    async fn sweep(&self, from: usize) -> usize {
        let parts = self.seat.node.tracker().swarms().parts();
        let pass = (self.seat.membership_ttl / 4)
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
