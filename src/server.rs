//! The whole server: binds, starts the workers, stops them.
//!
//! The only module that binds and spawns threads. `main` runs it, and so may any program that embeds it.

mod handle;
mod leaving;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::config::{Config, InvalidConfig};
use crate::hub::Node;
use crate::net::{self, Listeners};
use crate::protocol::ConnectionId;
use crate::worker::{Orders, Pulse, Worker};
use handle::{Control, Wanted};
use leaving::{Ends, leave};

pub use handle::{Handle, Heartbeats, Phase, Progress};

/// Why the server does not start, or ended early.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Settings are impossible; each with the place and the remedy.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Config(Vec<InvalidConfig>),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {}", listen_remedy(reason))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        reason: io::Error,
    },
    /// A worker could not be started, or ended with an error.
    #[error("worker {number} failed: {reason}")]
    Worker {
        /// Which one.
        number: usize,
        /// What the system says.
        reason: io::Error,
    },
    /// Workers went on running after everything was dropped.
    #[error("{workers} workers are stuck and were left behind")]
    Stuck {
        /// How many.
        workers: usize,
    },
}

fn listen_remedy(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program uses this port; stop it, or choose another address with --listen"
                .to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "not permitted; ports below 1024 mostly need a privilege, choose another with --listen"
                .to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine does not have that address; see --listen".to_owned()
        }
        _ if error.raw_os_error() == Some(24) => {
            "too few file descriptors; raise the limit of open files (ulimit -n)".to_owned()
        }
        _ => error.to_string(),
    }
}

/// Makes a [`Server`].
#[derive(Debug, Clone, Default)]
pub struct ServerBuilder {
    config: Config,
    listen: Vec<SocketAddr>,
}

impl ServerBuilder {
    /// Takes all settings at once.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Listens on this address, and not on the default one. May be called several times; port 0 lets the system choose.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen.push(address);
        self
    }

    /// Checks the settings and binds the addresses; connections wait from then on, and are served by [`Server::run`].
    ///
    /// # Errors
    ///
    /// [`ServerError::Config`] for impossible settings, [`ServerError::Listen`] for an address that cannot be bound.
    #[expect(
        clippy::unused_async,
        reason = "binding may have to wait later (names, handed-over sockets)"
    )]
    pub async fn bind(mut self) -> Result<Server, ServerError> {
        if !self.listen.is_empty() {
            self.config.listen = self.listen;
        }
        self.config.check().map_err(ServerError::Config)?;
        let workers = self
            .config
            .worker_count()
            .get()
            .min(ConnectionId::WORKERS_MAX);
        let bind = |&address| {
            net::bind(address, workers).map_err(|reason| ServerError::Listen { address, reason })
        };
        let listeners = self
            .config
            .listen
            .iter()
            .map(bind)
            .collect::<Result<Vec<_>, _>>()?;
        let node = Arc::new(Node::new(&self.config, workers));
        let control = Control::new(&self.config, &node, workers);
        Ok(Server {
            workers,
            listeners,
            control,
        })
    }
}

/// A server whose addresses are bound.
#[derive(Debug)]
pub struct Server {
    workers: usize,
    listeners: Vec<Listeners>,
    control: Arc<Control>,
}

impl Server {
    /// A server with default settings, to be changed before it is bound.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// The addresses listened on, with real port numbers.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.listeners.iter().map(|listeners| listeners.address)
    }

    /// What all workers share: the swarms and the counters.
    #[must_use]
    pub fn node(&self) -> &Arc<Node> {
        &self.control.node
    }

    /// A way to tell it what to do while it runs.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.control))
    }

    /// How many workers it runs.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// Serves until `shutdown` completes or the [`Handle`] says so; then leaves as `drain` is set, and returns when all
    /// connections have ended or were dropped.
    ///
    /// # Errors
    ///
    /// [`ServerError::Worker`] if a thread cannot be started or a worker fails; the others are stopped then.
    /// [`ServerError::Stuck`] if a worker does not end.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
        let control = Arc::clone(&self.control);
        let orders = Orders::new(control.in_force.subscribe());
        // Whatever ends this, no worker goes on alone.
        let _stop_at_exit =
            [&orders.leave, &orders.hurry, &orders.give_up].map(|order| order.clone().drop_guard());
        let mut ends = self.start(&orders)?;
        tracing::info!(node = %control.node.id, workers = self.workers, "serving");
        let mut wanted = control.wanted.subscribe();
        tokio::select! {
            () = shutdown => control.want(Wanted::Drain),
            _ = wanted.wait_for(|&wanted| wanted > Wanted::Serve) => {}
            () = control.lower_ttl_when_due() => {}
            // A worker ends only when it fails, or when its thread panics.
            () = ends.next() => control.want(Wanted::Stop),
        }
        leave(&control, &orders, &mut ends).await;
        ends.into_result()
    }

    /// Starts all workers.
    fn start(&mut self, orders: &Orders) -> Result<Ends, ServerError> {
        let (ended, ends) = mpsc::channel(self.workers);
        let started = Instant::now();
        for (number, pulse) in self.control.pulses.iter().enumerate() {
            let failed = |reason| ServerError::Worker { number, reason };
            // Given away, so that nothing goes on listening when the workers have stopped to.
            let listeners = self.listeners.iter_mut();
            let listeners = listeners.filter_map(|listeners| listeners.sockets.pop());
            let worker = Worker {
                number: u8::try_from(number)
                    .map_err(io::Error::other)
                    .map_err(failed)?,
                workers: self.workers,
                listeners: listeners.collect(),
                node: Arc::clone(&self.control.node),
                site: Arc::clone(&self.control.site),
                started,
                orders: orders.clone(),
                pulse: Arc::clone(pulse),
            };
            let ending = Ending {
                number,
                result: Err(io::Error::other("its thread panicked")),
                pulse: Arc::clone(pulse),
                ended: ended.clone(),
            };
            let thread = thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || {
                    let mut ending = ending;
                    ending.result = worker.run();
                });
            thread.map_err(failed)?;
        }
        Ok(Ends::new(ends, self.workers))
    }
}

/// Tells how a worker has ended, also by a panic. Nobody waits for its thread, because a thread that is stuck would be
/// waited for in vain.
struct Ending {
    number: usize,
    result: io::Result<()>,
    pulse: Arc<Pulse>,
    ended: mpsc::Sender<(usize, io::Result<()>)>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.pulse.end();
        let result = std::mem::replace(&mut self.result, Ok(()));
        // There is room for one from each worker, and nobody listens any more if the server was dropped.
        let _ = self.ended.try_send((self.number, result));
    }
}
