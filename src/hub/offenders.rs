//! The last connections that were closed as hostile, with the reason and what was done. In memory only, without addresses.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;

use super::Seen;
use crate::limits::Offence;

/// How many are remembered; the oldest goes.
pub const OFFENDERS_MAX: usize = 100;
/// For how long.
const KEPT: Duration = Duration::from_hours(1);

/// A connection that was closed as hostile.
#[derive(Debug, Clone, PartialEq)]
pub struct Offender {
    /// As it was in the end.
    pub seen: Seen,
    /// What for.
    pub offence: Offence,
    /// For how long its address was banned for it, if it was.
    pub banned: Option<Duration>,
    /// When it was closed, from the start of the process.
    pub at: Duration,
}

/// Them all, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Offenders(Mutex<VecDeque<Offender>>);

impl Offenders {
    pub(super) fn note(&self, offender: Offender) {
        let all = &mut *self.0.lock();
        if all.len() >= OFFENDERS_MAX {
            all.pop_front();
        }
        all.push_back(offender);
    }

    /// Those of the last hour.
    pub(super) fn list(&self, now: Duration) -> Vec<Offender> {
        let all = &mut *self.0.lock();
        all.retain(|offender| now.saturating_sub(offender.at) < KEPT);
        all.iter().cloned().collect()
    }
}
