//! The interface to the history: records statistics, answers queries, and stores small documents and journals.
//!
//! No call blocks the caller's thread on a disk: jobs go through a bounded queue to the [`HistoryWriter`].

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::database::HistoryLocation;
use super::health::HistoryHealth;
use super::query::{HistoryQuery, QueryResult, Requester, StoreError};
use super::record_buffer::{JOURNAL_ENTRY_BYTES_MAX, Journal, JournalEntries, RecordBuffer};
use super::records::TopSwarms;
use super::sample::{Sampler, unix_seconds};
use super::writer::{HistoryJob, HistoryWriter};
use crate::metrics::{Snapshot, Statistics};

/// The maximum size of one document in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
/// The maximum of jobs that wait for the disk. Jobs are rare: a sample every ten seconds, and actions of
/// administrators.
const JOBS_MAX: usize = 64;
/// The maximum of queries that wait; further ones are refused.
const QUERIES_MAX: usize = 16;
/// The same for clients with the admin token, in addition.
const OPERATOR_QUERIES_MAX: usize = 4;
/// The longest wait for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest wait when closing: enough for a slow disk, but a stop must not seem to hang.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// The store of history, documents and journals. Clones share it.
#[derive(Debug, Clone)]
pub struct HistoryStore(Arc<StoreBackend>);

#[derive(Debug)]
enum StoreBackend {
    /// No history; documents and journals are in memory for the life of the process.
    Disabled(Mutex<RecordBuffer>),
    /// Written by a thread of its own.
    Threaded(Box<WriterHandle>),
}

#[derive(Debug)]
struct WriterHandle {
    sampler: Mutex<Sampler>,
    jobs: mpsc::Sender<HistoryJob>,
    queries: Arc<Semaphore>,
    operator_queries: Arc<Semaphore>,
    health: Arc<HistoryHealth>,
}

impl HistoryStore {
    /// Creates a store without history; documents and journals are in memory for the life of the process.
    #[must_use]
    pub fn disabled() -> Self {
        Self(Arc::new(StoreBackend::Disabled(Mutex::default())))
    }

    /// Creates a store at this location. It works as soon as the writer [runs](HistoryWriter::run) on a thread of its own.
    #[must_use]
    pub fn open(location: HistoryLocation) -> (Self, HistoryWriter) {
        let (jobs, queue) = mpsc::channel(JOBS_MAX);
        let health = Arc::default();
        let writer = HistoryWriter::new(queue, location, &health);
        let handle = WriterHandle {
            sampler: Mutex::default(),
            jobs,
            queries: Arc::new(Semaphore::new(QUERIES_MAX)),
            operator_queries: Arc::new(Semaphore::new(OPERATOR_QUERIES_MAX)),
            health,
        };
        (
            Self(Arc::new(StoreBackend::Threaded(Box::new(handle)))),
            writer,
        )
    }

    fn writer(&self) -> Result<&WriterHandle, &Mutex<RecordBuffer>> {
        match &*self.0 {
            StoreBackend::Threaded(handle) => Ok(handle),
            StoreBackend::Disabled(memory) => Err(memory),
        }
    }

    /// Records the statistics of a second; every ten seconds a sample is written. Never waits.
    pub fn record(&self, statistics: &Statistics) {
        if let Ok(handle) = self.writer()
            && let Some(sample) = handle.sampler.lock().add(statistics)
        {
            handle.enqueue(HistoryJob::Sample(sample));
        }
    }

    /// Writes the largest swarms at one time. Never waits.
    pub fn record_top_swarms(&self, at: SystemTime, swarms: Vec<super::TopSwarm>) {
        if let Ok(handle) = self.writer() {
            handle.enqueue(HistoryJob::TopSwarms((unix_seconds(at), swarms)));
        }
    }

    /// Reads series over a time range.
    ///
    /// # Errors
    /// The reason why the history does not answer.
    pub async fn query(&self, query: HistoryQuery) -> Result<QueryResult, StoreError> {
        let answered = self
            .query_and_render(Requester::Public, query, |answer| answer)
            .await;
        answered.map(|(answer, _)| answer)
    }

