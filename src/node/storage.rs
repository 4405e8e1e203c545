//! Holds what the process stores beyond its memory: the history, documents, and the journal of the operator's changes.

use std::time::SystemTime;

use crate::history::{HistoryStore, Journal};

/// Maximum characters of an audit entry; only a very long setting value needs more.
const AUDIT_CHARS_MAX: usize = 500;

/// The stored state of the process.
#[derive(Debug)]
pub struct Storage {
    history: HistoryStore,
}

impl Storage {
    pub(super) fn new(history: HistoryStore) -> Self {
        Self { history }
    }

    /// Returns the store of history, documents and journals.
    #[must_use]
    pub fn history(&self) -> &HistoryStore {
        &self.history
    }

    /// Journals and logs a change by the operator. `what` is its kind.
    pub fn audit(&self, what: &'static str, detail: &str) {
        tracing::info!(what, detail, "changed by the operator");
        self.journal(what, detail);
    }

    /// Journals a change that is already logged.
    pub fn journal(&self, what: &'static str, detail: &str) {
        let detail: String = detail.chars().take(AUDIT_CHARS_MAX).collect();
        let entry = serde_json::json!({ "what": what, "detail": detail });
        self.history
            .append_journal(Journal::Audit, SystemTime::now(), entry.to_string());
    }
}
