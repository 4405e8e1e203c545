//! Controls the announce interval of clients: it grows with the load.

use std::time::Duration;

/// Controls the announce interval of one worker by its load.
#[derive(Debug, Clone, Copy)]
pub struct IntervalController {
    interval_min: Duration,
    interval_max: Duration,
    /// `tracker.interval_lonely`
    interval_lonely: Duration,
    /// Announces per second at which `interval_max` is reached.
    busy_rate: f64,
    /// Announces per second, smoothed.
    rate: f64,
    announces: u32,
    /// Minimum load to assume: 1 while memory is short, else 0.
    load_min: f64,
}

/// The interval for clients whose announces cost their page nothing, as they repeat the same offers (trystero).
const BRISK: Duration = Duration::from_secs(15);

/// How much longer the interval of a client is that has met many peers.
const SATED_FACTOR: f64 = 1.5;

/// Seconds over which the load is smoothed: long compared to a burst, short compared to an interval.
const SMOOTHING_SECONDS: f64 = 10.0;

impl IntervalController {
    /// Creates a controller from `tracker.interval_min`, `tracker.interval_max`, `tracker.interval_lonely` and
    /// `tracker.busy_announces_per_second`.
    #[must_use]
    pub fn new(
        (interval_min, interval_max): (Duration, Duration),
        interval_lonely: Duration,
        busy_announces_per_second: u32,
    ) -> Self {
        let busy_rate = f64::from(busy_announces_per_second.max(1));
        Self {
            interval_min,
            interval_max: interval_max.max(interval_min),
            interval_lonely,
            busy_rate,
            rate: 0.0,
            announces: 0,
            load_min: 0.0,
        }
    }

    /// Applies the bounds of `other` and keeps the measured load.
    pub fn update_settings(&mut self, other: Self) {
        *self = Self {
            rate: self.rate,
            announces: self.announces,
            load_min: self.load_min,
            ..other
        };
    }

    /// Counts one announce.
    pub fn count_announce(&mut self) {
        self.announces = self.announces.saturating_add(1);
    }

    /// Updates the load from the announces counted during `elapsed`.
    pub fn update_load(&mut self, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        if seconds > 0.0 {
            let weight = 1.0 - (-seconds / SMOOTHING_SECONDS).exp();
            self.rate += (f64::from(self.announces) / seconds - self.rate) * weight;
            self.announces = 0;
        }
    }

    /// Selects the longest interval while memory is short, for any load.
    pub fn set_memory_short(&mut self, is_short: bool) {
        self.load_min = f64::from(u8::from(is_short));
    }

    /// Returns the usual interval in whole seconds, at least 1.
    #[must_use]
    pub fn interval(&self) -> u32 {
        whole_seconds(self.at_load(self.load()))
    }

    /// Returns the interval for a client that has met too few peers, after so many of this kind in a row: each is twice as
    /// long. It grows last with the load, and is never longer than the usual one.
    #[must_use]
    pub fn lonely_interval(&self, before: u8) -> u32 {
        let (load, usual) = (self.load(), self.at_load(self.load()));
        let short = self
            .interval_lonely
            .saturating_mul(1 << before.min(16))
            .min(usual);
        whole_seconds(short + usual.saturating_sub(short).mul_f64(load * load))
    }

    /// Returns the interval for a client whose announces cost its page nothing. It is never longer than the usual one.
    #[must_use]
    pub fn brisk_interval(&self) -> u32 {
        let (load, usual) = (self.load(), self.at_load(self.load()));
        let short = BRISK.min(usual);
        whole_seconds(short + usual.saturating_sub(short).mul_f64(load))
    }

    /// Returns the interval for a client that has met many peers: half as long again as the usual one, and the first to grow
    /// with the load. It pays for the short intervals of others.
    #[must_use]
    pub fn sated_interval(&self) -> u32 {
        let long = self
            .at_load((2.0 * self.load()).min(1.0))
            .mul_f64(SATED_FACTOR);
        whole_seconds(
            long.min(
                self.interval_max
                    .max(self.interval_min.mul_f64(SATED_FACTOR)),
            ),
        )
    }

    fn load(&self) -> f64 {
        (self.rate / self.busy_rate).clamp(self.load_min, 1.0)
    }

