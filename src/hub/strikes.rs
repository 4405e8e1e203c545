//! Adds strikes and bans to an address, or to the pages of an origin there, when a connection is closed as hostile.

use super::connection_entry::ConnectionEntry;
use super::{Ended, Hub};
use crate::limits::BanReason;
use crate::node::AbuseRecord;
use crate::protocol::ConnectionId;

impl Hub {
    /// Adds a strike to the address of a connection that was closed as hostile, or that disconnected shortly before it
    /// would have been.
    pub fn strike_address(&self, id: ConnectionId, ended: Ended) {
        // A kick by the operator is not a strike.
        if ended == Ended::Kicked {
            return;
        }
        let now = self.time.get();
        let is_hostile = |entry: &ConnectionEntry| {
            let limiter = self.limiter.borrow();
            limiter
                .as_ref()
                .is_some_and(|limiter| limiter.is_hostile(&entry.usage, now))
        };
        let found = self.with_entry(id, |entry| {
            let hostile = || is_hostile(entry).then_some(BanReason::Hostile);
            (entry.account, ended.ban_reason().or_else(hostile))
        });
        let Some((account, Some(reason))) = found else {
            return;
        };
        let banned = self.admission.add_strike(account, reason);
        for seen in self.snapshots(&[id]) {
            self.admission.shared().record_abuse(AbuseRecord {
                connection: seen,
                reason,
                banned,
                closed_at: now,
            });
        }
    }
}
