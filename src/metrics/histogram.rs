//! Time histograms with buckets at powers of two: up to one microsecond, two, four, and so on to two minutes.
//!
//! Each worker counts into its own [`Histogram`]; a [`HistogramSnapshot`] is the sum over all workers.

use std::time::Duration;

use super::counters::Counter;

/// Times up to 2^27 µs have a bucket; the last bucket holds longer ones.
const BUCKETS: usize = 29;

/// Times measured by one thread.
#[derive(Debug, Default)]
pub struct Histogram {
    /// Bucket k holds times from above 2^(k-1) µs to 2^k µs.
    buckets: [Counter; BUCKETS],
    sum_nanoseconds: Counter,
}

impl Histogram {
    /// Records one time.
    pub fn record(&self, time: Duration) {
        let microseconds = u64::try_from(time.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX);
        let bits = u64::BITS - microseconds.saturating_sub(1).leading_zeros();
        let index = (bits as usize).min(BUCKETS - 1);
        if let Some(bucket) = self.buckets.get(index) {
            bucket.add(1);
        }
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.sum_nanoseconds.add(nanoseconds);
    }
}

/// Times measured by all threads up to one moment.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct HistogramSnapshot {
    buckets: [u64; BUCKETS],
    sum_nanoseconds: u64,
}

impl HistogramSnapshot {
    /// Adds the times measured by one thread.
    pub fn add(&mut self, histogram: &Histogram) {
        for (sum, bucket) in self.buckets.iter_mut().zip(&histogram.buckets) {
            *sum = sum.wrapping_add(bucket.get());
        }
        self.sum_nanoseconds = self
            .sum_nanoseconds
            .wrapping_add(histogram.sum_nanoseconds.get());
    }

    /// Returns the times recorded since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut buckets = self.buckets;
        for (bucket, before) in buckets.iter_mut().zip(&before.buckets) {
            *bucket = bucket.saturating_sub(*before);
        }
        Self {
            buckets,
            sum_nanoseconds: self.sum_nanoseconds.saturating_sub(before.sum_nanoseconds),
        }
    }

    /// Returns the number of recorded times.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Returns the sum of all times, in seconds.
    #[must_use]
    pub fn sum_seconds(&self) -> f64 {
        Duration::from_nanos(self.sum_nanoseconds).as_secs_f64()
    }

    /// Returns an estimate of this quantile in seconds, interpolated linearly within its bucket; NaN if nothing was
    /// recorded.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> f64 {
        let wanted = quantile * count(self.count());
        let mut below = 0.0;
        for (index, bucket) in self.buckets.iter().enumerate() {
            let own = count(*bucket);
            if own > 0.0 && below + own >= wanted {
                let (upper, fraction) = (upper_bound(index), (wanted - below) / own);
                let lower = if index == 0 { 0.0 } else { upper / 2.0 };
                return lower + (upper - lower) * fraction.clamp(0.0, 1.0);
            }
            below += own;
        }
        f64::NAN
    }

    /// Returns each bucket's upper bound in seconds and its count. Buckets up to index `first` are merged into one, and
    /// those above `last` into one with an infinite bound.
    pub(super) fn merged_buckets(&self, first: usize, last: usize) -> Vec<(f64, u64)> {
        let mut merged = Vec::with_capacity(last - first + 2);
        let sum = |from: usize, to: usize| self.buckets.iter().take(to).skip(from).sum();
        merged.push((upper_bound(first), sum(0, first + 1)));
        merged.extend((first + 1..=last).map(|index| (upper_bound(index), sum(index, index + 1))));
        merged.push((f64::INFINITY, sum(last + 1, BUCKETS)));
        merged
    }
}

/// The time histograms of all workers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// Time to serve one message: limits, parsing, rules, and writing into outboxes. One in 64 is measured.
    pub handle_time: HistogramSnapshot,
    /// Time from relaying an offer to its answer.
    pub answer_time: HistogramSnapshot,
}

/// Returns the upper bound of a bucket in seconds.
fn upper_bound(index: usize) -> f64 {
    let microseconds = 1_u64 << index.min(63);
    Duration::from_micros(microseconds).as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(microseconds: &[u64]) -> HistogramSnapshot {
        let histogram = Histogram::default();
        for time in microseconds {
            histogram.record(Duration::from_micros(*time));
        }
        let mut snapshot = HistogramSnapshot::default();
        snapshot.add(&histogram);
        snapshot
    }

    #[test]
    fn buckets_end_at_powers_of_two() {
        for (time, index) in [
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
            let snapshot = snapshot(&[time]);
            assert_eq!(snapshot.buckets[index], 1, "{time}: {snapshot:?}");
            assert_eq!(snapshot.count(), 1);
        }
        let histogram = Histogram::default();
        histogram.record(Duration::from_nanos(1001));
        assert_eq!(histogram.buckets[1].get(), 1);
    }

    #[test]
    fn quantiles_are_accurate_within_their_bucket() {
        let times: Vec<_> = (1..=1000).collect();
        let snapshot = snapshot(&times);
        for (quantile, expected) in [(0.5, 500e-6), (0.99, 990e-6), (0.1, 100e-6)] {
            let got = snapshot.quantile(quantile);
            assert!((got - expected).abs() < expected * 0.1, "{quantile}: {got}");
        }
        assert!(HistogramSnapshot::default().quantile(0.5).is_nan());
        assert!((snapshot.sum_seconds() - 0.5005).abs() < 1e-9);
    }

    #[test]
    fn differences_are_right_and_outer_buckets_are_merged() {
        let (before, after) = (snapshot(&[1, 8]), snapshot(&[1, 8, 8, 1 << 28]));
        let since = after.since(&before);
        assert_eq!(since.count(), 2);
        let merged = since.merged_buckets(2, 4);
        assert_eq!(
            merged.iter().map(|(_, own)| *own).collect::<Vec<_>>(),
            [0, 1, 0, 1]
        );
        assert!((merged[1].0 - 8e-6).abs() < 1e-12 && merged[3].0.is_infinite());
        assert_eq!(after.merged_buckets(2, 4)[0].1, 1);
    }
}