    fn at_load(&self, load: f64) -> Duration {
        let range = self.interval_max.saturating_sub(self.interval_min);
        self.interval_min + range.mul_f64(load)
    }
}

fn whole_seconds(interval: Duration) -> u32 {
    u32::try_from(interval.as_secs()).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONELY: Duration = Duration::from_secs(5);

    fn controller() -> IntervalController {
        let range = (Duration::from_secs(45), Duration::from_mins(2));
        IntervalController::new(range, LONELY, 100)
    }

    fn fixed(seconds: u64) -> IntervalController {
        let usual = Duration::from_secs(seconds);
        IntervalController::new((usual, usual), LONELY, 100)
    }

    fn at_load(announces_per_second: u32) -> IntervalController {
        let mut pace = controller();
        for _ in 0..120 {
            (0..announces_per_second).for_each(|_| pace.count_announce());
            pace.update_load(Duration::from_secs(1));
        }
        pace
    }

    #[test]
    fn a_lonely_client_is_asked_back_soon_and_then_less_often() {
        let pace = controller();
        let intervals = [0, 1, 2, 3, 4, 7].map(|before| pace.lonely_interval(before));
        assert_eq!(intervals, [5, 10, 20, 40, 45, 45]);
        assert_eq!((pace.brisk_interval(), pace.sated_interval()), (15, 67));
    }

    #[test]
    fn under_load_the_sated_wait_first_and_the_lonely_last() {
        let half = at_load(50);
        let intervals = [
            half.lonely_interval(0),
            half.brisk_interval(),
            half.interval(),
        ];
        assert_eq!((intervals, half.sated_interval()), ([24, 48, 82], 120));
        let full = at_load(1_000);
        let intervals = [
            full.lonely_interval(0),
            full.brisk_interval(),
            full.interval(),
        ];
        assert_eq!((intervals, full.sated_interval()), ([120; 3], 120));
    }

    #[test]
    fn no_interval_is_longer_than_the_usual_one() {
        let pace = fixed(3);
        assert_eq!((pace.lonely_interval(0), pace.brisk_interval()), (3, 3));
    }

    #[test]
    fn the_interval_grows_with_the_load_and_shrinks_again() {
        let mut pace = controller();
        assert_eq!(pace.interval(), 45);
        let mut run = |announces: u32| {
            for _ in 0..120 {
                (0..announces).for_each(|_| pace.count_announce());
                pace.update_load(Duration::from_secs(1));
            }
            pace.interval()
        };
        assert_eq!(run(50), 82);
        assert!(run(1000) == 120);
        assert_eq!(run(0), 45);
    }

    #[test]
    fn new_bounds_apply_at_once_and_the_load_is_retained() {
        let mut pace = controller();
        for _ in 0..120 {
            (0..100).for_each(|_| pace.count_announce());
            pace.update_load(Duration::from_secs(1));
        }
        assert!(pace.interval() >= 119);
        pace.update_settings(IntervalController::new(
            (Duration::from_secs(10), Duration::from_secs(30)),
            LONELY,
            200,
        ));
        assert!((19..=20).contains(&pace.interval()), "{}", pace.interval());
    }

    #[test]
    fn the_interval_is_longest_while_memory_is_short() {
        let mut pace = controller();
        pace.set_memory_short(true);
        assert_eq!(pace.interval(), 120);
        pace.set_memory_short(false);
        assert_eq!(pace.interval(), 45);
    }

    #[test]
    fn with_a_fixed_interval_the_lonely_still_are_asked_back_sooner() {
        let mut pace = fixed(45);
        assert_eq!((pace.lonely_interval(0), pace.brisk_interval()), (5, 15));
        (0..10_000).for_each(|_| pace.count_announce());
        pace.update_load(Duration::from_secs(10));
        assert_eq!((pace.lonely_interval(0), pace.brisk_interval()), (45, 45));
    }

    #[test]
    fn a_fixed_interval_ignores_the_load() {
        let mut pace = fixed(5);
        (0..10_000).for_each(|_| pace.count_announce());
        pace.update_load(Duration::from_secs(1));
        assert_eq!(pace.interval(), 5);
    }
}
