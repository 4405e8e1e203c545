//! Computes the values that rules compare: gauges as they are, counters as rate per second over the last minute, and
//! quotients.

use std::collections::VecDeque;

use super::AlertRule;
use crate::metrics::{SeriesKind, Statistics};

/// The time over which rates are computed, in seconds: long enough that rare events have a rate.
const RATE_SPAN_SECONDS: f64 = 60.0;
/// Seconds between the stored statistics.
const SAMPLE_INTERVAL_SECONDS: f64 = 5.0;

/// The value of a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum RuleValue {
    /// A series that it names does not exist.
    NoSuchSeries,
    /// The value is unknown at the moment.
    Unknown,
    /// The value.
    Known(f64),
}

/// About a dozen statistics of the last minute.
#[derive(Debug, Default)]
pub(super) struct RateWindow {
    samples: VecDeque<Statistics>,
    latest: Statistics,
}

impl RateWindow {
    /// Adds newer statistics. Returns the seconds since the previous ones, by the process uptime, which setting the
    /// clock does not change.
    pub(super) fn push(&mut self, statistics: &Statistics) -> f64 {
        let uptime = |statistics: &Statistics| statistics.gauges.uptime;
        let elapsed = uptime(statistics) - uptime(&self.latest);
        self.latest = *statistics;
        let since = |earlier: &Statistics| uptime(statistics) - uptime(earlier);
        // The uptime of a new process starts at zero.
        if self.samples.back().is_some_and(|last| since(last) < 0.0) {
            self.samples.clear();
        }
        if self
            .samples
            .back()
            .is_none_or(|last| since(last) >= SAMPLE_INTERVAL_SECONDS)
        {
            self.samples.push_back(*statistics);
        }
        // The first stays the newest one that is at least a whole span old, if there is any.
        while self
            .samples
            .get(1)
            .is_some_and(|second| since(second) >= RATE_SPAN_SECONDS)
        {
            self.samples.pop_front();
        }
        if elapsed.is_nan() {
            0.0
        } else {
            elapsed.max(0.0)
        }
    }

    /// Returns the value of a rule in the latest statistics.
    pub(super) fn rule_value(&self, rule: &AlertRule) -> RuleValue {
        let Some(value) = self.series_value(&rule.series) else {
            return RuleValue::NoSuchSeries;
        };
        let value = match &rule.of {
            None => value,
            Some(of) => match self.series_value(of) {
                None => return RuleValue::NoSuchSeries,
                Some(of) if of > 0.0 && of >= rule.of_min => value / of,
                Some(_) => f64::NAN,
            },
        };
        if value.is_finite() {
            RuleValue::Known(value)
        } else {
            RuleValue::Unknown
        }
    }

    /// Returns a gauge, or the rate of a counter; NaN if it is unknown, `None` if no series has this name.
    fn series_value(&self, name: &str) -> Option<f64> {
        let series = Statistics::series().find(|series| series.name == name)?;
        let now = self.latest.get(name)?;
        match series.kind {
            SeriesKind::Gauge => Some(now),
            SeriesKind::Counter => Some(self.rate(name, now)),
        }
    }

    fn rate(&self, name: &str, now: f64) -> f64 {
        let Some(first) = self.samples.front() else {
            return f64::NAN;
        };
        let seconds = self.latest.gauges.uptime - first.gauges.uptime;
        // In the first seconds one event would give a high rate.
        if seconds < SAMPLE_INTERVAL_SECONDS {
            return f64::NAN;
        }
        (now - first.get(name).unwrap_or(f64::NAN)) / seconds
    }
}

#[cfg(test)]
mod tests {
    use super::super::default_rules;
    use super::*;

    fn rule(series: &str, of: Option<&str>, of_min: f64) -> AlertRule {
        let mut rule = default_rules().remove(0);
        (rule.series, rule.of, rule.of_min) = (series.to_owned(), of.map(str::to_owned), of_min);
        rule
    }

    fn at(uptime: f64, announces: u64) -> Statistics {
        let mut statistics = Statistics::default();
        statistics.gauges.uptime = uptime;
        statistics.gauges.connections = 10.0;
        statistics.counters.announces = announces;
        statistics.counters.scrapes = 2 * announces;
        statistics
    }

    #[test]
    fn counters_are_compared_as_rate_over_the_last_minute() {
        let mut window = RateWindow::default();
        let announces = rule("announces", None, 0.0);
        for second in 0..=200_u32 {
            let elapsed = window.push(&at(f64::from(second), 3 * u64::from(second)));
            assert!((elapsed - if second == 0 { 0.0 } else { 1.0 }).abs() < 1e-9);
            let expected = if second < 5 {
                RuleValue::Unknown
            } else {
                RuleValue::Known(3.0)
            };
            assert_eq!(window.rule_value(&announces), expected, "{second}");
            assert!(window.samples.len() < 15);
        }
        // Without further announces the rate falls over a minute and is zero soon after.
        for second in 201..=240 {
            window.push(&at(f64::from(second), 600));
        }
        let RuleValue::Known(rate) = window.rule_value(&announces) else {
            panic!("known");
        };
        assert!((0.5..1.5).contains(&rate), "{rate}");
        for second in 241..=270 {
            window.push(&at(f64::from(second), 600));
        }
        assert_eq!(window.rule_value(&announces), RuleValue::Known(0.0));
    }

    #[test]
    fn a_quotient_needs_a_large_enough_divisor() {
        let mut window = RateWindow::default();
        for second in 0..=10_u32 {
            window.push(&at(f64::from(second), 5 * u64::from(second)));
        }
        let part = |of_min| window.rule_value(&rule("announces", Some("scrapes"), of_min));
        assert_eq!(part(0.0), RuleValue::Known(0.5));
        assert_eq!(part(10.0), RuleValue::Known(0.5));
        assert_eq!(part(11.0), RuleValue::Unknown);
        let of_unknown = rule("connections", Some("memory_budget"), 0.0);
        assert_eq!(window.rule_value(&of_unknown), RuleValue::Unknown);
        let of_nothing = rule("connections", Some("pings_sent"), 0.0);
        assert_eq!(window.rule_value(&of_nothing), RuleValue::Unknown);
        let missing = rule("connections", Some("nothing"), 0.0);
        assert_eq!(window.rule_value(&missing), RuleValue::NoSuchSeries);
        assert_eq!(
            window.rule_value(&rule("nothing", None, 0.0)),
            RuleValue::NoSuchSeries
        );
    }
}
