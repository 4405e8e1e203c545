//! Defines the tables of the history by resolution and retention, and selects one for a query.

use std::time::Duration;

/// The maximum of points in one answer.
pub const POINTS_MAX: i64 = 1000;

/// A table with one row for each time step.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resolution {
    pub(super) table: &'static str,
    /// Seconds from one row to the next.
    pub(super) step: i64,
    /// Seconds after which a row is removed from a file; `None` for never.
    file_retention: Option<i64>,
    /// The same in memory, where the history must stay below 20 MB.
    memory_retention: Option<i64>,
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Seconds from one sample to the next.
pub(super) const SAMPLE_INTERVAL: i64 = 10;
/// Seconds between two merges into the coarser tables.
pub(super) const MERGE_INTERVAL: i64 = MINUTE;

/// All tables from fine to coarse; each step is a multiple of the one before.
pub(super) const RESOLUTIONS: [Resolution; 5] = [
    Resolution {
        table: "every_10s",
        step: SAMPLE_INTERVAL,
        file_retention: Some(DAY),
        memory_retention: Some(DAY),
    },
    Resolution {
        table: "every_1min",
        step: MINUTE,
        file_retention: Some(14 * DAY),
        memory_retention: Some(3 * DAY),
    },
    Resolution {
        table: "every_10min",
        step: 10 * MINUTE,
        file_retention: Some(180 * DAY),
        memory_retention: Some(30 * DAY),
    },
    Resolution {
        table: "every_1h",
        step: HOUR,
        file_retention: Some(5 * 365 * DAY),
        memory_retention: Some(180 * DAY),
    },
    Resolution {
        table: "every_1d",
        step: DAY,
        file_retention: None,
        memory_retention: None,
    },
];

/// The retention of the 100 largest swarms.
pub(super) const TOP_SWARMS_RETENTION: Duration = Duration::from_hours(30 * 24);

impl Resolution {
    /// Returns the retention in seconds; `None` for unlimited.
    pub(super) fn retention(&self, is_file: bool) -> Option<i64> {
        if is_file {
            self.file_retention
        } else {
            self.memory_retention
        }
    }

    /// Returns the start of the step that contains the time `at`.
    pub(super) fn step_start(&self, at: i64) -> i64 {
        at - at.rem_euclid(self.step)
    }
}

/// The source of an answer: a table, a step that is a multiple of its step, and the points.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct QueryPlan {
    pub(super) resolution: &'static Resolution,
    pub(super) step: i64,
    /// Time of the first point.
    pub(super) start: i64,
    /// Number of points.
    pub(super) points: i64,
}

impl QueryPlan {
    /// Selects the finest table that reaches back to `from` and has at most [`POINTS_MAX`] points up to `to`. `newest`
    /// is the time of the newest sample.
    pub(super) fn new(from: i64, to: i64, newest: i64, is_file: bool) -> Self {
        let to = to.max(from);
        let plan = |level, step: i64| {
            let start = from - from.rem_euclid(step);
            // The range includes `to`.
            let points = (to - start) / step + 1;
            Self {
                resolution: level,
                step,
                start,
                points,
            }
        };
        let reaches = |level: &Resolution| {
            let retention = level.retention(is_file);
            retention.is_none_or(|retention| level.step_start(from) >= newest - retention)
        };
        let levels = RESOLUTIONS.iter().filter(|level| reaches(level));
        let mut plans = levels.map(|level| plan(level, level.step));
        if let Some(fits) = plans.find(|plan| plan.points <= POINTS_MAX) {
            return fits;
        }
        let [.., coarsest] = &RESOLUTIONS;
        let days = (to - from) / coarsest.step / (POINTS_MAX - 1) + 1;
        plan(coarsest, coarsest.step * days)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    #[test]
    fn each_resolution_divides_the_next() {
        for pair in RESOLUTIONS.windows(2) {
            assert_eq!(pair[1].step % pair[0].step, 0);
            assert!(
                pair[1]
                    .file_retention
                    .is_none_or(|retention| Some(retention) > pair[0].file_retention)
            );
        }
        assert_eq!(RESOLUTIONS[1].step_start(NOW + 59), NOW);
    }

    #[test]
    fn the_finest_resolution_with_at_most_1000_points_is_used() {
        for (from, to, step) in [
            (HOUR, 0, 10),
            (9990, 0, 10),
            (10_000, 0, MINUTE),
            (6 * HOUR, 0, MINUTE),
            (DAY, 0, 10 * MINUTE),
            (7 * DAY, 0, HOUR),
            (30 * DAY, 0, HOUR),
            (365 * DAY, 0, DAY),
            (5 * 365 * DAY, 0, 2 * DAY),
            (55 * 365 * DAY, 0, 21 * DAY),
            // An hour whose fine rows are expired.
            (2 * DAY, 2 * DAY - HOUR, MINUTE),
            (20 * DAY, 20 * DAY - HOUR, 10 * MINUTE),
            (200 * DAY, 200 * DAY - HOUR, HOUR),
            (6 * 365 * DAY, 6 * 365 * DAY - HOUR, DAY),
            // Empty ranges.
            (0, 0, 10),
            (-10, 0, 10),
        ] {
            let plan = QueryPlan::new(NOW - from, NOW - to, NOW, true);
            assert_eq!(plan.step, step, "{from} {to}");
            assert!((1..=POINTS_MAX).contains(&plan.points), "{plan:?}");
            assert_eq!(plan.step % plan.resolution.step, 0);
            assert!(plan.start <= NOW - from && plan.start > NOW - from - step);
        }
        assert_eq!(
            QueryPlan::new(0, i64::MAX / 2, NOW, true)
                .points
                .min(POINTS_MAX),
            QueryPlan::new(0, i64::MAX / 2, NOW, true).points
        );
        assert_eq!(
            QueryPlan::new(NOW - 10 * DAY, NOW - 10 * DAY, NOW, false).step,
            600
        );
    }
}
