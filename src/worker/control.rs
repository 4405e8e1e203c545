//! Carries settings changes and the shutdown signals from the server to its workers.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// The notice of a change of the settings in force, which the workers have to copy.
#[derive(Debug)]
pub(crate) struct SettingsNotice {
    /// One permit for each worker that has copied the settings.
    acknowledgements: Semaphore,
}

impl SettingsNotice {
    /// Creates the notice of a change that no worker has copied yet.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            acknowledgements: Semaphore::new(0),
        })
    }

    /// Acknowledges the change; each worker calls it once.
    pub(super) fn acknowledge(&self) {
        self.acknowledgements.add_permits(1);
    }

    /// Waits until this many workers have copied it.
    pub(crate) async fn acknowledged_by(&self, workers: usize) {
        let workers = u32::try_from(workers).unwrap_or(u32::MAX);
        // Fails only for a closed semaphore, and this one is never closed.
        let _ = self.acknowledgements.acquire_many(workers).await;
    }
}

/// One worker's view of settings changes and the shutdown signals. Each token is cancelled once, in this order.
#[derive(Debug, Clone)]
pub(crate) struct WorkerControl {
    updates: watch::Receiver<Arc<SettingsNotice>>,
    /// Listeners close, running requests are answered, connections are closed over `drain.spread`.
    pub(crate) drain: CancellationToken,
    /// All connections are closed now.
    pub(crate) close_all: CancellationToken,
    /// Connections that have not ended are dropped.
    pub(crate) abort: CancellationToken,
}

impl WorkerControl {
    /// Creates the signals of a serving server; settings changes arrive through `updates`.
    pub(crate) fn new(updates: watch::Receiver<Arc<SettingsNotice>>) -> Self {
        Self {
            updates,
            drain: CancellationToken::new(),
            close_all: CancellationToken::new(),
            abort: CancellationToken::new(),
        }
    }

    /// Returns a receiver of configuration changes.
    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<SettingsNotice>> {
        self.updates.clone()
    }
}
