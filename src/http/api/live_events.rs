//! The events of the live statistics: encoded once for all subscribers, and counted as a subscriber takes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::metrics::{Detail, Statistics};

/// How long a subscriber may take no event before `connection.http_timeout` applies to it.
pub(in crate::http) const PROGRESS_TIMEOUT: Duration = Duration::from_secs(10);

/// The latest events, shared by the subscribers of all workers.
#[derive(Debug, Default)]
pub(in crate::http) struct LiveEvents {
    /// The latest event with the totals.
    totals: Mutex<Option<(SystemTime, Bytes)>>,
    /// The latest event with all series.
    all: Mutex<Option<(SystemTime, Bytes)>>,
}

/// Number of events that a subscriber has taken; stored in the extensions of its response.
#[derive(Debug, Clone, Default)]
pub(in crate::http) struct EventsTaken(Arc<AtomicU64>);

impl EventsTaken {
    /// Counts one event more.
    pub(super) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of events.
    pub(in crate::http) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl LiveEvents {
    /// Returns the encoded event of these statistics; `json` renders its data.
    pub(super) fn event(
        &self,
        statistics: &Statistics,
        detail: Detail,
        json: impl FnOnce() -> String,
    ) -> Bytes {
        let latest = match detail {
            Detail::Totals => &self.totals,
            Detail::All => &self.all,
        };
        if let Some((at, event)) = &*latest.lock()
            && *at == statistics.at
        {
            return event.clone();
        }
        let text = json();
        let event = Bytes::from(format!("event: stats\ndata: {text}\n\n"));
        *latest.lock() = Some((statistics.at, event.clone()));
        event
    }
}
