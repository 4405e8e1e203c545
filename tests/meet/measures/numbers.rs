//! Shares, means and spreads.

use std::time::Duration;

use serde::Serialize;

/// Seconds after which a user has given up.
const LATE_SECONDS: f64 = 10.0;

/// Times of many clients, in seconds; infinite for those that waited in vain.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) count: usize,
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    /// Share of times longer than [`LATE_SECONDS`].
    pub(crate) late: f64,
    /// Share of clients that waited in vain.
    pub(crate) never: f64,
}

impl Spread {
    /// Sums up times; `None` is never.
    pub(crate) fn of(times: impl Iterator<Item = Option<Duration>>) -> Self {
        let seconds = times.map(|time| time.map_or(f64::INFINITY, |time| time.as_secs_f64()));
        let mut seconds: Vec<f64> = seconds.collect();
        seconds.sort_by(f64::total_cmp);
        let count = seconds.len();
        let at = |percent: usize| {
            let rank = (percent * count).div_ceil(100).max(1) - 1;
            seconds.get(rank).copied().unwrap_or(f64::NAN)
        };
        let share_of = |test: fn(f64) -> bool| {
            let found = seconds.iter().filter(|time| test(**time)).count();
            share(found, count)
        };
        Self {
            count,
            p50: at(50),
            p95: at(95),
            late: share_of(|time| time > LATE_SECONDS),
            never: share_of(f64::is_infinite),
        }
    }
}

/// Returns a count as a number to calculate with.
pub(crate) fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

/// Returns the share of a part; not a number if there is nothing.
pub(crate) fn share(part: usize, whole: usize) -> f64 {
    number(part) / number(whole)
}

/// Returns the mean; not a number if there is nothing.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / number(values.len())
}

/// Returns the Gini coefficient: 0 if all values are the same, near 1 if one has everything.
pub(crate) fn gini(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let count = number(values.len());
    let ranks = (1..).map(number);
    let weighted = ranks
        .zip(&values)
        .map(|(rank, value)| (2.0 * rank - count - 1.0) * value);
    weighted.sum::<f64>() / (count * values.iter().sum::<f64>())
}

/// Returns the median; the lower one of two.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or(f64::NAN)
}
