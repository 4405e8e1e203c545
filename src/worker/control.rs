//! Carries the active configuration and the shutdown signals from the server to its workers.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// A configuration for the workers to apply.
#[derive(Debug)]
pub(crate) struct ActiveConfig {
    /// The configuration.
    pub(crate) config: Config,
    /// One permit for each worker that has applied it.
    acknowledgements: Semaphore,
}

impl ActiveConfig {
    /// Creates a configuration that no worker has applied yet.
    pub(crate) fn new(config: Config) -> Arc<Self> {
        Arc::new(Self {
            config,
            acknowledgements: Semaphore::new(0),
        })
    }

    /// Acknowledges the configuration; each worker calls it once.
    pub(super) fn acknowledge(&self) {
        self.acknowledgements.add_permits(1);
    }

    /// Waits until this many workers have applied it.
    pub(crate) async fn acknowledged_by(&self, workers: usize) {
        let workers = u32::try_from(workers).unwrap_or(u32::MAX);
        // Fails only for a closed semaphore, and this one is never closed.
        let _ = self.acknowledgements.acquire_many(workers).await;
    }
}

/// One worker's view of the configuration and the shutdown signals. Each token is cancelled once, in this order.
#[derive(Debug, Clone)]
pub(crate) struct WorkerControl {
    active: watch::Receiver<Arc<ActiveConfig>>,
    /// Listeners close, running requests are answered, connections are closed over `drain.spread`.
    pub(crate) drain: CancellationToken,
    /// All connections are closed now.
    pub(crate) close_all: CancellationToken,
    /// Connections that have not ended are dropped.
    pub(crate) abort: CancellationToken,
}

impl WorkerControl {
    /// Creates the signals of a serving server; settings arrive through `active`.
    pub(crate) fn new(active: watch::Receiver<Arc<ActiveConfig>>) -> Self {
        Self {
            active,
            drain: CancellationToken::new(),
            close_all: CancellationToken::new(),
            abort: CancellationToken::new(),
        }
    }

    /// Returns the active configuration.
    pub(super) fn active(&self) -> Arc<ActiveConfig> {
        Arc::clone(&self.active.borrow())
    }

    /// Returns a receiver of configuration changes.
    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<ActiveConfig>> {
        self.active.clone()
    }
}
