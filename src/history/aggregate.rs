//! Aggregates values into mean, minimum and maximum.

/// One series over one time step; all fields are NaN if nothing is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Aggregate {
    pub(super) mean: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Aggregate {
    /// Returns the aggregate of a single value.
    pub(super) fn single(value: f64) -> Self {
        Self {
            mean: value,
            min: value,
            max: value,
        }
    }

    /// Returns its columns: null where unknown, and null for minimum and maximum where they equal the mean.
    #[expect(clippy::float_cmp, reason = "exactly the same number")]
    pub(super) fn columns(&self) -> [Option<f64>; 3] {
        let other = |value: f64| (value != self.mean).then_some(value);
        let known = |value: &f64| !value.is_nan();
        [Some(self.mean), other(self.min), other(self.max)].map(|value| value.filter(known))
    }

    /// Reads it from its columns.
    pub(super) fn from_columns([mean, min, max]: [Option<f64>; 3]) -> Self {
        let mean = mean.unwrap_or(f64::NAN);
        Self {
            mean,
            min: min.unwrap_or(mean),
            max: max.unwrap_or(mean),
        }
    }
}

/// A weighted sum of aggregates, to be merged into one.
#[derive(Debug, Clone, Copy)]
pub(super) struct AggregateSum {
    total: f64,
    weight: f64,
    min: f64,
    max: f64,
}

impl Default for AggregateSum {
    fn default() -> Self {
        Self {
            total: 0.0,
            weight: 0.0,
            min: f64::NAN,
            max: f64::NAN,
        }
    }
}

impl AggregateSum {
    /// Adds an aggregate of `samples` samples. An unknown one changes nothing.
    pub(super) fn add(&mut self, cell: Aggregate, samples: f64) {
        if !cell.mean.is_nan() {
            self.total += cell.mean * samples;
            self.weight += samples;
            // These ignore NaN.
            self.min = self.min.min(cell.min);
            self.max = self.max.max(cell.max);
        }
    }

    /// Returns the aggregate.
    pub(super) fn aggregate(&self) -> Aggregate {
        Aggregate {
            mean: round_for_storage(self.total / self.weight),
            min: round_for_storage(self.min),
            max: round_for_storage(self.max),
        }
    }
}

/// Rounds to about four digits, which is more than a chart shows. SQLite stores integers in one to six bytes and other
/// numbers in eight.
pub(super) fn round_for_storage(value: f64) -> f64 {
    if value.abs() >= 1000.0 {
        value.round()
    } else if value.abs() >= 1.0 {
        (value * 1000.0).round() / 1000.0
    } else {
        (value * 1e6).round() / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_weighted_and_unknown_values_are_ignored() {
        let mut sum = AggregateSum::default();
        assert!(sum.aggregate().mean.is_nan() && sum.aggregate().min.is_nan());
        sum.add(Aggregate::single(1.0), 1.0);
        sum.add(Aggregate::single(f64::NAN), 100.0);
        let many = Aggregate {
            mean: 5.0,
            min: 2.0,
            max: 9.0,
        };
        sum.add(many, 3.0);
        let all = Aggregate {
            mean: 4.0,
            min: 1.0,
            max: 9.0,
        };
        assert_eq!(sum.aggregate(), all);
    }

    #[test]
    fn values_equal_to_the_mean_are_stored_as_null() {
        let flat = Aggregate::single(2.0);
        assert_eq!(flat.columns(), [Some(2.0), None, None]);
        let peak = Aggregate { max: 9.0, ..flat };
        assert_eq!(peak.columns(), [Some(2.0), None, Some(9.0)]);
        for cell in [flat, peak] {
            assert_eq!(Aggregate::from_columns(cell.columns()), cell);
        }
        let unknown = Aggregate::single(f64::NAN).columns();
        assert_eq!(unknown, [None; 3]);
        assert!(Aggregate::from_columns(unknown).max.is_nan());
    }

    #[test]
    fn four_digits_are_enough() {
        for (long, short) in [
            (123_456.789, 123_457.0),
            (12.345_678, 12.346),
            (0.000_123_456, 0.000_123),
            (-0.5, -0.5),
        ] {
            assert!((round_for_storage(long) - short).abs() < f64::EPSILON);
        }
        assert!(round_for_storage(f64::NAN).is_nan());
    }
}
