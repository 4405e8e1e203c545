//! Detects when a number has shrunk to half of its peak, so that the memory behind it is unused.

use std::cell::Cell;

/// The peak of one number that grows and shrinks.
#[derive(Debug)]
pub(crate) struct Ebb {
    /// Highest value since the last detected shrink.
    peak: Cell<usize>,
    /// A smaller decrease frees too little memory to be worth a trim.
    gone_min: usize,
}

impl Ebb {
    pub(crate) const fn of_at_least(gone_min: usize) -> Self {
        Self {
            peak: Cell::new(0),
            gone_min,
        }
    }

    /// Records the current number.
    pub(crate) fn note(&self, now: usize) {
        self.peak.set(self.peak.get().max(now));
    }

    /// Returns whether the number has fallen to half of its peak; the peak then restarts. So memory is returned a few
    /// times while the number falls, and not at all while it is steady.
    pub(crate) fn has_come(&self, now: usize) -> bool {
        self.note(now);
        let decrease = self.peak.get() - now;
        let has_shrunk = decrease >= self.gone_min && decrease >= now;
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
    fn an_ebb_comes_when_half_has_gone_and_again_with_half_of_the_rest() {
        let detector = Ebb::of_at_least(128);
        let seen =
            [0, 1_000, 501, 500, 400, 251, 250, 123, 122, 0].map(|now| detector.has_come(now));
        let [yes, no] = [true, false];
        let expected = [no, no, no, yes, no, no, yes, no, yes, no];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_peak_between_two_looks_counts_and_a_low_one_does_not() {
        let detector = Ebb::of_at_least(128);
        assert!(!detector.has_come(10));
        detector.note(138);
        assert!(detector.has_come(10));
        detector.note(127);
        assert!(!detector.has_come(0));
    }
}
