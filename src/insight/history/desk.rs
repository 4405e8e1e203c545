//! Documents and journals as they are held in memory: for good where no history is kept, else until they are written.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

/// Entries of one journal that are kept; of more, the oldest goes.
pub const JOURNAL_ENTRIES_MAX: usize = 10_000;
/// How long an entry of a journal is kept.
pub const JOURNAL_KEPT: Duration = Duration::from_hours(30 * 24);
/// Bytes of one entry of a journal; a larger one is not kept.
pub const NOTE_BYTES_MAX: usize = 4096;

/// A list of what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Journal {
    /// What somebody with the admin token did.
    Audit,
    /// Alerts that began and ended.
    Alerts,
}

impl Journal {
    /// All of them.
    pub(super) const ALL: [Self; 2] = [Self::Audit, Self::Alerts];

    /// Its name on disk.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Alerts => "alerts",
        }
    }
}

/// What a journal says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Entries {
    /// Each with its time, the newest first.
    pub newest: Vec<(SystemTime, String)>,
    /// Whether these are all that were asked for. Not while the file cannot be read: then those that wait to be written.
    pub is_complete: bool,
}

/// Documents and journals in memory.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) documents: BTreeMap<&'static str, String>,
    audit: VecDeque<(SystemTime, String)>,
    alerts: VecDeque<(SystemTime, String)>,
}

impl Desk {
    /// Writes an entry; the oldest go when they are too many or too old.
    pub(super) fn note(&mut self, journal: Journal, at: SystemTime, json: String) {
        let entries = self.entries(journal);
        entries.push_back((at, json));
        let is_old = |entry: &(SystemTime, String)| {
            at.duration_since(entry.0)
                .is_ok_and(|age| age > JOURNAL_KEPT)
        };
        while entries.len() > JOURNAL_ENTRIES_MAX || entries.front().is_some_and(is_old) {
            entries.pop_front();
        }
    }

    /// The newest entries since then, newest first.
    pub(super) fn journal(
        &mut self,
        journal: Journal,
        since: SystemTime,
        limit: usize,
    ) -> Vec<(SystemTime, String)> {
        let entries = self.entries(journal).iter().rev();
        let recent = entries.filter(|(at, _)| *at >= since);
        recent.take(limit).cloned().collect()
    }

    /// How many documents and entries there are.
    pub(super) fn len(&self) -> usize {
        self.documents.len() + self.audit.len() + self.alerts.len()
    }

    pub(super) fn entries(&mut self, journal: Journal) -> &mut VecDeque<(SystemTime, String)> {
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
    fn a_journal_forgets_what_is_too_much_or_too_old() {
        let mut desk = Desk::default();
        let day = |day: u64| UNIX_EPOCH + Duration::from_hours(24 * day);
        desk.note(Journal::Audit, day(100), "old".to_owned());
        desk.note(Journal::Audit, day(131), "new".to_owned());
        let kept = desk.journal(Journal::Audit, UNIX_EPOCH, 10);
        assert_eq!(kept, [(day(131), "new".to_owned())]);
        assert_eq!(desk.journal(Journal::Alerts, UNIX_EPOCH, 10), []);
        for number in 0..=JOURNAL_ENTRIES_MAX {
            desk.note(Journal::Audit, day(131), number.to_string());
        }
        let kept = desk.journal(Journal::Audit, UNIX_EPOCH, usize::MAX);
        assert_eq!(kept.len(), JOURNAL_ENTRIES_MAX);
        assert_eq!(kept[0].1, JOURNAL_ENTRIES_MAX.to_string());
        assert_eq!(kept.last().expect("the oldest").1, "1");
        assert_eq!(desk.journal(Journal::Audit, day(132), 10), []);
    }
}
