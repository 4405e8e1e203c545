//! The history thread: the only one that waits for the history file.
//!
//! An error affects only the history. It is logged once, and the thread retries with increasing delays.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{mpsc, oneshot};

use super::database::{HistoryDatabase, HistoryLocation};
use super::error::HistoryError;
use super::file::with_suffix;
use super::health::HistoryHealth;
use super::query::StoreError;
use super::record_buffer::{Journal, JournalEntries, RecordBuffer};
use super::records::TopSwarms;
use super::sample::HistorySample;

/// The delay after the first failure; it doubles after each further one, up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_mins(5);

/// A job for the history thread.
pub(super) enum HistoryJob {
    /// Writes a sample.
    Sample(HistorySample),
    /// Writes the largest swarms.
    TopSwarms(TopSwarms),
    /// Appends to a journal.
    JournalEntry(Journal, SystemTime, String),
    /// Writes a document.
    SaveDocument(&'static str, String),
    /// Answers a query.
    Query(Box<dyn FnOnce(&mut HistoryWriter) + Send>),
    /// Closes the file, reports that it is closed, and ends the thread.
    Close(oneshot::Sender<()>),
}

/// Writes and reads the history on a thread of its own: [`Self::run`].
pub struct HistoryWriter {
    jobs: mpsc::Receiver<HistoryJob>,
    location: HistoryLocation,
    database: Option<HistoryDatabase>,
    /// Documents and journal entries that could not be written yet.
    pending: RecordBuffer,
    /// Documents as last written or read, to copy them into a new file that replaces the old one.
    saved_documents: BTreeMap<&'static str, String>,
    health: Arc<HistoryHealth>,
    /// The last error, until the history works again.
    last_error: Option<String>,
    /// Whether the log has a line since the start that the history works.
    was_logged: bool,
    retry_at: Option<Instant>,
    retry_after: Duration,
    retry_min: Duration,
}

/// Marks the history as failed on every way out.
impl Drop for HistoryWriter {
    fn drop(&mut self) {
        self.health.set_works(false);
    }
}

impl fmt::Debug for HistoryWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("HistoryWriter");
        debug.field("place", &self.location).finish_non_exhaustive()
    }
}

impl HistoryWriter {
    pub(super) fn new(
        jobs: mpsc::Receiver<HistoryJob>,
        location: HistoryLocation,
        health: &Arc<HistoryHealth>,
    ) -> Self {
        Self {
            jobs,
            location,
            database: None,
            pending: RecordBuffer::default(),
            saved_documents: BTreeMap::new(),
            health: Arc::clone(health),
            last_error: None,
            was_logged: false,
            retry_at: None,
            retry_after: RETRY_MIN,
            retry_min: RETRY_MIN,
        }
    }

    /// Runs jobs until the store is closed or its last clone is dropped. Blocks the thread.
    pub fn run(mut self) {
        self.ensure_open();
        while let Some(job) = self.jobs.blocking_recv() {
            if let HistoryJob::Close(closed) = job {
                self.write_remaining();
                self.database = None;
                // The receiver may have stopped waiting.
                let _ = closed.send(());
                return;
            }
            self.ensure_open();
            self.execute(job);
        }
        self.write_remaining();
    }

    /// Makes a last attempt to write what could not be written before.
    fn write_remaining(&mut self) {
        if self.pending.len() > 0 {
            self.retry_at = None;
            self.ensure_open();
        }
        let lost = self.pending.len();
        if lost > 0 {
            tracing::error!(place = %self.location, lost, "unwritten documents and journal entries lost: the history cannot be written");
        }
    }

    fn execute(&mut self, job: HistoryJob) {
        match job {
            HistoryJob::Sample(sample) => {
                if let Some(()) = self.with_database(|database| database.write_sample(&sample)) {
                    self.health.counters.history_samples.add_shared(1);
                    self.mark_working();
                }
            }
            HistoryJob::TopSwarms(moment) => {
                self.with_database(|database| database.write_top_swarms(&moment));
            }
            HistoryJob::JournalEntry(journal, at, json) => {
                if self
                    .with_database(|database| database.append_journal(journal, at, &json))
                    .is_none()
                {
                    self.pending.append(journal, at, json);
                }
            }
            HistoryJob::SaveDocument(name, json) => {
                self.save_document(name, json);
            }
            HistoryJob::Query(query) => query(self),
            HistoryJob::Close(_) => {}
        }
    }

    /// Runs `act` on the database; `None` if it is not open or `act` fails.
    pub(super) fn with_database<T>(
        &mut self,
        act: impl FnOnce(&mut HistoryDatabase) -> Result<T, HistoryError>,
    ) -> Option<T> {
        match act(self.database.as_mut()?) {
            Ok(done) => Some(done),
            Err(error) => {
                self.mark_failed(&error);
                None
            }
        }
    }

    /// Writes a document, or stores it to write it later. Returns whether it is written.
    fn save_document(&mut self, name: &'static str, json: String) -> bool {
        let written = self.with_database(|database| database.save_document(name, &json));
        let place = match written {
            Some(()) => &mut self.saved_documents,
            None => &mut self.pending.documents,
        };
        place.insert(name, json);
        written.is_some()
    }

