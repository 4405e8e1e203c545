//! Controls the announce interval of clients: it grows with the load.

use std::time::Duration;

/// Controls the announce interval of one worker by its load.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    least: Duration,
    most: Duration,
    /// Announces per second at which `most` is reached.
    busy: f64,
    /// Announces per second, smoothed.
    rate: f64,
    counted: u32,
    /// Minimum load to assume: 1 while memory is short, else 0.
    floor: f64,
}

/// Seconds over which the load is smoothed: long compared to a burst, short compared to an interval.
const SMOOTHING: f64 = 10.0;

impl Pace {
    /// Creates a controller from `tracker.interval_min`, `tracker.interval_max` and
    /// `tracker.busy_announces_per_second`.
    #[must_use]
    pub fn new(least: Duration, most: Duration, busy_announces_per_second: u32) -> Self {
        let busy = f64::from(busy_announces_per_second.max(1));
        Self {
            least,
            most: most.max(least),
            busy,
            rate: 0.0,
            counted: 0,
            floor: 0.0,
        }
    }

    /// Creates a controller with a fixed interval.
    #[must_use]
    pub fn fixed(interval: Duration) -> Self {
        Self::new(interval, interval, 1)
    }

    /// Applies the bounds of `other` and keeps the measured load.
    pub fn retune(&mut self, other: Self) {
        *self = Self {
            rate: self.rate,
            counted: self.counted,
            floor: self.floor,
            ..other
        };
    }

    /// Counts one announce.
    pub fn count(&mut self) {
        self.counted = self.counted.saturating_add(1);
    }

    /// Updates the load from the announces counted during `elapsed`.
    pub fn observe(&mut self, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        if seconds > 0.0 {
            let weight = 1.0 - (-seconds / SMOOTHING).exp();
            self.rate += (f64::from(self.counted) / seconds - self.rate) * weight;
            self.counted = 0;
        }
    }

    /// Selects the longest interval while memory is short, for any load.
    pub fn set_short_of_memory(&mut self, is_short: bool) {
        self.floor = f64::from(u8::from(is_short));
    }

    /// Returns the current interval in whole seconds, at least 1.
    #[must_use]
    pub fn interval(&self) -> u32 {
        let load = (self.rate / self.busy).clamp(self.floor, 1.0);
        let interval = self.least + self.most.saturating_sub(self.least).mul_f64(load);
        u32::try_from(interval.as_secs()).unwrap_or(u32::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_grows_with_the_load_and_shrinks_again() {
        let mut pace = Pace::new(Duration::from_secs(45), Duration::from_mins(2), 100);
        assert_eq!(pace.interval(), 45);
        let mut run = |announces: u32| {
            for _ in 0..120 {
                (0..announces).for_each(|_| pace.count());
                pace.observe(Duration::from_secs(1));
            }
            pace.interval()
        };
        assert_eq!(run(50), 82);
        assert!(run(1000) == 120);
        assert_eq!(run(0), 45);
    }

    #[test]
    fn other_bounds_hold_at_once_and_the_load_stays_known() {
        let mut pace = Pace::new(Duration::from_secs(45), Duration::from_mins(2), 100);
        for _ in 0..120 {
            (0..100).for_each(|_| pace.count());
            pace.observe(Duration::from_secs(1));
        }
        assert!(pace.interval() >= 119);
        pace.retune(Pace::new(
            Duration::from_secs(10),
            Duration::from_secs(30),
            200,
        ));
        assert!((19..=20).contains(&pace.interval()), "{}", pace.interval());
    }

    #[test]
    fn the_interval_is_longest_while_memory_is_short() {
        let mut pace = Pace::new(Duration::from_secs(45), Duration::from_mins(2), 100);
        pace.set_short_of_memory(true);
        assert_eq!(pace.interval(), 120);
        pace.set_short_of_memory(false);
        assert_eq!(pace.interval(), 45);
    }

    #[test]
    fn a_fixed_interval_stays() {
        let mut pace = Pace::fixed(Duration::from_secs(5));
        (0..10_000).for_each(|_| pace.count());
        pace.observe(Duration::from_secs(1));
        assert_eq!(pace.interval(), 5);
    }
}
