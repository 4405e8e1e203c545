//! Shares the alerts between threads: the server's thread evaluates them once a second, the API reads and changes them
//! from the workers. One lock, held for one evaluation and never across an await.

use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;
use utoipa::ToSchema;

use super::Alerts;

/// The delivery status of one receiver of notifications.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SinkStatus {
    /// `webhook`, `alertmanager` or `chat`.
    pub kind: &'static str,
    /// Its host; the rest of its URL may be a secret.
    pub target: String,
    /// Notifications in its queue.
    pub queued: usize,
    /// Notifications that were not delivered to it.
    pub failed: u64,
    /// The error of the latest attempt, if it failed.
    #[schema(required)]
    pub last_error: Option<String>,
    /// When the last one was delivered since this process started, in Unix seconds.
    #[schema(required)]
    pub last_delivered: Option<f64>,
}

/// The alerts, the status of the receivers, and a request of the API for a test.
#[derive(Debug, Default)]
pub struct SharedAlerts {
    alerts: Mutex<Alerts>,
    sinks: Mutex<Vec<SinkStatus>>,
    /// Whether a test notification is requested.
    is_test_requested: Mutex<bool>,
}

impl SharedAlerts {
    /// Locks the alerts; other threads wait until the guard is dropped.
    pub fn lock(&self) -> MutexGuard<'_, Alerts> {
        self.alerts.lock()
    }

    /// Returns the status of the receivers, up to a second old.
    #[must_use]
    pub fn sink_statuses(&self) -> Vec<SinkStatus> {
        self.sinks.lock().clone()
    }

    /// Stores the status of the receivers.
    pub fn set_sink_statuses(&self, sinks: Vec<SinkStatus>) {
        *self.sinks.lock() = sinks;
    }

    /// Requests a test notification; it is sent within a second.
    pub fn request_test(&self) {
        *self.is_test_requested.lock() = true;
    }

    /// Returns whether a test was requested since the last call.
    pub fn take_test_request(&self) -> bool {
        std::mem::take(&mut *self.is_test_requested.lock())
    }
}
