//! The SQLite database, in a file or in memory: opens it, writes samples, merges them into coarser tables, reads them.
//!
//! Every call may block on the disk, so only the history thread makes any.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, params_from_iter};

use super::aggregate::{Aggregate, AggregateSum};
use super::error::HistoryError;
use super::file::{DatabaseFile, check_magic, create_private};
use super::query::{HistoryQuery, QueryResult, SeriesPoints};
use super::resolution::{MERGE_INTERVAL, QueryPlan, RESOLUTIONS, Resolution};
use super::sample::HistorySample;
use super::schema::{self, columns, columns_of};

/// The longest wait for a lock that another program holds on the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);
/// The maximum of rows removed from a table with each added row, so that a clock that is wrong for a while loses
/// little.
const ROWS_REMOVED_PER_SAMPLE: i64 = 2;

/// Where the history is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryLocation {
    /// In memory, for the life of the process, with shorter retention than in a file.
    Memory,
    /// In this file. It and its folder are created if missing.
    File(PathBuf),
}

/// An open database.
pub(super) struct HistoryDatabase {
    pub(super) connection: Connection,
    file: Option<DatabaseFile>,
    /// Time of the last sample, in Unix seconds.
    newest_at: Option<i64>,
}

impl HistoryDatabase {
    /// Opens the database and creates or migrates its tables.
    ///
    /// # Errors
    /// The reason why it cannot be used. An existing file is not changed then.
    pub(super) fn open(location: &HistoryLocation) -> Result<Self, HistoryError> {
        let mut connection = match location {
            HistoryLocation::Memory => Connection::open_in_memory()?,
            HistoryLocation::File(path) => {
                create_private(path)?;
                check_magic(path)?;
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                Connection::open_with_flags(path, flags)?
            }
        };
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.execute_batch("PRAGMA cache_size = -1024; PRAGMA temp_store = MEMORY;")?;
        let mut file = match location {
            HistoryLocation::Memory => None,
            HistoryLocation::File(path) => {
                check_integrity(&connection)?;
                Some(DatabaseFile::new(path)?)
            }
        };
        schema::migrate(&mut connection)?;
        if file.is_some() {
            enable_wal(&connection)?;
        }
        let newest = "SELECT max(at) FROM every_10s";
        let newest = connection.query_row(newest, (), |row| row.get(0))?;
        if let Some(file) = &mut file {
            file.remember_wal();
        }
        Ok(Self {
            connection,
            file,
            newest_at: newest,
        })
    }

    /// Writes a sample, and after each minute merges its samples into the coarser tables.
    ///
    /// # Errors
    /// The file was replaced, or SQLite fails; nothing is written then.
    pub(super) fn write_sample(&mut self, sample: &HistorySample) -> Result<(), HistoryError> {
        if let Some(file) = &self.file
            && file.is_replaced()
        {
            file.remove_stale_wal();
            return Err(HistoryError::FileReplaced);
        }
        let is_file = self.file.is_some();
        let transaction = self.begin_transaction()?;
        insert_sample(&transaction, sample)?;
        let minute = |at: i64| at.div_euclid(MERGE_INTERVAL);
        if let Some(before) = self.newest_at
            && minute(before) != minute(sample.at)
        {
            // Each table is merged from the next finer one, so start with the finest.
            for index in 1..RESOLUTIONS.len() {
                merge_row(&transaction, index, before)?;
            }
        }
        for level in &RESOLUTIONS {
            remove_expired(&transaction, level, sample.at, is_file)?;
        }
        transaction.commit()?;
        self.newest_at = Some(sample.at);
        Ok(())
    }

