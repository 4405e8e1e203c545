//! The whole server: binds, starts the workers, stops them.
//!
//! The only module that binds and spawns threads. `main` runs it, and so may any program that embeds it.

mod access;
mod alerting;
mod census;
mod handle;
mod history;
mod leaving;
mod look;
mod observe;
mod private_share;
mod steering;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc;

use crate::config::{Config, InvalidConfig, Listen, Role, Target};
use crate::hub::Node;
use crate::memory;
use crate::net::tls::{Certificates, Tls, TlsError};
use crate::net::{self, Listeners, Sockets};
use crate::protocol::ConnectionId;
use crate::worker::{Orders, Pulse, Worker};
use alerting::Alerting;
use handle::{Control, Wanted};
use leaving::{Ends, leave};
use observe::Observer;

pub use handle::{Handle, Heartbeats, Phase, Progress, Settings};

/// Why the server does not start, or ended early.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Settings are impossible; each with the place and the remedy.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Config(Vec<InvalidConfig>),
    /// A place cannot be listened on.
    #[error("cannot listen on {listen}: {}", listen_remedy(listen, reason))]
    Listen {
        /// The place.
        listen: Listen,
        /// What the system says.
        reason: io::Error,
    },
    /// TLS cannot be served, mostly because of a certificate file.
    #[error("TLS: {0}")]
    Tls(TlsError),
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

fn listen_remedy(listen: &Listen, error: &io::Error) -> String {
    let is_file = matches!(listen.target, Target::Unix(_));
    match error.kind() {
        io::ErrorKind::AddrInUse if is_file => {
            "another program listens on this socket; stop it, or choose another path with --listen"
                .to_owned()
        }
        io::ErrorKind::PermissionDenied if is_file => {
            "not permitted; the user of the server must be able to write to that folder".to_owned()
        }
        io::ErrorKind::NotFound if is_file => {
            "its folder does not exist; create it, or choose another path with --listen".to_owned()
        }
        io::ErrorKind::AddrInUse if matches!(listen.target, Target::Tcp(address) if address.ip().is_unspecified()) => {
            "another program uses this port, or another listener of this one, as [::] takes IPv4 too; \
             stop it, or choose another address with --listen"
                .to_owned()
        }
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
    listen: Vec<Listen>,
    state_folder: Option<PathBuf>,
    secret_files: Vec<PathBuf>,
}

impl ServerError {
    /// What is wrong, one line for each mistake.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Config(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
            other => vec![other.to_string()],
        }
    }

    /// Whether it is the settings that are wrong, so that trying again does not help. A certificate may be replaced, a port set free.
    #[must_use]
    pub const fn is_of_settings(&self) -> bool {
        matches!(self, Self::Config(_))
    }
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
    pub fn listen(self, address: SocketAddr) -> Self {
        self.listen_on(address.into())
    }

    /// As [`Self::listen`], for all that can be listened on: `"unix:/run/hub.sock".parse()` and the like.
    #[must_use]
    pub fn listen_on(mut self, place: Listen) -> Self {
        self.listen.push(place);
        self
    }

    /// Keeps files of its own in this folder, which is made when the first one is: `history.sqlite`, if `history` is `file`.
    /// Without such a folder history is kept in memory then.
    #[must_use]
    pub fn state_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state_folder = Some(folder.into());
        self
    }

    /// Checks the settings and binds the addresses; connections wait from then on, and are served by [`Server::run`].
    ///
    /// # Errors
    ///
    /// [`ServerError::Config`] for impossible settings, [`ServerError::Tls`] for certificates that cannot be used,
    /// [`ServerError::Listen`] for an address that cannot be bound.
    #[expect(
        clippy::unused_async,
        reason = "it must run within a runtime, and may have to wait later"
    )]
    pub async fn bind(mut self) -> Result<Server, ServerError> {
        self.config = self.listening();
        self.config.check().map_err(ServerError::Config)?;
        let access = access::read(&self.config.access).map_err(ServerError::Config)?;
        let looked = self.look(&self.config);
        if let Some(problem) = looked.problems.into_iter().next() {
            return Err(problem);
        }
        for warning in &looked.warnings {
            tracing::warn!("{warning}");
        }
        let workers = self
            .config
            .worker_count()
            .get()
            .min(ConnectionId::WORKERS_MAX);
        let tls = Tls::new(&self.config.tls).map_err(ServerError::Tls)?;
        let listeners = net::bind(&places(&self.config), workers)
            .map_err(|(listen, reason)| ServerError::Listen { listen, reason })?;
        let names = listeners.iter().map(|own| own.listen.to_string());
        let node = Node::with_listeners(&self.config, workers, names.collect());
        let store = history::keep(&self.config.history, self.state_folder.as_deref());
        let node = Arc::new(node.with_store(store));
        node.pressure().grant(memory::budget_bytes().unwrap_or(0));
        match node.pressure().budget_bytes() {
            0 if memory::resident_bytes().is_some() => tracing::warn!(
                "how much memory there is cannot be read (/proc/meminfo), so memory is not watched: set memory.budget_bytes"
            ),
            budget_bytes => tracing::debug!(budget_bytes, "memory that may be used, 0 for any"),
        }
        let control = Control::new(&self.config, &node, workers);
        control.access.put_in_force(access);
        let listening = listeners.iter().map(|own| own.listen.clone());
        control.site.listens_at(listening.collect());
        Ok(Server {
            workers,
            listeners,
            tls,
            control,
        })
    }
}

