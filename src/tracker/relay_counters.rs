//! Counts the relayed messages of one connection in six bytes, so that they fill eight together with its site: an entry
//! of the hub has no padding.

/// The number of relayed offers and answers of a connection, and whether its output is blocked.
///
/// 24 bits for offers, 23 for answers, one for the flag. The numbers are only displayed. Each stops at its maximum,
/// which takes ten days at the default limit of offers.
#[derive(Debug, Clone, Copy)]
pub(super) struct RelayCounters {
    offers: ThreeBytes,
    /// The highest bit is the flag.
    answers: ThreeBytes,
}

const OFFERS_MAX: u32 = (1 << 24) - 1;
const ANSWERS_MAX: u32 = (1 << 23) - 1;
const BLOCKED: u32 = 1 << 23;

/// A number below 2²⁴.
#[derive(Debug, Clone, Copy)]
struct ThreeBytes([u8; 3]);

impl ThreeBytes {
    const fn new(number: u32) -> Self {
        let [low, middle, high, _] = number.to_le_bytes();
        Self([low, middle, high])
    }

    const fn get(self) -> u32 {
        let [low, middle, high] = self.0;
        u32::from_le_bytes([low, middle, high, 0])
    }
}

impl RelayCounters {
    pub(super) const NEW: Self = Self {
        offers: ThreeBytes::new(0),
        answers: ThreeBytes::new(0),
    };

    pub(super) fn count_offers(&mut self, number: usize) {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let offers = self.offers.get().saturating_add(number);
        self.offers = ThreeBytes::new(offers.min(OFFERS_MAX));
    }

    pub(super) const fn count_answer(&mut self) {
        if self.answers() < ANSWERS_MAX {
            self.answers = ThreeBytes::new(self.answers.get() + 1);
        }
    }

    pub(super) const fn offers(self) -> u32 {
        self.offers.get()
    }

    pub(super) const fn answers(self) -> u32 {
        self.answers.get() & ANSWERS_MAX
    }

    pub(super) const fn is_blocked(self) -> bool {
        self.answers.get() & BLOCKED != 0
    }

    pub(super) const fn set_blocked(&mut self, blocked: bool) {
        let answers = self.answers();
        self.answers = ThreeBytes::new(if blocked { answers | BLOCKED } else { answers });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_flag_are_independent() {
        let mut tally = RelayCounters::NEW;
        tally.count_offers(7);
        tally.set_blocked(true);
        tally.count_answer();
        tally.count_offers(3);
        tally.count_answer();
        assert_eq!((tally.offers(), tally.answers()), (10, 2));
        assert!(tally.is_blocked());
        tally.set_blocked(false);
        assert_eq!((tally.offers(), tally.answers()), (10, 2));
        assert!(!tally.is_blocked());
    }

    #[test]
    fn full_counters_change_no_other() {
        let mut tally = RelayCounters::NEW;
        tally.count_offers((1 << 24) - 2);
        for number in [2, 1, usize::MAX] {
            tally.count_offers(number);
            assert_eq!((tally.offers(), tally.answers()), ((1 << 24) - 1, 0));
        }
        for _ in 0..(1 << 23) + 2 {
            tally.count_answer();
        }
        assert_eq!(tally.answers(), (1 << 23) - 1);
        assert_eq!(tally.offers(), (1 << 24) - 1);
        assert!(!tally.is_blocked());
    }
}
