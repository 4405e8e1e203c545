//! Evaluates alert rules over the statistics, and holds their states and silences.
//!
//! Does no I/O: time comes with the statistics, notifications go out as values. The server evaluates once a second, the
//! API changes rules and silences, `notify` sends.

mod default_rules;
mod describe;
mod document;
mod due_notices;
mod rate_window;
mod rule;
mod rule_state;
mod shared;
mod silence;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::metrics::Statistics;
use due_notices::is_silenced;
use rate_window::{RateWindow, RuleValue};
use rule_state::RuleStateMachine;

pub use default_rules::default_rules;
pub use describe::round_for_log;
pub use rule::{AlertRule, Comparison, Severity};
pub use rule_state::{AlertTransition, RuleState};
pub use shared::{SharedAlerts, SinkStatus};
pub use silence::{ALL_RULES, Silence};
pub use view::{AlertSummary, RuleView};

/// The maximum of rules, shipped ones included.
pub const RULES_MAX: usize = 100;
/// The maximum of silences at once.
pub const SILENCES_MAX: usize = 100;
/// The longest time between two evaluations that counts for a rule, in seconds: a suspended process measures nothing.
const ELAPSED_MAX: f64 = 5.0;

/// Why a change is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AlertsError {
    /// The rule or silence does not exist.
    #[error("there is no {0}")]
    Unknown(String),
    /// The input is invalid.
    #[error("{0}")]
    Invalid(String),
    /// The rules of earlier runs are not loaded yet; a change would overwrite them.
    #[error(
        "the rules of earlier runs cannot be read yet, so rules cannot be changed now; the server's log has the error of the history"
    )]
    NotLoaded,
}

/// A transition of a rule, for the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlertEvent {
    /// The name of the rule.
    pub rule: String,
    /// Unix seconds.
    pub at: f64,
    /// The transition.
    pub state: AlertTransition,
    /// The rule's value at that moment, if it was known.
    #[schema(required)]
    pub value: Option<f64>,
}

/// A notification to send.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// The rule as it is now.
    pub rule: AlertRule,
    /// The transition.
    pub transition: AlertTransition,
    /// The rule's value: the latest, or the one with which it began to fire.
    pub value: Option<f64>,
    /// When it began to fire, in Unix seconds.
    pub starts_at: f64,
    /// When it was resolved, in Unix seconds.
    pub ends_at: Option<f64>,
    /// Whether this is a test of the receivers, without an alert.
    pub is_test: bool,
}

/// The results of one evaluation of all rules.
#[derive(Debug, Default, PartialEq)]
pub struct Evaluation {
    /// Transitions.
    pub events: Vec<AlertEvent>,
    /// Notifications to send; those of silenced rules are left out.
    pub notices: Vec<Notice>,
}

/// All rules with their states, and the silences.
#[derive(Debug)]
pub struct Alerts {
    rules: BTreeMap<String, RuleEntry>,
    /// Deleted rules, until their resolution is notified.
    deleted: Vec<RuleEntry>,
    silences: Vec<Silence>,
    window: RateWindow,
    /// Time of the latest evaluation, in Unix seconds.
    now: f64,
    /// Rules whose latest notification is not delivered to all receivers.
    undelivered: BTreeSet<String>,
    /// Whether something must be saved for the next start.
    is_changed: bool,
    /// Whether rules and silences of earlier runs may exist that could not be read yet.
    is_document_pending: bool,
}

#[derive(Debug, Clone)]
struct RuleEntry {
    rule: AlertRule,
    machine: RuleStateMachine,
    /// When it began to fire, in Unix seconds; used until its resolution is notified.
    fired_at: f64,
    /// When receivers were last notified, in Unix seconds.
    notified_at: f64,
}

impl RuleEntry {
    fn new(rule: AlertRule) -> Self {
        Self {
            rule,
            machine: RuleStateMachine::default(),
            fired_at: 0.0,
            notified_at: 0.0,
        }
    }

