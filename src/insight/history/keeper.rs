//! The history thread: the only one that waits for a disk.
//!
//! An error affects only the history. It is logged once, and the thread retries with increasing delays.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{mpsc, oneshot};

use super::archive::{Archive, Place};
use super::desk::{Desk, Entries, Journal};
use super::file::beside;
use super::health::Health;
use super::records::TopSwarms;
use super::sample::Sample;
use super::store::StoreError;
use super::trouble::Trouble;

/// The delay after the first failure; it doubles after each further one, up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_mins(5);

/// A job for the history thread.
pub(super) enum Job {
    /// Writes a sample.
    Sample(Sample),
    /// Writes the largest swarms.
    TopSwarms(TopSwarms),
    /// Appends to a journal.
    Note(Journal, SystemTime, String),
    /// Writes a document.
    Save(&'static str, String),
    /// Answers a query.
    Ask(Box<dyn FnOnce(&mut Keeper) + Send>),
    /// Closes the file, reports that it is closed, and ends the thread.
    Close(oneshot::Sender<()>),
}

/// Writes and reads the history on a thread of its own: [`Self::run`].
pub struct Keeper {
    jobs: mpsc::Receiver<Job>,
    place: Place,
    archive: Option<Archive>,
    /// Documents and journal entries that could not be written yet.
    desk: Desk,
    /// Documents as last written or read, to copy them into a new file that replaces the old one.
    known: BTreeMap<&'static str, String>,
    health: Arc<Health>,
    /// The last error, until the history works again.
    complaint: Option<String>,
    /// Whether the log has a line since the start that the history works.
    was_told: bool,
    retry_at: Option<Instant>,
    retry_after: Duration,
    retry_min: Duration,
}

/// Marks the history as failed on every way out.
impl Drop for Keeper {
    fn drop(&mut self) {
        self.health.set_works(false);
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Keeper");
        debug.field("place", &self.place).finish_non_exhaustive()
    }
}

impl Keeper {
    pub(super) fn new(jobs: mpsc::Receiver<Job>, place: Place, health: &Arc<Health>) -> Self {
        Self {
            jobs,
            place,
            archive: None,
            desk: Desk::default(),
            known: BTreeMap::new(),
            health: Arc::clone(health),
            complaint: None,
            was_told: false,
            retry_at: None,
            retry_after: RETRY_MIN,
            retry_min: RETRY_MIN,
        }
    }

    /// Runs jobs until the store is closed or its last clone is dropped. Blocks the thread.
    pub fn run(mut self) {
        self.open();
        while let Some(job) = self.jobs.blocking_recv() {
            if let Job::Close(closed) = job {
                self.write_last();
                self.archive = None;
                // The receiver may have stopped waiting.
                let _ = closed.send(());
                return;
            }
            self.open();
            self.execute(job);
        }
        self.write_last();
    }

    /// Makes a last attempt to write what could not be written before.
    fn write_last(&mut self) {
        if self.desk.len() > 0 {
            self.retry_at = None;
            self.open();
        }
        let lost = self.desk.len();
        if lost > 0 {
            tracing::error!(place = %self.place, lost, "unwritten documents and journal entries lost: the history cannot be written");
        }
    }

    fn execute(&mut self, job: Job) {
        match job {
            Job::Sample(sample) => {
                if let Some(()) = self.act(|archive| archive.write(&sample)) {
                    self.health.counters.history_samples.add_shared(1);
                    self.flourish();
                }
            }
            Job::TopSwarms(moment) => {
                self.act(|archive| archive.write_top_swarms(&moment));
            }
            Job::Note(journal, at, json) => {
                if self
                    .act(|archive| archive.note(journal, at, &json))
                    .is_none()
                {
                    self.desk.note(journal, at, json);
                }
            }
            Job::Save(name, json) => {
                self.save(name, json);
            }
            Job::Ask(ask) => ask(self),
            Job::Close(_) => {}
        }
    }

    /// Runs `act` on the database; `None` if it is not open or `act` fails.
    pub(super) fn act<T>(
        &mut self,
        act: impl FnOnce(&mut Archive) -> Result<T, Trouble>,
    ) -> Option<T> {
        match act(self.archive.as_mut()?) {
            Ok(done) => Some(done),
            Err(error) => {
                self.fail(&error);
                None
            }
        }
    }

    /// Writes a document, or stores it to write it later. Returns whether it is written.
    fn save(&mut self, name: &'static str, json: String) -> bool {
        let written = self.act(|archive| archive.save(name, &json));
        let place = match written {
            Some(()) => &mut self.known,
            None => &mut self.desk.documents,
        };
        place.insert(name, json);
        written.is_some()
    }

