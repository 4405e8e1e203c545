//! Describes an alert in one sentence for people, with short numbers in the unit of the series.

use super::{AlertRule, AlertTransition, Comparison};
use crate::metrics::{Series, SeriesKind, SeriesUnit, Statistics};

const MINUTE: f64 = 60.0;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;

/// The format of a rule's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ValueFormat {
    unit: SeriesUnit,
    is_rate: bool,
}

impl AlertRule {
    /// Returns a sentence such as `memory_resident / memory_budget is over 75 %: 81.2 %`; `value` is the latest known
    /// value.
    #[must_use]
    pub fn describe(&self, transition: AlertTransition, value: Option<f64>) -> String {
        let of = self.of.as_ref().map(|of| format!(" / {of}"));
        let of = of.unwrap_or_default();
        let side = match self.comparison {
            Comparison::Above => "over",
            Comparison::Below => "under",
        };
        let measure = self.value_format();
        let (series, threshold) = (&self.series, measure.format(self.threshold));
        let value = value.map_or_else(|| "unknown".to_owned(), |value| measure.format(value));
        match transition {
            AlertTransition::Firing => format!("{series}{of} is {side} {threshold}: {value}"),
            AlertTransition::Resolved => {
                format!("{series}{of} was {side} {threshold}, last {value}")
            }
        }
    }

    fn value_format(&self) -> ValueFormat {
        let plain = ValueFormat {
            unit: SeriesUnit::Count,
            is_rate: false,
        };
        let Some(series) = find_series(&self.series) else {
            return plain;
        };
        let Some(of) = &self.of else {
            return ValueFormat {
                unit: series.unit,
                is_rate: series.kind == SeriesKind::Counter,
            };
        };
        // A quotient of the same unit is a share; otherwise, as with offers per announce, a number is clearer.
        let is_part = same_unit_and_kind(series, of) && self.threshold.abs() <= 1.0;
        if is_part {
            return ValueFormat {
                unit: SeriesUnit::Ratio,
                ..plain
            };
        }
        plain
    }
}

fn find_series(name: &str) -> Option<&'static Series> {
    Statistics::series().find(|series| series.name == name)
}

fn same_unit_and_kind(one: &Series, other: &str) -> bool {
    find_series(other).is_some_and(|other| (one.unit, one.kind) == (other.unit, other.kind))
}

impl ValueFormat {
    fn format(self, value: f64) -> String {
        let amount = match self.unit {
            SeriesUnit::Count => format_short(value),
            SeriesUnit::Bytes => format_bytes(value),
            SeriesUnit::Seconds => format_seconds(value),
            SeriesUnit::Ratio => format!("{} %", format_short(value * 100.0)),
        };
        let per = if self.is_rate { "/s" } else { "" };
        format!("{amount}{per}")
    }
}

fn format_bytes(value: f64) -> String {
    let (scale, unit) = match value.abs() {
        1e12.. => (1e12, "TB"),
        1e9.. => (1e9, "GB"),
        1e6.. => (1e6, "MB"),
        1e3.. => (1e3, "kB"),
        _ => (1.0, "B"),
    };
    format!("{} {unit}", format_short(value / scale))
}

fn format_seconds(seconds: f64) -> String {
    let (scale, unit) = match seconds.abs() {
        0.0 => (1.0, "s"),
        ..0.001 => (1e-6, "µs"),
        ..1.0 => (0.001, "ms"),
        ..120.0 => (1.0, "s"),
        ..7_200.0 => (MINUTE, "min"),
        ..172_800.0 => (HOUR, "h"),
        _ => (DAY, "days"),
    };
    format!("{} {unit}", format_short(seconds / scale))
}

