//! Remembers the last connections that were closed as hostile, with the reason and the consequence. In memory only,
//! without addresses.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;

use super::Seen;
use crate::limits::Offence;

/// Maximum number of records; the oldest is dropped.
pub const OFFENDERS_MAX: usize = 100;
/// How long a record is retained.
const KEPT: Duration = Duration::from_hours(1);

/// A connection that was closed as hostile.
#[derive(Debug, Clone, PartialEq)]
pub struct Offender {
    /// Its state when it was closed.
    pub seen: Seen,
    /// Why its address got a strike.
    pub offence: Offence,
    /// How long its address was banned for it, if it was.
    pub banned: Option<Duration>,
    /// When it was closed, measured from the start of the process.
    pub at: Duration,
}

/// The log of connections closed as hostile, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Offenders(Mutex<VecDeque<Offender>>);

impl Offenders {
    pub(super) fn note(&self, record: Offender) {
        let records = &mut *self.0.lock();
        if records.len() >= OFFENDERS_MAX {
            records.pop_front();
        }
        records.push_back(record);
    }

    /// Returns the records of the last hour.
    pub(super) fn list(&self, now: Duration) -> Vec<Offender> {
        let records = &mut *self.0.lock();
        records.retain(|record| now.saturating_sub(record.at) < KEPT);
        records.iter().cloned().collect()
    }
}
