//! Inspects and closes connections of one worker for the operator. Called through [`Node::query_worker`](super::Node::query_worker).

use std::time::Duration;

use super::connection_details::{Family, NetworkPrefix};
use super::connection_entry::ConnectionEntry;
use super::{Ended, Hub, HubState};
use crate::limits::{AbuseReport, RateKey};
use crate::protocol::ConnectionId;

/// Slots scanned per query: takes some tens of microseconds.
const SLOTS_PER_SCAN: usize = 2048;

/// A snapshot of one connection for the operator.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionSnapshot {
    /// Its id.
    pub connection: ConnectionId,
    /// How long it has been open, to the second.
    pub age: Duration,
    /// How long nothing was received.
    pub silence: Duration,
    /// Number of its offers that were relayed, in all swarms.
    pub offers: u32,
    /// Number of its answers that were relayed, in all swarms.
    pub answers: u32,
    /// The network of its address.
    pub network: NetworkPrefix,
    /// Whether its output is stuck, so that no offers are sent to it.
    pub output_blocked: bool,
    /// Whether it is closing.
    pub closing: bool,
    /// Its recorded violations, if any.
    pub abuse: Option<AbuseReport>,
    /// Why its address cannot be banned, if it cannot.
    pub unbannable: Option<UnbannableReason>,
}

/// Why the address of a connection cannot be banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnbannableReason {
    /// It came through a Unix socket, and no proxy sent its address.
    UnknownAddress,
    /// All limits are off (`no_limits`).
    NoLimits,
    /// It was exempt from limits when it connected (`limits.exempt`).
    Exempt,
    /// It has no record of its own: there are more than `limits.addresses_max` addresses.
    SharedRecord,
}

impl UnbannableReason {
    /// Returns the reason as a sentence without a full stop.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::UnknownAddress => {
                "its address cannot be banned: it came through a Unix socket, so it has no known address"
            }
            Self::NoLimits => "its address cannot be banned: all limits are off (no_limits)",
            Self::Exempt => {
                "its address cannot be banned: it is exempt from limits (limits.exempt)"
            }
            Self::SharedRecord => {
                "its address cannot be banned: it shares a record with other addresses (limits.addresses_max)"
            }
        }
    }
}

impl Hub {
    /// Returns snapshots of connections of this worker, without those that have closed.
    #[must_use]
    pub fn snapshots(&self, ids: &[ConnectionId]) -> Vec<ConnectionSnapshot> {
        let state = &*self.state.borrow();
        let known = ids.iter().filter_map(|id| {
            let entry = state.entries.get(id.slot())?;
            (entry.id == *id).then(|| self.snapshot(state, entry))
        });
        known.collect()
    }

    /// Finds connections with recorded violations, scanning `SLOTS_PER_SCAN` slots from `slot` on. Also returns the
    /// next slot to scan, if any.
    #[must_use]
    pub fn find_abusive(&self, slot: usize) -> (Vec<ConnectionSnapshot>, Option<usize>) {
        let state = &*self.state.borrow();
        let end = slot.saturating_add(SLOTS_PER_SCAN);
        let entries = (slot..end.min(state.entries.capacity()))
            .filter_map(|slot| state.entries.get(slot))
            .filter(|entry| entry.usage.was_over_limit());
        let seen = entries.map(|entry| self.snapshot(state, entry));
        let found = seen.filter(|seen| seen.abuse.is_some()).collect();
        (found, (end < state.entries.capacity()).then_some(end))
    }

    /// Closes a connection for the operator. Returns false if it has closed already.
    pub fn kick(&self, id: ConnectionId) -> bool {
        self.with_entry(id, |entry| entry.close(Ended::Kicked))
            .is_some()
    }

    /// Returns the connection's rate-limit key: `Some(None)` if exempt or shared, `None` if closed.
    #[must_use]
    pub fn rate_key_of(&self, id: ConnectionId) -> Option<Option<RateKey>> {
        let own = |key: &RateKey| *key != RateKey::OVERFLOW;
        self.with_entry(id, |entry| entry.account.address().filter(own))
    }

    /// Returns why the address of a connection cannot be banned; `None` if it can, or if the connection has closed.
    #[must_use]
    pub fn unbannable(&self, id: ConnectionId) -> Option<UnbannableReason> {
        self.snapshots(&[id])
            .first()
            .and_then(|seen| seen.unbannable)
    }

    fn unbannable_of(
        &self,
        entry: &ConnectionEntry,
        network: NetworkPrefix,
    ) -> Option<UnbannableReason> {
        match entry.account.address() {
            Some(RateKey::OVERFLOW) => Some(UnbannableReason::SharedRecord),
            Some(_) => None,
            None if network.family() == Family::Unix => Some(UnbannableReason::UnknownAddress),
            None if !self.node.limits_apply() => Some(UnbannableReason::NoLimits),
            None => Some(UnbannableReason::Exempt),
        }
    }

    /// Closes the connections of an address, scanning `SLOTS_PER_SCAN` slots from `slot` on. Returns their number,
    /// and the next slot to scan, if any.
    pub fn kick_address(&self, key: RateKey, slot: usize) -> (usize, Option<usize>) {
        let state = &mut *self.state.borrow_mut();
        let (end, capacity) = (
            slot.saturating_add(SLOTS_PER_SCAN),
            state.entries.capacity(),
        );
        let mut kicked = 0;
        for slot in slot..end.min(capacity) {
            let entry = state.entries.get_mut(slot);
            if let Some(entry) = entry.filter(|entry| entry.account.address() == Some(key)) {
                entry.close(Ended::Kicked);
                kicked += 1;
            }
        }
        (kicked, (end < capacity).then_some(end))
    }

    fn snapshot(&self, state: &HubState, entry: &ConnectionEntry) -> ConnectionSnapshot {
        let now = self.time.get();
        let details = state.details.get(entry.id.slot()).copied();
        let details = details.unwrap_or_default();
        let limiter = self.limiter.borrow();
        ConnectionSnapshot {
            connection: entry.id,
            age: details.age(now),
            silence: entry.silence(now),
            offers: entry.participant.relayed_offers(),
            answers: entry.participant.relayed_answers(),
            network: details.network,
            output_blocked: entry.output_blocked,
            closing: entry.close_reason.is_some(),
            abuse: limiter
                .as_ref()
                .and_then(|limiter| limiter.abuse_report(&entry.usage, now)),
            unbannable: self.unbannable_of(entry, details.network),
        }
    }
}
