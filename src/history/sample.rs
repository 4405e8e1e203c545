//! Aggregates the statistics of each second into the samples that are stored.

use std::time::{SystemTime, UNIX_EPOCH};

use super::aggregate::{Aggregate, AggregateSum, round_for_storage};
use super::resolution::SAMPLE_INTERVAL;
use super::retained;
use crate::metrics::{SeriesKind, Statistics};

/// The first of January 2024: a clock with an earlier time is not set yet.
pub(super) const CLOCK_VALID_FROM: i64 = 1_704_067_200;
/// Statistics further apart than three samples give no sample: the values in between are unknown.
const GAP_SECONDS_MAX: f64 = 30.0;
#[expect(clippy::cast_precision_loss, reason = "ten is exact")]
const SAMPLE_SECONDS: f64 = SAMPLE_INTERVAL as f64;

/// The stored series over one time step: gauges aggregated over each second, counters as rate per second since the last
/// sample, or over the whole step if that is longer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HistorySample {
    /// Unix seconds, a multiple of [`SAMPLE_INTERVAL`].
    pub(super) at: i64,
    /// In the order of [`retained::all`].
    pub(super) aggregates: Vec<Aggregate>,
}

/// Makes samples from the statistics.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    /// The statistics of the last sample.
    last_sampled: Option<Statistics>,
    /// Sums since then, for each stored series.
    sums: Vec<AggregateSum>,
}

impl Sampler {
    /// Adds statistics. Returns a sample if a time step has ended and there are earlier statistics to compare with.
    pub(super) fn add(&mut self, now: &Statistics) -> Option<HistorySample> {
        self.add_to_sums(now);
        let slot = |at| unix_seconds(at) / SAMPLE_INTERVAL * SAMPLE_INTERVAL;
        let at = slot(now.at);
        if self
            .last_sampled
            .as_ref()
            .is_some_and(|last| slot(last.at) == at)
        {
            return None;
        }
        let sums = std::mem::take(&mut self.sums);
        let before = self.last_sampled.replace(*now)?;
        // Fails if the clock was set back.
        let elapsed = now.at.duration_since(before.at).ok()?.as_secs_f64();
        if elapsed > GAP_SECONDS_MAX || at < CLOCK_VALID_FROM {
            return None;
        }
        // A process that began within the step counted nothing before. So the sum of `mean × step` is the increase.
        let covered = elapsed.max(SAMPLE_SECONDS);
        let deltas: Vec<_> = before.values().zip(now.values()).collect();
        let of = |(retained, sum): (&retained::RetainedSeries, &AggregateSum)| match retained
            .series
            .kind
        {
            SeriesKind::Gauge => sum.aggregate(),
            SeriesKind::Counter => {
                let delta = deltas.get(retained.index).map(|(before, now)| now - before);
                Aggregate::single(round_for_storage(
                    delta.unwrap_or(f64::NAN).max(0.0) / covered,
                ))
            }
        };
        let cells = retained::all().iter().zip(&sums).map(of).collect();
        Some(HistorySample {
            at,
            aggregates: cells,
        })
    }

    /// Adds the values to the sums, so that peaks between two samples are included.
    fn add_to_sums(&mut self, now: &Statistics) {
        let values: Vec<_> = now.values().collect();
        self.sums
            .resize(retained::all().len(), AggregateSum::default());
        for (retained, sum) in retained::all().iter().zip(&mut self.sums) {
            let value = values.get(retained.index).copied().unwrap_or(f64::NAN);
            sum.add(Aggregate::single(value), 1.0);
        }
    }
}

/// Returns Unix seconds.
pub(super) fn unix_seconds(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "small sums are exact")]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: i64 = 1_800_000_000;

    fn statistics(after: f64, announces: u64) -> Statistics {
        let start = UNIX_EPOCH + Duration::from_secs(START.unsigned_abs());
        let mut statistics = Statistics {
            at: start + Duration::from_secs_f64(after),
            ..Statistics::default()
        };
        statistics.counters.announces = announces;
        statistics.gauges.swarms = after;
        statistics
    }

    fn aggregate(sample: &HistorySample, name: &str) -> Aggregate {
        let place = retained::all()
            .iter()
            .position(|retained| retained.series.name == name);
        sample.aggregates[place.expect("retained")]
    }

    fn mean(sample: &HistorySample, name: &str) -> f64 {
        aggregate(sample, name).mean
    }

    #[test]
    fn a_sample_every_ten_seconds_has_counter_rates() {
        let mut sampler = Sampler::default();
        assert_eq!(sampler.add(&statistics(3.0, 100)), None, "nothing before");
        assert_eq!(sampler.add(&statistics(9.0, 101)), None, "the same step");
        let first = sampler.add(&statistics(10.5, 130)).expect("a sample");
        assert_eq!(first.at, START + 10);
        assert_eq!(mean(&first, "announces"), 3.0, "30 in this step");
        // Aggregated over all seconds since the last sample.
        let swarms = aggregate(&first, "swarms");
        assert_eq!((swarms.mean, swarms.min, swarms.max), (9.75, 9.0, 10.5));
        assert!(mean(&first, "connections").is_nan(), "unknown");
        assert_eq!(sampler.add(&statistics(19.9, 140)), None);
        let second = sampler.add(&statistics(20.5, 230)).expect("a sample");
        assert_eq!((second.at, mean(&second, "announces")), (START + 20, 10.0));
    }

    #[test]
    fn suspended_time_is_a_gap_and_a_clock_set_back_is_handled() {
        let mut sampler = Sampler::default();
        sampler.add(&statistics(0.0, 0));
        assert_eq!(sampler.add(&statistics(3600.0, 1000)), None, "asleep");
        assert!(sampler.add(&statistics(3610.0, 1010)).is_some());
        assert_eq!(sampler.add(&statistics(0.0, 1020)), None, "set back");
        let next = sampler.add(&statistics(10.0, 1040)).expect("goes on");
        assert_eq!((next.at, mean(&next, "announces")), (START + 10, 2.0));
        let mut unset = statistics(0.0, 0);
        unset.at = UNIX_EPOCH;
        assert_eq!(sampler.add(&unset), None);
        unset.at = UNIX_EPOCH + Duration::from_secs(10);
        assert_eq!(sampler.add(&unset), None, "a clock that is not set");
    }
}
