//! Runs the whole server: binds the listeners, starts the workers and stops them.
//!
//! Only this module binds sockets and spawns worker threads. `main` and embedding programs run it.

mod alert_loop;
mod census_task;
mod certificate_gauges;
mod check;
mod cluster_task;
mod config_changes;
mod handle;
mod history_start;
mod list_watcher;
mod private_address_warning;
mod shutdown;
mod stats_sampler;
mod stun;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc;

use crate::config::{
    self, Config, InvalidConfig, ListFiles, ListenSpec, ListenTarget, ListenerRole,
};
use crate::memory;
use crate::nats::NatsError;
use crate::net::tls::{Certificates, TlsAcceptor, TlsError};
use crate::net::{self, BoundListener, OpenConnections};
use crate::node::Node;
use crate::protocol::ConnectionId;
use crate::worker::{Liveness, TurnConnection, Worker, WorkerControl};
use alert_loop::AlertLoop;
use cluster_task::{ClusterTask, RunningCluster};
use handle::{RequestedState, ServerState};
use shutdown::{WorkerExits, shut_down};
use stats_sampler::StatsSampler;
use stun::StunSockets;

pub use cluster_task::ClusterStart;
pub use handle::{ConfigChanges, DrainProgress, LivenessCheck, ServerHandle, ServerPhase};

/// An error that prevents the start or ends the server early.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Invalid settings, each with its location and remedy.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Config(Vec<InvalidConfig>),
    /// A listener address cannot be bound.
    #[error("cannot listen on {listen}: {}", listen_remedy(listen, reason))]
    Listen {
        /// The listener address.
        listen: ListenSpec,
        /// The system's error.
        reason: io::Error,
    },
    /// An address of `ice.listen` cannot be bound.
    #[error("cannot listen on UDP {address} (ice.listen): {}", listen_remedy(&(*address).into(), reason))]
    StunListen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        reason: io::Error,
    },
    /// TLS cannot be served, usually because of a certificate file.
    #[error("TLS: {0}")]
    Tls(TlsError),
    /// The cluster cannot be joined with these settings.
    #[error("{0}")]
    Cluster(NatsError),
    /// A worker could not be started, or ended with an error.
    #[error("worker {number} failed: {reason}")]
    Worker {
        /// The number of the worker.
        number: usize,
        /// The system's error.
        reason: io::Error,
    },
    /// The thread of the STUN server could not be started.
    #[error("the STUN server could not be started: {reason}")]
    Stun {
        /// The system's error.
        reason: io::Error,
    },
    /// Workers were still running after all their connections were dropped.
    #[error("{workers} workers are stuck and were abandoned")]
    Stuck {
        /// The number of stuck workers.
        workers: usize,
    },
}

