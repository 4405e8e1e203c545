//! The way to what is kept, for everybody: record, ask, and keep small documents and journals.
//!
//! No call waits for a disk on the caller's thread.

use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;

use super::desk::{Desk, Journal, NOTE_BYTES_MAX};
use crate::insight::Statistics;

/// Bytes of one document.
pub const DOCUMENT_BYTES_MAX: usize = 256 * 1024;

/// Where history, documents and journals are kept. Clones lead to the same place.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
enum Inner {
    /// No history; documents and journals last as long as the process.
    None(Mutex<Desk>),
}

/// What is asked of history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Which series, by name.
    pub series: Vec<&'static str>,
    /// From when, in seconds since 1970.
    pub from: i64,
    /// Until when.
    pub to: i64,
}

/// What history says.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Seconds from one point to the next.
    pub step: i64,
    /// The moments of the points, in seconds since 1970; all there are in the range, also those of which nothing is known.
    pub at: Vec<i64>,
    /// The series that were asked for, in that order.
    pub series: Vec<Line>,
}

/// One series: a value for each moment, not a number (NaN) where nothing is known. Counters as what they grew by in a second.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its name.
    pub name: &'static str,
    /// Mean of the time from one moment to the next.
    pub mean: Vec<f64>,
    /// The least in that time.
    pub min: Vec<f64>,
    /// The most in that time.
    pub max: Vec<f64>,
}

/// Why history does not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// `history` is off.
    #[error("no history is kept here: `history` is off")]
    Off,
}

impl Store {
    /// Keeps no history, and documents and journals as long as the process lives.
    #[must_use]
    pub fn none() -> Self {
        Self(Arc::new(Inner::None(Mutex::default())))
    }

    /// Takes the statistics of a second into account; a part of them becomes history. Never waits.
    pub fn record(&self, _statistics: &Statistics) {
        match &*self.0 {
            Inner::None(_) => {}
        }
    }

    /// Asks for series over a time.
    ///
    /// # Errors
    /// Whatever keeps history from answering.
    #[expect(clippy::unused_async, reason = "history on disk is waited for")]
    pub async fn query(&self, _query: Query) -> Result<Answer, StoreError> {
        match &*self.0 {
            Inner::None(_) => Err(StoreError::Off),
        }
    }

    /// Keeps a small document under a name, in place of the one before. One of more than [`DOCUMENT_BYTES_MAX`] is not
    /// kept, and that is logged.
    #[expect(clippy::unused_async, reason = "a full queue is waited for")]
    pub async fn save(&self, name: &'static str, json: String) {
        if json.len() > DOCUMENT_BYTES_MAX {
            tracing::error!(name, bytes = json.len(), "too large a document to be kept");
            return;
        }
        match &*self.0 {
            Inner::None(desk) => {
                desk.lock().documents.insert(name, json);
            }
        }
    }

    /// The document with this name.
    #[expect(clippy::unused_async, reason = "a disk is waited for")]
    pub async fn load(&self, name: &'static str) -> Option<String> {
        match &*self.0 {
            Inner::None(desk) => desk.lock().documents.get(name).cloned(),
        }
    }

    /// Writes an entry into a journal. Never waits. One of more than [`NOTE_BYTES_MAX`] is not kept, and that is logged.
    pub fn note(&self, journal: Journal, at: SystemTime, json: String) {
        if json.len() > NOTE_BYTES_MAX {
            tracing::error!(
                journal = journal.label(),
                bytes = json.len(),
                "too large an entry to be kept"
            );
            return;
        }
        match &*self.0 {
            Inner::None(desk) => desk.lock().note(journal, at, json),
        }
    }

    /// The newest entries of a journal since then, newest first.
    #[expect(clippy::unused_async, reason = "a disk is waited for")]
    pub async fn journal(
        &self,
        journal: Journal,
        since: SystemTime,
        limit: usize,
    ) -> Vec<(SystemTime, String)> {
        match &*self.0 {
            Inner::None(desk) => desk.lock().journal(journal, since, limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[tokio::test]
    async fn without_history_documents_and_journals_are_kept_in_memory() {
        let store = Store::none();
        assert_eq!(store.load("rules").await, None);
        store.save("rules", "{}".to_owned()).await;
        store
            .save("rules", "x".repeat(DOCUMENT_BYTES_MAX + 1))
            .await;
        assert_eq!(store.clone().load("rules").await.as_deref(), Some("{}"));
        store.note(Journal::Audit, UNIX_EPOCH, "1".to_owned());
        store.note(Journal::Audit, UNIX_EPOCH, "x".repeat(NOTE_BYTES_MAX + 1));
        let entries = store.journal(Journal::Audit, UNIX_EPOCH, 10).await;
        assert_eq!(entries, [(UNIX_EPOCH, "1".to_owned())]);
        let query = Query {
            series: vec!["swarms"],
            from: 0,
            to: 10,
        };
        assert_eq!(store.query(query).await, Err(StoreError::Off));
    }
}