/// All places to listen on: those of metrics come last.
fn places(config: &Config) -> Vec<Listen> {
    let metrics = config.metrics.listen.iter().cloned();
    let metrics = metrics.map(|listen| Listen {
        role: Role::Metrics,
        ..listen
    });
    config.listen.iter().cloned().chain(metrics).collect()
}

/// A server whose addresses are bound.
#[derive(Debug)]
pub struct Server {
    workers: usize,
    listeners: Vec<Listeners>,
    tls: Option<Arc<Tls>>,
    control: Arc<Control>,
}

impl Server {
    /// A server with default settings, to be changed before it is bound.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// The IP addresses listened on, with real port numbers.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.listening().filter_map(|listen| match listen.target {
            Target::Tcp(address) => Some(address),
            Target::Unix(_) | Target::Systemd(_) => None,
        })
    }

    /// All places listened on, with real port numbers, and for what systemd has handed over with its real place.
    pub fn listening(&self) -> impl Iterator<Item = &Listen> {
        self.listeners.iter().map(|listeners| &listeners.listen)
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

    /// The certificates of its TLS listeners, if it has any.
    #[must_use]
    pub fn certificates(&self) -> Option<Certificates> {
        self.tls.clone().map(Certificates::new)
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
        let (control, tls) = (Arc::clone(&self.control), self.tls.clone());
        let orders = Orders::new(control.in_force.subscribe());
        // Whatever ends this, no worker goes on alone.
        let _stop_at_exit =
            [&orders.leave, &orders.hurry, &orders.give_up].map(|order| order.clone().drop_guard());
        let sockets = Arc::new(Sockets::new(self.workers, self.listeners.len()));
        let connections_max = sockets.max();
        alerting::restore(&control.node).await;
        let port = self.addresses().next().map(|address| address.port());
        let mut ends = self.start(&orders, &sockets)?;
        tracing::info!(node = %control.node.id, workers = self.workers, connections_max, "serving");
        let mut wanted = control.wanted.subscribe();
        let certificates = async {
            match &tls {
                Some(tls) => tls.keep(control.node.own_counters()).await,
                None => std::future::pending().await,
            }
        };
        let observer = Observer::new(&control, &sockets, self.certificates());
        let mut alerting = Alerting::new(&control, port);
        // Goes on while the server leaves: that is when people look.
        let mut observing = pin!(async {
            tokio::join!(observer.run(), census::run(&control.node));
        });
        tokio::select! {
            () = certificates => {}
            () = &mut observing => {}
            () = alerting.run() => {}
            () = shutdown => control.want(Wanted::Drain),
            _ = wanted.wait_for(|&wanted| wanted > Wanted::Serve) => {}
            () = control.lower_ttl_when_due() => {}
            () = control.access.keep() => {}
            // A worker ends only when it fails, or when its thread panics.
            () = ends.next() => control.want(Wanted::Stop),
        }
        // Before whoever takes over has written anything.
        alerting.finish();
        tokio::select! {
            () = leave(&control, &orders, &mut ends) => {}
            () = &mut observing => {}
        }
        // What was changed over the API in the meantime.
        alerting.finish();
        control.node.store().close().await;
        ends.into_result()
    }

    /// Starts all workers.
    fn start(&mut self, orders: &Orders, sockets: &Arc<Sockets>) -> Result<Ends, ServerError> {
        let (ended, ends) = mpsc::channel(self.workers);
        let started = self.control.node.started();
        for (number, pulse) in self.control.pulses.iter().enumerate() {
            let failed = |reason| ServerError::Worker { number, reason };
            // Given away, so that nothing goes on listening when the workers have stopped to.
            let listeners = self.listeners.iter_mut().filter_map(Listeners::take);
            let worker = Worker {
                number: u8::try_from(number)
                    .map_err(io::Error::other)
                    .map_err(failed)?,
                workers: self.workers,
                listeners: listeners.collect(),
                sockets: Arc::clone(sockets),
                node: Arc::clone(&self.control.node),
                site: Arc::clone(&self.control.site),
                tls: self.tls.clone(),
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
