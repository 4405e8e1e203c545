//! What each worker measures about itself, read once a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::spread::Histogram;

/// A number that goes up and down. It has one writing thread.
#[derive(Debug, Default)]
pub struct Level(AtomicU64);

impl Level {
    /// One more.
    pub fn rise(&self) {
        self.set(self.get().wrapping_add(1));
    }

    /// One less.
    pub fn fall(&self) {
        self.set(self.get().saturating_sub(1));
    }

    /// Now it is this.
    pub fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }

    /// What it is.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The levels of one worker, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Levels {
    /// Nanoseconds that its loop was late at worst since it was asked.
    loop_lag: AtomicU64,
    /// The announce interval that it tells, in seconds.
    pub interval: Level,
    /// WebSockets that come from an IPv4 address.
    pub ipv4: Level,
    /// WebSockets that come from an IPv6 address.
    pub ipv6: Level,
    /// WebSockets that come from a loopback address.
    pub loopback: Level,
    /// WebSockets without an address.
    pub unix: Level,
    /// WebSockets of each listener, in the order of their numbers.
    pub listeners: Box<[Level]>,
    /// Bytes that wait to be written, as of the last look at all connections.
    pub outbox: Level,
    /// The same for the fullest output.
    pub outbox_fullest: Level,
    /// HTTP connections that took nothing, as of the last look at them.
    pub http_blocked: Level,
    /// Times to serve one message, of one in 64.
    pub handle_time: Histogram,
    /// Times from an offer to its answer.
    pub answer_time: Histogram,
}

impl Levels {
    /// Those of a worker that accepts from so many listeners.
    #[must_use]
    pub fn new(listeners: usize) -> Self {
        Self {
            listeners: (0..listeners).map(|_| Level::default()).collect(),
            ..Self::default()
        }
    }

    /// Its loop was so late.
    pub fn was_late(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.loop_lag.fetch_max(by, Ordering::Relaxed);
    }

    /// How late it was at worst since this was asked last.
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
