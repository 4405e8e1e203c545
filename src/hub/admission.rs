//! Admits connections, and carries the rate-limit usage of a closed connection over to the next one of its address.
//!
//! The HTTP layer calls this before it answers the first request. A [`ConnectionPermit`] counts the connection until its WebSocket
//! is open. Each step happens once in the life of a connection.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::connection_entry::ConnectionEntry;
use super::{ClientInfo, Hub, Node};
use crate::limits::{
    AccountKey, Ban, BanReason, ConnectionUsage, Limited, OriginId, OriginPlacement, OriginRefusal,
    PressureLevel, QuotaUsage, RateKey, RateKeys,
};

/// Counts an admitted connection until it is dropped.
#[derive(Debug)]
pub struct ConnectionPermit {
    node: Arc<Node>,
    account: AccountKey,
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.node.release_connection(self.account);
    }
}

impl Hub {
    /// Admits and counts a connection with its first request, for a page or a WebSocket.
    ///
    /// # Errors
    ///
    /// The address is banned or has too many connections, or the process has too many or is short of memory.
    pub fn admit_connection(&self, client: &ClientInfo) -> Result<ConnectionPermit, Limited> {
        let (node, counters) = (&self.node, self.counters());
        let keys = node.rate_keys(client);
        self.check_ban(client)?;
        if node.pressure.level() >= PressureLevel::Refuse {
            counters.refused_memory.add(1);
            return Err(Limited::Memory);
        }
        if node.counted_connections.fetch_add(1, Ordering::Relaxed) >= node.connections_max() {
            node.counted_connections.fetch_sub(1, Ordering::Relaxed);
            counters.refused_connections_max.add(1);
            return Err(Limited::Connections);
        }
        let Some(keys) = keys else {
            return Ok(ConnectionPermit::new(node, None));
        };
        let Some(key) = node.addresses.admit_connection(keys) else {
            node.counted_connections.fetch_sub(1, Ordering::Relaxed);
            counters.refused_address_connections_max.add(1);
            return Err(Limited::AddressConnections);
        };
        counters
            .uncounted_addresses_max
            .add(u64::from(key != keys.address));
        Ok(ConnectionPermit::new(node, Some(key)))
    }

    /// Checks whether the address of a client is banned, or the pages of its origin at that address.
    ///
    /// # Errors
    ///
    /// One of them is banned.
    pub fn check_ban(&self, client: &ClientInfo) -> Result<(), Limited> {
        let node = &self.node;
        if node.bans.is_empty() {
            return Ok(());
        }
        let Some(keys) = node.rate_keys(client) else {
            return Ok(());
        };
        let now = self.time.get();
        let limited = match node.find_ban(keys, now) {
            Some((left, offence)) => Some(Limited::Banned { left, offence }),
            None => node
                .find_page_ban(client, keys, now)
                .map(|(left, offence)| Limited::PageBanned { left, offence }),
        };
        match limited {
            Some(limited) => {
                self.counters().refused_bans.add(1);
                Err(limited)
            }
            None => Ok(()),
        }
    }

    /// Admits the upgrade of an admitted connection to a WebSocket. Returns how long it must wait.
    ///
    /// # Errors
    ///
    /// Too many WebSockets come from its address, or pages of its origin have too many.
    pub fn admit_upgrade(&self, client: &ClientInfo) -> Result<Duration, Limited> {
        let (node, counters) = (&self.node, self.counters());
        let origin = client.origin.as_deref().filter(|_| node.limits_apply());
        let keys = node.rate_keys(client);
        match origin.map(|origin| node.origins.check_upgrade(origin, keys)) {
            None | Some(Ok(())) => {}
            Some(Err(OriginRefusal::Origin)) => {
                counters.refused_origin_connections_max.add(1);
                return Err(Limited::OriginConnections);
            }
            Some(Err(OriginRefusal::Address)) => {
                counters.refused_origin_address_percent.add(1);
                return Err(Limited::OriginAddress);
            }
        }
        let Some(keys) = keys else {
            return Ok(Duration::ZERO);
        };
        match node.addresses.admit_upgrade(keys, self.time.get()) {
            Ok(wait) => {
                let waits = u64::from(!wait.is_zero());
                counters.delayed_address_connections_per_second.add(waits);
                Ok(wait)
            }
            Err(wait) => {
                counters.refused_address_connections_per_second.add(1);
                Err(Limited::AddressUpgradeRate(wait))
            }
        }
    }

    /// Counts a WebSocket. Also returns its share of the swarm table; `None` if no limit of addresses applies.
    pub(super) fn register_websocket(
        &self,
        client: &ClientInfo,
    ) -> (AccountKey, Option<Arc<QuotaUsage>>) {
        let node = &self.node;
        node.counted_connections.fetch_add(1, Ordering::Relaxed);
        let keys = node.rate_keys(client);
        let (key, quota_usage) = keys
            .map(|keys| node.addresses.register_websocket(keys))
            .unzip();
        let group = key.map(|key| node.addresses.widest_key_of(key));
        let (origin, place) = match client.origin.as_deref() {
            Some(origin) => node.origins.register_websocket(origin, keys, group),
            None => (OriginId::NONE, OriginPlacement::Own),
        };
        let counters = self.counters();
        match place {
            OriginPlacement::Own => {}
            OriginPlacement::Overflow => counters.uncounted_origins_max.add(1),
            OriginPlacement::OverflowOfAddress => counters.uncounted_address_origins_max.add(1),
        }
        (AccountKey::new(key, origin), quota_usage)
    }