    fn notice(&self, transition: AlertTransition, now: f64) -> Notice {
        Notice {
            rule: self.rule.clone(),
            transition,
            value: self.machine.value.or(self.machine.fired_with),
            starts_at: self.fired_at,
            ends_at: (transition == AlertTransition::Resolved).then_some(now),
            is_test: false,
        }
    }
}

impl Default for Alerts {
    /// The shipped rules, all in state `Ok`.
    fn default() -> Self {
        let rules = default_rules().into_iter();
        Self {
            rules: rules
                .map(|rule| (rule.name.clone(), RuleEntry::new(rule)))
                .collect(),
            deleted: Vec::new(),
            silences: Vec::new(),
            window: RateWindow::default(),
            now: 0.0,
            undelivered: BTreeSet::new(),
            is_changed: false,
            is_document_pending: false,
        }
    }
}

impl Alerts {
    /// Evaluates all rules with newer statistics.
    pub fn evaluate(&mut self, statistics: &Statistics) -> Evaluation {
        let since = statistics.at.duration_since(UNIX_EPOCH);
        let now = since.unwrap_or_default().as_secs_f64();
        let elapsed = self.window.push(statistics).min(ELAPSED_MAX);
        self.now = now;
        self.remove_expired_silences(now);
        let mut evaluation = Evaluation::default();
        for entry in self.rules.values_mut() {
            let transition = if entry.rule.enabled {
                let value = match self.window.rule_value(&entry.rule) {
                    RuleValue::Known(value) => Some(value),
                    RuleValue::Unknown | RuleValue::NoSuchSeries => None,
                };
                let before = entry.machine.state;
                let transition = entry.machine.evaluate(&entry.rule, value, elapsed, now);
                self.is_changed |= entry.machine.state != before;
                transition
            } else {
                entry.machine.disable(now)
            };
            let is_silenced = is_silenced(&self.silences, &entry.rule.name, now);
            self.is_changed |=
                entry.record_transition(transition, is_silenced, now, &mut evaluation);
        }
        for mut entry in self.deleted.drain(..) {
            let transition = entry.machine.disable(now);
            entry.record_transition(transition, false, now, &mut evaluation);
        }
        evaluation
    }

    /// Returns the rule with this name.
    #[must_use]
    pub fn rule(&self, name: &str) -> Option<&AlertRule> {
        self.rules.get(name).map(|entry| &entry.rule)
    }

    /// Adds or replaces a rule. A replaced rule keeps its state until the next evaluation.
    ///
    /// # Errors
    /// The rule is invalid, names an unknown series, there are [`RULES_MAX`], or the rules of earlier runs are not read
    /// yet.
    pub fn put_rule(&mut self, rule: AlertRule) -> Result<(), AlertsError> {
        self.check_document_loaded()?;
        rule.validate().map_err(AlertsError::Invalid)?;
        let is_new = !self.rules.contains_key(&rule.name);
        if let Some(missing) = rule.missing_series() {
            return Err(AlertsError::Invalid(format!("no such series: {missing}")));
        }
        if is_new && self.rules.len() >= RULES_MAX {
            let full = format!("there are {RULES_MAX} rules already");
            return Err(AlertsError::Invalid(full));
        }
        let fresh = || RuleEntry::new(rule.clone());
        let entry = self.rules.entry(rule.name.clone()).or_insert_with(fresh);
        entry.rule = rule;
        self.is_changed = true;
        Ok(())
    }

    /// Deletes a rule, or resets a shipped one to its default. Returns whether it was deleted.
    ///
    /// # Errors
    /// No rule has this name, or the rules of earlier runs are not read yet.
    pub fn delete_rule(&mut self, name: &str) -> Result<bool, AlertsError> {
        self.check_document_loaded()?;
        let unknown = || AlertsError::Unknown(format!("rule {name:?}"));
        let original = default_rules().into_iter().find(|rule| rule.name == name);
        self.is_changed = true;
        if let Some(original) = original {
            let entry = self.rules.get_mut(name).ok_or_else(unknown)?;
            entry.rule = original;
            return Ok(false);
        }
        let entry = self.rules.remove(name).ok_or_else(unknown)?;
        if entry.machine.state == RuleState::Firing || entry.machine.is_told {
            self.deleted.push(entry);
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
