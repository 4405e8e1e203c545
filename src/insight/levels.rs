//! What each worker measures about itself, read once a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The levels of one worker, on a cache line of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Levels {
    /// Nanoseconds that its loop was late at worst since it was asked.
    loop_lag: AtomicU64,
    interval: AtomicU64,
}

impl Levels {
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

    /// It tells this announce interval, in seconds.
    pub fn set_interval(&self, seconds: u32) {
        self.interval.store(u64::from(seconds), Ordering::Relaxed);
    }

    /// The announce interval that it tells, in seconds.
    #[must_use]
    pub fn interval(&self) -> u64 {
        self.interval.load(Ordering::Relaxed)
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
}
