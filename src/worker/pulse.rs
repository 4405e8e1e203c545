//! Whether a worker's loop still turns: it beats with each tick, and the server counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// The beats of one worker.
#[derive(Debug, Default)]
pub(crate) struct Pulse(AtomicU64);

/// What the count of a worker says that has ended: it is not stuck.
const ENDED: u64 = u64::MAX;

impl Pulse {
    /// Counts a tick.
    pub(super) fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The worker has ended.
    pub(crate) fn end(&self) {
        self.0.store(ENDED, Ordering::Relaxed);
    }

    /// Whether it has beaten since it was `before`, which becomes what it is now.
    pub(crate) fn has_beaten_since(&self, before: &mut u64) -> bool {
        let now = self.0.load(Ordering::Relaxed);
        let has_beaten = now == ENDED || now != *before;
        *before = now;
        has_beaten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_beats_until_it_is_stuck_and_one_that_has_ended_is_not_stuck() {
        let (pulse, mut before) = (Pulse::default(), 0);
        assert!(!pulse.has_beaten_since(&mut before));
        pulse.beat();
        assert!(pulse.has_beaten_since(&mut before));
        assert!(!pulse.has_beaten_since(&mut before));
        pulse.end();
        assert!(pulse.has_beaten_since(&mut before) && pulse.has_beaten_since(&mut before));
    }
}
