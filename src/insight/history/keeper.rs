//! The thread of the history: the only one that waits for a disk.
//!
//! Whatever goes wrong costs history and nothing else. It is said once, and tried again now and then.

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

/// After the first failure it is tried again this much later, after each further one twice as much.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_mins(5);

/// What is to be done.
pub(super) enum Job {
    /// Write a sample.
    Sample(Sample),
    /// Write the largest swarms.
    TopSwarms(TopSwarms),
    /// Write into a journal.
    Note(Journal, SystemTime, String),
    /// Write a document.
    Save(&'static str, String),
    /// Answer somebody.
    Ask(Box<dyn FnOnce(&mut Keeper) + Send>),
    /// Close the file, tell when it is closed, and end.
    Close(oneshot::Sender<()>),
}

/// What keeps history, on a thread of its own: [`Self::run`].
pub struct Keeper {
    jobs: mpsc::Receiver<Job>,
    place: Place,
    archive: Option<Archive>,
    /// Documents and entries of journals that could not be written yet.
    desk: Desk,
    /// Documents as they were last written or read, for a file that takes the place of the one that had them.
    known: BTreeMap<&'static str, String>,
    health: Arc<Health>,
    /// What was last complained of, until it works again.
    complaint: Option<String>,
    /// Whether the log says that it is kept, since the start.
    was_told: bool,
    retry_at: Option<Instant>,
    retry_after: Duration,
    retry_min: Duration,
}

/// However it ends, it keeps nothing any more.
impl Drop for Keeper {
    fn drop(&mut self) {
        self.health.set_works(false);
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut keeper = f.debug_struct("Keeper");
        keeper.field("place", &self.place).finish_non_exhaustive()
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

    /// Keeps history until the store is closed or the last clone of it is gone. Blocks the thread.
    pub fn run(mut self) {
        self.open();
        while let Some(job) = self.jobs.blocking_recv() {
            if let Job::Close(closed) = job {
                self.write_last();
                self.archive = None;
                // Whoever wanted it may have stopped waiting.
                let _ = closed.send(());
                return;
            }
            self.open();
            self.execute(job);
        }
        self.write_last();
    }

    /// What still waits is written now or never.
    fn write_last(&mut self) {
        if self.desk.len() > 0 {
            self.retry_at = None;
            self.open();
        }
        let lost = self.desk.len();
        if lost > 0 {
            tracing::error!(place = %self.place, lost, "what was changed while history could not be written is lost");
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

    /// Does something with the file, if there is one and it works out.
    pub(super) fn act<T>(
        &mut self,
        act: impl FnOnce(&mut Archive) -> Result<T, Trouble>,
    ) -> Option<T> {
        match act(self.archive.as_mut()?) {
            Ok(done) => Some(done),
            Err(trouble) => {
                self.fail(&trouble);
                None
            }
        }
    }

    /// Writes a document, or has it wait until that works; says whether it is written.
    fn save(&mut self, name: &'static str, json: String) -> bool {
        let written = self.act(|archive| archive.save(name, &json));
        let place = match written {
            Some(()) => &mut self.known,
            None => &mut self.desk.documents,
        };
        place.insert(name, json);
        written.is_some()
    }

    /// The document with this name, the one that waits to be written first. None at all is not the same as one that cannot be
    /// read.
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

    /// The newest entries of a journal, newest first; those that wait to be written are the newest of all.
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

    /// Opens the file, unless it is open or it is too soon to try again.
    fn open(&mut self) {
        let is_due = self.retry_at.is_none_or(|at| Instant::now() >= at);
        if self.archive.is_some() || !is_due {
            return;
        }
        match Archive::open(&self.place).or_else(|trouble| self.begin_anew(trouble)) {
            Ok(archive) => self.archive = Some(archive),
            Err(trouble) => return self.fail(&trouble),
        }
        // What did not work so far is believed to work when it did.
        if self.complaint.is_none() {
            self.flourish();
        }
        self.write_waiting();
    }

    /// Sets a damaged file aside, for a new one in its place.
    fn begin_anew(&mut self, trouble: Trouble) -> Result<Archive, Trouble> {
        let Place::File(path) = &self.place else {
            return Err(trouble);
        };
        if !trouble.is_damage() {
            return Err(trouble);
        }
        let aside = set_aside(path)?;
        self.health.counters.history_failures.add_shared(1);
        tracing::error!(
            file = %path.display(),
            aside = %aside.display(),
            "history begins anew: {trouble}; what was in it may be got back with `sqlite3 FILE .recover`"
        );
        Archive::open(&self.place)
    }

    /// Writes what waits, and what a file that was there before had and this one lacks.
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

    /// It works.
    fn flourish(&mut self) {
        self.health.set_works(true);
        if let Some(archive) = &self.archive {
            self.health.set_bytes(archive.bytes());
        }
        self.retry_at = None;
        self.retry_after = self.retry_min;
        let was_in_trouble = self.complaint.take().is_some();
        if !std::mem::replace(&mut self.was_told, true) {
            tracing::info!(place = %self.place, "history is kept");
        } else if was_in_trouble {
            tracing::info!(place = %self.place, "history is kept again");
        }
    }

    /// It does not work: the file is closed, and opened again later.
    fn fail(&mut self, trouble: &Trouble) {
        self.archive = None;
        self.health.set_works(false);
        self.health.counters.history_failures.add_shared(1);
        let is_damage = trouble.is_damage();
        // Damage is dealt with by opening the file again.
        self.retry_at = Some(
            Instant::now()
                + if is_damage {
                    Duration::ZERO
                } else {
                    self.retry_after
                },
        );
        self.retry_after = (self.retry_after * 2).min(RETRY_MAX);
        let complaint = trouble.to_string();
        if self.complaint.as_ref() != Some(&complaint) && !is_damage {
            tracing::warn!(
                place = %self.place,
                "no history is kept for now, all else goes on: {complaint}; it is tried again now and then"
            );
        }
        self.complaint = Some(complaint);
    }

    /// Tries again at once, for tests.
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

/// Renames a file and what belongs to it. One that was set aside before is replaced, so that they never fill the disk.
fn set_aside(path: &Path) -> Result<PathBuf, Trouble> {
    let with = |suffix: &str| beside(path, suffix);
    let aside = with(".damaged");
    fs::rename(path, &aside)?;
    for suffix in ["-wal", "-shm"] {
        // Often there is none; then an older one must not stay beside the file.
        if fs::rename(with(suffix), with(&format!(".damaged{suffix}"))).is_err() {
            let _ = fs::remove_file(with(&format!(".damaged{suffix}")));
        }
    }
    Ok(aside)
}

#[cfg(test)]
mod tests;
