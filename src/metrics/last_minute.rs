//! Computes the gauges that cover the last minute: ratios and time quantiles.

use std::collections::VecDeque;

use super::gauges::LoadGauges;
use super::histogram::Timings;
use super::statistics::Statistics;

/// Length of the window in seconds.
const WINDOW_SECONDS: usize = 60;

/// The smallest answer time that is reported. Offers store their time in milliseconds, so a faster answer would count
/// as zero.
const ANSWER_TIME_MIN: f64 = 1e-3;

/// The totals of each second of the last minute: about 32 kB.
#[derive(Debug, Default)]
pub struct LastMinute(VecDeque<CumulativeTotals>);

/// The totals since the start of the process, at one second.
#[derive(Debug, Clone, Copy)]
struct CumulativeTotals {
    offers_relayed: u64,
    answers_relayed: u64,
    offers_to_acquainted: u64,
    answers_repeated: u64,
    first_answers: u64,
    first_answers_fast: u64,
    timings: Timings,
}

impl LastMinute {
    /// Stores the totals of one more second, and sets the gauges that cover the last minute.
    pub fn set_gauges(&mut self, statistics: &mut Statistics) {
        let counters = &statistics.counters;
        let now = CumulativeTotals {
            offers_relayed: counters.offers_relayed,
            answers_relayed: counters.answers_relayed,
            offers_to_acquainted: counters.offers_to_acquainted,
            answers_repeated: counters.answers_repeated,
            first_answers: counters.first_answers,
            first_answers_fast: counters.first_answers_fast,
            timings: statistics.timings,
        };
        let before = *self.0.front().unwrap_or(&now);
        self.0.push_back(now);
        if self.0.len() > WINDOW_SECONDS {
            self.0.pop_front();
        }
        now.write_gauges(&before, &mut statistics.gauges);
    }
}

impl CumulativeTotals {
    fn write_gauges(&self, before: &Self, gauges: &mut LoadGauges) {
        let handle = self.timings.handle_time.since(&before.timings.handle_time);
        let answer = self.timings.answer_time.since(&before.timings.answer_time);
        gauges.handle_time_p50 = handle.quantile(0.5);
        gauges.handle_time_p99 = handle.quantile(0.99);
        // NaN stays NaN.
        let at_least_a_millisecond = |seconds: f64| {
            if seconds < ANSWER_TIME_MIN {
                ANSWER_TIME_MIN
            } else {
                seconds
            }
        };
        gauges.answer_time_p50 = at_least_a_millisecond(answer.quantile(0.5));
        gauges.answer_time_p99 = at_least_a_millisecond(answer.quantile(0.99));
        self.write_introductions(before, gauges);
    }

    fn write_introductions(&self, before: &Self, gauges: &mut LoadGauges) {
        let since = |of: fn(&Self) -> u64| of(self).saturating_sub(of(before));
        let offers = since(|totals| totals.offers_relayed);
        let answers = since(|totals| totals.answers_relayed);
        let repeated = since(|totals| totals.answers_repeated).min(answers);
        let useful = offers.saturating_sub(since(|totals| totals.offers_to_acquainted));
        // Answers early in the window may belong to offers from before it.
        gauges.offers_answered = ratio(answers.min(offers), offers);
        gauges.useful_offers_answered = ratio((answers - repeated).min(useful), useful);
        gauges.offers_per_introduction = ratio(offers, answers);
        gauges.introductions_failed = ratio(repeated, answers);
        gauges.joins_answered_fast = ratio(
            since(|totals| totals.first_answers_fast),
            since(|totals| totals.first_answers),
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        f64::NAN
    } else {
        part as f64 / whole as f64
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::histogram::Histogram;
    use super::*;

    #[test]
    fn introductions_of_acquainted_members_are_told_apart() {
        let (mut recent, mut statistics) = (LastMinute::default(), Statistics::default());
        recent.set_gauges(&mut statistics);
        let gauges_of = |gauges: &LoadGauges| {
            [
                gauges.useful_offers_answered,
                gauges.offers_per_introduction,
                gauges.introductions_failed,
                gauges.joins_answered_fast,
            ]
        };
        assert!(
            gauges_of(&statistics.gauges)
                .iter()
                .all(|value| value.is_nan())
        );
        let counters = &mut statistics.counters;
        (counters.offers_relayed, counters.offers_to_acquainted) = (24, 4);
        (counters.answers_relayed, counters.answers_repeated) = (12, 3);
        (counters.first_answers, counters.first_answers_fast) = (8, 6);
        recent.set_gauges(&mut statistics);
        let wanted = [9.0 / 20.0, 2.0, 0.25, 0.75];
        for (value, wanted) in gauges_of(&statistics.gauges).into_iter().zip(wanted) {
            assert!((value - wanted).abs() < 1e-9, "{value} instead of {wanted}");
        }
        statistics.gauges.members_alone = 1.0;
        statistics.gauges.clear_matchmaking();
        assert!(
            gauges_of(&statistics.gauges)
                .iter()
                .all(|value| value.is_nan())
        );
        assert!(statistics.gauges.members_alone.is_nan());
        assert!(!statistics.gauges.offers_answered.is_nan());
    }

    #[test]
    fn ratios_and_times_cover_the_last_minute() {
        let (mut recent, mut statistics) = (LastMinute::default(), Statistics::default());
        recent.set_gauges(&mut statistics);
        assert!(statistics.gauges.offers_answered.is_nan());
        assert!(statistics.gauges.answer_time_p99.is_nan());

        let histogram = Histogram::default();
        histogram.record(Duration::from_secs(1));
        statistics.timings.answer_time.add(&histogram);
        statistics.counters.offers_relayed = 10;
        statistics.counters.answers_relayed = 4;
        recent.set_gauges(&mut statistics);
        assert!((statistics.gauges.offers_answered - 0.4).abs() < 1e-9);
        assert!((0.5..=1.1).contains(&statistics.gauges.answer_time_p50));
        for _ in 0..WINDOW_SECONDS {
            recent.set_gauges(&mut statistics);
        }
        assert!(statistics.gauges.offers_answered.is_nan());
        assert!(statistics.gauges.answer_time_p50.is_nan());
        assert_eq!(recent.0.len(), WINDOW_SECONDS);

        let at_once = Histogram::default();
        at_once.record(Duration::ZERO);
        statistics.timings.answer_time.add(&at_once);
        recent.set_gauges(&mut statistics);
        assert!((statistics.gauges.answer_time_p50 - ANSWER_TIME_MIN).abs() < 1e-9);
    }
}
