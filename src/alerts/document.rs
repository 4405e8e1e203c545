//! Saves and restores alerts over a restart as one JSON document: custom and changed rules, rule states, silences.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::rule_state::RuleStateMachine;
use super::{
    AlertRule, Alerts, AlertsError, RULES_MAX, RuleEntry, RuleState, SILENCES_MAX, Silence,
    default_rules,
};

/// The document version that this program writes and reads.
const DOCUMENT_VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct AlertsDocument {
    version: u32,
    /// Custom and changed rules. Each is parsed separately, so that one unreadable rule does not affect the others.
    rules: Vec<Value>,
    /// The state of each rule that is not simply `Ok`.
    watches: BTreeMap<String, StoredRuleState>,
    silences: Vec<Silence>,
    /// Rules whose latest notification was not delivered to all receivers.
    #[serde(default)]
    waiting: BTreeSet<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredRuleState {
    #[serde(flatten)]
    machine: RuleStateMachine,
    fired_at: f64,
    #[serde(default)]
    told_at: f64,
}

impl Alerts {
    /// Returns the document to save.
    #[must_use]
    pub fn document(&self) -> String {
        let originals = default_rules();
        let rules = self.rules.values().map(|entry| &entry.rule);
        let watches = self.rules.iter().filter(|(_, entry)| {
            entry.machine.state != RuleState::Ok
                || entry.machine.is_told
                || entry.machine.since.is_some()
        });
        let watches = watches.map(|(name, entry)| {
            let stored = StoredRuleState {
                machine: entry.machine.clone(),
                fired_at: entry.fired_at,
                told_at: entry.notified_at,
            };
            (name.clone(), stored)
        });
        let document = AlertsDocument {
            version: DOCUMENT_VERSION,
            rules: rules
                .filter(|rule| !originals.contains(rule))
                .filter_map(|rule| serde_json::to_value(rule).ok())
                .collect(),
            watches: watches.collect(),
            silences: self.silences.clone(),
            waiting: self.undelivered.clone(),
        };
        // Cannot fail: every number of a rule is finite and every key is text.
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// Restores the alerts from a document. Shipped rules that were not changed are those of this version. Rules that
    /// cannot be read are left out; each is passed to `unread`.
    ///
    /// # Errors
    /// The reason why the whole document cannot be read.
    pub fn restore(document: &str, mut unread: impl FnMut(String)) -> Result<Self, String> {
        let document: AlertsDocument =
            serde_json::from_str(document).map_err(|error| error.to_string())?;
        if document.version != DOCUMENT_VERSION {
            return Err(format!("unknown document version {}", document.version));
        }
        let mut alerts = Self::default();
        for rule in document.rules.into_iter().take(RULES_MAX) {
            let name = rule
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or("?")
                .to_owned();
            let read = serde_json::from_value::<AlertRule>(rule).map_err(|error| error.to_string());
            match read.and_then(|rule| rule.validate().map(|()| rule)) {
                Ok(rule) => drop(alerts.rules.insert(rule.name.clone(), RuleEntry::new(rule))),
                Err(reason) => unread(format!("{name}: {reason}")),
            }
        }
        for (name, entry) in document.watches {
            if let Some(known) = alerts.rules.get_mut(&name) {
                (known.machine, known.fired_at) = (entry.machine, entry.fired_at);
                known.notified_at = entry.told_at;
            }
        }
        for name in document.waiting {
            if let Some(entry) = alerts.rules.get_mut(&name) {
                // Makes the next evaluation send the undelivered notification again: firing or resolved.
                entry.machine.is_told = entry.machine.state != RuleState::Firing;
            }
        }
        alerts.silences = document.silences;
        alerts.silences.truncate(SILENCES_MAX);
        Ok(alerts)
    }

    /// Marks that rules and silences of earlier runs may exist that cannot be read yet. The present rules stay active,
    /// silences can be added, and rules cannot be changed.
    pub fn mark_document_pending(&mut self) {
        self.is_document_pending = true;
    }

    /// Returns whether rules and silences of earlier runs could not be read yet.
    #[must_use]
    pub fn is_document_pending(&self) -> bool {
        self.is_document_pending
    }

    pub(super) fn check_document_loaded(&self) -> Result<(), AlertsError> {
        if self.is_document_pending {
            return Err(AlertsError::NotLoaded);
        }
        Ok(())
    }

    /// Merges the document of an earlier run, if there is one. Rules that fire since the start of this process keep
    /// their state, and its silences stay.
    ///
    /// Rules that cannot be read are passed to `unread`, as in [`Self::restore`].
    ///
    /// # Errors
    /// The reason why the document cannot be read. Then the alerts do not change, and rules can be changed again.
    pub fn merge_document(
        &mut self,
        document: Option<&str>,
        unread: impl FnMut(String),
    ) -> Result<(), String> {
        self.is_document_pending = false;
        let Some(document) = document else {
            return Ok(());
        };
        let stored = Self::restore(document, unread)?;
        let live = std::mem::replace(&mut self.rules, stored.rules);
        for (name, live) in live {
            if let Some(entry) = self.rules.get_mut(&name)
                && !entry.is_notified_or_firing()
                && (live.is_notified_or_firing() || live.machine.state != RuleState::Ok)
            {
                let rule = entry.rule.clone();
                *entry = RuleEntry { rule, ..live };
            }
        }
        for mut silence in stored.silences {
            let taken = |id| self.silences.iter().any(|known| known.id == id);
            while taken(silence.id) {
                silence.id = silence.id.wrapping_add(1);
            }
            self.silences.push(silence);
        }
        self.silences.truncate(SILENCES_MAX);
        Ok(())
    }

    /// Returns whether something to save has changed since the last call.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.is_changed)
    }

    /// Marks the changes as not saved, after saving failed.
    pub fn mark_changed(&mut self) {
        self.is_changed = true;
    }

    /// Returns whether a rule has a running timer that a restart would reset if it is not saved.
    #[must_use]
    pub fn has_running_timer(&self) -> bool {
        self.rules
            .values()
            .any(|entry| entry.machine.has_running_timer())
    }
}

impl RuleEntry {
    fn is_notified_or_firing(&self) -> bool {
        self.machine.is_told || self.machine.state == RuleState::Firing
    }
}
