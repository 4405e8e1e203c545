//! What is held against an address, or the pages of an origin there, when a connection is closed as hostile.

use super::entry::Entry;
use super::{Ended, Hub, Offender};
use crate::limits::{Key, Offence, Struck, Visit};
use crate::protocol::ConnectionId;

impl Hub {
    /// Holds it against the address of a connection if that ended as hostile, or hung up before it would have.
    pub fn hold_against(&self, id: ConnectionId, ended: Ended) {
        // The operator has done what it wants.
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
        let Some((visit, Some(offence))) = found else {
            return;
        };
        let struck = visit.address().map(|key| self.strike(key, visit));
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
            let (ban, other_forgotten) = node.bans.ban(banned, offence, now);
            longest = longest.max(Some(ban.left));
            counters
                .forgotten_bans_records_max
                .add(u64::from(other_forgotten));
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

    /// Who is to be banned for a hostile connection: pages of its origin first.
    fn strike(&self, key: Key, visit: Visit) -> Struck {
        let (node, now) = (&self.node, self.time.get());
        let origin = visit.origin();
        if !origin.is_counted() {
            return Struck {
                addresses: node.addresses.strike(key, now),
                ..Struck::default()
            };
        }
        let group = node.addresses.group_of(key);
        let speakers = node.origins.connections_of(origin, group);
        let page = node.keys.page(key, node.origins.name(origin).as_deref());
        node.addresses.strike_page(key, page, speakers, now)
    }
}
