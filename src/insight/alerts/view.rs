//! Builds the API views of rules and their states.

use serde::Serialize;

use super::window::Reading;
use super::{ALL, Alerts, Kept, Rule, Severity, State, shipped};

/// One rule and its state.
#[derive(Debug, Clone, Serialize)]
pub struct RuleView {
    /// The rule.
    #[serde(flatten)]
    pub rule: Rule,
    /// Its comparison, in one line.
    pub expression: String,
    /// Whether it is a shipped rule.
    pub shipped: bool,
    /// Whether it is a shipped rule that was changed.
    pub changed: bool,
    /// Its state.
    pub state: State,
    /// When it entered this state, in Unix seconds.
    pub since: Option<f64>,
    /// Its value, if it is known.
    pub value: Option<f64>,
    /// When its silence ends, in Unix seconds.
    pub silenced_until: Option<f64>,
    /// Why it can never fire.
    pub problem: Option<String>,
}

/// A summary of all rules.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Number of firing rules.
    pub firing: usize,
    /// Number of pending rules.
    pub pending: usize,
    /// Names of the firing rules.
    pub names: Vec<String>,
    /// The highest severity of them.
    pub severity: Option<Severity>,
}

impl Alerts {
    /// Returns the views of all rules, sorted by name.
    #[must_use]
    pub fn views(&self) -> Vec<RuleView> {
        let originals = shipped();
        let views = self.kept.values().map(|entry| self.view(entry, &originals));
        views.collect()
    }

    fn view(&self, entry: &Kept, originals: &[Rule]) -> RuleView {
        let rule = &entry.rule;
        let original = originals.iter().find(|known| known.name == rule.name);
        let missing = match self.window.read(rule) {
            Reading::Missing => rule.missing(),
            Reading::Known(_) | Reading::Unknown => None,
        };
        let until = self.silences.iter().filter_map(|silence| {
            (silence.rule == ALL || silence.rule == rule.name).then_some(silence.until)
        });
        RuleView {
            rule: rule.clone(),
            expression: rule.expression(),
            shipped: original.is_some(),
            changed: original.is_some_and(|original| original != rule),
            state: entry.watch.state,
            since: entry.watch.since,
            value: entry.watch.value,
            silenced_until: until.reduce(f64::max),
            problem: missing.map(|name| format!("no such series: {name}")),
        }
    }

    /// Returns a summary of all rules.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let in_state = |state| {
            let rules = self.kept.values();
            rules.filter(move |entry| entry.watch.state == state)
        };
        let firing: Vec<_> = in_state(State::Firing).map(|entry| &entry.rule).collect();
        Summary {
            firing: firing.len(),
            pending: in_state(State::Pending).count(),
            severity: firing.iter().map(|rule| rule.severity).max(),
            names: firing.iter().map(|rule| rule.name.clone()).collect(),
        }
    }
}
