//! Alerts: rules over the statistics, how each stands, and who need not be told for a while.
//!
//! Plain values: time comes with the statistics, what is to be told goes out as values. The server looks once a second, the
//! API changes rules and silences, `notify` tells.

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

/// Rules, shipped ones included, at most.
pub const RULES_MAX: usize = 100;
/// Silences at once, at most.
pub const SILENCES_MAX: usize = 100;
/// Longest time that passes for a rule between two looks, in seconds: while the process stood still nothing was seen.
const ELAPSED_MAX: f64 = 5.0;

/// Why a change is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such rule or silence.
    #[error("there is no {0}")]
    Unknown(String),
    /// What was sent cannot be used.
    #[error("{0}")]
    Invalid(String),
    /// Else what an earlier run had would be lost.
    #[error(
        "the rules of earlier runs cannot be read yet, and none can be changed until they are; the server's log says what is wrong with the history"
    )]
    Unread,
}

/// Something that happened to a rule, for the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Which rule.
    pub rule: String,
    /// Unix seconds.
    pub at: f64,
    /// What happened.
    pub state: Turn,
    /// Its number at that moment, if it was known.
    pub value: Option<f64>,
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// The rule as it is now.
    pub rule: Rule,
    /// What happened.
    pub turn: Turn,
    /// Its number: the latest, or the one it began to fire with.
    pub value: Option<f64>,
    /// Unix seconds of when it began to fire.
    pub starts_at: f64,
    /// Unix seconds of when it ended, if it has.
    pub ends_at: Option<f64>,
    /// Whether nothing has happened, and somebody tries whether notifications arrive.
    pub is_test: bool,
}

/// What one look has brought.
#[derive(Debug, Default, PartialEq)]
pub struct Look {
    /// What happened.
    pub events: Vec<Event>,
    /// What is to be told, silences respected.
    pub notices: Vec<Notice>,
}

/// All rules and how they stand.
#[derive(Debug)]
pub struct Alerts {
    kept: BTreeMap<String, Kept>,
    /// Rules that were deleted, until their end is told.
    deleted: Vec<Kept>,
    silences: Vec<Silence>,
    window: Window,
    /// Unix seconds of the latest look.
    now: f64,
    /// Rules of which some receiver has not got the latest notice.
    waiting: BTreeSet<String>,
    /// Whether something is to be kept for the next start.
    is_changed: bool,
    /// Whether there may be rules and silences of earlier runs that could not be read yet.
    is_unread: bool,
}

#[derive(Debug, Clone)]
struct Kept {
    rule: Rule,
    watch: Watch,
    /// Unix seconds of when it began to fire, until its end was told.
    fired_at: f64,
    /// Unix seconds of when receivers were last told that it fires.
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

    fn notice(&self, turn: Turn, now: f64) -> Notice {
        Notice {
            rule: self.rule.clone(),
            turn,
            value: self.watch.value.or(self.watch.fired_with),
            starts_at: self.fired_at,
            ends_at: (turn == Turn::Resolved).then_some(now),
            is_test: false,
        }
    }
}

impl Default for Alerts {
    /// The shipped rules, all fine.
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
    /// Looks at all rules by newer statistics.
    pub fn look(&mut self, statistics: &Statistics) -> Look {
        let since = statistics.at.duration_since(UNIX_EPOCH);
        let now = since.unwrap_or_default().as_secs_f64();
        let elapsed = self.window.take(statistics).min(ELAPSED_MAX);
        self.now = now;
        self.forget_silences(now);
        let mut look = Look::default();
        for kept in self.kept.values_mut() {
            let turn = if kept.rule.enabled {
                let value = match self.window.read(&kept.rule) {
                    Reading::Known(value) => Some(value),
                    Reading::Unknown | Reading::Missing => None,
                };
                let before = kept.watch.state;
                let turn = kept.watch.look(&kept.rule, value, elapsed, now);
                self.is_changed |= kept.watch.state != before;
                turn
            } else {
                kept.watch.quit(now)
            };
            let is_silenced = is_silenced(&self.silences, &kept.rule.name, now);
            self.is_changed |= kept.settle(turn, is_silenced, now, &mut look);
        }
        for mut kept in self.deleted.drain(..) {
            let turn = kept.watch.quit(now);
            kept.settle(turn, false, now, &mut look);
        }
        look
    }

    /// The rule of this name, as it is now.
    #[must_use]
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.kept.get(name).map(|kept| &kept.rule)
    }

    /// Puts a rule in place, a new one or a changed one. How it stands stays, and is judged anew at the next look.
    ///
    /// # Errors
    /// It cannot work, names a number that does not exist, there are [`RULES_MAX`], or those of earlier runs are not read yet.
    pub fn put(&mut self, rule: Rule) -> Result<(), Refused> {
        self.must_be_read()?;
        rule.check().map_err(Refused::Invalid)?;
        let is_new = !self.kept.contains_key(&rule.name);
        if let Some(missing) = rule.missing() {
            return Err(Refused::Invalid(format!("there is no number {missing}")));
        }
        if is_new && self.kept.len() >= RULES_MAX {
            let full = format!("there are {RULES_MAX} rules already");
            return Err(Refused::Invalid(full));
        }
        let fresh = || Kept::new(rule.clone());
        let kept = self.kept.entry(rule.name.clone()).or_insert_with(fresh);
        kept.rule = rule;
        self.is_changed = true;
        Ok(())
    }

    /// Deletes a rule; a shipped one becomes again what it was. Gives whether it is gone.
    ///
    /// # Errors
    /// There is none of that name, or those of earlier runs are not read yet.
    pub fn delete(&mut self, name: &str) -> Result<bool, Refused> {
        self.must_be_read()?;
        let unknown = || Refused::Unknown(format!("rule {name:?}"));
        let original = shipped().into_iter().find(|rule| rule.name == name);
        self.is_changed = true;
        if let Some(original) = original {
            let kept = self.kept.get_mut(name).ok_or_else(unknown)?;
            kept.rule = original;
            return Ok(false);
        }
        let kept = self.kept.remove(name).ok_or_else(unknown)?;
        if kept.watch.state == State::Firing || kept.watch.is_told {
            self.deleted.push(kept);
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
