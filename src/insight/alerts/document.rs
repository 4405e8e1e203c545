//! What is kept over a restart: rules that are not as shipped, how each stands, silences. One JSON text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::watch::Watch;
use super::{Alerts, Kept, RULES_MAX, Rule, SILENCES_MAX, Silence, State, shipped};

/// What this version writes and reads.
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Document {
    version: u32,
    /// Own rules and changed ones.
    rules: Vec<Rule>,
    /// How each rule stands that is not simply fine.
    watches: BTreeMap<String, KeptWatch>,
    silences: Vec<Silence>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptWatch {
    #[serde(flatten)]
    watch: Watch,
    fired_at: f64,
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
            };
            (name.clone(), watch)
        });
        let document = Document {
            version: VERSION,
            rules: rules
                .filter(|rule| !originals.contains(rule))
                .cloned()
                .collect(),
            watches: watches.collect(),
            silences: self.silences.clone(),
        };
        // Every number of a rule is finite and every key is text.
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// As it was when that was written. Shipped rules that nobody had changed are those of this version.
    ///
    /// # Errors
    /// A sentence on why it cannot be read.
    pub fn restore(document: &str) -> Result<Self, String> {
        let document: Document =
            serde_json::from_str(document).map_err(|error| error.to_string())?;
        if document.version != VERSION {
            return Err(format!("it has version {}", document.version));
        }
        let mut alerts = Self::default();
        for rule in document.rules.into_iter().take(RULES_MAX) {
            rule.check()?;
            alerts.kept.insert(rule.name.clone(), Kept::new(rule));
        }
        for (name, kept) in document.watches {
            if let Some(known) = alerts.kept.get_mut(&name) {
                (known.watch, known.fired_at) = (kept.watch, kept.fired_at);
            }
        }
        alerts.silences = document.silences;
        alerts.silences.truncate(SILENCES_MAX);
        Ok(alerts)
    }

    /// Whether something has changed since this was asked last that a restart must know.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.is_changed)
    }

    /// Whether a time is running that a restart would begin anew.
    #[must_use]
    pub fn is_counting(&self) -> bool {
        self.kept.values().any(|kept| kept.watch.is_counting())
    }
}