    /// Returns the document with this name; one that waits to be written comes first. A missing document is `Ok(None)`,
    /// an
    /// unreadable one is an error.
    pub(super) fn load(&mut self, name: &'static str) -> Result<Option<String>, StoreError> {
        if let Some(waiting) = self.desk.documents.get(name) {
            return Ok(Some(waiting.clone()));
        }
        let stored = self.act(|archive| archive.load(name));
        let stored = stored.ok_or(StoreError::Broken)?;
        if let Some(json) = &stored {
            self.known.insert(name, json.clone());
        }
        Ok(stored)
    }

    /// Returns the newest entries of a journal, newest first, including those that wait to be written.
    pub(super) fn journal(&mut self, journal: Journal, since: SystemTime, limit: usize) -> Entries {
        let mut newest = self.desk.journal(journal, since, limit);
        let left = limit - newest.len();
        let written = self.act(|archive| archive.journal(journal, since, left));
        let is_complete = written.is_some();
        newest.extend(written.unwrap_or_default());
        Entries {
            newest,
            is_complete,
        }
    }

    /// Opens the database, unless it is open or the next retry is not due.
    fn open(&mut self) {
        let is_due = self.retry_at.is_none_or(|at| Instant::now() >= at);
        if self.archive.is_some() || !is_due {
            return;
        }
        match Archive::open(&self.place).or_else(|error| self.begin_anew(error)) {
            Ok(archive) => self.archive = Some(archive),
            Err(error) => return self.fail(&error),
        }
        // After an error, only a successful write proves that it works again.
        if self.complaint.is_none() {
            self.flourish();
        }
        self.write_waiting();
    }

    /// Moves a damaged file aside and creates a new one.
    fn begin_anew(&mut self, error: Trouble) -> Result<Archive, Trouble> {
        let Place::File(path) = &self.place else {
            return Err(error);
        };
        if !error.is_damage() {
            return Err(error);
        }
        let aside = set_aside(path)?;
        self.health.counters.history_failures.add_shared(1);
        tracing::error!(
            file = %path.display(),
            aside = %aside.display(),
            "new history file started: {error}; recover the data of the old file with `sqlite3 FILE .recover`"
        );
        Archive::open(&self.place)
    }

    /// Writes what waits, and the documents that the former file had and this one lacks.
    fn write_waiting(&mut self) {
        let known = std::mem::take(&mut self.known);
        let written = self.act(|archive| {
            known
                .iter()
                .try_for_each(|(name, json)| archive.save_if_missing(name, json))
        });
        self.known = known;
        if written.is_none() {
            return;
        }
        while let Some((name, json)) = self.desk.documents.pop_first() {
            if !self.save(name, json) {
                return;
            }
        }
        for journal in Journal::ALL {
            while let Some((at, json)) = self.desk.entries(journal).pop_front() {
                if self
                    .act(|archive| archive.note(journal, at, &json))
                    .is_none()
                {
                    self.desk.entries(journal).push_front((at, json));
                    return;
                }
            }
        }
    }

    /// Marks the history as working.
    fn flourish(&mut self) {
        self.health.set_works(true);
        if let Some(archive) = &self.archive {
            self.health.set_bytes(archive.bytes());
        }
        self.retry_at = None;
        self.retry_after = self.retry_min;
        let was_failing = self.complaint.take().is_some();
        if !std::mem::replace(&mut self.was_told, true) {
            tracing::info!(place = %self.place, "history started");
        } else if was_failing {
            tracing::info!(place = %self.place, "history works again");
        }
    }

    /// Marks the history as failed: closes the file, to open it again later.
    fn fail(&mut self, error: &Trouble) {
        self.archive = None;
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
        if self.complaint.as_ref() != Some(&message) && !is_damage {
            tracing::warn!(
                place = %self.place,
                "history unavailable: {message}; it is retried, and the tracker is not affected"
            );
        }
        self.complaint = Some(message);
    }

    /// Retries without delay, for tests.
    #[cfg(test)]
    pub(super) fn impatient(mut self) -> Self {
        (self.retry_after, self.retry_min) = (Duration::ZERO, Duration::ZERO);
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// Renames a file and the files that belong to it. It replaces a file that was moved aside before, so that they never
/// fill the
/// disk.
fn set_aside(path: &Path) -> Result<PathBuf, Trouble> {
    let with = |suffix: &str| beside(path, suffix);
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
