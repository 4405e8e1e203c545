//! Detects when a number has shrunk to half of its peak, so that the memory behind it is unused.

use std::cell::Cell;

/// The peak of one number that grows and shrinks.
#[derive(Debug)]
pub(crate) struct ShrinkDetector {
    /// Highest value since the last detected shrink.
    peak: Cell<usize>,
    /// A smaller decrease frees too little memory to be worth a trim.
    decrease_min: usize,
}

impl ShrinkDetector {
    pub(crate) const fn new(decrease_min: usize) -> Self {
        Self {
            peak: Cell::new(0),
            decrease_min,
        }
    }

    /// Records the current number.
    pub(crate) fn record(&self, now: usize) {
        self.peak.set(self.peak.get().max(now));
    }

    /// Returns whether the number has fallen to half of its peak; the peak then restarts. So memory is returned a few
    /// times while the number falls, and not at all while it is steady.
    pub(crate) fn has_shrunk(&self, now: usize) -> bool {
        self.record(now);
        let decrease = self.peak.get() - now;
        let has_shrunk = decrease >= self.decrease_min && decrease >= now;
        if has_shrunk {
            self.peak.set(now);
        }
        has_shrunk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_halving_of_the_number_is_detected() {
        let detector = ShrinkDetector::new(128);
        let seen =
            [0, 1_000, 501, 500, 400, 251, 250, 123, 122, 0].map(|now| detector.has_shrunk(now));
        let [yes, no] = [true, false];
        let expected = [no, no, no, yes, no, no, yes, no, yes, no];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_peak_between_two_checks_counts() {
        let detector = ShrinkDetector::new(128);
        assert!(!detector.has_shrunk(10));
        detector.record(138);
        assert!(detector.has_shrunk(10));
        detector.record(127);
        assert!(!detector.has_shrunk(0));
    }
}
