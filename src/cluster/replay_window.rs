//! Recognises batches that arrive twice or much too late, by their numbers (like the window of RFC 6479), and notices lost
//! ones.

/// The number of a batch: the generation of the link in the upper half, since a node that has forgotten another one
/// counts from 1 again, and its place in the lower half.
pub(super) const fn batch_number(generation: u32, place: u32) -> u64 {
    (generation as u64) << 32 | place as u64
}

/// The received numbers of one link and class.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ReplayWindow {
    /// The highest received number. The window belongs to its generation.
    highest: u64,
    /// Bit n: the number `highest - n` was received.
    received: u64,
    /// How many different batches were received.
    count: u32,
    /// Batches up to `reported` that are missing, and were noticed already.
    lost: u32,
    /// The number of the report that noticed them.
    reported: u64,
}

impl ReplayWindow {
    /// Records a number. Returns false if it was received before, or if it is too old to tell.
    pub(super) fn record(&mut self, number: u64) -> bool {
        self.follow_generation(number);
        if number > self.highest {
            let shift = u32::try_from(number - self.highest).unwrap_or(u32::MAX);
            self.received = self.received.checked_shl(shift).unwrap_or(0) | 1;
            self.highest = number;
        } else {
            let behind = u32::try_from(self.highest - number).unwrap_or(u32::MAX);
            let bit = 1_u64.checked_shl(behind).unwrap_or(0);
            let is_place = number & u64::from(u32::MAX) != 0;
            if !is_place || bit == 0 || self.received & bit != 0 {
                return false;
            }
            self.received |= bit;
        }
        if number <= self.reported {
            // It was late, not lost.
            self.lost = self.lost.saturating_sub(1);
        }
        self.count = self.count.saturating_add(1);
        true
    }

    /// Follows the sender's report that it had sent the batches up to this number. Returns whether one is missing that
    /// was not noticed before.
    pub(super) fn misses_any_until(&mut self, number: u64) -> bool {
        self.follow_generation(number);
        let (place, generation) = (number & u64::from(u32::MAX), number >> 32);
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        let is_missing = generation == self.highest >> 32 && place > self.count + self.lost;
        if is_missing {
            self.lost = place - self.count;
            self.reported = number;
        }
        is_missing
    }

    fn follow_generation(&mut self, number: u64) {
        if number >> 32 > self.highest >> 32 {
            *self = Self {
                highest: number >> 32 << 32,
                ..Self::default()
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_number_is_accepted_at_most_once(
            numbers in prop::collection::vec((0..3_u32, prop_oneof![0..200_u32, any::<u32>()]), 0..300),
        ) {
            let (mut window, mut accepted) = (ReplayWindow::default(), BTreeSet::new());
            let mut newest = 0;
            for (generation, place) in numbers {
                let number = batch_number(generation, place);
                if generation > newest {
                    newest = generation;
                    accepted.clear();
                }
                let highest = accepted.last().copied().unwrap_or(0);
                let is_recent = number > highest || highest - number < 64;
                let is_new = place > 0 && generation == newest && !accepted.contains(&number);
                prop_assert_eq!(window.record(number), is_new && is_recent);
                if is_new && is_recent {
                    accepted.insert(number);
                }
                prop_assert_eq!(window.count as usize, accepted.len());
            }
        }
    }

    #[test]
    fn a_lost_batch_is_noticed_once() {
        let mut window = ReplayWindow::default();
        let number = |place| batch_number(7, place);
        assert!(window.record(number(1)) && window.record(number(3)));
        assert!(!window.misses_any_until(number(1)));
        assert!(window.misses_any_until(number(3)));
        assert!(!window.misses_any_until(number(3)));
        // It was only late.
        assert!(window.record(number(2)) && !window.misses_any_until(number(3)));
        // So was this one, without an overtaking one.
        assert!(window.misses_any_until(number(4)) && window.record(number(4)));
        assert!(window.misses_any_until(number(5)));
        // The first batch after a restart of the link, and a report that is older.
        assert!(!window.misses_any_until(batch_number(6, 9)));
        assert!(window.misses_any_until(batch_number(8, 1)));
        assert!(!window.record(number(6)));
    }
}
