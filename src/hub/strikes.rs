//! Adds strikes and bans to an address, or to the pages of an origin there, when a connection is closed as hostile.

use super::connection_entry::ConnectionEntry;
use super::{AbuseRecord, Ended, Hub};
use crate::limits::{AccountKey, BanReason, RateKey, StrikeOutcome};
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
        let node = &self.node;
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
        let Some((account, Some(offence))) = found else {
            return;
        };
        let struck = account.address().map(|key| self.add_strike(key, account));
        let StrikeOutcome {
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
            longest = longest.max(Some(ban.remaining));
            counters.forgotten_bans_records_max.add(u64::from(evicted));
            tracing::debug!(address = %ban.key, reason = offence.text(), seconds = ban.remaining.as_secs(), times = ban.times, "address banned");
        }
        for seen in self.snapshots(&[id]) {
            node.abuse_log.push(AbuseRecord {
                connection: seen,
                reason: offence,
                banned: longest,
                closed_at: now,
            });
        }
    }

    /// Returns the keys to ban for a hostile connection: pages of its origin first.
    fn add_strike(&self, key: RateKey, account: AccountKey) -> StrikeOutcome {
        let (node, now) = (&self.node, self.time.get());
        let origin = account.origin();
        if !origin.is_counted() {
            return StrikeOutcome {
                addresses: node.addresses.add_strike(key, now),
                ..StrikeOutcome::default()
            };
        }
        let group = node.addresses.widest_key_of(key);
        let connections = node.origins.connections_of(origin, group);
        let page = node
            .key_hasher
            .page_keys(key, node.origins.name(origin).as_deref());
        node.addresses.add_page_strike(key, page, connections, now)
    }
}
