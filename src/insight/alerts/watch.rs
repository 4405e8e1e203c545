//! How one rule stands: fine, bad for a while, or firing; and how it comes from one to the other.

use serde::{Deserialize, Serialize};

use super::Rule;

/// A rule whose number is unknown stays as it is for so many seconds, then counts as good. After a restart rates are
/// unknown at first, and what fires shall not end for that.
pub(super) const UNKNOWN_HOLDS: f64 = 60.0;

/// How a rule stands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its number is good.
    #[default]
    Ok,
    /// Its number is bad, but not yet for long enough.
    Pending,
    /// It is told.
    Firing,
}

/// What happened to a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Turn {
    /// It began to fire.
    Firing,
    /// It fires no more.
    Resolved,
}

/// The state of one rule. How long something has lasted is added up from look to look, so that neither a clock that is
/// set nor a time in which the process stood still can make a rule fire.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Watch {
    pub(super) state: State,
    /// Unix seconds of when it came into this state; nothing if it was never in another.
    pub(super) since: Option<f64>,
    /// Seconds for which the number was bad while pending, or good while firing.
    #[serde(default)]
    pub(super) lasted: f64,
    /// Seconds for which it was unknown.
    #[serde(skip)]
    unknown: f64,
    /// The number when it was last looked at, if it was known.
    #[serde(skip)]
    pub(super) value: Option<f64>,
    /// The number with which it began to fire.
    #[serde(default)]
    pub(super) fired_with: Option<f64>,
    /// Whether receivers were told that it fires.
    #[serde(default)]
    pub(super) is_told: bool,
}

impl Watch {
    /// Takes a look: `value` is the number, if it is known, `elapsed` the seconds since the last look, `now` Unix seconds.
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
            // It has been bad from this look on, however long ago the last one was.
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

    /// Looks no more: whatever it was, it is fine.
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

    /// Whether a time is running that a restart would begin anew.
    pub(super) fn is_counting(&self) -> bool {
        self.state == State::Pending || self.lasted > 0.0
    }
}

#[cfg(test)]
#[path = "tests/watch.rs"]
mod tests;
