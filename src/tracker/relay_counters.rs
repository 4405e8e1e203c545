//! Counts the relayed messages of one connection in eight bytes, which fit into its entry without padding.

/// The number of relayed offers and answers of a connection, and whether its output is blocked.
///
/// 32 bits for offers, 31 for answers, one for the flag, so that counting is a plain add. Overflow takes years and
/// affects displayed numbers only.
#[derive(Debug, Clone, Copy)]
pub(super) struct RelayCounters(u64);

const ANSWER: u64 = 1 << 32;
const BLOCKED: u64 = 1 << 63;

impl RelayCounters {
    pub(super) const NEW: Self = Self(0);

    pub(super) const fn count_offers(&mut self, number: usize) {
        self.0 = self.0.wrapping_add(number as u64);
    }

    pub(super) const fn count_answer(&mut self) {
        self.0 = self.0.wrapping_add(ANSWER);
    }

    pub(super) const fn offers(self) -> u32 {
        let [a, b, c, d, ..] = self.0.to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    pub(super) const fn answers(self) -> u32 {
        let [.., a, b, c, d] = (self.0 & !BLOCKED).to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    pub(super) const fn is_blocked(self) -> bool {
        self.0 & BLOCKED != 0
    }

    pub(super) const fn set_blocked(&mut self, blocked: bool) {
        self.0 = if blocked {
            self.0 | BLOCKED
        } else {
            self.0 & !BLOCKED
        };
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
}
