//! What an operator may see of the connections of one worker, and what it may do to one: asked by [`Node::ask`](super::Node::ask).

use std::time::Duration;

use super::arrived::{Family, Network};
use super::entry::Entry;
use super::{Ended, Hub, State};
use crate::limits::{Grudge, Key};
use crate::protocol::ConnectionId;

/// Places that are looked at for one answer: some tens of microseconds.
const SLOTS_PER_LOOK: usize = 2048;

/// One connection, as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Which one.
    pub connection: ConnectionId,
    /// How long it has been open, to the second.
    pub age: Duration,
    /// For how long nothing was heard from it.
    pub silent: Duration,
    /// How many offers of its were relayed, in all swarms.
    pub offers: u32,
    /// How many answers of its were relayed, in all swarms.
    pub answers: u32,
    /// Where it comes from, roughly.
    pub network: Network,
    /// Whether its output is stuck, so that others are chosen for offers.
    pub blocked: bool,
    /// Whether it is about to end.
    pub closing: bool,
    /// What is held against it.
    pub grudge: Option<Grudge>,
    /// Why its address cannot be banned, if so.
    pub unbannable: Option<Unbannable>,
}

/// Why the address of a connection cannot be banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unbannable {
    /// It came through a socket file, and no proxy has named anybody.
    Unknown,
    /// No limit applies to anybody (`no_limits`).
    NoLimits,
    /// No limit applied to it when it connected (`limits.exempt`).
    Exempt,
    /// More addresses are here than are told apart (`limits.addresses_max`).
    Shared,
}

impl Unbannable {
    /// The one reason, as a sentence without its end.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Unknown => {
                "its address cannot be banned: it came through a socket file, so no address is known"
            }
            Self::NoLimits => "its address cannot be banned: all limits are off (no_limits)",
            Self::Exempt => {
                "its address cannot be banned: it is exempt from limits (limits.exempt)"
            }
            Self::Shared => {
                "its address cannot be banned: it is counted together with others, as more are here than limits.addresses_max"
            }
        }
    }
}

impl Hub {
    /// Looks at connections of this worker; those that have gone are left out.
    #[must_use]
    pub fn look_at(&self, ids: &[ConnectionId]) -> Vec<Seen> {
        let state = &*self.state.borrow();
        let known = ids.iter().filter_map(|id| {
            let entry = state.entries.get(id.slot())?;
            (entry.id == *id).then(|| self.seen(state, entry))
        });
        known.collect()
    }

    /// Looks for connections that something is held against, at some thousand places from `slot` on; also tells where to go
    /// on, if there is more.
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

    /// Closes a connection for the operator. False if it has gone.
    pub fn kick(&self, id: ConnectionId) -> bool {
        self.with(id, |entry| entry.close(Ended::Kicked)).is_some()
    }

    /// Under what the address of a connection is counted, if limits of addresses apply to it. The outer one is `None` if it
    /// has gone.
    #[must_use]
    pub fn key_of(&self, id: ConnectionId) -> Option<Option<Key>> {
        let own = |key: &Key| *key != Key::OTHERS;
        self.with(id, |entry| entry.visit.address().filter(own))
    }

    /// Why the address of a connection cannot be banned; `None` if it can, or the connection has gone.
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

    /// Closes the connections of an address, at some thousand places from `slot` on. Tells how many, and where to go on, if
    /// there are more.
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
        let arrived = state.arrived.get(entry.id.slot()).copied();
        let arrived = arrived.unwrap_or_default();
        let limiter = self.limiter.borrow();
        Seen {
            connection: entry.id,
            age: arrived.age(now),
            silent: entry.silent(now),
            offers: entry.participant.offers(),
            answers: entry.participant.answers(),
            network: arrived.network,
            blocked: entry.blocked,
            closing: entry.closing.is_some(),
            grudge: limiter
                .as_ref()
                .and_then(|limiter| limiter.grudge(&entry.usage, now)),
            unbannable: self.unbannable_of(entry, arrived.network),
        }
    }
}
