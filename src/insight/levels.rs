//! Gauges and timings of one worker, read once a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::spread::Histogram;

/// A value that goes up and down. Only one thread writes it.
#[derive(Debug, Default)]
pub struct Level(AtomicU64);

impl Level {
    /// Adds one.
    pub fn rise(&self) {
        self.set(self.get().wrapping_add(1));
    }

    /// Subtracts one, but never goes below zero.
    pub fn fall(&self) {
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
pub struct Levels {
    /// The largest event loop lag since the last read, in nanoseconds.
    loop_lag: AtomicU64,
    /// The announce interval that it sends to clients, in seconds.
    pub interval: Level,
    /// WebSockets from an IPv4 address.
    pub ipv4: Level,
    /// WebSockets from an IPv6 address.
    pub ipv6: Level,
    /// WebSockets from a loopback address.
    pub loopback: Level,
    /// WebSockets without an address.
    pub unix: Level,
    /// WebSockets of each listener, indexed by listener number.
    pub listeners: Box<[Level]>,
    /// Bytes that wait to be written, as of the last scan of all connections.
    pub outbox: Level,
    /// The same for the connection with the most.
    pub outbox_fullest: Level,
    /// HTTP connections whose client read nothing, as of the last scan.
    pub http_blocked: Level,
    /// Times to serve one message; one in 64 is measured.
    pub handle_time: Histogram,
    /// Times from relaying an offer to its answer.
    pub answer_time: Histogram,
}

impl Levels {
    /// Creates the gauges of a worker that accepts from `listeners` listeners.
    #[must_use]
    pub fn new(listeners: usize) -> Self {
        Self {
            listeners: (0..listeners).map(|_| Level::default()).collect(),
            ..Self::default()
        }
    }

    /// Records that the event loop was late by this time.
    pub fn was_late(&self, by: Duration) {
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
    fn the_worst_lag_is_told_once() {
        let levels = Levels::default();
        levels.was_late(Duration::from_millis(3));
        levels.was_late(Duration::from_millis(1));
        assert_eq!(levels.take_loop_lag(), Duration::from_millis(3));
        assert_eq!(levels.take_loop_lag(), Duration::ZERO);
    }

    #[test]
    fn a_level_never_falls_below_nothing() {
        let level = Level::default();
        level.fall();
        level.rise();
        level.rise();
        assert_eq!(level.get(), 2);
    }
}
