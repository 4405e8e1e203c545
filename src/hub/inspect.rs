//! Inspects and closes connections of one worker for the operator. Called through
//! [`Mailboxes::query_worker`](super::Mailboxes::query_worker).

use super::connection_entry::ConnectionEntry;
use super::{Ended, Hub, HubState};
use crate::limits::RateKey;
use crate::node::{ConnectionSnapshot, NetworkPrefix, UnbannableReason};
use crate::protocol::{AddressFamily, ConnectionId};

/// Slots scanned per query: takes some tens of microseconds.
const SLOTS_PER_SCAN: usize = 2048;

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
            None if network.family() == AddressFamily::Unix => {
                Some(UnbannableReason::UnknownAddress)
            }
            None if !self.admission.shared().limits_apply() => Some(UnbannableReason::NoLimits),
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
            site: entry
                .participant
                .site()
                .and_then(|site| self.node.sites().name(site)),
            output_blocked: entry.output_blocked,
            closing: entry.close_reason.is_some(),
            abuse: limiter
                .as_ref()
                .and_then(|limiter| limiter.abuse_report(&entry.usage, now)),
            unbannable: self.unbannable_of(entry, details.network),
        }
    }
}
