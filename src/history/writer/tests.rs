#![expect(
    clippy::float_cmp,
    reason = "numbers are small, and small sums are exact"
)]

use std::io::{Seek, Write};
use std::time::UNIX_EPOCH;

use rusqlite::Connection;
use tempfile::TempDir;

use super::super::aggregate::Aggregate;
use super::super::query::HistoryQuery;
use super::super::retained;
use super::super::store::HistoryStore;
use super::*;

const START: i64 = 1_800_000_000;

/// A [`HistoryWriter`] without a thread, with its own folder.
struct WriterFixture {
    folder: TempDir,
    writer: HistoryWriter,
    health: Arc<HistoryHealth>,
    at: i64,
}

impl WriterFixture {
    fn new() -> Self {
        Self::of(tempfile::tempdir().unwrap(), "history.sqlite")
    }

    fn of(folder: TempDir, name: &str) -> Self {
        let (_, jobs) = mpsc::channel(1);
        let health = Arc::default();
        let place = HistoryLocation::File(folder.path().join(name));
        let writer = HistoryWriter::new(jobs, place, &health).without_retry_delay();
        Self {
            folder,
            writer,
            health,
            at: START,
        }
    }

    fn path(&self) -> PathBuf {
        let HistoryLocation::File(path) = &self.writer.location else {
            panic!("a file")
        };
        path.clone()
    }

    fn run_job(&mut self, job: HistoryJob) {
        self.writer.ensure_open();
        self.writer.execute(job);
    }

    /// Writes a sample; returns whether that worked.
    fn sample(&mut self) -> bool {
        self.at += 10;
        let written = self.health.counters.history_samples.get();
        self.run_job(HistoryJob::Sample(HistorySample {
            at: self.at,
            aggregates: vec![Aggregate::single(1.0); retained::all().len()],
        }));
        self.health.counters.history_samples.get() > written
    }

    fn rows(&mut self) -> usize {
        self.writer.ensure_open();
        let query = HistoryQuery {
            series: vec!["connections"],
            from: START,
            to: self.at,
        };
        let answer = self
            .writer
            .with_database(|database| database.query(&query))
            .unwrap();
        let known = answer.series[0].mean.iter().filter(|value| !value.is_nan());
        known.count()
    }

