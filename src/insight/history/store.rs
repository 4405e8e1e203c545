//! The way to what is kept, for everybody: record, ask, and keep small documents and journals.
//!
//! No call waits for a disk on the caller's thread: jobs go through a bounded queue to the [`Keeper`].

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::archive::Place;
use super::desk::{Desk, Entries, Journal, NOTE_BYTES_MAX};
use super::health::Health;
use super::keeper::{Job, Keeper};
use super::records::TopSwarms;
use super::sample::{Sampler, seconds};
use crate::insight::{Snapshot, Statistics};

/// Bytes of one document.
pub const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
/// Jobs that wait for the disk. There are few: a sample every ten seconds, and what administrators do.
const JOBS_MAX: usize = 64;
/// Questions to history that wait for the disk or for their turn; further ones are refused.
const QUERIES_MAX: usize = 16;
/// The same for whoever has the admin token, beside those.
const OPERATOR_QUERIES_MAX: usize = 4;
/// How long an answer is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long the end is waited for: as long as a slow disk may take, for a stop not to seem to hang.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// Where history, documents and journals are kept. Clones lead to the same place.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
enum Inner {
    /// No history; documents and journals last as long as the process.
    None(Mutex<Desk>),
    /// On a thread of its own.
    Kept(Box<Kept>),
}

#[derive(Debug)]
struct Kept {
    sampler: Mutex<Sampler>,
    jobs: mpsc::Sender<Job>,
    queries: Arc<Semaphore>,
    operator_queries: Arc<Semaphore>,
    health: Arc<Health>,
}

/// Who asks: strangers together have a bound that leaves room for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// Anybody.
    Anybody,
    /// Whoever has the admin token.
    Operator,
}

/// What is asked of history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Which series, by name: those that are [kept](super::kept()).
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
    /// The moments of the points, in seconds since 1970: all there are in the range, also those of which nothing is known,
    /// but none before history begins. At most [`POINTS_MAX`](super::POINTS_MAX).
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// `history` is off.
    #[error("no history is kept here: `history` is off")]
    Off,
    /// Too many ask at once.
    #[error("too many ask for history at once, try again")]
    Busy,
    /// The disk is slow, or hangs.
    #[error("history did not answer in time")]
    Late,
    /// It cannot be read.
    #[error("history cannot be read at the moment; the server's log says why")]
    Broken,
}

impl Store {
    /// Keeps no history, and documents and journals as long as the process lives.
    #[must_use]
    pub fn none() -> Self {
        Self(Arc::new(Inner::None(Mutex::default())))
    }

    /// Keeps history at this place, as soon as somebody lets the keeper [run](Keeper::run) on a thread of its own.
    #[must_use]
    pub fn at(place: Place) -> (Self, Keeper) {
        let (jobs, queue) = mpsc::channel(JOBS_MAX);
        let health = Arc::default();
        let keeper = Keeper::new(queue, place, &health);
        let kept = Kept {
            sampler: Mutex::default(),
            jobs,
            queries: Arc::new(Semaphore::new(QUERIES_MAX)),
            operator_queries: Arc::new(Semaphore::new(OPERATOR_QUERIES_MAX)),
            health,
        };
        (Self(Arc::new(Inner::Kept(Box::new(kept)))), keeper)
    }

    fn kept(&self) -> Result<&Kept, &Mutex<Desk>> {
        match &*self.0 {
            Inner::Kept(kept) => Ok(kept),
            Inner::None(desk) => Err(desk),
        }
    }

    /// Takes the statistics of a second into account; every ten seconds they become a sample. Never waits.
    pub fn record(&self, statistics: &Statistics) {
        if let Ok(kept) = self.kept()
            && let Some(sample) = kept.sampler.lock().take(statistics)
        {
            kept.put(Job::Sample(sample));
        }
    }

    /// Writes down the largest swarms of a moment. Never waits.
    pub fn record_top_swarms(&self, at: SystemTime, swarms: Vec<super::TopSwarm>) {
        if let Ok(kept) = self.kept() {
            kept.put(Job::TopSwarms((seconds(at), swarms)));
        }
    }

    /// Asks for series over a time.
    ///
    /// # Errors
    /// Whatever keeps history from answering.
    pub async fn query(&self, query: Query) -> Result<Answer, StoreError> {
        let asked = self.query_as(Asker::Anybody, query, |answer| answer).await;
        asked.map(|(answer, _)| answer)
    }

