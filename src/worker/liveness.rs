//! Detects stuck workers: each worker counts its ticks, and the server compares the counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// The tick counter of one worker.
#[derive(Debug, Default)]
pub(crate) struct Liveness(AtomicU64);

/// The count of a worker that has ended; it is not stuck.
const ENDED: u64 = u64::MAX;

impl Liveness {
    /// Counts a tick.
    pub(super) fn tick(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Marks the worker as ended.
    pub(crate) fn mark_ended(&self) {
        self.0.store(ENDED, Ordering::Relaxed);
    }

    /// Returns whether the count has changed since `before`, and stores the current count there.
    pub(crate) fn has_ticked_since(&self, before: &mut u64) -> bool {
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
    fn an_ended_worker_does_not_count_as_stuck() {
        let (liveness, mut before) = (Liveness::default(), 0);
        assert!(!liveness.has_ticked_since(&mut before));
        liveness.tick();
        assert!(liveness.has_ticked_since(&mut before));
        assert!(!liveness.has_ticked_since(&mut before));
        liveness.mark_ended();
        assert!(liveness.has_ticked_since(&mut before) && liveness.has_ticked_since(&mut before));
    }
}