    /// Begins a transaction that takes the write lock at once, so that it waits only at its start.
    pub(super) fn begin_transaction(&self) -> Result<Transaction<'_>, HistoryError> {
        let begun = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate);
        Ok(begun?)
    }

    /// Reads series over a time range: not before the oldest row, at the resolution chosen by [`QueryPlan`].
    ///
    /// # Errors
    /// SQLite fails.
    pub(super) fn query(&self, query: &HistoryQuery) -> Result<QueryResult, HistoryError> {
        let newest = self.newest_at.unwrap_or(query.to);
        let from = query
            .from
            .max(self.oldest_at()?.unwrap_or(query.to))
            .min(query.to);
        let plan = QueryPlan::new(from, query.to, newest, self.file.is_some());
        let index = RESOLUTIONS
            .iter()
            .position(|level| level == plan.resolution)
            .unwrap_or(0);
        let points = usize::try_from(plan.points).unwrap_or(0);
        let mut sums = vec![vec![AggregateSum::default(); points]; query.series.len()];
        let end = plan.start + plan.step * plan.points;
        for_each_row(
            &self.connection,
            index,
            &query.series,
            plan.start..end,
            |at, samples, cells| {
                let point = usize::try_from((at - plan.start) / plan.step).unwrap_or(usize::MAX);
                for (sums, cell) in sums.iter_mut().zip(cells) {
                    if let Some(sum) = sums.get_mut(point) {
                        sum.add(*cell, samples);
                    }
                }
            },
        )?;
        let lines = query.series.iter().zip(sums).map(|(&name, sums)| {
            let cells: Vec<_> = sums.iter().map(AggregateSum::aggregate).collect();
            SeriesPoints {
                name,
                mean: cells.iter().map(|cell| cell.mean).collect(),
                min: cells.iter().map(|cell| cell.min).collect(),
                max: cells.iter().map(|cell| cell.max).collect(),
            }
        });
        Ok(QueryResult {
            step: plan.step,
            at: (0..plan.points)
                .map(|point| plan.start + point * plan.step)
                .collect(),
            series: lines.collect(),
        })
    }

    /// Returns the time of the oldest data.
    fn oldest_at(&self) -> Result<Option<i64>, HistoryError> {
        let mut oldest: Option<i64> = None;
        for level in &RESOLUTIONS {
            let first = format!("SELECT min(at) FROM {}", level.table);
            let first: Option<i64> = self.connection.query_row(&first, (), |row| row.get(0))?;
            // A coarser row that contains the finer one has nothing older.
            let is_older =
                |first: &i64| oldest.is_none_or(|oldest| *first < level.step_start(oldest));
            oldest = first.filter(is_older).or(oldest);
        }
        Ok(oldest)
    }

    /// Returns its size in bytes, including the write-ahead log.
    pub(super) fn size_bytes(&self) -> u64 {
        match &self.file {
            Some(file) => file.size_bytes(),
            None => ["page_count", "page_size"]
                .iter()
                .map(|name| {
                    self.connection
                        .pragma_query_value(None, name, |row| row.get::<_, u64>(0))
                })
                .product::<Result<u64, _>>()
                .unwrap_or(0),
        }
    }
}

/// Checks the whole file for damage; this takes about a second per gigabyte.
fn check_integrity(connection: &Connection) -> Result<(), HistoryError> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", (), |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }
    Err(HistoryError::Damaged(found))
}

/// Turns on the write-ahead log: no write waits for the disk, and a power cut loses the last seconds at most. If the
/// file system does not support its shared memory, each sample waits for the disk.
fn enable_wal(connection: &Connection) -> Result<(), HistoryError> {
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0))?;
    let synchronous = if mode == "wal" { "NORMAL" } else { "FULL" };
    connection.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous}; PRAGMA journal_size_limit = 4194304;"
    ))?;
    Ok(())
}

fn insert_sample(transaction: &Transaction<'_>, sample: &HistorySample) -> rusqlite::Result<()> {
    let names: Vec<_> = columns().collect();
    let sql = format!(
        "INSERT OR REPLACE INTO {} (at, {}) VALUES (?{})",
        RESOLUTIONS[0].table,
        names.join(", "),
        ", ?".repeat(names.len()),
    );
    let mut statement = transaction.prepare(&sql)?;
    statement.raw_bind_parameter(1, sample.at)?;
    for (parameter, value) in (2..).zip(sample.aggregates.iter().flat_map(Aggregate::columns)) {
        statement.raw_bind_parameter(parameter, value)?;
    }
    statement.raw_execute()?;
    Ok(())
}

