//! Rules as the API shows them.

use serde::Serialize;

use super::window::Reading;
use super::{ALL, Alerts, Kept, Rule, Severity, State, shipped};

/// One rule and how it stands.
#[derive(Debug, Clone, Serialize)]
pub struct RuleView {
    /// The rule.
    #[serde(flatten)]
    pub rule: Rule,
    /// What it compares, in one line.
    pub expression: String,
    /// Whether every server has it.
    pub shipped: bool,
    /// Whether it is a shipped one that was changed.
    pub changed: bool,
    /// How it stands.
    pub state: State,
    /// Unix seconds of when it came to stand so.
    pub since: Option<f64>,
    /// Its number, if it is known.
    pub value: Option<f64>,
    /// Unix seconds of when somebody is told of it again.
    pub silenced_until: Option<f64>,
    /// Why it can never fire.
    pub problem: Option<String>,
}

/// All in a few words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// How many fire.
    pub firing: usize,
    /// How many are bad, but not for long enough yet.
    pub pending: usize,
    /// The names of those that fire.
    pub names: Vec<String>,
    /// How bad the worst of them is.
    pub severity: Option<Severity>,
}

impl Alerts {
    /// All rules by name.
    #[must_use]
    pub fn views(&self) -> Vec<RuleView> {
        let originals = shipped();
        let views = self.kept.values().map(|kept| self.view(kept, &originals));
        views.collect()
    }

    fn view(&self, kept: &Kept, originals: &[Rule]) -> RuleView {
        let rule = &kept.rule;
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
            state: kept.watch.state,
            since: kept.watch.since,
            value: kept.watch.value,
            silenced_until: until.reduce(f64::max),
            problem: missing.map(|name| format!("no such number: {name}")),
        }
    }

    /// All in a few words.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let stands = |state| {
            let rules = self.kept.values();
            rules.filter(move |kept| kept.watch.state == state)
        };
        let firing: Vec<_> = stands(State::Firing).map(|kept| &kept.rule).collect();
        Summary {
            firing: firing.len(),
            pending: stands(State::Pending).count(),
            severity: firing.iter().map(|rule| rule.severity).max(),
            names: firing.iter().map(|rule| rule.name.clone()).collect(),
        }
    }
}
