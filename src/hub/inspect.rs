//! Inspects and closes connections of one worker for the operator. Called through [`Node::ask`](super::Node::ask).

use std::time::Duration;

use super::arrived::{Family, Network};
use super::entry::Entry;
use super::{Ended, Hub, State};
use crate::limits::{Grudge, Key};
use crate::protocol::ConnectionId;

/// Slots scanned per query: takes some tens of microseconds.
const SLOTS_PER_LOOK: usize = 2048;

/// A snapshot of one connection for the operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Its id.
    pub connection: ConnectionId,
    /// How long it has been open, to the second.
    pub age: Duration,
    /// How long nothing was received.
    pub silent: Duration,
    /// Number of its offers that were relayed, in all swarms.
    pub offers: u32,
    /// Number of its answers that were relayed, in all swarms.
    pub answers: u32,
    /// The network of its address.
    pub network: Network,
    /// Whether its output is stuck, so that no offers are sent to it.
    pub blocked: bool,
    /// Whether it is closing.
    pub closing: bool,
    /// Its recorded violations, if any.
    pub grudge: Option<Grudge>,
    /// Why its address cannot be banned, if it cannot.
    pub unbannable: Option<Unbannable>,
}

/// Why the address of a connection cannot be banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unbannable {
    /// It came through a Unix socket, and no proxy sent its address.
    Unknown,
    /// All limits are off (`no_limits`).
    NoLimits,
    /// It was exempt from limits when it connected (`limits.exempt`).
    Exempt,
    /// It has no record of its own: there are more than `limits.addresses_max` addresses.
    Shared,
}

impl Unbannable {
    /// Returns the reason as a sentence without a full stop.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Unknown => {
                "its address cannot be banned: it came through a Unix socket, so it has no known address"
            }
            Self::NoLimits => "its address cannot be banned: all limits are off (no_limits)",
            Self::Exempt => {
                "its address cannot be banned: it is exempt from limits (limits.exempt)"
            }
            Self::Shared => {
                "its address cannot be banned: it shares a record with other addresses (limits.addresses_max)"
            }
        }
    }
}

impl Hub {
    /// Returns snapshots of connections of this worker, without those that have closed.
    #[must_use]
    pub fn look_at(&self, ids: &[ConnectionId]) -> Vec<Seen> {
        let state = &*self.state.borrow();
        let known = ids.iter().filter_map(|id| {
            let entry = state.entries.get(id.slot())?;
            (entry.id == *id).then(|| self.seen(state, entry))
        });
        known.collect()
    }

    /// Finds connections with recorded violations, scanning [`SLOTS_PER_LOOK`] slots from `slot` on. Also returns the
    /// next slot to scan, if any.
    #[must_use]
    pub fn look_for_grudges(&self, slot: usize) -> (Vec<Seen>, Option<usize>) {
        let state = &*self.state.borrow();
        let end = slot.saturating_add(SLOTS_PER_LOOK);
        let entries = (slot..end.min(state.entries.capacity()))
            .filter_map(|slot| state.entries.get(slot))
            .filter(|entry| entry.usage.was_in_trouble());
        let seen = entries.map(|entry| self.seen(state, entry));
        let found = seen.filter(|seen| seen.grudge.is_some()).collect();
        (found, (end < state.entries.capacity()).then_some(end))
    }

    /// Closes a connection for the operator. Returns false if it has closed already.
    pub fn kick(&self, id: ConnectionId) -> bool {
        self.with(id, |entry| entry.close(Ended::Kicked)).is_some()
    }

    /// Returns the connection's rate-limit key: `Some(None)` if exempt or shared, `None` if closed.
    #[must_use]
    pub fn key_of(&self, id: ConnectionId) -> Option<Option<Key>> {
        let own = |key: &Key| *key != Key::OTHERS;
        self.with(id, |entry| entry.visit.address().filter(own))
    }

    /// Returns why the address of a connection cannot be banned; `None` if it can, or if the connection has closed.
    #[must_use]
    pub fn unbannable(&self, id: ConnectionId) -> Option<Unbannable> {
        self.look_at(&[id]).first().and_then(|seen| seen.unbannable)
    }

    fn unbannable_of(&self, entry: &Entry, network: Network) -> Option<Unbannable> {
        match entry.visit.address() {
            Some(Key::OTHERS) => Some(Unbannable::Shared),
            Some(_) => None,
            None if network.family() == Family::Unix => Some(Unbannable::Unknown),
            None if !self.node.limits_apply() => Some(Unbannable::NoLimits),
            None => Some(Unbannable::Exempt),
        }
    }

    /// Closes the connections of an address, scanning [`SLOTS_PER_LOOK`] slots from `slot` on. Returns their number,
    /// and the next slot to scan, if any.
    pub fn kick_all_of(&self, key: Key, slot: usize) -> (usize, Option<usize>) {
        let state = &mut *self.state.borrow_mut();
        let (end, capacity) = (
            slot.saturating_add(SLOTS_PER_LOOK),
            state.entries.capacity(),
        );
        let mut kicked = 0;
        for slot in slot..end.min(capacity) {
            let entry = state.entries.get_mut(slot);
            if let Some(entry) = entry.filter(|entry| entry.visit.address() == Some(key)) {
                entry.close(Ended::Kicked);
                kicked += 1;
            }
        }
        (kicked, (end < capacity).then_some(end))
    }

    fn seen(&self, state: &State, entry: &Entry) -> Seen {
        let now = self.time.get();
        let details = state.arrived.get(entry.id.slot()).copied();
        let details = details.unwrap_or_default();
        let limiter = self.limiter.borrow();
        Seen {
            connection: entry.id,
            age: details.age(now),
            silent: entry.silent(now),
            offers: entry.participant.offers(),
            answers: entry.participant.answers(),
            network: details.network,
            blocked: entry.blocked,
            closing: entry.closing.is_some(),
            grudge: limiter
                .as_ref()
                .and_then(|limiter| limiter.grudge(&entry.usage, now)),
            unbannable: self.unbannable_of(entry, details.network),
        }
    }
}