    /// Like [`Self::query`], but renders the answer on the history thread: formatting a thousand points of many series
    /// would block a worker too long. Also returns how long reading and rendering took.
    ///
    /// # Errors
    /// The reason why the history does not answer.
    pub async fn query_and_render<T: Send + 'static>(
        &self,
        requester: Requester,
        query: HistoryQuery,
        render: impl FnOnce(QueryResult) -> T + Send + 'static,
    ) -> Result<(T, Duration), StoreError> {
        let answered = self.run_query(requester, move |writer| {
            let began = Instant::now();
            let answer = writer.with_database(|database| database.query(&query));
            let rendered = answer.map(render)?;
            Some((rendered, began.elapsed()))
        });
        answered.await?.ok_or(StoreError::Unavailable)
    }

    /// Returns the largest swarms at the newest times of a range, newest first; at most
    /// [`TOP_SWARMS_TIMES_MAX`](super::TOP_SWARMS_TIMES_MAX) times.
    ///
    /// # Errors
    /// The reason why the history does not answer.
    pub async fn top_swarms(&self, from: i64, to: i64) -> Result<Vec<TopSwarms>, StoreError> {
        let answered = self.run_query(Requester::Operator, move |writer| {
            writer.with_database(|database| database.top_swarms(from, to))
        });
        answered.await?.ok_or(StoreError::Unavailable)
    }

    /// Runs a query on the history thread; only a few may wait at a time.
    async fn run_query<T: Send + 'static>(
        &self,
        requester: Requester,
        query: impl FnOnce(&mut HistoryWriter) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let handle = self.writer().map_err(|_| StoreError::Disabled)?;
        let permits = match requester {
            Requester::Public => &handle.queries,
            Requester::Operator => &handle.operator_queries,
        };
        let Ok(permit) = Arc::clone(permits).try_acquire_owned() else {
            handle.health.counters.history_queries_refused.add_shared(1);
            return Err(StoreError::Busy);
        };
        handle
            .call(move |writer| {
                let answer = query(writer);
                drop(permit);
                answer
            })
            .await
    }

    /// Saves a small document under a name; replaces the former one. Never waits. Returns false if the queue is full,
    /// so that the caller must retry. A document over [`DOCUMENT_BYTES_MAX`] is logged and never stored.
    pub fn save_document(&self, name: &'static str, json: String) -> bool {
        if json.len() > DOCUMENT_BYTES_MAX {
            tracing::error!(name, bytes = json.len(), "document not saved: too large");
            return true;
        }
        match self.writer() {
            Ok(handle) => handle.enqueue(HistoryJob::SaveDocument(name, json)),
            Err(memory) => {
                memory.lock().documents.insert(name, json);
                true
            }
        }
    }

    /// Returns the document with this name, or `None` if none was saved.
    ///
    /// # Errors
    /// The reason why it cannot be read; it may exist.
    pub async fn load_document(&self, name: &'static str) -> Result<Option<String>, StoreError> {
        match self.writer() {
            Ok(handle) => {
                handle
                    .call(move |writer| writer.load_document(name))
                    .await?
            }
            Err(memory) => Ok(memory.lock().documents.get(name).cloned()),
        }
    }

    /// Appends an entry to a journal. Never waits. An entry over [`JOURNAL_ENTRY_BYTES_MAX`] is logged and not stored.
    pub fn append_journal(&self, journal: Journal, at: SystemTime, json: String) {
        if json.len() > JOURNAL_ENTRY_BYTES_MAX {
            let (journal, bytes) = (journal.label(), json.len());
            tracing::error!(journal, bytes, "journal entry not saved: too large");
            return;
        }
        match self.writer() {
            Ok(handle) => {
                handle.enqueue(HistoryJob::JournalEntry(journal, at, json));
            }
            Err(memory) => memory.lock().append(journal, at, json),
        }
    }

    /// Returns the newest entries of a journal since a time, newest first.
    pub async fn journal_entries(
        &self,
        journal: Journal,
        since: SystemTime,
        limit: usize,
    ) -> JournalEntries {
        match self.writer() {
            Ok(handle) => {
                let answered =
                    handle.call(move |writer| writer.journal_entries(journal, since, limit));
                answered.await.unwrap_or_default()
            }
            Err(memory) => JournalEntries {
                newest: memory.lock().newest_entries(journal, since, limit),
                is_complete: true,
            },
        }
    }

    /// Returns the counters of the history.
    #[must_use]
    pub fn counters(&self) -> Snapshot {
        let handle = self.writer().ok();
        Snapshot::of(handle.iter().map(|handle| &handle.health.counters))
    }

    /// Returns whether it works, 1 or 0, and its size in bytes; NaN if the history is off.
    #[must_use]
    pub fn health(&self) -> (f64, f64) {
        match self.writer() {
            Ok(handle) => (
                f64::from(u8::from(handle.health.works())),
                handle.health.bytes(),
            ),
            Err(_) => (f64::NAN, f64::NAN),
        }
    }

    /// Waits until all jobs so far are done.
    pub async fn flush(&self) {
        if let Ok(handle) = self.writer() {
            // A timeout is ignored: nothing more can be done.
            let _ = handle.call(|_| ()).await;
        }
    }

    /// Writes what waits and closes the file, but waits only a limited time. Later jobs are dropped.
    pub async fn close(&self) {
        if let Ok(handle) = self.writer() {
            let (close, closed) = oneshot::channel();
            let closing = async {
                if handle.jobs.send(HistoryJob::Close(close)).await.is_ok() {
                    let _ = closed.await;
                }
            };
            if timeout(CLOSE_TIMEOUT, closing).await.is_err() {
                tracing::warn!("history not closed in time: the latest data may be lost");
            }
        }
    }
}