    /// Returns the document with this name; one that waits to be written comes first. A missing document is `Ok(None)`,
    /// an unreadable one is an error.
    pub(super) fn load_document(
        &mut self,
        name: &'static str,
    ) -> Result<Option<String>, StoreError> {
        if let Some(waiting) = self.pending.documents.get(name) {
            return Ok(Some(waiting.clone()));
        }
        let stored = self.with_database(|database| database.load_document(name));
        let stored = stored.ok_or(StoreError::Unavailable)?;
        if let Some(json) = &stored {
            self.saved_documents.insert(name, json.clone());
        }
        Ok(stored)
    }

    /// Returns the newest entries of a journal, newest first, including those that wait to be written.
    pub(super) fn journal_entries(
        &mut self,
        journal: Journal,
        since: SystemTime,
        limit: usize,
    ) -> JournalEntries {
        let mut newest = self.pending.newest_entries(journal, since, limit);
        let left = limit - newest.len();
        let written = self.with_database(|database| database.journal_entries(journal, since, left));
        let is_complete = written.is_some();
        newest.extend(written.unwrap_or_default());
        JournalEntries {
            newest,
            is_complete,
        }
    }

    /// Opens the database, unless it is open or the next retry is not due.
    fn ensure_open(&mut self) {
        let is_due = self.retry_at.is_none_or(|at| Instant::now() >= at);
        if self.database.is_some() || !is_due {
            return;
        }
        match HistoryDatabase::open(&self.location).or_else(|error| self.replace_damaged(error)) {
            Ok(database) => self.database = Some(database),
            Err(error) => return self.mark_failed(&error),
        }
        // After an error, only a successful write proves that it works again.
        if self.last_error.is_none() {
            self.mark_working();
        }
        self.write_pending();
    }

    /// Moves a damaged file aside and creates a new one.
    fn replace_damaged(&mut self, error: HistoryError) -> Result<HistoryDatabase, HistoryError> {
        let HistoryLocation::File(path) = &self.location else {
            return Err(error);
        };
        if !error.is_damage() {
            return Err(error);
        }
        let aside = move_aside(path)?;
        self.health.counters.history_failures.add_shared(1);
        tracing::error!(
            file = %path.display(),
            aside = %aside.display(),
            "new history file started: {error}; recover the data of the old file with `sqlite3 FILE .recover`"
        );
        HistoryDatabase::open(&self.location)
    }

    /// Writes what waits, and the documents that the former file had and this one lacks.
    fn write_pending(&mut self) {
        let known = std::mem::take(&mut self.saved_documents);
        let written = self.with_database(|database| {
            known
                .iter()
                .try_for_each(|(name, json)| database.save_document_if_missing(name, json))
        });
        self.saved_documents = known;
        if written.is_none() {
            return;
        }
        while let Some((name, json)) = self.pending.documents.pop_first() {
            if !self.save_document(name, json) {
                return;
            }
        }
        for journal in Journal::ALL {
            while let Some((at, json)) = self.pending.entries_mut(journal).pop_front() {
                if self
                    .with_database(|database| database.append_journal(journal, at, &json))
                    .is_none()
                {
                    self.pending.entries_mut(journal).push_front((at, json));
                    return;
                }
            }
        }
    }

    /// Marks the history as working.
    fn mark_working(&mut self) {
        self.health.set_works(true);
        if let Some(database) = &self.database {
            self.health.set_bytes(database.size_bytes());
        }
        self.retry_at = None;
        self.retry_after = self.retry_min;
        let was_failing = self.last_error.take().is_some();
        if !std::mem::replace(&mut self.was_logged, true) {
            tracing::info!(place = %self.location, "history started");
        } else if was_failing {
            tracing::info!(place = %self.location, "history works again");
        }
    }

    /// Marks the history as failed: closes the file, to open it again later.
    fn mark_failed(&mut self, error: &HistoryError) {
        self.database = None;
        self.health.set_works(false);
        self.health.counters.history_failures.add_shared(1);
        let is_damage = error.is_damage();
        // Opening a damaged file replaces it, so do not wait.
        self.retry_at = Some(
            Instant::now()
                + if is_damage {
                    Duration::ZERO
                } else {
                    self.retry_after
                },
        );
        self.retry_after = (self.retry_after * 2).min(RETRY_MAX);
        let message = error.to_string();
        if self.last_error.as_ref() != Some(&message) && !is_damage {
            tracing::warn!(
                place = %self.location,
                "history unavailable: {message}; it is retried, and the tracker is not affected"
            );
        }
        self.last_error = Some(message);
    }

    /// Retries without delay, for tests.
    #[cfg(test)]
    pub(super) fn without_retry_delay(mut self) -> Self {
        (self.retry_after, self.retry_min) = (Duration::ZERO, Duration::ZERO);
        self
    }
}

impl fmt::Display for HistoryLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// Renames a file and the files that belong to it. It replaces a file that was moved aside before, so that they never
/// fill the disk.
fn move_aside(path: &Path) -> Result<PathBuf, HistoryError> {
    let with = |suffix: &str| with_suffix(path, suffix);
    let aside = with(".damaged");
    fs::rename(path, &aside)?;
    for suffix in ["-wal", "-shm"] {
        // If there is none, remove an older one, which must not stay beside the file.
        if fs::rename(with(suffix), with(&format!(".damaged{suffix}"))).is_err() {
            let _ = fs::remove_file(with(&format!(".damaged{suffix}")));
        }
    }
    Ok(aside)
}

#[cfg(test)]
mod tests;
