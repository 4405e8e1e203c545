//! Adds strikes and bans to an address, or to the pages of an origin there, when a connection is closed as hostile.

use super::entry::Entry;
use super::{Ended, Hub, Offender};
use crate::limits::{Key, Offence, Struck, Visit};
use crate::protocol::ConnectionId;

impl Hub {
    /// Adds a strike to the address of a connection that was closed as hostile, or that disconnected shortly before it
    /// would have been.
    pub fn hold_against(&self, id: ConnectionId, ended: Ended) {
        // A kick by the operator is not a strike.
        if ended == Ended::Kicked {
            return;
        }
        let now = self.time.get();
        let node = &self.node;
        let is_hostile = |entry: &Entry| {
            let limiter = self.limiter.borrow();
            limiter
                .as_ref()
                .is_some_and(|limiter| limiter.is_hostile(&entry.usage, now))
        };
        let found = self.with(id, |entry| {
            let hostile = || is_hostile(entry).then_some(Offence::Hostile);
            (entry.visit, ended.offence().or_else(hostile))
        });
        let Some((account, Some(offence))) = found else {
            return;
        };
        let struck = account.address().map(|key| self.strike(key, account));
        let Struck {
            pages,
            addresses,
            for_origins,
        } = struck.unwrap_or_default();
        let counters = self.counters();
        counters.page_bans.add(pages.len() as u64);
        counters.bans.add(addresses.len() as u64);
        counters.bans_origins_max.add(for_origins.into());
        let mut longest = None;
        for banned in pages.into_iter().chain(addresses) {
            let (ban, evicted) = node.bans.ban(banned, offence, now);
            longest = longest.max(Some(ban.left));
            counters.forgotten_bans_records_max.add(u64::from(evicted));
            tracing::debug!(address = %ban.key, reason = offence.text(), seconds = ban.left.as_secs(), times = ban.times, "address banned");
        }
        for seen in self.look_at(&[id]) {
            node.offenders.note(Offender {
                seen,
                offence,
                banned: longest,
                at: now,
            });
        }
    }

    /// Returns the keys to ban for a hostile connection: pages of its origin first.
    fn strike(&self, key: Key, account: Visit) -> Struck {
        let (node, now) = (&self.node, self.time.get());
        let origin = account.origin();
        if !origin.is_counted() {
            return Struck {
                addresses: node.addresses.strike(key, now),
                ..Struck::default()
            };
        }
        let group = node.addresses.group_of(key);
        let connections = node.origins.connections_of(origin, group);
        let page = node.keys.page(key, node.origins.name(origin).as_deref());
        node.addresses.strike_page(key, page, connections, now)
    }
}
