//! Converts between the time since the process started, which all limits and deadlines use, and other clocks.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// The clock of this process. Its zero is the start of the process.
#[derive(Debug)]
pub struct ProcessClock {
    started_at: Instant,
}

impl ProcessClock {
    /// Starts the clock.
    pub(super) fn start() -> Self {
        Self {
            started_at: Instant::now(),
        }
    }

    /// Returns when the process started.
    #[must_use]
    pub fn started_at(&self) -> Instant {
        self.started_at
    }

    /// Returns the time since the process started.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.started_at.elapsed()
    }

    /// Converts a time since the process started to the system clock.
    #[must_use]
    pub fn wall_clock_at(&self, at: Duration) -> SystemTime {
        let (now, clock) = (self.uptime(), SystemTime::now());
        let time = if at > now {
            clock.checked_add(at.saturating_sub(now))
        } else {
            clock.checked_sub(now.saturating_sub(at))
        };
        time.unwrap_or(clock)
    }
}
