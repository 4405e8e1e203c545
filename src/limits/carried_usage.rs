//! Stores the rate-limit usage of ended connections for their address until it has recovered.
//!
//! A new connection of the address continues one of them, so that reconnecting renews nothing. A client that had a
//! thousand connections has a thousand bursts, and no more however often it reconnects. Only sums are stored, so the
//! size per address is constant.
//!
//! Because several people may share an address, some usage is forgiven: a burst at once, and then
//! `limits.address_recovery_factor` times the replenishment of one connection.

use std::time::Duration;

/// Points of hostile behaviour below which nothing is stored.
const POINTS_MIN: f64 = 1.0;
/// Seconds below which a bucket counts as full.
const SECONDS_MIN: f64 = 0.001;

/// The usage of one connection: the seconds until each of its buckets would be full again, and its points.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CarriedUsage {
    /// Of `limits.messages_burst`.
    pub messages: f64,
    /// Of `limits.offers_burst`.
    pub offers: f64,
    /// Of `limits.bytes_burst`.
    pub bytes: f64,
    /// Of `connection.malformed_per_minute_max`.
    pub malformed: f64,
    /// Of `limits.refusals_per_minute_max`.
    pub refusals: f64,
    /// Points for hostile behaviour; 0 if they were so many that the address got a strike for them.
    pub points: f64,
}

impl CarriedUsage {
    pub(super) fn is_significant(&self) -> bool {
        self.seconds().any(|seconds| seconds > SECONDS_MIN) || self.points >= POINTS_MIN
    }

    pub(super) fn has_violations(&self) -> bool {
        self.malformed > SECONDS_MIN || self.refusals > SECONDS_MIN || self.points >= POINTS_MIN
    }

    fn seconds(&self) -> impl Iterator<Item = f64> {
        let Self {
            messages,
            offers,
            bytes,
            malformed,
            refusals,
            points: _,
        } = *self;
        [messages, offers, bytes, malformed, refusals].into_iter()
    }

    fn map_seconds(&mut self, act: impl Fn(f64) -> f64) {
        let all = [
            &mut self.messages,
            &mut self.offers,
            &mut self.bytes,
            &mut self.malformed,
            &mut self.refusals,
        ];
        for seconds in all {
            *seconds = act(*seconds);
        }
    }

    /// Subtracts `seconds` from the usage that an honest client causes. Malformed and refused messages are not
    /// forgiven.
    fn forgive(&mut self, seconds: f64) {
        for used in [&mut self.messages, &mut self.offers, &mut self.bytes] {
            *used = (*used - seconds).max(0.0);
        }
    }

    fn add_scaled(&mut self, other: &Self, times: f64) {
        self.messages += other.messages * times;
        self.offers += other.offers * times;
        self.bytes += other.bytes * times;
        self.malformed += other.malformed * times;
        self.refusals += other.refusals * times;
        self.points += other.points * times;
    }
}

/// How fast the usage of ended connections recovers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recovery {
    /// The time in which points halve.
    pub(super) half_life: Duration,
    /// Seconds of usage that are forgiven per second.
    pub(super) forgiven_per_second: f64,
    /// Seconds of usage that are forgiven at once: those in which an empty bucket refills.
    pub(super) forgiven_max: f64,
}

/// The ended connections of one address that no new one has continued. All are assumed to have the mean usage.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct EndedConnections {
    count: u32,
    /// The time to which `mean` and `forgiven` refer.
    as_of: Duration,
    mean: CarriedUsage,
    /// Seconds that were forgiven recently.
    forgiven: f64,
}

impl EndedConnections {
    /// Returns the number of those that have not recovered.
    pub(super) fn count(&mut self, now: Duration, recovery: Recovery) -> u32 {
        self.advance_to(now, recovery);
        self.count
    }

    /// Returns whether everything has recovered.
    pub(super) fn has_recovered(&mut self, now: Duration, recovery: Recovery) -> bool {
        self.count(now, recovery) == 0 && self.forgiven <= SECONDS_MIN
    }

    /// Adds one.
    pub(super) fn add(&mut self, usage: &CarriedUsage, now: Duration, recovery: Recovery) {
        self.advance_to(now, recovery);
        self.count = self.count.saturating_add(1);
        let weight = 1.0 / f64::from(self.count);
        let mut mean = CarriedUsage::default();
        mean.add_scaled(&self.mean, 1.0 - weight);
        mean.add_scaled(usage, weight);
        self.mean = mean;
    }