    /// Returns the rate-limit usage of a new connection: none, or what an ended connection of its address had used.
    pub(super) fn take_carried_usage(&self, account: AccountKey) -> ConnectionUsage {
        let limiter = self.limiter.borrow();
        let (Some(limiter), Some(key)) = (&*limiter, account.address()) else {
            return ConnectionUsage::default();
        };
        let now = self.time.get();
        let Some(carried) = self.node.addresses.take_carried_usage(key, now) else {
            return ConnectionUsage::default();
        };
        self.counters().limits_carried_over.add(1);
        limiter.restore_usage(&carried, now)
    }

    /// Stores the rate-limit usage of an ended connection for the next one of its address.
    pub(super) fn store_carried_usage(&self, entry: &ConnectionEntry) {
        let limiter = self.limiter.borrow();
        let now = self.time.get();
        if let (Some(limiter), Some(key)) = (&*limiter, entry.account.address())
            && let Some(usage) = limiter.carried_usage(&entry.usage, now)
        {
            self.node.addresses.store_carried_usage(key, &usage, now);
        }
    }

    /// Returns all active bans, the longest first.
    #[must_use]
    pub fn active_bans(&self) -> Vec<Ban> {
        self.node.active_bans(self.time.get())
    }

    /// Evicts idle addresses from one shard; shard 0 also evicts idle origins, expired bans and stale watches.
    pub fn evict_idle_addresses(&self, shard: usize) {
        let now = self.time.get();
        self.node.addresses.evict_idle(shard, now);
        self.node.evict_idle_http_usage(shard, now);
        if shard == 0 {
            self.node.origins.evict_idle(now);
            self.node.bans.evict_expired(now);
            self.node.introduction_watches.evict_stale(now);
        }
    }
}

impl ConnectionPermit {
    fn new(node: &Arc<Node>, key: Option<RateKey>) -> Self {
        Self {
            node: Arc::clone(node),
            account: AccountKey::new(key, OriginId::NONE),
        }
    }
}

impl Node {
    /// Bans an address for the operator. [`Hub::rate_key_of`] returns its key.
    pub fn ban_address(&self, key: RateKey, time: Duration) {
        let (ban, evicted) = self.bans.ban_by_operator(key, time, self.uptime());
        let counters = &self.shared_counters;
        counters.bans.add_shared(1);
        counters
            .forgotten_bans_records_max
            .add_shared(u64::from(evicted));
        tracing::debug!(address = %ban.key, reason = ban.reason.text(), seconds = time.as_secs(), "address banned");
    }

    /// Returns whether an address, or its network, is counted under this key.
    #[must_use]
    pub fn key_covers_address(&self, key: RateKey, address: Option<IpAddr>) -> bool {
        let client = ClientInfo {
            address,
            ..ClientInfo::default()
        };
        let keys = self.rate_keys(&client);
        keys.is_some_and(|keys| keys.address == key || keys.network == Some(key))
    }

    /// Ends a ban by its key, as in [`Hub::active_bans`]. Returns false if there is none.
    pub fn lift_ban(&self, key: RateKey) -> bool {
        let lifted = self.bans.lift(key);
        if lifted {
            tracing::debug!(address = %key, "ban lifted");
        }
        lifted
    }

    /// Returns the number of connections that count for `limits.connections_max`. It includes HTTP connections; one
    /// that becomes a WebSocket counts twice for a moment.
    #[must_use]
    pub fn counted_connections(&self) -> usize {
        self.counted_connections.load(Ordering::Relaxed)
    }

    fn connections_max(&self) -> usize {
        self.admission_settings
            .read()
            .connections_max
            .unwrap_or(usize::MAX)
    }

    pub(super) fn limits_apply(&self) -> bool {
        self.admission_settings.read().limits_apply
    }

    /// Returns the rate-limit keys of a client; `None` if no limit of addresses applies.
    pub(super) fn rate_keys(&self, client: &ClientInfo) -> Option<RateKeys> {
        let address = client.address;
        let admission = self.admission_settings.read();
        if client.is_unidentified {
            return admission
                .limits_apply
                .then(|| self.key_hasher.unidentified_keys());
        }
        let address = address?;
        let is_exempt = || {
            admission
                .exempt
                .iter()
                .any(|network| network.contains(Some(address)))
        };
        (admission.limits_apply && !is_exempt()).then(|| self.key_hasher.keys_of(address))
    }

    pub(super) fn find_ban(&self, keys: RateKeys, now: Duration) -> Option<(Duration, BanReason)> {
        let both = [Some(keys.address), keys.network];
        let bans = both
            .into_iter()
            .flatten()
            .filter_map(|key| self.bans.find(key, now));
        bans.map(|ban| (ban.remaining, ban.reason))
            .max_by_key(|(remaining, _)| *remaining)
    }

    /// Returns the longest ban of the client's origin, or of its site, at its address.
    fn find_page_ban(
        &self,
        client: &ClientInfo,
        keys: RateKeys,
        now: Duration,
    ) -> Option<(Duration, BanReason)> {
        let origin = client.origin.as_deref()?;
        let is_own = self.origins.has_own_id(origin, Some(keys));
        let page = self
            .key_hasher
            .page_keys(keys.address, Some(origin).filter(|_| is_own));
        let bans = [Some(page.origin), page.site].into_iter().flatten();
        let found = bans.filter_map(|key| self.bans.find(key, now));
        found
            .map(|ban| (ban.remaining, ban.reason))
            .max_by_key(|(remaining, _)| *remaining)
    }

    /// Releases what [`Hub::register_websocket`] or a [`ConnectionPermit`] counted.
    pub(super) fn release_connection(&self, account: AccountKey) {
        self.counted_connections.fetch_sub(1, Ordering::Relaxed);
        if account.origin().is_counted() {
            let group = account
                .address()
                .map(|key| self.addresses.widest_key_of(key));
            self.origins.release_connection(account.origin(), group);
        }
        if let Some(key) = account.address() {
            self.addresses.release_connection(key);
        }
    }
}
