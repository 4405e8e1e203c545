//! Detects stuck workers: each worker counts its ticks, and the server compares the counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// The tick counter of one worker.
#[derive(Debug, Default)]
pub(crate) struct Pulse(AtomicU64);

/// The count of a worker that has ended; it is not stuck.
const ENDED: u64 = u64::MAX;

impl Pulse {
    /// Counts a tick.
    pub(super) fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Marks the worker as ended.
    pub(crate) fn end(&self) {
        self.0.store(ENDED, Ordering::Relaxed);
    }

    /// Returns whether the count has changed since `before`, and stores the current count there.
    pub(crate) fn has_beaten_since(&self, before: &mut u64) -> bool {
        let now = self.0.load(Ordering::Relaxed);
        let is_alive = now == ENDED || now != *before;
        *before = now;
        is_alive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_beats_until_it_is_stuck_and_one_that_has_ended_is_not_stuck() {
        let (liveness, mut before) = (Pulse::default(), 0);
        assert!(!liveness.has_beaten_since(&mut before));
        liveness.beat();
        assert!(liveness.has_beaten_since(&mut before));
        assert!(!liveness.has_beaten_since(&mut before));
        liveness.end();
        assert!(liveness.has_beaten_since(&mut before) && liveness.has_beaten_since(&mut before));
    }
}