    /// Removes one, for a connection that continues it.
    pub(super) fn take(&mut self, now: Duration, recovery: Recovery) -> Option<CarriedUsage> {
        self.advance_to(now, recovery);
        self.count = self.count.checked_sub(1)?;
        let mut usage = self.mean;
        let most = usage.messages.max(usage.offers).max(usage.bytes);
        let forgiven = most.min((recovery.forgiven_max - self.forgiven).max(0.0));
        self.forgiven += forgiven;
        usage.forgive(forgiven);
        Some(usage)
    }

    fn advance_to(&mut self, now: Duration, recovery: Recovery) {
        let passed = now.saturating_sub(self.as_of).as_secs_f64();
        self.as_of = self.as_of.max(now);
        let regained = passed * recovery.forgiven_per_second;
        self.forgiven = (self.forgiven - regained).max(0.0);
        if self.count > 0 {
            self.mean.map_seconds(|seconds| (seconds - passed).max(0.0));
            let half_lives = passed / recovery.half_life.as_secs_f64().max(1.0);
            self.mean.points *= (-half_lives).exp2();
            if !self.mean.is_significant() {
                self.count = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing is forgiven.
    const STRICT: Recovery = Recovery {
        half_life: Duration::from_mins(1),
        forgiven_per_second: 0.0,
        forgiven_max: 0.0,
    };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn messages(seconds: f64) -> CarriedUsage {
        CarriedUsage {
            messages: seconds,
            ..CarriedUsage::default()
        }
    }

    #[test]
    fn carried_usage_recovers_with_time() {
        let mut ended = EndedConnections::default();
        ended.add(&messages(20.0), at(100), STRICT);
        let usage = ended.take(at(105), STRICT).expect("one");
        assert!((usage.messages - 15.0).abs() < 1e-9, "{usage:?}");
        assert_eq!(ended.take(at(105), STRICT), None, "once");
    }

    #[test]
    fn all_stored_usage_is_taken_in_equal_parts() {
        let mut ended = EndedConnections::default();
        for seconds in [25.0, 5.0, 15.0] {
            ended.add(&messages(seconds), at(100), STRICT);
        }
        let taken: Vec<_> = std::iter::from_fn(|| ended.take(at(100), STRICT)).collect();
        assert_eq!(taken.len(), 3);
        let sum: f64 = taken.iter().map(|usage| usage.messages).sum();
        assert!((sum - 45.0).abs() < 1e-9, "{taken:?}");
    }

    #[test]
    fn usage_is_dropped_once_its_buckets_would_be_full() {
        let mut ended = EndedConnections::default();
        for _ in 0..1000 {
            ended.add(&messages(25.0), at(100), STRICT);
        }
        assert_eq!(ended.count(at(124), STRICT), 1000);
        assert_eq!(ended.count(at(126), STRICT), 0);
        ended.add(&messages(3.0), at(130), STRICT);
        let usage = ended.take(at(130), STRICT).expect("one");
        assert!((usage.messages - 3.0).abs() < 1e-9, "{usage:?}");
    }

    #[test]
    fn carried_points_halve_like_those_of_a_connection() {
        let mut ended = EndedConnections::default();
        let points = CarriedUsage {
            points: 40.0,
            ..CarriedUsage::default()
        };
        ended.add(&points, at(100), STRICT);
        let usage = ended.take(at(220), STRICT).expect("one");
        assert!((usage.points - 10.0).abs() < 1e-9, "{usage:?}");
    }

    #[test]
    fn a_burst_is_forgiven_at_once_and_more_each_second() {
        let recovery = Recovery {
            forgiven_per_second: 4.0,
            forgiven_max: 25.0,
            ..STRICT
        };
        let mut ended = EndedConnections::default();
        let mut go_on = |now: u64| {
            ended.add(&messages(25.0), at(now), recovery);
            ended.take(at(now), recovery).expect("one").messages
        };
        assert!(go_on(100) < 1e-9);
        assert!((go_on(100) - 25.0).abs() < 1e-9);
        assert!((go_on(102) - 17.0).abs() < 1e-9);
        assert!((go_on(102) - 25.0).abs() < 1e-9);
        assert!(go_on(200) < 1e-9);
        assert!(!ended.has_recovered(at(200), recovery));
        assert!(ended.has_recovered(at(207), recovery));
        // What no working client does is not forgiven.
        let malformed = CarriedUsage {
            malformed: 60.0,
            ..CarriedUsage::default()
        };
        ended.add(&malformed, at(300), recovery);
        assert_eq!(ended.take(at(300), recovery), Some(malformed));
    }
}
