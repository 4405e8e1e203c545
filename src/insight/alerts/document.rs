//! What is kept over a restart: rules that are not as shipped, how each stands, silences. One JSON text.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::watch::Watch;
use super::{Alerts, Kept, RULES_MAX, Refused, Rule, SILENCES_MAX, Silence, State, shipped};

/// What this version writes and reads.
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Document {
    version: u32,
    /// Own rules and changed ones. Each is read by itself, so that one that only another version can read costs no other.
    rules: Vec<Value>,
    /// How each rule stands that is not simply fine.
    watches: BTreeMap<String, KeptWatch>,
    silences: Vec<Silence>,
    /// Rules of which some receiver had not got the latest notice.
    #[serde(default)]
    waiting: BTreeSet<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptWatch {
    #[serde(flatten)]
    watch: Watch,
    fired_at: f64,
    #[serde(default)]
    told_at: f64,
}

impl Alerts {
    /// All that a restart must know.
    #[must_use]
    pub fn document(&self) -> String {
        let originals = shipped();
        let rules = self.kept.values().map(|kept| &kept.rule);
        let watches = self.kept.iter().filter(|(_, kept)| {
            kept.watch.state != State::Ok || kept.watch.is_told || kept.watch.since.is_some()
        });
        let watches = watches.map(|(name, kept)| {
            let watch = KeptWatch {
                watch: kept.watch.clone(),
                fired_at: kept.fired_at,
                told_at: kept.told_at,
            };
            (name.clone(), watch)
        });
        let document = Document {
            version: VERSION,
            rules: rules
                .filter(|rule| !originals.contains(rule))
                .filter_map(|rule| serde_json::to_value(rule).ok())
                .collect(),
            watches: watches.collect(),
            silences: self.silences.clone(),
            waiting: self.waiting.clone(),
        };
        // Every number of a rule is finite and every key is text.
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// As it was when that was written. Shipped rules that nobody had changed are those of this version. Rules that cannot be
    /// read are left out, and `unread` is told of each.
    ///
    /// # Errors
    /// A sentence on why nothing of it can be read.
    pub fn restore(document: &str, mut unread: impl FnMut(String)) -> Result<Self, String> {
        let document: Document =
            serde_json::from_str(document).map_err(|error| error.to_string())?;
        if document.version != VERSION {
            return Err(format!("it has version {}", document.version));
        }
        let mut alerts = Self::default();
        for rule in document.rules.into_iter().take(RULES_MAX) {
            let name = rule
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or("?")
                .to_owned();
            let read = serde_json::from_value::<Rule>(rule).map_err(|error| error.to_string());
            match read.and_then(|rule| rule.check().map(|()| rule)) {
                Ok(rule) => drop(alerts.kept.insert(rule.name.clone(), Kept::new(rule))),
                Err(reason) => unread(format!("{name}: {reason}")),
            }
        }
        for (name, kept) in document.watches {
            if let Some(known) = alerts.kept.get_mut(&name) {
                (known.watch, known.fired_at) = (kept.watch, kept.fired_at);
                known.told_at = kept.told_at;
            }
        }
        for name in document.waiting {
            if let Some(kept) = alerts.kept.get_mut(&name) {
                // What did not arrive is told again: that it fires, or that it does no more.
                kept.watch.is_told = kept.watch.state != State::Firing;
            }
        }
        alerts.silences = document.silences;
        alerts.silences.truncate(SILENCES_MAX);
        Ok(alerts)
    }

    /// From now on there may be rules and silences of earlier runs that cannot be read yet: those there are go on, silences
    /// can be made, and rules cannot be changed.
    pub fn wait_for_document(&mut self) {
        self.is_unread = true;
    }

    /// Whether rules and silences of earlier runs could not be read yet.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        self.is_unread
    }

    pub(super) fn must_be_read(&self) -> Result<(), Refused> {
        if self.is_unread {
            return Err(Refused::Unread);
        }
        Ok(())
    }

    /// Takes up what an earlier run has kept, if it has kept anything. What fires since this process was started goes on, and
    /// so do its silences.
    ///
    /// Of rules that cannot be read `unread` is told, as by [`Self::restore`].
    ///
    /// # Errors
    /// A sentence on why the document cannot be read; then all stays as it is, and is not waited for any more.
    pub fn take_up(
        &mut self,
        document: Option<&str>,
        unread: impl FnMut(String),
    ) -> Result<(), String> {
        self.is_unread = false;
        let Some(document) = document else {
            return Ok(());
        };
        let stored = Self::restore(document, unread)?;
        let live = std::mem::replace(&mut self.kept, stored.kept);
        for (name, live) in live {
            if let Some(kept) = self.kept.get_mut(&name)
                && !kept.is_told_or_fires()
                && (live.is_told_or_fires() || live.watch.state != State::Ok)
            {
                let rule = kept.rule.clone();
                *kept = Kept { rule, ..live };
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

    /// Whether something has changed since this was asked last that a restart must know.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.is_changed)
    }

    /// What has changed could not be kept.
    pub fn still_changed(&mut self) {
        self.is_changed = true;
    }

    /// Whether a time is running that a restart would begin anew.
    #[must_use]
    pub fn is_counting(&self) -> bool {
        self.kept.values().any(|kept| kept.watch.is_counting())
    }
}

impl Kept {
    fn is_told_or_fires(&self) -> bool {
        self.watch.is_told || self.watch.state == State::Firing
    }
}
