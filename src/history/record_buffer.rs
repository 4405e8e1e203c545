//! Documents and journals in memory: until they are written, or for the life of the process if the history is off.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

/// The maximum of entries of one journal; the oldest are removed.
pub const JOURNAL_ENTRIES_MAX: usize = 10_000;
/// The retention of journal entries.
pub const JOURNAL_RETENTION: Duration = Duration::from_hours(30 * 24);
/// The maximum size of a journal entry in bytes; larger ones are not stored.
pub const JOURNAL_ENTRY_BYTES_MAX: usize = 4096;

/// A list of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Journal {
    /// Actions of clients with the admin token.
    Audit,
    /// Alerts that fired and were resolved.
    Alerts,
}

impl Journal {
    /// All journals.
    pub(super) const ALL: [Self; 2] = [Self::Audit, Self::Alerts];

    /// Returns its name on disk.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Alerts => "alerts",
        }
    }
}

/// Entries read from a journal.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct JournalEntries {
    /// Each entry with its time, newest first.
    pub newest: Vec<(SystemTime, String)>,
    /// Whether these are all requested entries. False while the file cannot be read: then only the unwritten ones are
    /// included.
    pub is_complete: bool,
}

/// Documents and journals in memory.
#[derive(Debug, Default)]
pub(super) struct RecordBuffer {
    pub(super) documents: BTreeMap<&'static str, String>,
    audit: VecDeque<(SystemTime, String)>,
    alerts: VecDeque<(SystemTime, String)>,
}

impl RecordBuffer {
    /// Adds an entry; removes the oldest if there are too many or they are too old.
    pub(super) fn append(&mut self, journal: Journal, at: SystemTime, json: String) {
        let entries = self.entries_mut(journal);
        entries.push_back((at, json));
        let is_old = |entry: &(SystemTime, String)| {
            at.duration_since(entry.0)
                .is_ok_and(|age| age > JOURNAL_RETENTION)
        };
        while entries.len() > JOURNAL_ENTRIES_MAX || entries.front().is_some_and(is_old) {
            entries.pop_front();
        }
    }

    /// Returns the newest entries since a time, newest first.
    pub(super) fn newest_entries(
        &mut self,
        journal: Journal,
        since: SystemTime,
        limit: usize,
    ) -> Vec<(SystemTime, String)> {
        let entries = self.entries_mut(journal).iter().rev();
        let recent = entries.filter(|(at, _)| *at >= since);
        recent.take(limit).cloned().collect()
    }

    /// Returns the number of documents and entries.
    pub(super) fn len(&self) -> usize {
        self.documents.len() + self.audit.len() + self.alerts.len()
    }

    pub(super) fn entries_mut(&mut self, journal: Journal) -> &mut VecDeque<(SystemTime, String)> {
        match journal {
            Journal::Audit => &mut self.audit,
            Journal::Alerts => &mut self.alerts,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn a_journal_removes_excess_and_old_entries() {
        let mut buffer = RecordBuffer::default();
        let day = |day: u64| UNIX_EPOCH + Duration::from_hours(24 * day);
        buffer.append(Journal::Audit, day(100), "old".to_owned());
        buffer.append(Journal::Audit, day(131), "new".to_owned());
        let found = buffer.newest_entries(Journal::Audit, UNIX_EPOCH, 10);
        assert_eq!(found, [(day(131), "new".to_owned())]);
        assert_eq!(buffer.newest_entries(Journal::Alerts, UNIX_EPOCH, 10), []);
        for number in 0..=JOURNAL_ENTRIES_MAX {
            buffer.append(Journal::Audit, day(131), number.to_string());
        }
        let found = buffer.newest_entries(Journal::Audit, UNIX_EPOCH, usize::MAX);
        assert_eq!(found.len(), JOURNAL_ENTRIES_MAX);
        assert_eq!(found[0].1, JOURNAL_ENTRIES_MAX.to_string());
        assert_eq!(found.last().expect("the oldest").1, "1");
        assert_eq!(buffer.newest_entries(Journal::Audit, day(132), 10), []);
    }
}
