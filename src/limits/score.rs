//! Scores hostile behaviour in points that halve after each half-life, in eight bytes.

use std::fmt;
use std::time::Duration;

/// A violation by a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// A malformed message or answer: no working client sends one.
    Malformed,
    /// An answer without a pending offer. Every client sends one now and then, to a peer that has just left.
    UnmatchedAnswer,
    /// A message refused because the connection stayed over its limits.
    Refused,
}

impl Violation {
    /// Returns its points.
    #[must_use]
    pub(super) const fn points(self) -> f32 {
        match self {
            Self::Malformed => 1.0,
            Self::UnmatchedAnswer | Self::Refused => 0.25,
        }
    }
}

/// The number of each violation since the connection was last in good standing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ViolationCounts {
    malformed: u32,
    unmatched_answers: u32,
    refused: u32,
}

impl ViolationCounts {
    pub(super) fn count(&mut self, violation: Violation) {
        let number = match violation {
            Violation::Malformed => &mut self.malformed,
            Violation::UnmatchedAnswer => &mut self.unmatched_answers,
            Violation::Refused => &mut self.refused,
        };
        *number = number.saturating_add(1);
    }
}

/// The recorded violations of a connection for the operator. Its text lists their numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AbuseReport {
    /// The current points.
    pub points: f32,
    /// `bans.connection_score_max`
    pub points_max: f32,
    /// Whether reading from it is slowed.
    pub is_slowed: bool,
    pub(super) violations: ViolationCounts,
}

impl fmt::Display for AbuseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = [
            (self.violations.malformed, "malformed messages"),
            (self.violations.unmatched_answers, "unexpected answers"),
            (self.violations.refused, "messages refused by rate limits"),
        ];
        let mut separator = "";
        for (number, name) in numbers.iter().filter(|(number, _)| *number > 0) {
            write!(f, "{separator}{number} {name}")?;
            separator = ", ";
        }
        if separator.is_empty() {
            f.write_str("over its limits")?;
        }
        Ok(())
    }
}

/// A score that halves after each half-life.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Score {
    points: f32,
    /// When it last changed, in seconds since the process started.
    changed_at_second: u32,
}

impl Score {
    /// Returns the current points.
    pub(super) fn points(self, now: Duration, half_life: Duration) -> f32 {
        let age = self.age(now).as_secs_f32() / half_life.as_secs_f32().max(1.0);
        self.points * (-age).exp2()
    }

    /// Returns the time since the last points, in whole seconds. Fractions would decay again with each of many points.
    pub(super) fn age(self, now: Duration) -> Duration {
        Duration::from_secs(
            now.as_secs()
                .saturating_sub(u64::from(self.changed_at_second)),
        )
    }

    /// Adds points and returns the new total.
    pub(super) fn add(&mut self, points: f32, now: Duration, half_life: Duration) -> f32 {
        self.points = self.points(now, half_life) + points;
        self.changed_at_second = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
        self.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_LIFE: Duration = Duration::from_mins(1);

    #[test]
    fn points_halve_with_each_half_life() {
        let mut score = Score::default();
        let start = Duration::from_secs(100);
        assert!((score.add(8.0, start, HALF_LIFE) - 8.0).abs() < 0.01);
        for (minutes, left) in [(0, 8.0), (1, 4.0), (3, 1.0), (60, 0.0)] {
            let points = score.points(start + minutes * HALF_LIFE, HALF_LIFE);
            assert!((points - left).abs() < 0.01, "{minutes}: {points}");
        }
        assert!((score.add(1.0, start + HALF_LIFE, HALF_LIFE) - 5.0).abs() < 0.01);
    }

    #[test]
    fn many_points_within_a_second_do_not_decay() {
        let mut score = Score::default();
        let points = (0..1000).map(|number| {
            let now = Duration::from_millis(1_900_000 + number / 10);
            score.add(1.0, now, HALF_LIFE)
        });
        assert!(points.last().is_some_and(|points| points > 985.0));
    }
}
