//! Provides the time that a worker read last as a clock for governor.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use governor::clock::Clock;
use governor::nanos::Nanos;

/// The time since the process started, as last set by the worker: one clock read serves a whole turn.
#[derive(Debug, Clone, Default)]
pub struct CachedTime(Rc<Cell<Duration>>);

impl CachedTime {
    /// Returns the time.
    #[must_use]
    pub fn get(&self) -> Duration {
        self.0.get()
    }

    /// Sets the time; it never goes backwards.
    pub fn advance_to(&self, now: Duration) {
        self.0.set(self.0.get().max(now));
    }
}

impl Clock for CachedTime {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.get().into()
    }
}