fn listen_remedy(listen: &ListenSpec, error: &io::Error) -> String {
    let is_file = matches!(listen.target, ListenTarget::Unix(_));
    match error.kind() {
        io::ErrorKind::AddrInUse if is_file => {
            "another program listens on this socket; stop it, or choose another path with --listen"
                .to_owned()
        }
        io::ErrorKind::PermissionDenied if is_file => {
            "permission denied; the user of the server needs write access to that folder".to_owned()
        }
        io::ErrorKind::NotFound if is_file => {
            "its folder does not exist; create it, or choose another path with --listen".to_owned()
        }
        io::ErrorKind::AddrInUse if matches!(listen.target, ListenTarget::Tcp(address) if address.ip().is_unspecified()) => {
            "the port is in use by another program or by another listener of this one ([::] includes IPv4); \
             stop it, or choose another address with --listen"
                .to_owned()
        }
        io::ErrorKind::AddrInUse => {
            "another program uses this port; stop it, or choose another address with --listen"
                .to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "permission denied; ports below 1024 usually need a privilege, choose another with --listen"
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

/// Builds a [`Server`].
#[derive(Debug, Clone, Default)]
pub struct ServerBuilder {
    config: Config,
    listen: Vec<ListenSpec>,
    state_directory: Option<PathBuf>,
    secret_files: Vec<PathBuf>,
}

impl ServerError {
    /// Returns one line for each mistake.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Config(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
            other => vec![other.to_string()],
        }
    }

    /// Returns whether the settings are wrong, so that a retry does not help. A certificate may be replaced and a port
    /// may become free.
    #[must_use]
    pub const fn is_configuration_error(&self) -> bool {
        matches!(self, Self::Config(_))
    }
}

impl ServerBuilder {
    /// Sets all settings at once.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Listens on this address instead of the default. May be called several times; with port 0 the system chooses a
    /// port.
    #[must_use]
    pub fn listen(self, address: SocketAddr) -> Self {
        self.listen_on(address.into())
    }

    /// As [`Self::listen`], for every kind of listener, such as `"unix:/run/hub.sock".parse()`.
    #[must_use]
    pub fn listen_on(mut self, place: ListenSpec) -> Self {
        self.listen.push(place);
        self
    }

    /// Sets the folder for the server's own files; it is created with the first file. This is `history.sqlite`, if
    /// `history` is `file`. Without a folder, history is then stored in memory.
    #[must_use]
    pub fn state_directory(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state_directory = Some(folder.into());
        self
    }

    /// Checks the settings and binds the listeners. Connections wait from then on and are served by [`Server::run`].
    ///
    /// # Errors
    ///
    /// [`ServerError::Config`] for invalid settings, [`ServerError::Tls`] for unusable certificates,
    /// [`ServerError::Listen`] for an address that cannot be bound.
    #[expect(
        clippy::unused_async,
        reason = "it must run within a runtime, and may have to wait later"
    )]
    pub async fn bind(mut self) -> Result<Server, ServerError> {
        self.config = self.effective_config();
        self.config.check().map_err(ServerError::Config)?;
        let lists =
            list_watcher::read(&ListFiles::new(&self.config)).map_err(ServerError::Config)?;
        let report = self.run_checks(&self.config);
        if let Some(problem) = report.problems.into_iter().next() {
            return Err(problem);
        }
        for warning in &report.warnings {
            tracing::warn!("{warning}");
        }
        let workers = self
            .config
            .worker_count()
            .get()
            .min(ConnectionId::WORKERS_MAX);
        let tls = TlsAcceptor::new(&self.config.tls).map_err(ServerError::Tls)?;
        let listeners = net::bind(&all_listeners(&self.config), workers)
            .map_err(|(listen, reason)| ServerError::Listen { listen, reason })?;
        let stun = StunSockets::bind(&self.config, &listeners)?;
        let names = listeners.iter().map(|own| own.listen.to_string());
        let node = Node::with_listeners(&self.config, workers, names.collect());
        let store = history_start::open(&self.config.history, self.state_directory.as_deref());
        let node = Arc::new(node.with_store(store));
        node.admission()
            .pressure()
            .set_default_budget(memory::budget_bytes().unwrap_or(0));
        match node.admission().pressure().budget_bytes() {
            0 if memory::resident_bytes().is_some() => tracing::warn!(
                "total memory cannot be read from /proc/meminfo, so memory is not limited: set memory.budget_bytes"
            ),
            budget_bytes => tracing::debug!(budget_bytes, "memory budget, 0 for unlimited"),
        }
        let state = ServerState::new(&self.config, &node, workers);
        state.lists.activate(lists);
        let listening = listeners.iter().map(|own| own.listen.clone());
        state
            .app_state
            .set_listeners(listening.collect(), stun.addresses.clone());
        Ok(Server {
            workers,
            listeners,
            stun,
            tls,
            cluster: None,
            cluster_settings: self.config.cluster.clone(),
            state,
        })
    }
}

/// Returns all listeners to bind; those of metrics come last.
fn all_listeners(config: &Config) -> Vec<ListenSpec> {
    let metrics = config.metrics.listen.iter().cloned();
    let metrics = metrics.map(|listen| ListenSpec {
        role: ListenerRole::Metrics,
        ..listen
    });
    config.listen.iter().cloned().chain(metrics).collect()
}