/// Formats with three significant digits, but all digits of the integer part up to 10^15.
fn format_short(value: f64) -> String {
    let text = match value.abs() {
        0.0 => return "0".to_owned(),
        ..0.001 | 1e15.. => return format!("{value:.2e}"),
        ..1.0 => format!("{value:.3}"),
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => return format!("{value:.0}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Rounds to four significant digits, for log fields.
#[must_use]
pub fn round_for_log(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::super::default_rules;
    use super::*;

    fn sentence(series: &str, of: Option<&str>, threshold: f64, value: f64) -> String {
        let mut rule = default_rules().remove(0);
        rule.series = series.to_owned();
        rule.of = of.map(ToOwned::to_owned);
        rule.threshold = threshold;
        rule.describe(AlertTransition::Firing, Some(value))
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    fn a_sentence_has_the_unit_of_its_series() {
        for (series, of, threshold, value, expected) in [
            (
                "announces",
                None,
                100.0,
                400.2,
                "announces is over 100/s: 400/s",
            ),
            (
                "connections",
                None,
                20_000.0,
                20_001.0,
                "connections is over 20000: 20001",
            ),
            (
                "loop_lag",
                None,
                0.25,
                0.3,
                "loop_lag is over 250 ms: 300 ms",
            ),
            (
                "answer_time_p99",
                None,
                2.0,
                12.345_678,
                "answer_time_p99 is over 2 s: 12.3 s",
            ),
            (
                "memory_resident",
                None,
                5e8,
                1_234_567_890.0,
                "memory_resident is over 500 MB: 1.23 GB",
            ),
            (
                "bytes_sent",
                None,
                1e6,
                12_345.0,
                "bytes_sent is over 1 MB/s: 12.3 kB/s",
            ),
            (
                "offers_answered",
                None,
                0.5,
                0.812_345,
                "offers_answered is over 50 %: 81.2 %",
            ),
            (
                "answers_relayed",
                Some("offers_relayed"),
                0.1,
                1.0 / 3.0,
                "answers_relayed / offers_relayed is over 10 %: 33.3 %",
            ),
            // Quotients that are not shares.
            (
                "offers_received",
                Some("announces"),
                5.0,
                7.25,
                "offers_received / announces is over 5: 7.25",
            ),
            (
                "bytes_sent",
                Some("connections"),
                0.5,
                0.75,
                "bytes_sent / connections is over 0.5: 0.75",
            ),
            ("no_such", None, 1.0, 2.0, "no_such is over 1: 2"),
        ] {
            assert_eq!(sentence(series, of, threshold, value), expected);
        }
    }

    #[test]
    fn a_sentence_shows_resolved_and_unknown() {
        let mut rule = default_rules().remove(0);
        (rule.series, rule.of) = ("certificate_left".to_owned(), None);
        (rule.comparison, rule.threshold) = (Comparison::Below, 864_000.0);
        for (transition, value, expected) in [
            (
                AlertTransition::Firing,
                Some(86_400.0),
                "certificate_left is under 10 days: 24 h",
            ),
            (
                AlertTransition::Firing,
                None,
                "certificate_left is under 10 days: unknown",
            ),
            (
                AlertTransition::Resolved,
                Some(7_776_000.0),
                "certificate_left was under 10 days, last 90 days",
            ),
        ] {
            assert_eq!(rule.describe(transition, value), expected);
        }
    }

    #[test]
    fn numbers_in_sentences_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (0.000_001_25, "1.25e-6"),
            (0.25, "0.25"),
            (99.96, "100"),
            (-3.0, "-3"),
            (1e300, "1.00e300"),
        ] {
            assert_eq!(format_short(value), text);
        }
        for (seconds, text) in [
            (0.0, "0 s"),
            (0.000_25, "250 µs"),
            (119.0, "119 s"),
            (600.0, "10 min"),
            (-86_400.0, "-24 h"),
        ] {
            assert_eq!(format_seconds(seconds), text);
        }
        assert_eq!(round_for_log(0.333_333_333_333).to_string(), "0.3333");
        assert_eq!(round_for_log(1_234_567.0).to_string(), "1235000");
        assert!(round_for_log(f64::NAN).is_nan());
    }
}
