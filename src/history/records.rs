//! Reads and writes the other tables of the database: documents, journals, and the largest swarms.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::OptionalExtension;

use super::database::HistoryDatabase;
use super::error::HistoryError;
use super::record_buffer::{JOURNAL_ENTRIES_MAX, JOURNAL_RETENTION, Journal};
use super::resolution::TOP_SWARMS_RETENTION;

/// The maximum of times in one answer about the largest swarms.
pub const TOP_SWARMS_TIMES_MAX: usize = 144;

/// A swarm and its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopSwarm {
    /// The info-hash in hexadecimal.
    pub info_hash: String,
    /// Number of seeders.
    pub seeders: u32,
    /// Number of leechers.
    pub leechers: u32,
}

/// The largest swarms at one time, in Unix seconds, largest first.
pub type TopSwarms = (i64, Vec<TopSwarm>);

impl HistoryDatabase {
    pub(super) fn save_document(&self, name: &str, json: &str) -> Result<(), HistoryError> {
        let sql = "INSERT OR REPLACE INTO documents (name, json) VALUES (?1, ?2)";
        self.connection.execute(sql, (name, json))?;
        Ok(())
    }

    /// Saves a document, but never overwrites an existing one.
    pub(super) fn save_document_if_missing(
        &self,
        name: &str,
        json: &str,
    ) -> Result<(), HistoryError> {
        let sql = "INSERT OR IGNORE INTO documents (name, json) VALUES (?1, ?2)";
        self.connection.execute(sql, (name, json))?;
        Ok(())
    }

    pub(super) fn load_document(&self, name: &str) -> Result<Option<String>, HistoryError> {
        let sql = "SELECT json FROM documents WHERE name = ?1";
        let found = self.connection.query_row(sql, [name], |row| row.get(0));
        Ok(found.optional()?)
    }

    pub(super) fn append_journal(
        &self,
        journal: Journal,
        at: SystemTime,
        json: &str,
    ) -> Result<(), HistoryError> {
        let transaction = self.begin_transaction()?;
        let label = journal.label();
        transaction.execute(
            "INSERT INTO journal (journal, at_ms, json) VALUES (?1, ?2, ?3)",
            (label, unix_millis(at), json),
        )?;
        let too_old =
            unix_millis(at) - i64::try_from(JOURNAL_RETENTION.as_millis()).unwrap_or(i64::MAX);
        transaction.execute(
            "DELETE FROM journal WHERE journal = ?1 AND (at_ms < ?2 OR id <=
                 (SELECT id FROM journal WHERE journal = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?3))",
            (label, too_old, JOURNAL_ENTRIES_MAX),
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// Returns the newest entries since a time, newest first.
    pub(super) fn journal_entries(
        &self,
        journal: Journal,
        since: SystemTime,
        limit: usize,
    ) -> Result<Vec<(SystemTime, String)>, HistoryError> {
        let sql = "SELECT at_ms, json FROM journal WHERE journal = ?1 AND at_ms >= ?2
                   ORDER BY id DESC LIMIT ?3";
        let mut statement = self.connection.prepare(sql)?;
        let limit = limit.min(JOURNAL_ENTRIES_MAX);
        let found = statement.query_map((journal.label(), unix_millis(since), limit), |row| {
            let at: u64 = row.get(0)?;
            Ok((UNIX_EPOCH + Duration::from_millis(at), row.get(1)?))
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Writes the largest swarms at one time and removes expired ones.
    pub(super) fn write_top_swarms(&self, (at, swarms): &TopSwarms) -> Result<(), HistoryError> {
        let transaction = self.begin_transaction()?;
        let retention = i64::try_from(TOP_SWARMS_RETENTION.as_secs()).unwrap_or(i64::MAX);
        // A process before a restart may have written the same time.
        let delete = "DELETE FROM top_swarms WHERE at < ?1 OR at = ?2";
        transaction.execute(delete, [at - retention, *at])?;
        let sql = "INSERT INTO top_swarms (at, place, info_hash, seeders, leechers)
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        {
            let mut statement = transaction.prepare(sql)?;
            for (place, swarm) in (1_i64..).zip(swarms) {
                statement.execute((at, place, &swarm.info_hash, swarm.seeders, swarm.leechers))?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Returns the largest swarms at the newest times of a range, at most [`TOP_SWARMS_TIMES_MAX`] times; newest
    /// first.
    pub(super) fn top_swarms(&self, from: i64, to: i64) -> Result<Vec<TopSwarms>, HistoryError> {
        let sql = "SELECT at, info_hash, seeders, leechers FROM top_swarms WHERE at IN
                       (SELECT DISTINCT at FROM top_swarms WHERE at BETWEEN ?1 AND ?2
                        ORDER BY at DESC LIMIT ?3)
                   ORDER BY at DESC, place";
        let mut statement = self.connection.prepare(sql)?;
        let mut found = statement.query((from, to, TOP_SWARMS_TIMES_MAX))?;
        let mut moments: Vec<TopSwarms> = Vec::new();
        while let Some(row) = found.next()? {
            let at = row.get(0)?;
            let swarm = TopSwarm {
                info_hash: row.get(1)?,
                seeders: row.get(2)?,
                leechers: row.get(3)?,
            };
            match moments.last_mut() {
                Some((last, swarms)) if *last == at => swarms.push(swarm),
                _ => moments.push((at, vec![swarm])),
            }
        }
        Ok(moments)
    }
}

fn unix_millis(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