    /// As [`Self::query`], and makes something of the answer on the thread of the history: to write down a thousand points of
    /// many series takes longer than a worker may. Also gives how long that and reading took.
    ///
    /// # Errors
    /// Whatever keeps history from answering.
    pub async fn query_as<T: Send + 'static>(
        &self,
        asker: Asker,
        query: Query,
        render: impl FnOnce(Answer) -> T + Send + 'static,
    ) -> Result<(T, Duration), StoreError> {
        let answered = self.inquire(asker, move |keeper| {
            let began = Instant::now();
            let answer = keeper.act(|archive| archive.read(&query));
            let rendered = answer.map(render)?;
            Some((rendered, began.elapsed()))
        });
        answered.await?.ok_or(StoreError::Broken)
    }

    /// The largest swarms at the newest moments from one to the other, newest first; at most
    /// [`TOP_SWARMS_MOMENTS_MAX`](super::TOP_SWARMS_MOMENTS_MAX) moments.
    ///
    /// # Errors
    /// Whatever keeps history from answering.
    pub async fn top_swarms(&self, from: i64, to: i64) -> Result<Vec<TopSwarms>, StoreError> {
        let asked = self.inquire(Asker::Operator, move |keeper| {
            keeper.act(|archive| archive.top_swarms(from, to))
        });
        asked.await?.ok_or(StoreError::Broken)
    }

    /// Asks something that anybody may ask, so only a few at a time.
    async fn inquire<T: Send + 'static>(
        &self,
        asker: Asker,
        ask: impl FnOnce(&mut Keeper) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let kept = self.kept().map_err(|_| StoreError::Off)?;
        let turns = match asker {
            Asker::Anybody => &kept.queries,
            Asker::Operator => &kept.operator_queries,
        };
        let Ok(turn) = Arc::clone(turns).try_acquire_owned() else {
            kept.health.counters.history_queries_refused.add_shared(1);
            return Err(StoreError::Busy);
        };
        kept.ask(move |keeper| {
            let answer = ask(keeper);
            drop(turn);
            answer
        })
        .await
    }

    /// Keeps a small document under a name, in place of the one before. Never waits; gives false if too much waits for the
    /// disk, so that it is to be tried again. One of more than [`DOCUMENT_BYTES_MAX`] is never kept, and that is logged.
    pub fn save(&self, name: &'static str, json: String) -> bool {
        if json.len() > DOCUMENT_BYTES_MAX {
            tracing::error!(name, bytes = json.len(), "too large a document to be kept");
            return true;
        }
        match self.kept() {
            Ok(kept) => kept.put(Job::Save(name, json)),
            Err(desk) => {
                desk.lock().documents.insert(name, json);
                true
            }
        }
    }

    /// The document with this name, or nothing if none was ever kept.
    ///
    /// # Errors
    /// Whatever keeps it from being read: then there may be one.
    pub async fn load(&self, name: &'static str) -> Result<Option<String>, StoreError> {
        match self.kept() {
            Ok(kept) => kept.ask(move |keeper| keeper.load(name)).await?,
            Err(desk) => Ok(desk.lock().documents.get(name).cloned()),
        }
    }

    /// Writes an entry into a journal. Never waits. One of more than [`NOTE_BYTES_MAX`] is not kept, and that is logged.
    pub fn note(&self, journal: Journal, at: SystemTime, json: String) {
        if json.len() > NOTE_BYTES_MAX {
            let (journal, bytes) = (journal.label(), json.len());
            tracing::error!(journal, bytes, "too large an entry to be kept");
            return;
        }
        match self.kept() {
            Ok(kept) => {
                kept.put(Job::Note(journal, at, json));
            }
            Err(desk) => desk.lock().note(journal, at, json),
        }
    }

    /// The newest entries of a journal since then, newest first.
    pub async fn journal(&self, journal: Journal, since: SystemTime, limit: usize) -> Entries {
        match self.kept() {
            Ok(kept) => {
                let asked = kept.ask(move |keeper| keeper.journal(journal, since, limit));
                asked.await.unwrap_or_default()
            }
            Err(desk) => Entries {
                newest: desk.lock().journal(journal, since, limit),
                is_complete: true,
            },
        }
    }

    /// What it counts about itself.
    #[must_use]
    pub fn counters(&self) -> Snapshot {
        let kept = self.kept().ok();
        Snapshot::of(kept.iter().map(|kept| &kept.health.counters))
    }

    /// Whether it works, 1 or 0, and the bytes that it takes; not numbers if no history is kept.
    #[must_use]
    pub fn health(&self) -> (f64, f64) {
        match self.kept() {
            Ok(kept) => (
                f64::from(u8::from(kept.health.works())),
                kept.health.bytes(),
            ),
            Err(_) => (f64::NAN, f64::NAN),
        }
    }

    /// Waits until all that was given so far is written.
    pub async fn flush(&self) {
        if let Ok(kept) = self.kept() {
            // Whether it was in time or not: more cannot be done.
            let _ = kept.ask(|_| ()).await;
        }
    }

    /// Writes what waits and closes the file, as far as that can be done soon; what comes later is dropped.
    pub async fn close(&self) {
        if let Ok(kept) = self.kept() {
            let (close, closed) = oneshot::channel();
            let closing = async {
                if kept.jobs.send(Job::Close(close)).await.is_ok() {
                    let _ = closed.await;
                }
            };
            if timeout(CLOSE_WITHIN, closing).await.is_err() {
                tracing::warn!("the disk is slow: the last of the history may be lost");
            }
        }
    }
}

