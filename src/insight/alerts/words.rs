//! Describes an alert in one sentence for people, with short numbers in the unit of the series.

use super::{Comparison, Rule, Turn};
use crate::insight::{Kind, Series, Statistics, Unit};

const MINUTE: f64 = 60.0;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;

/// The format of a rule's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Measure {
    unit: Unit,
    is_rate: bool,
}

impl Rule {
    /// Returns a sentence such as `memory_resident / memory_budget is over 75 %: 81.2 %`; `value` is the latest known
    /// value.
    #[must_use]
    pub fn sentence(&self, transition: Turn, value: Option<f64>) -> String {
        let of = self.of.as_ref().map(|of| format!(" / {of}"));
        let of = of.unwrap_or_default();
        let side = match self.comparison {
            Comparison::Above => "over",
            Comparison::Below => "under",
        };
        let measure = self.measure();
        let (series, threshold) = (&self.series, measure.write(self.threshold));
        let value = value.map_or_else(|| "unknown".to_owned(), |value| measure.write(value));
        match transition {
            Turn::Firing => format!("{series}{of} is {side} {threshold}: {value}"),
            Turn::Resolved => format!("{series}{of} was {side} {threshold}, last {value}"),
        }
    }

    fn measure(&self) -> Measure {
        let plain = Measure {
            unit: Unit::Count,
            is_rate: false,
        };
        let Some(series) = series(&self.series) else {
            return plain;
        };
        let Some(of) = &self.of else {
            return Measure {
                unit: series.unit,
                is_rate: series.kind == Kind::Counter,
            };
        };
        // A quotient of the same unit is a share; otherwise, as with offers per announce, a number is clearer.
        let is_part = series_agree(series, of) && self.threshold.abs() <= 1.0;
        if is_part {
            return Measure {
                unit: Unit::Ratio,
                ..plain
            };
        }
        plain
    }
}

fn series(name: &str) -> Option<&'static Series> {
    Statistics::series().find(|series| series.name == name)
}

fn series_agree(one: &Series, other: &str) -> bool {
    series(other).is_some_and(|other| (one.unit, one.kind) == (other.unit, other.kind))
}

impl Measure {
    fn write(self, value: f64) -> String {
        let amount = match self.unit {
            Unit::Count => short(value),
            Unit::Bytes => bytes(value),
            Unit::Seconds => time(value),
            Unit::Ratio => format!("{} %", short(value * 100.0)),
        };
        let per = if self.is_rate { "/s" } else { "" };
        format!("{amount}{per}")
    }
}

fn bytes(value: f64) -> String {
    let (scale, unit) = match value.abs() {
        1e12.. => (1e12, "TB"),
        1e9.. => (1e9, "GB"),
        1e6.. => (1e6, "MB"),
        1e3.. => (1e3, "kB"),
        _ => (1.0, "B"),
    };
    format!("{} {unit}", short(value / scale))
}

fn time(seconds: f64) -> String {
    let (scale, unit) = match seconds.abs() {
        0.0 => (1.0, "s"),
        ..0.001 => (1e-6, "µs"),
        ..1.0 => (0.001, "ms"),
        ..120.0 => (1.0, "s"),
        ..7_200.0 => (MINUTE, "min"),
        ..172_800.0 => (HOUR, "h"),
        _ => (DAY, "days"),
    };
    format!("{} {unit}", short(seconds / scale))
}

/// Formats with three significant digits, but all digits of the integer part up to 10^15.
fn short(value: f64) -> String {
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
pub fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::super::shipped;
    use super::*;

    fn sentence(series: &str, of: Option<&str>, threshold: f64, value: f64) -> String {
        let mut rule = shipped().remove(0);
        rule.series = series.to_owned();
        rule.of = of.map(ToOwned::to_owned);
        rule.threshold = threshold;
        rule.sentence(Turn::Firing, Some(value))
    }

    #[test]
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
    fn what_is_over_or_unknown_is_told_as_such() {
        let mut rule = shipped().remove(0);
        (rule.series, rule.of) = ("certificate_left".to_owned(), None);
        (rule.comparison, rule.threshold) = (Comparison::Below, 864_000.0);
        for (transition, value, expected) in [
            (
                Turn::Firing,
                Some(86_400.0),
                "certificate_left is under 10 days: 24 h",
            ),
            (
                Turn::Firing,
                None,
                "certificate_left is under 10 days: unknown",
            ),
            (
                Turn::Resolved,
                Some(7_776_000.0),
                "certificate_left was under 10 days, last 90 days",
            ),
        ] {
            assert_eq!(rule.sentence(transition, value), expected);
        }
    }

    #[test]
    fn no_number_is_long() {
        for (value, text) in [
            (0.0, "0"),
            (0.000_001_25, "1.25e-6"),
            (0.25, "0.25"),
            (99.96, "100"),
            (-3.0, "-3"),
            (1e300, "1.00e300"),
        ] {
            assert_eq!(short(value), text);
        }
        for (seconds, text) in [
            (0.0, "0 s"),
            (0.000_25, "250 µs"),
            (119.0, "119 s"),
            (600.0, "10 min"),
            (-86_400.0, "-24 h"),
        ] {
            assert_eq!(time(seconds), text);
        }
        assert_eq!(rounded(0.333_333_333_333).to_string(), "0.3333");
        assert_eq!(rounded(1_234_567.0).to_string(), "1235000");
        assert!(rounded(f64::NAN).is_nan());
    }
}
