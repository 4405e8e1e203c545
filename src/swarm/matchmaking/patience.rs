//! Decides how long an answer may take before its offer counts as missed. Each swarm learns it from its answers, because
//! pages in one network answer in a tenth of a second, and others wait five seconds for a STUN server.

use std::time::Duration;

use super::introduction::TICKS_PER_SECOND;

/// Before anything is learned, and at most. Until then an answer may come from any client: gathering and the way take 0.2
/// to 5 seconds.
const MAX_MS: u16 = 10_000;
/// A page that gathers addresses takes this long, even if others are faster or only seem so.
const MIN_MS: u16 = 2_000;
/// Patience is so many times as long as the slower answers take.
const FACTOR: u32 = 4;
/// A slow answer lets patience grow fast, so that slow clients are not missed; fast answers let it shrink slowly.
const GROWTH: u16 = 2;
const SHRINKAGE: u16 = 8;

/// How long an answer may take in one swarm, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(in crate::swarm) struct Patience(u16);

impl Default for Patience {
    fn default() -> Self {
        Self(MAX_MS)
    }
}

impl Patience {
    /// Learns from the age of an answered offer.
    pub(in crate::swarm) fn learn(&mut self, age: Duration) {
        let age = u32::try_from(age.as_millis()).unwrap_or(u32::MAX);
        let wanted = u16::try_from(age.saturating_mul(FACTOR)).unwrap_or(MAX_MS);
        let wanted = wanted.clamp(MIN_MS, MAX_MS);
        if wanted > self.0 {
            self.0 += (wanted - self.0).div_ceil(GROWTH);
        } else {
            self.0 -= (self.0 - wanted).div_ceil(SHRINKAGE);
        }
    }

    /// Returns how long an answer may take.
    pub(in crate::swarm) fn duration(self) -> Duration {
        Duration::from_millis(self.0.into())
    }

    /// Returns it in the ticks of matchmaking, at least one more than the shortest answer that it allows.
    pub(super) fn ticks(self) -> u32 {
        u32::from(self.0) * TICKS_PER_SECOND / 1_000 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(ages: impl IntoIterator<Item = u64>) -> u16 {
        let mut patience = Patience::default();
        for age in ages {
            patience.learn(Duration::from_millis(age));
        }
        patience.0
    }

    #[test]
    fn it_approaches_four_times_the_slower_answers() {
        assert_eq!(after([1_000; 500]), 4_000);
        let mixed = after((0..500).map(|number| if number % 5 == 0 { 1_500 } else { 300 }));
        assert!((2_000..6_000).contains(&mixed), "{mixed}");
    }

    #[test]
    fn it_has_bounds() {
        assert_eq!(after([]), 10_000);
        assert_eq!(after([0; 1_000]), MIN_MS);
        assert_eq!(after([120_000, u64::MAX]), 10_000);
    }

    #[test]
    fn slow_clients_are_noticed_after_two_answers() {
        let fast = [100; 500];
        let slow = [2_000; 2];
        assert!(after(fast.into_iter().chain(slow)) > 5_000);
    }
}
