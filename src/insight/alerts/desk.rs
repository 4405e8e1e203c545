//! Where the alerts lie while the server runs: the server's own thread looks at them once a second, the API reads and changes
//! them from the workers. One lock, held for a look and never across an await.

use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;

use super::Alerts;

/// One receiver of notifications, and how it does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SinkStatus {
    /// `webhook`, `alertmanager` or `chat`.
    pub kind: &'static str,
    /// Its host; the rest of its address may be a secret.
    pub target: String,
    /// Notifications that wait for it.
    pub queued: usize,
    /// Notifications that it never got.
    pub failed: u64,
    /// What was wrong with the latest attempt, if it failed.
    pub last_error: Option<String>,
    /// Unix seconds of when it last took one, since this process started.
    pub last_delivered: Option<f64>,
}

/// The alerts, and what the server and the API tell each other about them.
#[derive(Debug, Default)]
pub struct Desk {
    alerts: Mutex<Alerts>,
    sinks: Mutex<Vec<SinkStatus>>,
    /// Whether somebody wants a notification to try the receivers.
    is_test_wanted: Mutex<bool>,
}

impl Desk {
    /// The alerts; others wait until this is dropped.
    pub fn alerts(&self) -> MutexGuard<'_, Alerts> {
        self.alerts.lock()
    }

    /// How the receivers do, as of a second ago.
    #[must_use]
    pub fn sinks(&self) -> Vec<SinkStatus> {
        self.sinks.lock().clone()
    }

    /// Tells how the receivers do.
    pub fn set_sinks(&self, sinks: Vec<SinkStatus>) {
        *self.sinks.lock() = sinks;
    }

    /// Asks for a notification that tries the receivers; within a second it is on its way.
    pub fn want_test(&self) {
        *self.is_test_wanted.lock() = true;
    }

    /// Whether one was asked for since this was asked last.
    pub fn take_test(&self) -> bool {
        std::mem::take(&mut *self.is_test_wanted.lock())
    }
}
