//! Builds the API views of rules and their states.

use serde::Serialize;
use utoipa::ToSchema;

use super::rate_window::RuleValue;
use super::{ALL_RULES, AlertRule, Alerts, RuleEntry, RuleState, Severity, default_rules};

/// One rule and its state.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RuleView {
    /// The rule.
    #[serde(flatten)]
    pub rule: AlertRule,
    /// Its comparison, in one line.
    pub expression: String,
    /// Whether it is a shipped rule.
    pub shipped: bool,
    /// Whether it is a shipped rule that was changed.
    pub changed: bool,
    /// Its state.
    pub state: RuleState,
    /// When it entered this state, in Unix seconds.
    #[schema(required)]
    pub since: Option<f64>,
    /// Its value, if it is known.
    #[schema(required)]
    pub value: Option<f64>,
    /// When its silence ends, in Unix seconds.
    #[schema(required)]
    pub silenced_until: Option<f64>,
    /// Why it can never fire.
    #[schema(required)]
    pub problem: Option<String>,
}

/// A summary of all rules.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AlertSummary {
    /// Number of firing rules.
    pub firing: usize,
    /// Number of pending rules.
    pub pending: usize,
    /// Names of the firing rules.
    pub names: Vec<String>,
    /// The highest severity of them.
    #[schema(required)]
    pub severity: Option<Severity>,
}

impl Alerts {
    /// Returns the views of all rules, sorted by name.
    #[must_use]
    pub fn rule_views(&self) -> Vec<RuleView> {
        let originals = default_rules();
        let views = self
            .rules
            .values()
            .map(|entry| self.rule_view(entry, &originals));
        views.collect()
    }

    fn rule_view(&self, entry: &RuleEntry, originals: &[AlertRule]) -> RuleView {
        let rule = &entry.rule;
        let original = originals.iter().find(|known| known.name == rule.name);
        let missing = match self.window.rule_value(rule) {
            RuleValue::NoSuchSeries => rule.missing_series(),
            RuleValue::Known(_) | RuleValue::Unknown => None,
        };
        let until = self.silences.iter().filter_map(|silence| {
            (silence.rule == ALL_RULES || silence.rule == rule.name).then_some(silence.until)
        });
        RuleView {
            rule: rule.clone(),
            expression: rule.expression(),
            shipped: original.is_some(),
            changed: original.is_some_and(|original| original != rule),
            state: entry.machine.state,
            since: entry.machine.since,
            value: entry.machine.value,
            silenced_until: until.reduce(f64::max),
            problem: missing.map(|name| format!("no such series: {name}")),
        }
    }

    /// Returns a summary of all rules.
    #[must_use]
    pub fn summary(&self) -> AlertSummary {
        let in_state = |state| {
            let rules = self.rules.values();
            rules.filter(move |entry| entry.machine.state == state)
        };
        let firing: Vec<_> = in_state(RuleState::Firing)
            .map(|entry| &entry.rule)
            .collect();
        AlertSummary {
            firing: firing.len(),
            pending: in_state(RuleState::Pending).count(),
            severity: firing.iter().map(|rule| rule.severity).max(),
            names: firing.iter().map(|rule| rule.name.clone()).collect(),
        }
    }
}