impl WriterHandle {
    /// Queues a job for the writer, or drops it if the queue is full. Returns whether it is queued.
    fn enqueue(&self, job: HistoryJob) -> bool {
        let put = self.jobs.try_send(job);
        if let Err(TrySendError::Full(_)) = put {
            self.health.counters.history_queue_full.add_shared(1);
        }
        put.is_ok()
    }

    async fn call<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut HistoryWriter) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = HistoryJob::Query(Box::new(move |writer| {
            // The caller may have stopped waiting.
            if !reply.is_closed() {
                let _ = reply.send(query(writer));
            }
        }));
        let answered = async {
            let sent = self.jobs.send(job).await;
            sent.map_err(|_| StoreError::Unavailable)?;
            answer.await.map_err(|_| StoreError::Unavailable)
        };
        timeout(ANSWER_TIMEOUT, answered)
            .await
            .unwrap_or(Err(StoreError::TimedOut))
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn query() -> HistoryQuery {
        HistoryQuery {
            series: vec!["swarms"],
            from: 0,
            to: 10,
        }
    }

    #[tokio::test]
    async fn without_history_documents_and_journals_stay_in_memory() {
        let store = HistoryStore::disabled();
        assert_eq!(store.load_document("rules").await, Ok(None));
        assert!(store.save_document("rules", "{}".to_owned()));
        assert!(store.save_document("rules", "x".repeat(DOCUMENT_BYTES_MAX + 1)));
        let loaded = store.clone().load_document("rules").await;
        assert_eq!(loaded, Ok(Some("{}".to_owned())));
        store.append_journal(Journal::Audit, UNIX_EPOCH, "1".to_owned());
        store.append_journal(
            Journal::Audit,
            UNIX_EPOCH,
            "x".repeat(JOURNAL_ENTRY_BYTES_MAX + 1),
        );
        let entries = store.journal_entries(Journal::Audit, UNIX_EPOCH, 10).await;
        assert_eq!(entries.newest, [(UNIX_EPOCH, "1".to_owned())]);
        assert!(entries.is_complete);
        assert_eq!(store.query(query()).await, Err(StoreError::Disabled));
        assert_eq!(store.top_swarms(0, 10).await, Err(StoreError::Disabled));
        assert!(store.health().0.is_nan());
        store.flush().await;
        store.close().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_disk_blocks_no_caller_and_queues_stay_bounded() {
        // A writer that does not run is like one whose disk hangs.
        let (store, writer) = HistoryStore::open(HistoryLocation::Memory);
        let pending: Vec<_> = (0..QUERIES_MAX)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.query(query()).await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(store.query(query()).await, Err(StoreError::Busy));
        assert_eq!(store.counters().history_queries_refused, 1);
        for number in 0..JOBS_MAX {
            store.append_journal(Journal::Audit, UNIX_EPOCH, number.to_string());
        }
        assert_eq!(store.counters().history_queue_full, QUERIES_MAX as u64);
        assert!(
            !store.save_document("rules", "{}".to_owned()),
            "to be tried again"
        );
        assert_eq!(store.counters().history_queue_full, QUERIES_MAX as u64 + 1);
        assert_eq!(
            store.load_document("rules").await,
            Err(StoreError::TimedOut)
        );
        let entries = store.journal_entries(Journal::Audit, UNIX_EPOCH, 10).await;
        assert!(entries.newest.is_empty() && !entries.is_complete);
        store.close().await;
        for answer in pending {
            assert_eq!(answer.await.expect("no panic"), Err(StoreError::TimedOut));
        }
        // The abandoned queries still occupy the queue until the disk responds.
        assert_eq!(store.query(query()).await, Err(StoreError::Busy));
        drop(writer);
        assert_eq!(
            store.load_document("rules").await,
            Err(StoreError::Unavailable)
        );
    }
}
