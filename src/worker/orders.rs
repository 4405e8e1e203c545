//! What the server tells its workers: the settings in force, and how far its leaving has come.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// A configuration that the workers are to go by.
#[derive(Debug)]
pub(crate) struct InForce {
    /// The configuration.
    pub(crate) config: Config,
    /// One permit of each worker that goes by it.
    takers: Semaphore,
}

impl InForce {
    /// A configuration that no worker goes by yet.
    pub(crate) fn new(config: Config) -> Arc<Self> {
        Arc::new(Self {
            config,
            takers: Semaphore::new(0),
        })
    }

    /// Said by each worker, once.
    pub(super) fn taken(&self) {
        self.takers.add_permits(1);
    }

    /// Waits until this many workers go by it.
    pub(crate) async fn taken_by(&self, workers: usize) {
        let workers = u32::try_from(workers).unwrap_or(u32::MAX);
        // Fails only for a semaphore that was closed, and nobody closes it.
        let _ = self.takers.acquire_many(workers).await;
    }
}

/// One worker's copy of the orders. Each token is cancelled once, in this order.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    in_force: watch::Receiver<Arc<InForce>>,
    /// Listeners close, requests under way are answered, connections are closed over `drain.spread`.
    pub(crate) leave: CancellationToken,
    /// All connections are closed now.
    pub(crate) hurry: CancellationToken,
    /// What has not ended is dropped.
    pub(crate) give_up: CancellationToken,
}

impl Orders {
    /// To serve, by the settings that come through `in_force`.
    pub(crate) fn new(in_force: watch::Receiver<Arc<InForce>>) -> Self {
        Self {
            in_force,
            leave: CancellationToken::new(),
            hurry: CancellationToken::new(),
            give_up: CancellationToken::new(),
        }
    }

    /// The settings in force now.
    pub(super) fn in_force(&self) -> Arc<InForce> {
        Arc::clone(&self.in_force.borrow())
    }

    /// Tells of other settings.
    pub(super) fn news(&self) -> watch::Receiver<Arc<InForce>> {
        self.in_force.clone()
    }
}
