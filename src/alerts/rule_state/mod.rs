//! The state machine of one rule: ok, pending, firing.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::AlertRule;

/// Seconds for which a rule with an unknown value keeps its state; then the value counts as good. After a restart rates
/// are unknown at first, and this must not resolve an alert.
pub(super) const UNKNOWN_GRACE_SECONDS: f64 = 60.0;

/// The state of a rule.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RuleState {
    /// Its value is good.
    #[default]
    Ok,
    /// Its value is bad, but not yet for long enough.
    Pending,
    /// It fires.
    Firing,
}

/// A transition of a rule that is notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlertTransition {
    /// It began to fire.
    Firing,
    /// It no longer fires.
    Resolved,
}

/// The state of one rule and its timers. Durations are added up from evaluation to evaluation, so that neither setting
/// the clock nor suspending the process can make a rule fire.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RuleStateMachine {
    pub(super) state: RuleState,
    /// When it entered this state, in Unix seconds; `None` if it was never in another.
    pub(super) since: Option<f64>,
    /// Seconds for which the value was bad while pending, or good while firing.
    #[serde(default)]
    pub(super) lasted: f64,
    /// Seconds for which it was unknown.
    #[serde(skip)]
    unknown_for: f64,
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

impl RuleStateMachine {
    /// Evaluates the rule: `value` if it is known, `elapsed` seconds since the last evaluation, `now` in Unix seconds.
    pub(super) fn evaluate(
        &mut self,
        rule: &AlertRule,
        value: Option<f64>,
        elapsed: f64,
        now: f64,
    ) -> Option<AlertTransition> {
        self.value = value.filter(|value| !value.is_nan());
        if self.value.is_none() {
            self.unknown_for += elapsed;
            if self.unknown_for < UNKNOWN_GRACE_SECONDS {
                return None;
            }
        } else {
            self.unknown_for = 0.0;
        }
        let is_beyond = |limit| {
            self.value
                .is_some_and(|value| rule.comparison.is_bad(value, limit))
        };
        match self.state {
            RuleState::Ok | RuleState::Pending => {
                self.advance_to_firing(rule, is_beyond(rule.threshold), elapsed, now)
            }
            RuleState::Firing => {
                self.advance_to_resolved(rule, !is_beyond(rule.clear), elapsed, now)
            }
        }
    }

    fn advance_to_firing(
        &mut self,
        rule: &AlertRule,
        is_bad: bool,
        elapsed: f64,
        now: f64,
    ) -> Option<AlertTransition> {
        if !is_bad {
            if self.state == RuleState::Pending {
                self.enter(RuleState::Ok, now);
            }
            return None;
        }
        if self.state == RuleState::Ok {
            // It counts as bad from this evaluation on, whatever time passed since the last one.
            self.enter(RuleState::Pending, now);
        } else {
            self.lasted += elapsed;
        }
        if self.lasted < rule.hold {
            return None;
        }
        self.enter(RuleState::Firing, now);
        self.fired_with = self.value;
        Some(AlertTransition::Firing)
    }

    fn advance_to_resolved(
        &mut self,
        rule: &AlertRule,
        is_good: bool,
        elapsed: f64,
        now: f64,
    ) -> Option<AlertTransition> {
        if !is_good {
            self.lasted = 0.0;
            return None;
        }
        self.lasted += elapsed;
        if self.lasted < rule.keep_firing {
            return None;
        }
        self.enter(RuleState::Ok, now);
        Some(AlertTransition::Resolved)
    }

    /// Stops evaluating the rule and resets it to `Ok`.
    pub(super) fn disable(&mut self, now: f64) -> Option<AlertTransition> {
        let before = self.state;
        self.value = None;
        if before != RuleState::Ok {
            self.enter(RuleState::Ok, now);
        }
        (before == RuleState::Firing).then_some(AlertTransition::Resolved)
    }

    fn enter(&mut self, state: RuleState, now: f64) {
        (self.state, self.since, self.lasted) = (state, Some(now), 0.0);
    }

    /// Returns whether a timer is running.
    pub(super) fn has_running_timer(&self) -> bool {
        self.state == RuleState::Pending || self.lasted > 0.0
    }
}

#[cfg(test)]
mod tests;
