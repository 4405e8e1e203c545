//! Creates the tables of the database, and migrates files of earlier versions.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::HistoryError;
use super::resolution::RESOLUTIONS;
use super::retained;

/// `SWHB`, the application id in the header of our files (`PRAGMA application_id`,
/// <https://sqlite.org/fileformat.html#application_id>).
const APPLICATION_ID: i64 = 0x5357_4842;

/// The migrations in order. The number of applied ones is the file's `user_version`. Never change a released one: add
/// another.
///
/// `{columns}` are those of the series that are stored when a table is created. Missing columns are added whenever a
/// file is opened; columns of series that are no longer stored stay unchanged.
pub(super) const MIGRATIONS: [&str; 3] = [
    "CREATE TABLE every_10s (at INTEGER PRIMARY KEY, {columns});
     CREATE TABLE every_1min (at INTEGER PRIMARY KEY, samples INTEGER NOT NULL, {columns});
     CREATE TABLE every_10min (at INTEGER PRIMARY KEY, samples INTEGER NOT NULL, {columns});
     CREATE TABLE every_1h (at INTEGER PRIMARY KEY, samples INTEGER NOT NULL, {columns});
     CREATE TABLE every_1d (at INTEGER PRIMARY KEY, samples INTEGER NOT NULL, {columns});",
    "CREATE TABLE documents (name TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
     CREATE TABLE journal (
         id INTEGER PRIMARY KEY,
         journal TEXT NOT NULL,
         at_ms INTEGER NOT NULL,
         json TEXT NOT NULL
     );
     CREATE INDEX journal_entries ON journal (journal, id);",
    "CREATE TABLE top_swarms (
         at INTEGER NOT NULL,
         place INTEGER NOT NULL,
         info_hash TEXT NOT NULL,
         seeders INTEGER NOT NULL,
         leechers INTEGER NOT NULL,
         PRIMARY KEY (at, place)
     ) WITHOUT ROWID;",
];

/// Brings the tables to the schema of this version.
///
/// # Errors
/// The file is of another program or a later version, or cannot be written; it is not changed.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), HistoryError> {
    // Another process that opens it at the same time waits.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let application = pragma(&transaction, "application_id")?;
    let version = pragma(&transaction, "user_version")?;
    let tables = "SELECT count(*) FROM sqlite_schema";
    let tables: i64 = transaction.query_row(tables, (), |row| row.get(0))?;
    let is_empty = (application, version, tables) == (0, 0, 0);
    if application != APPLICATION_ID && !is_empty {
        return Err(HistoryError::ForeignDatabase);
    }
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if version > known {
        return Err(HistoryError::NewerSchema {
            found: version,
            known,
        });
    }
    for migration in MIGRATIONS
        .iter()
        .skip(usize::try_from(version).unwrap_or(0))
    {
        transaction.execute_batch(&with_columns(migration))?;
    }
    add_missing_columns(&transaction)?;
    if version < known {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", known)?;
        if version > 0 {
            tracing::info!(from = version, to = known, "history file migrated");
        }
    }
    transaction.commit()?;
    Ok(())
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

/// Replaces `{columns}` in the statement that creates each table.
fn with_columns(migration: &str) -> String {
    let mut sql = migration.to_owned();
    for level in &RESOLUTIONS {
        let columns: Vec<_> = columns().map(|column| format!("{column} REAL")).collect();
        let table = format!("CREATE TABLE {} (", level.table);
        if let Some((before, after)) = sql.split_once(&table) {
            let after = after.replacen("{columns}", &columns.join(", "), 1);
            sql = format!("{before}{table}{after}");
        }
    }
    sql
}

fn add_missing_columns(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    for level in &RESOLUTIONS {
        let mut existing = transaction.prepare("SELECT name FROM pragma_table_info(?1)")?;
        let existing: Vec<String> = existing
            .query_map([level.table], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for column in columns().filter(|column| !existing.contains(column)) {
            let add = format!("ALTER TABLE {} ADD COLUMN {column} REAL", level.table);
            transaction.execute_batch(&add)?;
        }
    }
    Ok(())
}

/// Returns the columns of all series, the same in each table.
pub(super) fn columns() -> impl Iterator<Item = String> {
    let retained = retained::all().iter();
    retained.flat_map(|retained| columns_of(retained.series.name))
}

/// Returns the columns of one series: mean, minimum and maximum. The last two are null where they equal the mean.
pub(super) fn columns_of(series: &str) -> [String; 3] {
    ["", "min_", "max_"].map(|prefix| format!("{prefix}{series}"))
}

#[cfg(test)]
mod tests;
