//! Notices when there is much less of something than there was, so that the memory it took lies idle.

use std::cell::Cell;

/// The tide of one number, which grows and shrinks.
#[derive(Debug)]
pub(crate) struct Ebb {
    /// Most at once since the last ebb.
    peak: Cell<usize>,
    /// When fewer have gone, too little memory lies idle to be worth the trouble.
    gone_min: usize,
}

impl Ebb {
    pub(crate) const fn of_at_least(gone_min: usize) -> Self {
        Self {
            peak: Cell::new(0),
            gone_min,
        }
    }

    /// Takes note of the number as it is now.
    pub(crate) fn note(&self, now: usize) {
        self.peak.set(self.peak.get().max(now));
    }

    /// Whether the number has fallen to half of its peak; a new peak begins then. So memory is given back a few times
    /// while much goes, and not at all while as much comes as goes.
    pub(crate) fn has_come(&self, now: usize) -> bool {
        self.note(now);
        let gone = self.peak.get() - now;
        let has_come = gone >= self.gone_min && gone >= now;
        if has_come {
            self.peak.set(now);
        }
        has_come
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ebb_comes_when_half_has_gone_and_again_with_half_of_the_rest() {
        let ebb = Ebb::of_at_least(128);
        let seen = [0, 1_000, 501, 500, 400, 251, 250, 123, 122, 0].map(|now| ebb.has_come(now));
        let [yes, no] = [true, false];
        let expected = [no, no, no, yes, no, no, yes, no, yes, no];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_peak_between_two_looks_counts_and_a_low_one_does_not() {
        let ebb = Ebb::of_at_least(128);
        assert!(!ebb.has_come(10));
        ebb.note(138);
        assert!(ebb.has_come(10));
        ebb.note(127);
        assert!(!ebb.has_come(0));
    }
}
