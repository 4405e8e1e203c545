//! Checks bans, and adds the strikes that lead to them.

use std::time::Duration;

use super::WorkerAdmission;
use crate::limits::{AccountKey, BanReason, Limited, RateKey, RateKeys, StrikeOutcome};
use crate::node::ClientInfo;

impl WorkerAdmission {
    /// Checks whether the address of a client is banned, or the pages of its origin at that address.
    ///
    /// # Errors
    ///
    /// One of them is banned.
    pub fn check_ban(&self, client: &ClientInfo) -> Result<(), Limited> {
        if self.admission.bans.is_empty() {
            return Ok(());
        }
        let Some(keys) = client.address.keys() else {
            return Ok(());
        };
        let limited = match self.find_ban(keys) {
            Some((left, reason)) => Limited::Banned { left, reason },
            None => match self.find_page_ban(client, keys) {
                Some((left, reason)) => Limited::PageBanned { left, reason },
                None => return Ok(()),
            },
        };
        self.counters().refused_bans.add(1);
        Err(limited)
    }

    /// Adds a strike for a connection that was closed as hostile: to the pages of its origin at its address, else to
    /// the address. Returns the longest ban that follows.
    pub fn add_strike(&self, account: AccountKey, reason: BanReason) -> Option<Duration> {
        let outcome = account.address().map(|key| self.find_banned(key, account));
        let StrikeOutcome {
            pages,
            addresses,
            for_origins,
        } = outcome.unwrap_or_default();
        let counters = self.counters();
        counters.page_bans.add(pages.len() as u64);
        counters.bans.add(addresses.len() as u64);
        counters.bans_origins_max.add(for_origins.into());
        let mut longest = None;
        for banned in pages.into_iter().chain(addresses) {
            let (ban, evicted) = self.admission.bans.ban(banned, reason, self.time.get());
            longest = longest.max(Some(ban.remaining));
            counters.forgotten_bans_records_max.add(u64::from(evicted));
            tracing::debug!(address = %ban.key, reason = reason.text(), seconds = ban.remaining.as_secs(), times = ban.times, "address banned");
        }
        longest
    }

    /// Returns the keys to ban for a hostile connection: pages of its origin first.
    fn find_banned(&self, key: RateKey, account: AccountKey) -> StrikeOutcome {
        let (shared, now) = (&self.admission, self.time.get());
        let origin = account.origin();
        if !origin.is_counted() {
            return StrikeOutcome {
                addresses: shared.addresses.add_strike(key, now),
                ..StrikeOutcome::default()
            };
        }
        let group = shared.addresses.widest_key_of(key);
        let connections = shared.origins.connections_of(origin, group);
        let page = shared
            .key_hasher
            .page_keys(key, shared.origins.name(origin).as_deref());
        shared
            .addresses
            .add_page_strike(key, page, connections, now)
    }

    /// Returns the longest ban of the client's origin, or of its domain, at its address.
    fn find_page_ban(&self, client: &ClientInfo, keys: RateKeys) -> Option<(Duration, BanReason)> {
        let (shared, origin) = (&self.admission, client.origin.as_deref()?);
        let is_own = shared.origins.has_own_id(origin, Some(keys));
        let page = shared
            .key_hasher
            .page_keys(keys.address, Some(origin).filter(|_| is_own));
        self.longest_ban([Some(page.origin), page.domain])
    }

    pub(super) fn find_ban(&self, keys: RateKeys) -> Option<(Duration, BanReason)> {
        self.longest_ban([Some(keys.address), keys.network])
    }

    fn longest_ban(&self, keys: [Option<RateKey>; 2]) -> Option<(Duration, BanReason)> {
        let (bans, now) = (&self.admission.bans, self.time.get());
        let found = keys
            .into_iter()
            .flatten()
            .filter_map(|key| bans.find(key, now));
        found
            .map(|ban| (ban.remaining, ban.reason))
            .max_by_key(|(remaining, _)| *remaining)
    }
}
