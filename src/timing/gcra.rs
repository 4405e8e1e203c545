//! The generic cell rate algorithm (GCRA): a token bucket whose only state is the time until it is full again.
//!
//! `governor` has the same algorithm with a level of eight bytes and a clock of its own. This one is for levels that are
//! stored elsewhere: in four bytes, or shared by threads that pass in their time. A caller chooses the tick and stores
//! the level as a point in time.

/// The parameters of a token bucket, in ticks of any length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gcra {
    /// The time in which one token is replenished.
    pub(crate) token_period: u64,
    /// The time in which the whole burst is replenished.
    pub(crate) burst_time: u64,
}

impl Gcra {
    /// Returns the ticks until one token is available; 0 if it is available now. The bucket is full in `until_full`.
    #[inline]
    pub(crate) const fn wait(self, until_full: u64) -> u64 {
        until_full
            .saturating_add(self.token_period)
            .saturating_sub(self.burst_time)
    }

    /// Takes `number` tokens, available or not. Returns the new time until the bucket is full: at most `max`, or
    /// `until_full` if that was longer.
    #[inline]
    pub(crate) fn take(self, until_full: u64, number: u32, max: u64) -> u64 {
        let missing = self.token_period.saturating_mul(number.into());
        until_full.saturating_add(missing).min(max.max(until_full))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A bucket that is filled tick by tick. `filled` counts ticks of replenishment and is negative while overdrawn.
    struct NaiveBucket {
        gcra: Gcra,
        filled: i128,
    }

    impl NaiveBucket {
        fn pass(&mut self, ticks: u64) {
            self.filled = (self.filled + i128::from(ticks)).min(self.gcra.burst_time.into());
        }

        fn wait(&self) -> i128 {
            (i128::from(self.gcra.token_period) - self.filled).max(0)
        }

        fn until_full(&self) -> i128 {
            i128::from(self.gcra.burst_time) - self.filled
        }

        fn take(&mut self, number: u32, until_full_max: u64) {
            let lowest = i128::from(self.gcra.burst_time) - i128::from(until_full_max);
            let taken = self.filled - i128::from(self.gcra.token_period) * i128::from(number);
            self.filled = taken.max(lowest.min(self.filled));
        }
    }

    fn steps() -> impl Strategy<Value = Vec<(u64, u32, bool)>> {
        let ticks = prop_oneof![Just(0), 0..50_u64, 0..5_000_u64];
        proptest::collection::vec((ticks, 0..6_u32, any::<bool>()), 0..100)
    }

    proptest! {
        #[test]
        fn it_equals_a_bucket_that_is_filled_tick_by_tick(
            token_period in 1..200_u64,
            burst in 1..20_u64,
            overdraft in 0..400_u64,
            steps in steps(),
        ) {
            let gcra = Gcra { token_period, burst_time: token_period * burst };
            let max = gcra.burst_time + overdraft;
            let mut naive = NaiveBucket { gcra, filled: gcra.burst_time.into() };
            let mut until_full = 0_u64;
            for (ticks, number, only_if_available) in steps {
                naive.pass(ticks);
                until_full = until_full.saturating_sub(ticks);
                prop_assert_eq!(i128::from(gcra.wait(until_full)), naive.wait());
                if only_if_available && gcra.wait(until_full) > 0 {
                    continue;
                }
                naive.take(number, max);
                until_full = gcra.take(until_full, number, max);
                prop_assert_eq!(i128::from(until_full), naive.until_full());
            }
        }
    }

    proptest! {
        #[test]
        fn no_input_overflows(token_period: u64, burst_time: u64, until_full: u64, number: u32) {
            let gcra = Gcra { token_period, burst_time };
            prop_assert!(gcra.take(until_full, number, burst_time) >= until_full);
            prop_assert!(gcra.wait(until_full) <= u64::MAX - burst_time);
        }
    }
}