/// A server whose listeners are bound.
#[derive(Debug)]
pub struct Server {
    workers: usize,
    listeners: Vec<BoundListener>,
    stun: StunSockets,
    tls: Option<Arc<TlsAcceptor>>,
    cluster: Option<ClusterTask>,
    cluster_settings: config::Cluster,
    state: Arc<ServerState>,
}

impl Server {
    /// Returns a builder with default settings.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// Returns the bound IP addresses, with real port numbers.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.listeners().filter_map(|listen| match listen.target {
            ListenTarget::Tcp(address) => Some(address),
            ListenTarget::Unix(_) | ListenTarget::Systemd(_) => None,
        })
    }

    /// Returns all bound listeners, with real port numbers and with the real addresses of sockets passed by systemd.
    pub fn listeners(&self) -> impl Iterator<Item = &ListenSpec> {
        self.listeners.iter().map(|listeners| &listeners.listen)
    }

    /// Returns the bound UDP addresses of the STUN server, with real port numbers.
    #[must_use]
    pub fn stun_addresses(&self) -> &[SocketAddr] {
        &self.stun.addresses
    }

    /// Returns the state shared by all workers: the swarms and the counters.
    #[must_use]
    #[doc(hidden)]
    pub fn node(&self) -> &Arc<Node> {
        &self.state.node
    }

    /// Makes the server part of a cluster. Called at most once, before [`Self::run`].
    #[doc(hidden)]
    pub fn join_cluster(&mut self, start: ClusterStart) {
        self.cluster = Some(ClusterTask::new(&self.state, start));
    }

    /// Makes the server part of the cluster of its settings, if they name one.
    async fn join_by_settings(&mut self) -> Result<(), ServerError> {
        let settings = &self.cluster_settings;
        if settings.is_enabled() && self.cluster.is_none() {
            let start = cluster_task::start_with_nats(settings, self.state.node.id).await;
            self.join_cluster(start.map_err(ServerError::Cluster)?);
        }
        Ok(())
    }

    /// Returns a handle to control the running server.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle(Arc::clone(&self.state))
    }

    /// Returns the certificates of its TLS listeners, if it has any.
    #[must_use]
    pub fn certificates(&self) -> Option<Certificates> {
        self.tls.clone().map(Certificates::new)
    }

    /// Returns the number of workers.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// Serves until `shutdown` completes or the [`ServerHandle`] requests an end. Then drains as set by `drain`, and returns
    /// when all connections have ended or were dropped.
    ///
    /// # Errors
    ///
    /// [`ServerError::Cluster`] if the settings of the cluster cannot be used.
    /// [`ServerError::Worker`] if a thread cannot be started or a worker fails; the others are stopped then.
    /// [`ServerError::Stuck`] if a worker does not end.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
        let (state, tls) = (Arc::clone(&self.state), self.tls.clone());
        let control = WorkerControl::new(state.settings_notices.subscribe());
        // No worker keeps running after this function ends, for any reason.
        let _stop_at_exit = [&control.drain, &control.close_all, &control.abort]
            .map(|order| order.clone().drop_guard());
        let open_connections = Arc::new(OpenConnections::new(self.workers, self.listeners.len()));
        let connections_max = open_connections.max();
        let (telemetry, storage) = (state.node.telemetry(), state.node.storage());
        alert_loop::restore(telemetry.alerts(), storage.history()).await;
        let port = self.addresses().next().map(|address| address.port());
        // Its ports close with those of the tracker, so that a successor can take them.
        let stop_stun = control.drain.clone();
        let failed = |reason| ServerError::Stun { reason };
        let turn_connections = self.stun.start(&state.node, stop_stun).map_err(failed)?;
        self.join_by_settings().await?;
        let mut ends = self.start(&control, &open_connections, turn_connections.as_ref())?;
        tracing::info!(node = %state.node.id, workers = self.workers, connections_max, "serving");
        let mut wanted = state.requested.subscribe();
        let certificates = async {
            match &tls {
                Some(tls) => {
                    tls.maintain_certificates(state.node.telemetry().server_counters())
                        .await;
                }
                None => std::future::pending().await,
            }
        };
        let observer = StatsSampler::new(&state, &open_connections, self.certificates());
        let mut alerting = AlertLoop::new(&state.node, port);
        // Continues during a drain: operators look at the statistics then.
        let mut observing = pin!(async {
            let swarms = state.node.tracker().swarms();
            tokio::join!(observer.run(), census_task::run(swarms, telemetry.census()));
        });
        // Continues until all connections have ended: their offers and answers go on.
        let cluster = RunningCluster::start(self.cluster.take());
        tokio::select! {
            () = certificates => {}
            () = &mut observing => {}
            () = alerting.run() => {}
            () = shutdown => state.request(RequestedState::Drain),
            _ = wanted.wait_for(|&wanted| wanted > RequestedState::Serve) => {}
            () = state.lower_ttl_when_due() => {}
            () = state.lists.watch() => {}
            // A worker ends only by an error or a panic of its thread.
            () = ends.next() => state.request(RequestedState::Stop),
        }
        // Saves before a successor process has written anything.
        alerting.finish();
        tokio::select! {
            () = shut_down(&state, &control, &mut ends) => {}
            () = &mut observing => {}
        }
        cluster.leave().await;
        // Saves changes made over the API in the meantime.
        alerting.finish();
        state.node.storage().history().close().await;
        ends.into_result()
    }

    /// Starts all workers.
    fn start(
        &mut self,
        control: &WorkerControl,
        open_connections: &Arc<OpenConnections>,
        turn_connections: Option<&mpsc::Sender<TurnConnection>>,
    ) -> Result<WorkerExits, ServerError> {
        let (ended, ends) = mpsc::channel(self.workers);
        let started = self.state.node.clock().started_at();
        for (number, pulse) in self.state.liveness.iter().enumerate() {
            let failed = |reason| ServerError::Worker { number, reason };
            // The workers own the listeners, so that no socket listens after the workers have stopped.
            let listeners = self
                .listeners
                .iter_mut()
                .filter_map(BoundListener::take_socket);
            let worker = Worker {
                number: u8::try_from(number)
                    .map_err(io::Error::other)
                    .map_err(failed)?,
                workers: self.workers,
                listeners: listeners.collect(),
                open_connections: Arc::clone(open_connections),
                node: Arc::clone(&self.state.node),
                mailboxes: Arc::clone(&self.state.mailboxes),
                app_state: Arc::clone(&self.state.app_state),
                tls: self.tls.clone(),
                turn_connections: turn_connections.cloned(),
                started,
                control: control.clone(),
                liveness: Arc::clone(pulse),
            };
            let ending = WorkerExitGuard {
                number,
                result: Err(io::Error::other("its thread panicked")),
                liveness: Arc::clone(pulse),
                exits: ended.clone(),
            };
            let thread = thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || {
                    let mut ending = ending;
                    ending.result = worker.run();
                });
            thread.map_err(failed)?;
        }
        Ok(WorkerExits::new(ends, self.workers))
    }
}

/// Reports how a worker ended, also after a panic. Its thread is not joined, because joining a stuck thread would never
/// return.
struct WorkerExitGuard {
    number: usize,
    result: io::Result<()>,
    liveness: Arc<Liveness>,
    exits: mpsc::Sender<(usize, io::Result<()>)>,
}

impl Drop for WorkerExitGuard {
    fn drop(&mut self) {
        self.liveness.mark_ended();
        let result = std::mem::replace(&mut self.result, Ok(()));
        // The channel has room for one message of each worker; the receiver is closed if the server was dropped.
        let _ = self.exits.try_send((self.number, result));
    }
}
