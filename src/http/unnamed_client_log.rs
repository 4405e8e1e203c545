//! Logs that a trusted proxy names no client, at a limited rate.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Minimum time between two log lines.
const INTERVAL: Duration = Duration::from_mins(1);

/// The log of trusted proxies that name no client.
#[derive(Debug, Default)]
pub(super) struct UnnamedClientLog {
    /// Earliest second, in the node's time, of the next line.
    due: AtomicU64,
}

impl UnnamedClientLog {
    /// Logs the header of a proxy, unless a line was logged within the last minute. `uptime` is the node's time.
    pub(super) fn log(&self, uptime: Duration, header: &str) {
        let (now, order) = (uptime.as_secs(), Ordering::Relaxed);
        let due = self.due.load(order);
        let next = now + INTERVAL.as_secs();
        let is_claimed = || {
            let swapped = self.due.compare_exchange(due, next, order, order);
            swapped.is_ok()
        };
        if now >= due && is_claimed() {
            tracing::warn!(
                header,
                "a trusted proxy sends a header that names no client: all such clients share the limits of one"
            );
        }
    }
}
