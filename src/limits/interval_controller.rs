//! Controls the announce interval of clients: it grows with the load.

use std::time::Duration;

/// Controls the announce interval of one worker by its load.
#[derive(Debug, Clone, Copy)]
pub struct IntervalController {
    interval_min: Duration,
    interval_max: Duration,
    /// Announces per second at which `interval_max` is reached.
    busy_rate: f64,
    /// Announces per second, smoothed.
    rate: f64,
    announces: u32,
    /// Minimum load to assume: 1 while memory is short, else 0.
    load_min: f64,
}

/// Seconds over which the load is smoothed: long compared to a burst, short compared to an interval.
const SMOOTHING_SECONDS: f64 = 10.0;

impl IntervalController {
    /// Creates a controller from `tracker.interval_min`, `tracker.interval_max` and
    /// `tracker.busy_announces_per_second`.
    #[must_use]
    pub fn new(
        interval_min: Duration,
        interval_max: Duration,
        busy_announces_per_second: u32,
    ) -> Self {
        let busy_rate = f64::from(busy_announces_per_second.max(1));
        Self {
            interval_min,
            interval_max: interval_max.max(interval_min),
            busy_rate,
            rate: 0.0,
            announces: 0,
            load_min: 0.0,
        }
    }

    /// Creates a controller with a fixed interval.
    #[must_use]
    pub fn fixed(interval: Duration) -> Self {
        Self::new(interval, interval, 1)
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

    /// Returns the current interval in whole seconds, at least 1.
    #[must_use]
    pub fn interval(&self) -> u32 {
        let load = (self.rate / self.busy_rate).clamp(self.load_min, 1.0);
        let interval = self.interval_min
            + self
                .interval_max
                .saturating_sub(self.interval_min)
                .mul_f64(load);
        u32::try_from(interval.as_secs()).unwrap_or(u32::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_grows_with_the_load_and_shrinks_again() {
        let mut pace =
            IntervalController::new(Duration::from_secs(45), Duration::from_mins(2), 100);
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
        let mut pace =
            IntervalController::new(Duration::from_secs(45), Duration::from_mins(2), 100);
        for _ in 0..120 {
            (0..100).for_each(|_| pace.count_announce());
            pace.update_load(Duration::from_secs(1));
        }
        assert!(pace.interval() >= 119);
        pace.update_settings(IntervalController::new(
            Duration::from_secs(10),
            Duration::from_secs(30),
            200,
        ));
        assert!((19..=20).contains(&pace.interval()), "{}", pace.interval());
    }

    #[test]
    fn the_interval_is_longest_while_memory_is_short() {
        let mut pace =
            IntervalController::new(Duration::from_secs(45), Duration::from_mins(2), 100);
        pace.set_memory_short(true);
        assert_eq!(pace.interval(), 120);
        pace.set_memory_short(false);
        assert_eq!(pace.interval(), 45);
    }

    #[test]
    fn a_fixed_interval_ignores_the_load() {
        let mut pace = IntervalController::fixed(Duration::from_secs(5));
        (0..10_000).for_each(|_| pace.count_announce());
        pace.update_load(Duration::from_secs(1));
        assert_eq!(pace.interval(), 5);
    }
}