    fn failures(&self) -> u64 {
        self.health.counters.history_failures.get()
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

#[test]
fn history_continues_after_a_restart() {
    let mut case = WriterFixture::new();
    assert!(case.sample() && case.sample());
    case.run_job(HistoryJob::SaveDocument("rules", "{}".to_owned()));
    case.run_job(HistoryJob::JournalEntry(
        Journal::Audit,
        UNIX_EPOCH,
        "1".to_owned(),
    ));
    let (folder, at) = (case.folder, case.at);
    drop(case.writer);
    let mut again = WriterFixture::of(folder, "history.sqlite");
    again.at = at + 60;
    assert!(again.sample());
    assert_eq!(again.rows(), 3);
    assert_eq!(
        again.writer.load_document("rules"),
        Ok(Some("{}".to_owned()))
    );
    let entries = again.writer.journal_entries(Journal::Audit, UNIX_EPOCH, 10);
    assert_eq!(entries.newest, [(UNIX_EPOCH, "1".to_owned())]);
    // The last minute before the restart was merged when the next one began.
    let minutes = "SELECT samples FROM every_1min";
    let database = again.writer.database.as_ref().unwrap();
    let samples: i64 = database
        .connection
        .query_row(minutes, (), |row| row.get(0))
        .unwrap();
    assert_eq!(samples, 2);
}

#[test]
fn a_locked_file_loses_samples_until_it_is_unlocked() {
    let mut case = WriterFixture::new();
    assert!(case.sample());
    let other = Connection::open(case.path()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert!(!case.sample());
    assert!(!case.health.works());
    assert_eq!(case.failures(), 1);
    assert!(
        case.writer
            .last_error
            .as_ref()
            .unwrap()
            .contains("holds a lock")
    );
    // Documents and journal entries wait, samples do not.
    case.run_job(HistoryJob::SaveDocument("rules", "new".to_owned()));
    case.run_job(HistoryJob::JournalEntry(
        Journal::Audit,
        UNIX_EPOCH,
        "1".to_owned(),
    ));
    assert_eq!(
        case.writer.load_document("rules"),
        Ok(Some("new".to_owned()))
    );
    let entries = case.writer.journal_entries(Journal::Audit, UNIX_EPOCH, 9);
    assert_eq!((entries.newest.len(), entries.is_complete), (1, false));
    other.execute_batch("COMMIT").unwrap();
    assert!(case.sample());
    assert!(case.health.works() && case.writer.last_error.is_none());
    assert_eq!(case.rows(), 2);
    assert!(case.writer.pending.documents.is_empty());
    assert_eq!(
        case.writer.load_document("rules"),
        Ok(Some("new".to_owned()))
    );
    let entries = case.writer.journal_entries(Journal::Audit, UNIX_EPOCH, 9);
    assert_eq!((entries.newest.len(), entries.is_complete), (1, true));
}

#[test]
fn an_unreadable_document_is_not_a_missing_one() {
    let mut case = WriterFixture::new();
    assert!(case.sample());
    assert_eq!(case.writer.load_document("rules"), Ok(None));
    case.run_job(HistoryJob::SaveDocument("rules", "old".to_owned()));
    let (folder, path) = (case.folder, case.writer.location.to_string());
    drop(case.writer);
    let other = Connection::open(path).unwrap();
    other
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
        .unwrap();
    let mut again = WriterFixture::of(folder, "history.sqlite");
    again.writer.ensure_open();
    assert_eq!(
        again.writer.load_document("rules"),
        Err(StoreError::Unavailable)
    );
    drop(other);
    again.writer.ensure_open();
    assert_eq!(
        again.writer.load_document("rules"),
        Ok(Some("old".to_owned()))
    );
}

#[test]
fn documents_are_copied_but_never_overwrite_others() {
    let mut case = WriterFixture::new();
    case.run_job(HistoryJob::SaveDocument("rules", "ours".to_owned()));
    fs::remove_file(case.path()).unwrap();
    assert!(!case.sample() && case.sample());
    let stored = |case: &WriterFixture| {
        case.writer
            .database
            .as_ref()
            .unwrap()
            .load_document("rules")
            .unwrap()
    };
    assert_eq!(stored(&case).as_deref(), Some("ours"));
    let mut other = WriterFixture::new();
    other.run_job(HistoryJob::SaveDocument("rules", "theirs".to_owned()));
    let path = other.path();
    drop(other.writer);
    fs::rename(path, case.path()).unwrap();
    assert!(!case.sample() && case.sample());
    assert_eq!(stored(&case).as_deref(), Some("theirs"));
    // The write-ahead log of the former file is not applied to this one.
    let path = case.path();
    drop(case.writer);
    let result: String = Connection::open(path)
        .unwrap()
        .query_row("PRAGMA integrity_check", (), |row| row.get(0))
        .unwrap();
    assert_eq!(result, "ok");
}

#[test]
fn pending_records_are_written_at_the_end() {
    let mut case = WriterFixture::new();
    assert!(case.sample());
    let other = Connection::open(case.path()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    case.run_job(HistoryJob::SaveDocument("rules", "new".to_owned()));
    case.writer.retry_at = Some(Instant::now() + RETRY_MAX);
    case.writer.write_remaining();
    assert_eq!(case.writer.pending.len(), 1, "lost, and logged");
    other.execute_batch("COMMIT").unwrap();
    case.writer.retry_at = Some(Instant::now() + RETRY_MAX);
    case.writer.write_remaining();
    assert_eq!(case.writer.pending.len(), 0);
}

#[test]
fn a_full_disk_loses_samples_until_there_is_space() {
    let mut case = WriterFixture::new();
    assert!(case.sample());
    let pages = |case: &WriterFixture, pages: &str| {
        let database = case.writer.database.as_ref().unwrap();
        let pragma = format!("PRAGMA max_page_count = {pages}");
        database
            .connection
            .query_row(&pragma, (), |_| Ok(()))
            .unwrap();
    };
    // The file may not grow beyond its current size.
    pages(&case, "1");
    let written = (0..2000).take_while(|_| case.sample()).count();
    assert!(written < 2000);
    assert!(
        case.writer
            .last_error
            .as_ref()
            .unwrap()
            .contains("disk is full")
    );
    assert!(!case.health.works());
    // The file was opened again, without the limit.
    assert!(case.sample() && case.health.works());
    assert_eq!(case.rows(), written + 2);
}

#[test]
fn a_file_that_is_not_a_database_is_not_moved() {
    let mut case = WriterFixture::new();
    let text = "interval = 60 # not ours";
    fs::write(case.path(), text).unwrap();
    assert!(!case.sample());
    assert!(!case.health.works());
    assert_eq!(fs::read_to_string(case.path()).unwrap(), text);
    // After a power cut our file may be all zeros.
    fs::write(case.path(), [0; 4096]).unwrap();
    assert!(case.sample(), "{:?}", case.writer.last_error);
}

#[test]
fn a_damaged_file_is_moved_aside_and_replaced() {
    let mut case = WriterFixture::new();
    fs::write(
        case.path(),
        "SQLite format 3\0, which is all that is left of it".repeat(9),
    )
    .unwrap();
    assert!(case.sample(), "{:?}", case.writer.last_error);
    assert_eq!(case.failures(), 1);
    assert!(case.files().contains(&"history.sqlite.damaged".to_owned()));
    // Now damage the middle of the file while it is open and in use.
    for _ in 0..300 {
        assert!(case.sample());
    }
    let database = case.writer.database.as_ref().unwrap();
    database
        .connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))
        .unwrap();
    database
        .connection
        .execute_batch("PRAGMA shrink_memory")
        .unwrap();
    let mut file = fs::File::options().write(true).open(case.path()).unwrap();
    let pages = file.metadata().unwrap().len() / 4096;
    for page in 1..pages {
        file.seek(std::io::SeekFrom::Start(page * 4096)).unwrap();
        file.write_all(&[0xa5; 4096]).unwrap();
    }
    let lost = (0..100).take_while(|_| case.sample()).count();
    assert!(lost < 100, "the damage is found");
    assert!(case.sample() && case.health.works());
    assert!(case.rows() < 100);
    let aside = case
        .files()
        .iter()
        .filter(|name| name.contains("damaged"))
        .count();
    assert_eq!(
        aside,
        1,
        "only the last damaged file is kept: {:?}",
        case.files()
    );
}

#[test]
fn a_removed_file_is_created_again() {
    let mut case = WriterFixture::new();
    assert!(case.sample());
    fs::remove_file(case.path()).unwrap();
    assert!(!case.sample());
    assert!(case.sample());
    assert_eq!(case.rows(), 1);
    assert!(case.path().exists());
}

#[test]
fn creating_the_folder_is_retried() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let mut case = WriterFixture::of(folder, "file/history.sqlite");
    assert!(!case.sample() && !case.sample());
    assert!(!case.health.works());
    assert_eq!(case.failures(), 2);
    fs::remove_file(&file).unwrap();
    assert!(case.sample() && case.health.works());
}

#[test]
fn retry_delays_grow_and_a_failure_is_logged_once() {
    let mut case = WriterFixture::of(tempfile::tempdir().unwrap(), ".");
    (case.writer.retry_after, case.writer.retry_min) = (RETRY_MIN, RETRY_MIN);
    assert!(!case.sample() && !case.sample());
    assert_eq!(case.failures(), 1, "not tried yet");
    for _ in 0..20 {
        case.writer.retry_at = Some(Instant::now());
        assert!(!case.sample());
    }
    assert_eq!(case.writer.retry_after, RETRY_MAX);
}

#[tokio::test]
async fn a_store_writes_on_its_thread_and_closes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    let (store, keeper) = HistoryStore::open(HistoryLocation::File(path.clone()));
    let thread = std::thread::spawn(move || keeper.run());
    let mut statistics = crate::metrics::Statistics::default();
    for second in 0..100 {
        statistics.at = UNIX_EPOCH + Duration::from_secs(1_800_000_000 + second);
        statistics.counters.announces += 3;
        store.record(&statistics);
        store.flush().await;
    }
    let query = HistoryQuery {
        series: vec!["announces"],
        from: START,
        to: START + 100,
    };
    let answer = store.query(query).await.unwrap();
    assert_eq!(answer.at[0], START + 10);
    assert_eq!(answer.series[0].mean[..9], [3.0; 9]);
    assert_eq!(store.counters().history_samples, 9);
    assert_eq!(store.health().0, 1.0);
    assert!(store.save_document("rules", "{}".to_owned()));
    store.close().await;
    thread.join().unwrap();
    assert!(
        !path.with_extension("sqlite-wal").exists(),
        "only the database file is left"
    );
    store.record(&statistics);
    let load = store.load_document("rules").await;
    assert_eq!(load, Err(StoreError::Unavailable), "it is closed");
}
