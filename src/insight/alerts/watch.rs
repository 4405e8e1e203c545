//! The state machine of one rule: ok, pending, firing.

use serde::{Deserialize, Serialize};

use super::Rule;

/// Seconds for which a rule with an unknown value keeps its state; then the value counts as good. After a restart rates
/// are
/// unknown at first, and this must not resolve an alert.
pub(super) const UNKNOWN_HOLDS: f64 = 60.0;

/// The state of a rule.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its value is good.
    #[default]
    Ok,
    /// Its value is bad, but not yet for long enough.
    Pending,
    /// It fires.
    Firing,
}

/// A transition of a rule that is notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Turn {
    /// It began to fire.
    Firing,
    /// It no longer fires.
    Resolved,
}

/// The state of one rule and its timers. Durations are added up from evaluation to evaluation, so that neither setting
/// the
/// clock nor suspending the process can make a rule fire.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Watch {
    pub(super) state: State,
    /// When it entered this state, in Unix seconds; `None` if it was never in another.
    pub(super) since: Option<f64>,
    /// Seconds for which the value was bad while pending, or good while firing.
    #[serde(default)]
    pub(super) lasted: f64,
    /// Seconds for which it was unknown.
    #[serde(skip)]
    unknown: f64,
    /// The value at the last evaluation, if it was known.
    #[serde(skip)]
    pub(super) value: Option<f64>,
    /// The value with which it began to fire.
    #[serde(default)]
    pub(super) fired_with: Option<f64>,
    /// Whether receivers were notified that it fires.
    #[serde(default)]
    pub(super) is_told: bool,
}

impl Watch {
    /// Evaluates the rule: `value` if it is known, `elapsed` seconds since the last evaluation, `now` in Unix seconds.
    pub(super) fn look(
        &mut self,
        rule: &Rule,
        value: Option<f64>,
        elapsed: f64,
        now: f64,
    ) -> Option<Turn> {
        self.value = value.filter(|value| !value.is_nan());
        if self.value.is_none() {
            self.unknown += elapsed;
            if self.unknown < UNKNOWN_HOLDS {
                return None;
            }
        } else {
            self.unknown = 0.0;
        }
        let is_beyond = |limit| {
            self.value
                .is_some_and(|value| rule.comparison.is_bad(value, limit))
        };
        match self.state {
            State::Ok | State::Pending => self.rise(rule, is_beyond(rule.threshold), elapsed, now),
            State::Firing => self.fall(rule, !is_beyond(rule.clear), elapsed, now),
        }
    }

    fn rise(&mut self, rule: &Rule, is_bad: bool, elapsed: f64, now: f64) -> Option<Turn> {
        if !is_bad {
            if self.state == State::Pending {
                self.enter(State::Ok, now);
            }
            return None;
        }
        if self.state == State::Ok {
            // It counts as bad from this evaluation on, whatever time passed since the last one.
            self.enter(State::Pending, now);
        } else {
            self.lasted += elapsed;
        }
        if self.lasted < rule.hold {
            return None;
        }
        self.enter(State::Firing, now);
        self.fired_with = self.value;
        Some(Turn::Firing)
    }

    fn fall(&mut self, rule: &Rule, is_good: bool, elapsed: f64, now: f64) -> Option<Turn> {
        if !is_good {
            self.lasted = 0.0;
            return None;
        }
        self.lasted += elapsed;
        if self.lasted < rule.keep_firing {
            return None;
        }
        self.enter(State::Ok, now);
        Some(Turn::Resolved)
    }

    /// Stops evaluating the rule and resets it to `Ok`.
    pub(super) fn quit(&mut self, now: f64) -> Option<Turn> {
        let before = self.state;
        self.value = None;
        if before != State::Ok {
            self.enter(State::Ok, now);
        }
        (before == State::Firing).then_some(Turn::Resolved)
    }

    fn enter(&mut self, state: State, now: f64) {
        (self.state, self.since, self.lasted) = (state, Some(now), 0.0);
    }

    /// Returns whether a timer is running.
    pub(super) fn is_counting(&self) -> bool {
        self.state == State::Pending || self.lasted > 0.0
    }
}

#[cfg(test)]
#[path = "tests/watch.rs"]
mod tests;
