//! Evaluates alert rules over the statistics, and holds their states and silences.
//!
//! Does no I/O: time comes with the statistics, notifications go out as values. The server evaluates once a second, the
//! API
//! changes rules and silences, `notify` sends.

mod desk;
mod document;
mod rule;
mod shipped;
mod silence;
mod telling;
mod view;
mod watch;
mod window;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::Statistics;
use telling::is_silenced;
use watch::Watch;
use window::{Reading, Window};

pub use desk::{Desk, SinkStatus};
pub use rule::{Comparison, Rule, Severity};
pub use shipped::shipped;
pub use silence::{ALL, Silence};
pub use view::{RuleView, Summary};
pub use watch::{State, Turn};
pub use words::rounded;

/// The maximum of rules, shipped ones included.
pub const RULES_MAX: usize = 100;
/// The maximum of silences at once.
pub const SILENCES_MAX: usize = 100;
/// The longest time between two evaluations that counts for a rule, in seconds: a suspended process measures nothing.
const ELAPSED_MAX: f64 = 5.0;

/// Why a change is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
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
    Unread,
}

/// A transition of a rule, for the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The name of the rule.
    pub rule: String,
    /// Unix seconds.
    pub at: f64,
    /// The transition.
    pub state: Turn,
    /// The rule's value at that moment, if it was known.
    pub value: Option<f64>,
}

/// A notification to send.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// The rule as it is now.
    pub rule: Rule,
    /// The transition.
    pub turn: Turn,
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
pub struct Look {
    /// Transitions.
    pub events: Vec<Event>,
    /// Notifications to send; those of silenced rules are left out.
    pub notices: Vec<Notice>,
}

/// All rules with their states, and the silences.
#[derive(Debug)]
pub struct Alerts {
    kept: BTreeMap<String, Kept>,
    /// Deleted rules, until their resolution is notified.
    deleted: Vec<Kept>,
    silences: Vec<Silence>,
    window: Window,
    /// Time of the latest evaluation, in Unix seconds.
    now: f64,
    /// Rules whose latest notification is not delivered to all receivers.
    waiting: BTreeSet<String>,
    /// Whether something must be saved for the next start.
    is_changed: bool,
    /// Whether rules and silences of earlier runs may exist that could not be read yet.
    is_unread: bool,
}

#[derive(Debug, Clone)]
struct Kept {
    rule: Rule,
    watch: Watch,
    /// When it began to fire, in Unix seconds; used until its resolution is notified.
    fired_at: f64,
    /// When receivers were last notified, in Unix seconds.
    told_at: f64,
}

impl Kept {
    fn new(rule: Rule) -> Self {
        Self {
            rule,
            watch: Watch::default(),
            fired_at: 0.0,
            told_at: 0.0,
        }
    }

    fn notice(&self, transition: Turn, now: f64) -> Notice {
        Notice {
            rule: self.rule.clone(),
            turn: transition,
            value: self.watch.value.or(self.watch.fired_with),
            starts_at: self.fired_at,
            ends_at: (transition == Turn::Resolved).then_some(now),
            is_test: false,
        }
    }
}

impl Default for Alerts {
    /// The shipped rules, all in state `Ok`.
    fn default() -> Self {
        let rules = shipped().into_iter();
        Self {
            kept: rules
                .map(|rule| (rule.name.clone(), Kept::new(rule)))
                .collect(),
            deleted: Vec::new(),
            silences: Vec::new(),
            window: Window::default(),
            now: 0.0,
            waiting: BTreeSet::new(),
            is_changed: false,
            is_unread: false,
        }
    }
}

impl Alerts {
    /// Evaluates all rules with newer statistics.
    pub fn look(&mut self, statistics: &Statistics) -> Look {
        let since = statistics.at.duration_since(UNIX_EPOCH);
        let now = since.unwrap_or_default().as_secs_f64();
        let elapsed = self.window.take(statistics).min(ELAPSED_MAX);
        self.now = now;
        self.forget_silences(now);
        let mut evaluation = Look::default();
        for entry in self.kept.values_mut() {
            let transition = if entry.rule.enabled {
                let value = match self.window.read(&entry.rule) {
                    Reading::Known(value) => Some(value),
                    Reading::Unknown | Reading::Missing => None,
                };
                let before = entry.watch.state;
                let transition = entry.watch.look(&entry.rule, value, elapsed, now);
                self.is_changed |= entry.watch.state != before;
                transition
            } else {
                entry.watch.quit(now)
            };
            let is_silenced = is_silenced(&self.silences, &entry.rule.name, now);
            self.is_changed |= entry.settle(transition, is_silenced, now, &mut evaluation);
        }
        for mut entry in self.deleted.drain(..) {
            let transition = entry.watch.quit(now);
            entry.settle(transition, false, now, &mut evaluation);
        }
        evaluation
    }

    /// Returns the rule with this name.
    #[must_use]
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.kept.get(name).map(|entry| &entry.rule)
    }

    /// Adds or replaces a rule. A replaced rule keeps its state until the next evaluation.
    ///
    /// # Errors
    /// The rule is invalid, names an unknown series, there are [`RULES_MAX`], or the rules of earlier runs are not read
    /// yet.
    pub fn put(&mut self, rule: Rule) -> Result<(), Refused> {
        self.must_be_read()?;
        rule.check().map_err(Refused::Invalid)?;
        let is_new = !self.kept.contains_key(&rule.name);
        if let Some(missing) = rule.missing() {
            return Err(Refused::Invalid(format!("no such series: {missing}")));
        }
        if is_new && self.kept.len() >= RULES_MAX {
            let full = format!("there are {RULES_MAX} rules already");
            return Err(Refused::Invalid(full));
        }
        let fresh = || Kept::new(rule.clone());
        let entry = self.kept.entry(rule.name.clone()).or_insert_with(fresh);
        entry.rule = rule;
        self.is_changed = true;
        Ok(())
    }

    /// Deletes a rule, or resets a shipped one to its default. Returns whether it was deleted.
    ///
    /// # Errors
    /// No rule has this name, or the rules of earlier runs are not read yet.
    pub fn delete(&mut self, name: &str) -> Result<bool, Refused> {
        self.must_be_read()?;
        let unknown = || Refused::Unknown(format!("rule {name:?}"));
        let original = shipped().into_iter().find(|rule| rule.name == name);
        self.is_changed = true;
        if let Some(original) = original {
            let entry = self.kept.get_mut(name).ok_or_else(unknown)?;
            entry.rule = original;
            return Ok(false);
        }
        let entry = self.kept.remove(name).ok_or_else(unknown)?;
        if entry.watch.state == State::Firing || entry.watch.is_told {
            self.deleted.push(entry);
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
