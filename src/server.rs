//! The whole server: binds, starts the workers, stops them.
//!
//! The only module that binds and spawns threads. `main` runs it, and so may any program that embeds it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, InvalidConfig, Listen, Target};
use crate::http::{Shared, Timeouts};
use crate::hub::Node;
use crate::net::tls::{Certificates, Tls, TlsError};
use crate::net::{self, Listeners, Sockets};
use crate::protocol::ConnectionId;
use crate::worker::Worker;

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
    Tls(#[from] TlsError),
    /// A worker could not be started, or ended with an error.
    #[error("worker {number} failed: {reason}")]
    Worker {
        /// Which one.
        number: usize,
        /// What the system says.
        reason: io::Error,
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
        if !self.listen.is_empty() {
            self.config.listen = self.listen;
        }
        self.config.check().map_err(ServerError::Config)?;
        let workers = self
            .config
            .worker_count()
            .get()
            .min(ConnectionId::WORKERS_MAX);
        let tls = Tls::new(&self.config.tls)?;
        let listeners = net::bind(&self.config.listen, workers)
            .map_err(|(listen, reason)| ServerError::Listen { listen, reason })?;
        let node = Arc::new(Node::new(&self.config, workers));
        Ok(Server {
            config: self.config,
            workers,
            listeners,
            tls,
            node,
        })
    }
}

/// A server whose addresses are bound.
#[derive(Debug)]
pub struct Server {
    config: Config,
    workers: usize,
    listeners: Vec<Listeners>,
    tls: Option<Arc<Tls>>,
    node: Arc<Node>,
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
        &self.node
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

    /// Serves until `shutdown` completes; then closes all connections and returns, after `drain.timeout` at the
    /// latest.
    ///
    /// # Errors
    ///
    /// [`ServerError::Worker`] if a thread cannot be started or a worker fails; the others are stopped then.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
        let stop = CancellationToken::new();
        let stop_at_exit = stop.clone().drop_guard();
        let sockets = Arc::new(Sockets::new(self.workers, self.listeners.len()));
        let connections_max = sockets.max();
        let (workers, mut first_end) = self.start(&stop, &sockets)?;
        tracing::info!(node = %self.node.id, workers = self.workers, connections_max, "serving");
        let certificates = async {
            match &self.tls {
                Some(tls) => tls.keep(self.node.own_counters()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = certificates => {}
            () = shutdown => tracing::info!("stopping"),
            // A worker ends only when it fails, or when its thread panics.
            _ = &mut first_end => {}
        }
        drop(stop_at_exit);
        let joined = tokio::task::spawn_blocking(move || {
            workers
                .into_iter()
                .map(thread::JoinHandle::join)
                .collect::<Vec<_>>()
        });
        for (number, ended) in joined.await.into_iter().flatten().enumerate() {
            let ended = ended.unwrap_or_else(|_| Err(io::Error::other("its thread panicked")));
            ended.map_err(|reason| ServerError::Worker { number, reason })?;
        }
        tracing::info!("stopped");
        Ok(())
    }

    /// Starts all workers. The receiver completes when the first of them ends.
    #[expect(
        clippy::type_complexity,
        reason = "the threads, and the end of the first"
    )]
    fn start(
        &mut self,
        stop: &CancellationToken,
        sockets: &Arc<Sockets>,
    ) -> Result<
        (
            Vec<thread::JoinHandle<io::Result<()>>>,
            oneshot::Receiver<()>,
        ),
        ServerError,
    > {
        let (ended, first_end) = oneshot::channel();
        let ended = Arc::new(parking_lot::Mutex::new(Some(ended)));
        let site = Shared::new(&self.config);
        let started = Instant::now();
        let mut threads = Vec::new();
        for number in 0..self.workers {
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
                tls: self.tls.clone(),
                node: Arc::clone(&self.node),
                site: Arc::clone(&site),
                started,
                timeouts: Timeouts {
                    head: self.config.connection.handshake_timeout,
                    whole: self.config.connection.http_timeout,
                },
                proxy_timeout: self.config.proxies.proxy_timeout,
                handshakes_max: self.config.connection.handshakes_max,
                message_bytes_max: self.config.connection.message_bytes_max,
                membership_ttl: self.config.membership_ttl(),
                drain_timeout: self.config.drain.timeout,
                stop: stop.clone(),
            };
            let ended = Ending(Arc::clone(&ended));
            let thread = thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || {
                    let _ended = ended;
                    worker.run()
                });
            threads.push(thread.map_err(failed)?);
        }
        Ok((threads, first_end))
    }
}

/// Tells that a worker has ended, also by a panic.
struct Ending(Arc<parking_lot::Mutex<Option<oneshot::Sender<()>>>>);

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(sender) = self.0.lock().take() {
            // Nobody listens any more when the server is stopping anyway.
            let _ = sender.send(());
        }
    }
}
