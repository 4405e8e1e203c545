//! How long things take: how many took up to one microsecond, up to two, up to four, and so on to two minutes.
//!
//! Each worker counts into its own [`Histogram`]; a [`Spread`] is those of all added up.

use std::time::Duration;

use super::counters::Counter;

/// Times up to 2^27 µs have a bucket; the last one takes those that are longer.
const BUCKETS: usize = 29;

/// Times measured by one thread.
#[derive(Debug, Default)]
pub struct Histogram {
    /// Number k: up to 2^k µs, and more than half of that.
    buckets: [Counter; BUCKETS],
    nanoseconds: Counter,
}

impl Histogram {
    /// Counts one time.
    pub fn record(&self, time: Duration) {
        let microseconds = u64::try_from(time.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX);
        let bits = u64::BITS - microseconds.saturating_sub(1).leading_zeros();
        let place = (bits as usize).min(BUCKETS - 1);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.add(1);
        }
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.add(nanoseconds);
    }
}

/// Times measured by all threads up to one moment.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    buckets: [u64; BUCKETS],
    nanoseconds: u64,
}

impl Spread {
    /// Adds what one thread has measured.
    pub fn add(&mut self, histogram: &Histogram) {
        for (sum, bucket) in self.buckets.iter_mut().zip(&histogram.buckets) {
            *sum = sum.wrapping_add(bucket.get());
        }
        self.nanoseconds = self.nanoseconds.wrapping_add(histogram.nanoseconds.get());
    }

    /// What has come since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut buckets = self.buckets;
        for (bucket, before) in buckets.iter_mut().zip(&before.buckets) {
            *bucket = bucket.saturating_sub(*before);
        }
        Self {
            buckets,
            nanoseconds: self.nanoseconds.saturating_sub(before.nanoseconds),
        }
    }

    /// How many times were measured.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// All of them together, in seconds.
    #[must_use]
    pub fn sum(&self) -> f64 {
        Duration::from_nanos(self.nanoseconds).as_secs_f64()
    }

    /// How many seconds this part of them took at most, about: it is spread evenly over its bucket. Not a number if none was
    /// measured.
    #[must_use]
    pub fn quantile(&self, part: f64) -> f64 {
        let wanted = part * count(self.count());
        let mut below = 0.0;
        for (place, bucket) in self.buckets.iter().enumerate() {
            let own = count(*bucket);
            if own > 0.0 && below + own >= wanted {
                let (top, share) = (bound(place), (wanted - below) / own);
                let bottom = if place == 0 { 0.0 } else { top / 2.0 };
                return bottom + (top - bottom) * share.clamp(0.0, 1.0);
            }
            below += own;
        }
        f64::NAN
    }

    /// Upper bounds in seconds and how many are in each, with the buckets up to number `first` in one, and those
    /// above `last` in an endless one.
    pub(super) fn buckets(&self, first: usize, last: usize) -> Vec<(f64, u64)> {
        let mut merged = Vec::with_capacity(last - first + 2);
        let part = |from: usize, to: usize| self.buckets.iter().take(to).skip(from).sum();
        merged.push((bound(first), part(0, first + 1)));
        merged.extend((first + 1..=last).map(|place| (bound(place), part(place, place + 1))));
        merged.push((f64::INFINITY, part(last + 1, BUCKETS)));
        merged
    }
}

/// How long things took, for all workers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// Time to serve one message: limits, parsing, rules, and what is written into outboxes. One in 64 is measured.
    pub handle_time: Spread,
    /// Time from relaying an offer to its answer.
    pub answer_time: Spread,
}

/// Seconds that what is in this bucket took at most.
fn bound(place: usize) -> f64 {
    let microseconds = 1_u64 << place.min(63);
    Duration::from_micros(microseconds).as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "exact up to nine quadrillions")]
fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(microseconds: &[u64]) -> Spread {
        let histogram = Histogram::default();
        for time in microseconds {
            histogram.record(Duration::from_micros(*time));
        }
        let mut spread = Spread::default();
        spread.add(&histogram);
        spread
    }

    #[test]
    fn each_time_is_in_the_bucket_that_ends_at_the_next_power_of_two() {
        for (time, place) in [
            (0, 0),
            (1, 0),
            (2, 1),
            (3, 2),
            (4, 2),
            (5, 3),
            (1 << 27, 27),
            ((1 << 27) + 1, 28),
            (u64::MAX / 2000, 28),
        ] {
            let spread = spread(&[time]);
            assert_eq!(spread.buckets[place], 1, "{time}: {spread:?}");
            assert_eq!(spread.count(), 1);
        }
        let histogram = Histogram::default();
        histogram.record(Duration::from_nanos(1001));
        assert_eq!(histogram.buckets[1].get(), 1);
    }

    #[test]
    fn quantiles_are_right_to_their_bucket() {
        let times: Vec<_> = (1..=1000).collect();
        let spread = spread(&times);
        for (part, expected) in [(0.5, 500e-6), (0.99, 990e-6), (0.1, 100e-6)] {
            let got = spread.quantile(part);
            assert!((got - expected).abs() < expected * 0.1, "{part}: {got}");
        }
        assert!(Spread::default().quantile(0.5).is_nan());
        assert!((spread.sum() - 0.5005).abs() < 1e-9);
    }

    #[test]
    fn what_came_since_is_told_and_buckets_merge_at_both_ends() {
        let (before, after) = (spread(&[1, 8]), spread(&[1, 8, 8, 1 << 28]));
        let since = after.since(&before);
        assert_eq!(since.count(), 2);
        let merged = since.buckets(2, 4);
        assert_eq!(
            merged.iter().map(|(_, own)| *own).collect::<Vec<_>>(),
            [0, 1, 0, 1]
        );
        assert!((merged[1].0 - 8e-6).abs() < 1e-12 && merged[3].0.is_infinite());
        assert_eq!(after.buckets(2, 4)[0].1, 1);
    }
}
