//! Computes the gauges that cover the last minute: ratios and time quantiles.

use std::collections::VecDeque;

use super::gauges::Gauges;
use super::spread::Timings;
use super::statistics::Statistics;

/// Length of the window in seconds.
const SECONDS: usize = 60;

/// The smallest answer time that is reported. Offers store their time in milliseconds, so a faster answer would count
/// as zero.
const MILLISECOND: f64 = 1e-3;

/// The totals of each second of the last minute: about 30 kB.
#[derive(Debug, Default)]
pub struct Recent(VecDeque<Then>);

/// The totals since the start of the process, at one second.
#[derive(Debug, Clone, Copy)]
struct Then {
    offers_relayed: u64,
    answers_relayed: u64,
    timings: Timings,
}

impl Recent {
    /// Stores the totals of one more second, and sets the gauges that cover the last minute.
    pub fn complete(&mut self, statistics: &mut Statistics) {
        let now = Then {
            offers_relayed: statistics.counters.offers_relayed,
            answers_relayed: statistics.counters.answers_relayed,
            timings: statistics.timings,
        };
        let before = *self.0.front().unwrap_or(&now);
        self.0.push_back(now);
        if self.0.len() > SECONDS {
            self.0.pop_front();
        }
        now.fill_in(&before, &mut statistics.gauges);
    }
}

impl Then {
    fn fill_in(&self, before: &Self, gauges: &mut Gauges) {
        let handle = self.timings.handle_time.since(&before.timings.handle_time);
        let answer = self.timings.answer_time.since(&before.timings.answer_time);
        gauges.handle_time_p50 = handle.quantile(0.5);
        gauges.handle_time_p99 = handle.quantile(0.99);
        // NaN stays NaN.
        let at_least_a_millisecond = |seconds: f64| {
            if seconds < MILLISECOND {
                MILLISECOND
            } else {
                seconds
            }
        };
        gauges.answer_time_p50 = at_least_a_millisecond(answer.quantile(0.5));
        gauges.answer_time_p99 = at_least_a_millisecond(answer.quantile(0.99));
        let offers = self.offers_relayed.saturating_sub(before.offers_relayed);
        let answers = self.answers_relayed.saturating_sub(before.answers_relayed);
        // Answers early in the window may belong to offers from before it.
        gauges.offers_answered = share(answers.min(offers), offers);
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        f64::NAN
    } else {
        part as f64 / whole as f64
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::spread::Histogram;
    use super::*;

    #[test]
    fn shares_and_times_are_those_of_the_last_minute() {
        let (mut recent, mut statistics) = (Recent::default(), Statistics::default());
        recent.complete(&mut statistics);
        assert!(statistics.gauges.offers_answered.is_nan());
        assert!(statistics.gauges.answer_time_p99.is_nan());

        let histogram = Histogram::default();
        histogram.record(Duration::from_secs(1));
        statistics.timings.answer_time.add(&histogram);
        statistics.counters.offers_relayed = 10;
        statistics.counters.answers_relayed = 4;
        recent.complete(&mut statistics);
        assert!((statistics.gauges.offers_answered - 0.4).abs() < 1e-9);
        assert!((0.5..=1.1).contains(&statistics.gauges.answer_time_p50));
        for _ in 0..SECONDS {
            recent.complete(&mut statistics);
        }
        assert!(statistics.gauges.offers_answered.is_nan());
        assert!(statistics.gauges.answer_time_p50.is_nan());
        assert_eq!(recent.0.len(), SECONDS);

        let at_once = Histogram::default();
        at_once.record(Duration::ZERO);
        statistics.timings.answer_time.add(&at_once);
        recent.complete(&mut statistics);
        assert!((statistics.gauges.answer_time_p50 - MILLISECOND).abs() < 1e-9);
    }
}
