//! Carries the active configuration and the shutdown signals from the server to its workers.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// A configuration for the workers to apply.
#[derive(Debug)]
pub(crate) struct InForce {
    /// The configuration.
    pub(crate) config: Config,
    /// One permit for each worker that has applied it.
    takers: Semaphore,
}

impl InForce {
    /// Creates a configuration that no worker has applied yet.
    pub(crate) fn new(config: Config) -> Arc<Self> {
        Arc::new(Self {
            config,
            takers: Semaphore::new(0),
        })
    }

    /// Acknowledges the configuration; each worker calls it once.
    pub(super) fn taken(&self) {
        self.takers.add_permits(1);
    }

    /// Waits until this many workers have applied it.
    pub(crate) async fn taken_by(&self, workers: usize) {
        let workers = u32::try_from(workers).unwrap_or(u32::MAX);
        // Fails only for a closed semaphore, and this one is never closed.
        let _ = self.takers.acquire_many(workers).await;
    }
}

/// One worker's view of the configuration and the shutdown signals. Each token is cancelled once, in this order.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    in_force: watch::Receiver<Arc<InForce>>,
    /// Listeners close, running requests are answered, connections are closed over `drain.spread`.
    pub(crate) leave: CancellationToken,
    /// All connections are closed now.
    pub(crate) hurry: CancellationToken,
    /// Connections that have not ended are dropped.
    pub(crate) give_up: CancellationToken,
}

impl Orders {
    /// Creates the signals of a serving server; settings arrive through `in_force`.
    pub(crate) fn new(in_force: watch::Receiver<Arc<InForce>>) -> Self {
        Self {
            in_force,
            leave: CancellationToken::new(),
            hurry: CancellationToken::new(),
            give_up: CancellationToken::new(),
        }
    }

    /// Returns the active configuration.
    pub(super) fn in_force(&self) -> Arc<InForce> {
        Arc::clone(&self.in_force.borrow())
    }

    /// Returns a receiver of configuration changes.
    pub(super) fn news(&self) -> watch::Receiver<Arc<InForce>> {
        self.in_force.clone()
    }
}
