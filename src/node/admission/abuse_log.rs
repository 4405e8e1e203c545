//! Remembers the last connections that were closed as hostile, with the reason and the consequence. In memory only,
//! without addresses.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;

use crate::limits::BanReason;
use crate::node::ConnectionSnapshot;

/// Maximum number of records; the oldest is dropped.
pub const ABUSE_RECORDS_MAX: usize = 100;
/// How long a record is retained.
const RETENTION: Duration = Duration::from_hours(1);

/// A connection that was closed as hostile.
#[derive(Debug, Clone, PartialEq)]
pub struct AbuseRecord {
    /// Its state when it was closed.
    pub connection: ConnectionSnapshot,
    /// Why its address got a strike.
    pub reason: BanReason,
    /// How long its address was banned for it, if it was.
    pub banned: Option<Duration>,
    /// When it was closed, measured from the start of the process.
    pub closed_at: Duration,
}

/// The log of connections closed as hostile, the oldest first.
#[derive(Debug, Default)]
pub(super) struct AbuseLog(Mutex<VecDeque<AbuseRecord>>);

impl AbuseLog {
    pub(super) fn push(&self, record: AbuseRecord) {
        let records = &mut *self.0.lock();
        if records.len() >= ABUSE_RECORDS_MAX {
            records.pop_front();
        }
        records.push_back(record);
    }

    /// Returns the records of the last hour.
    pub(super) fn recent(&self, now: Duration) -> Vec<AbuseRecord> {
        let records = &mut *self.0.lock();
        records.retain(|record| now.saturating_sub(record.closed_at) < RETENTION);
        records.iter().cloned().collect()
    }
}