/// Merges the rows of the next finer table into the row that contains the time `at`. An existing row with more samples
/// stays:
/// then the clock was set back and some finer rows are already removed.
fn merge_row(transaction: &Transaction<'_>, index: usize, at: i64) -> rusqlite::Result<()> {
    let Some(level) = RESOLUTIONS.get(index) else {
        return Ok(());
    };
    let names: Vec<_> = super::retained::all()
        .iter()
        .map(|retained| retained.series.name)
        .collect();
    let mut sums = vec![AggregateSum::default(); names.len()];
    let start = level.step_start(at);
    let mut total = 0.0;
    for_each_row(
        transaction,
        index - 1,
        &names,
        start..start + level.step,
        |_, samples, cells| {
            total += samples;
            for (sum, cell) in sums.iter_mut().zip(cells) {
                sum.add(*cell, samples);
            }
        },
    )?;
    if total == 0.0 {
        return Ok(());
    }
    let columns: Vec<_> = columns().collect();
    let sql = format!(
        "INSERT OR REPLACE INTO {table} (at, samples, {names}) SELECT ?, ?{values}
         WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE at = ?1 AND samples > ?2)",
        table = level.table,
        names = columns.join(", "),
        values = ", ?".repeat(columns.len()),
    );
    let values = sums.iter().flat_map(|sum| sum.aggregate().columns());
    let mut statement = transaction.prepare(&sql)?;
    statement.raw_bind_parameter(1, start)?;
    statement.raw_bind_parameter(2, total)?;
    for (parameter, value) in (3..).zip(values) {
        statement.raw_bind_parameter(parameter, value)?;
    }
    statement.raw_execute()?;
    Ok(())
}

/// Removes the oldest expired rows.
fn remove_expired(
    transaction: &Transaction<'_>,
    level: &Resolution,
    now: i64,
    is_file: bool,
) -> rusqlite::Result<()> {
    if let Some(retention) = level.retention(is_file) {
        let table = level.table;
        let sql = format!(
            "DELETE FROM {table} WHERE at IN (SELECT at FROM {table} WHERE at < ?1 ORDER BY at LIMIT ?2)"
        );
        transaction.execute(&sql, [now - retention, ROWS_REMOVED_PER_SAMPLE])?;
    }
    Ok(())
}

/// Calls `each` with the time, the number of samples and the aggregates of each row of a table in a time range.
fn for_each_row(
    connection: &Connection,
    index: usize,
    series: &[&str],
    time: std::ops::Range<i64>,
    mut each: impl FnMut(i64, f64, &[Aggregate]),
) -> rusqlite::Result<()> {
    let Some(level) = RESOLUTIONS.get(index) else {
        return Ok(());
    };
    let names = series.iter().flat_map(|name| columns_of(name));
    let samples = if index == 0 { "1" } else { "samples" };
    let columns: Vec<_> = ["at".to_owned(), samples.to_owned()]
        .into_iter()
        .chain(names)
        .collect();
    let sql = format!(
        "SELECT {} FROM {} WHERE at >= ?1 AND at < ?2 ORDER BY at",
        columns.join(", "),
        level.table
    );
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query(params_from_iter([time.start, time.end]))?;
    let mut cells = Vec::with_capacity(series.len());
    while let Some(row) = found.next()? {
        cells.clear();
        for number in 0..series.len() {
            let value = |offset| row.get(2 + number * 3 + offset);
            cells.push(Aggregate::from_columns([value(0)?, value(1)?, value(2)?]));
        }
        each(row.get(0)?, row.get(1)?, &cells);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