impl Kept {
    /// Gives a job to the keeper, or drops it if too many wait; says which.
    fn put(&self, job: Job) -> bool {
        let put = self.jobs.try_send(job);
        if let Err(TrySendError::Full(_)) = put {
            self.health.counters.history_queue_full.add_shared(1);
        }
        put.is_ok()
    }

    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Keeper) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Ask(Box::new(move |keeper| {
            // Nobody may want to know any more.
            if !reply.is_closed() {
                let _ = reply.send(ask(keeper));
            }
        }));
        let asked = async {
            let sent = self.jobs.send(job).await;
            sent.map_err(|_| StoreError::Broken)?;
            answer.await.map_err(|_| StoreError::Broken)
        };
        timeout(ANSWER_WITHIN, asked)
            .await
            .unwrap_or(Err(StoreError::Late))
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn query() -> Query {
        Query {
            series: vec!["swarms"],
            from: 0,
            to: 10,
        }
    }

    #[tokio::test]
    async fn without_history_documents_and_journals_are_kept_in_memory() {
        let store = Store::none();
        assert_eq!(store.load("rules").await, Ok(None));
        assert!(store.save("rules", "{}".to_owned()));
        assert!(store.save("rules", "x".repeat(DOCUMENT_BYTES_MAX + 1)));
        let kept = store.clone().load("rules").await;
        assert_eq!(kept, Ok(Some("{}".to_owned())));
        store.note(Journal::Audit, UNIX_EPOCH, "1".to_owned());
        store.note(Journal::Audit, UNIX_EPOCH, "x".repeat(NOTE_BYTES_MAX + 1));
        let entries = store.journal(Journal::Audit, UNIX_EPOCH, 10).await;
        assert_eq!(entries.newest, [(UNIX_EPOCH, "1".to_owned())]);
        assert!(entries.is_complete);
        assert_eq!(store.query(query()).await, Err(StoreError::Off));
        assert_eq!(store.top_swarms(0, 10).await, Err(StoreError::Off));
        assert!(store.health().0.is_nan());
        store.flush().await;
        store.close().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_hangs_is_not_waited_for_and_nothing_piles_up() {
        // A keeper that does not run is like one whose disk hangs.
        let (store, keeper) = Store::at(Place::Memory);
        let asked: Vec<_> = (0..QUERIES_MAX)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.query(query()).await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(store.query(query()).await, Err(StoreError::Busy));
        assert_eq!(store.counters().history_queries_refused, 1);
        for number in 0..JOBS_MAX {
            store.note(Journal::Audit, UNIX_EPOCH, number.to_string());
        }
        assert_eq!(store.counters().history_queue_full, QUERIES_MAX as u64);
        assert!(!store.save("rules", "{}".to_owned()), "to be tried again");
        assert_eq!(store.counters().history_queue_full, QUERIES_MAX as u64 + 1);
        assert_eq!(store.load("rules").await, Err(StoreError::Late));
        let entries = store.journal(Journal::Audit, UNIX_EPOCH, 10).await;
        assert!(entries.newest.is_empty() && !entries.is_complete);
        store.close().await;
        for asked in asked {
            assert_eq!(asked.await.expect("no panic"), Err(StoreError::Late));
        }
        // The questions that wait are nobody's any more, but still take room until the disk goes on.
        assert_eq!(store.query(query()).await, Err(StoreError::Busy));
        drop(keeper);
        assert_eq!(store.load("rules").await, Err(StoreError::Broken));
    }
}
