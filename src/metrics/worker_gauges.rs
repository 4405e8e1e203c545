//! Gauges and timings of one worker, read once a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::histogram::Histogram;

/// A value that goes up and down. Only one thread writes it.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Adds one.
    pub fn inc(&self) {
        self.set(self.get().wrapping_add(1));
    }

    /// Subtracts one, but never goes below zero.
    pub fn dec(&self) {
        self.set(self.get().saturating_sub(1));
    }

    /// Sets the gauge.
    pub fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }

    /// Returns the value.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The gauges of one worker, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct WorkerGauges {
    /// The largest event loop lag since the last read, in nanoseconds.
    loop_lag: AtomicU64,
    /// The announce interval that it sends to clients, in seconds.
    pub announce_interval: Gauge,
    /// WebSockets from an IPv4 address.
    pub ipv4: Gauge,
    /// WebSockets from an IPv6 address.
    pub ipv6: Gauge,
    /// WebSockets from a loopback address.
    pub loopback: Gauge,
    /// WebSockets without an address.
    pub unix: Gauge,
    /// WebSockets of each listener, indexed by listener number.
    pub listeners: Box<[Gauge]>,
    /// Bytes that wait to be written, as of the last scan of all connections.
    pub outbox_bytes: Gauge,
    /// The same for the connection with the most.
    pub largest_outbox_bytes: Gauge,
    /// Swarms that its connections have subscribed to.
    pub subscriptions: Gauge,
    /// HTTP connections whose client read nothing, as of the last scan.
    pub http_blocked: Gauge,
    /// Times to serve one message; one in 64 is measured.
    pub handle_time: Histogram,
    /// Times from relaying an offer to its answer.
    pub answer_time: Histogram,
}

impl WorkerGauges {
    /// Creates the gauges of a worker that accepts from `listeners` listeners.
    #[must_use]
    pub fn new(listeners: usize) -> Self {
        Self {
            listeners: (0..listeners).map(|_| Gauge::default()).collect(),
            ..Self::default()
        }
    }

    /// Records that the event loop was late by this time.
    pub fn record_loop_lag(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.loop_lag.fetch_max(by, Ordering::Relaxed);
    }

    /// Returns the largest lag since the last call, and resets it.
    #[must_use]
    pub fn take_loop_lag(&self) -> Duration {
        Duration::from_nanos(self.loop_lag.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_lag_is_returned_once() {
        let levels = WorkerGauges::default();
        levels.record_loop_lag(Duration::from_millis(3));
        levels.record_loop_lag(Duration::from_millis(1));
        assert_eq!(levels.take_loop_lag(), Duration::from_millis(3));
        assert_eq!(levels.take_loop_lag(), Duration::ZERO);
    }

    #[test]
    fn a_gauge_never_falls_below_zero() {
        let level = Gauge::default();
        level.dec();
        level.inc();
        level.inc();
        assert_eq!(level.get(), 2);
    }
}
