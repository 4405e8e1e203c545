//! Admits connections, and carries the rate-limit usage of a closed connection over to the next one of its address.
//!
//! The HTTP layer calls this before it answers the first request. A [`Guest`] counts the connection until its WebSocket
//! is open. Each step happens once in the life of a connection.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::entry::Entry;
use super::{Hub, Node, Visitor};
use crate::limits::{
    Ban, Key, Limited, Offence, OriginFull, OriginId, Place, Share, Step, Usage, Visit, Whence,
};

/// Counts an admitted connection until it is dropped.
#[derive(Debug)]
pub struct Guest {
    node: Arc<Node>,
    visit: Visit,
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.node.leave(self.visit);
    }
}

impl Hub {
    /// Admits and counts a connection with its first request, for a page or a WebSocket.
    ///
    /// # Errors
    ///
    /// The address is banned or has too many connections, or the process has too many or is short of memory.
    pub fn let_in(&self, client: &Visitor) -> Result<Guest, Limited> {
        let (node, counters) = (&self.node, self.counters());
        let keys = node.whence(client);
        self.check_ban(client)?;
        if node.pressure.step() >= Step::Refuse {
            counters.refused_memory.add(1);
            return Err(Limited::Memory);
        }
        if node.held.fetch_add(1, Ordering::Relaxed) >= node.held_max() {
            node.held.fetch_sub(1, Ordering::Relaxed);
            counters.refused_connections_max.add(1);
            return Err(Limited::Connections);
        }
        let Some(keys) = keys else {
            return Ok(Guest::new(node, None));
        };
        let Some(key) = node.addresses.enter(keys) else {
            node.held.fetch_sub(1, Ordering::Relaxed);
            counters.refused_address_connections_max.add(1);
            return Err(Limited::AddressConnections);
        };
        counters
            .uncounted_addresses_max
            .add(u64::from(key != keys.own));
        Ok(Guest::new(node, Some(key)))
    }

    /// Checks whether the address of a client is banned, or the pages of its origin at that address.
    ///
    /// # Errors
    ///
    /// One of them is banned.
    pub fn check_ban(&self, client: &Visitor) -> Result<(), Limited> {
        let node = &self.node;
        if node.bans.is_empty() {
            return Ok(());
        }
        let Some(keys) = node.whence(client) else {
            return Ok(());
        };
        let now = self.time.get();
        let limited = match node.banned(keys, now) {
            Some((left, offence)) => Some(Limited::Banned { left, offence }),
            None => node
                .page_banned(client, keys, now)
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
    pub fn let_open(&self, client: &Visitor) -> Result<Duration, Limited> {
        let (node, counters) = (&self.node, self.counters());
        let origin = client.origin.as_deref().filter(|_| node.limits_apply());
        let keys = node.whence(client);
        match origin.map(|origin| node.origins.room(origin, keys)) {
            None | Some(Ok(())) => {}
            Some(Err(OriginFull::Origin)) => {
                counters.refused_origin_connections_max.add(1);
                return Err(Limited::OriginConnections);
            }
            Some(Err(OriginFull::Address)) => {
                counters.refused_origin_address_percent.add(1);
                return Err(Limited::OriginAddress);
            }
        }
        let Some(keys) = keys else {
            return Ok(Duration::ZERO);
        };
        match node.addresses.arrive(keys, self.time.get()) {
            Ok(wait) => {
                let waits = u64::from(!wait.is_zero());
                counters.delayed_address_connections_per_second.add(waits);
                Ok(wait)
            }
            Err(wait) => {
                counters.refused_address_connections_per_second.add(1);
                Err(Limited::AddressRate(wait))
            }
        }
    }

    /// Counts a WebSocket. Also returns its share of the swarm table; `None` if no limit of addresses applies.
    pub(super) fn arrive(&self, client: &Visitor) -> (Visit, Option<Arc<Share>>) {
        let node = &self.node;
        node.held.fetch_add(1, Ordering::Relaxed);
        let keys = node.whence(client);
        let (key, quota_usage) = keys.map(|keys| node.addresses.count(keys)).unzip();
        let group = key.map(|key| node.addresses.group_of(key));
        let (origin, place) = match client.origin.as_deref() {
            Some(origin) => node.origins.enter(origin, keys, group),
            None => (OriginId::NONE, Place::Own),
        };
        let counters = self.counters();
        match place {
            Place::Own => {}
            Place::Shared => counters.uncounted_origins_max.add(1),
            Place::SharedOfAddress => counters.uncounted_address_origins_max.add(1),
        }
        (Visit::new(key, origin), quota_usage)
    }

    /// Returns the rate-limit usage of a new connection: none, or what an ended connection of its address had used.
    pub(super) fn take_spent(&self, account: Visit) -> Usage {
        let limiter = self.limiter.borrow();
        let (Some(limiter), Some(key)) = (&*limiter, account.address()) else {
            return Usage::default();
        };
        let now = self.time.get();
        let Some(carried) = self.node.addresses.take_spent(key, now) else {
            return Usage::default();
        };
        self.counters().limits_carried_over.add(1);
        limiter.begin(&carried, now)
    }

    /// Stores the rate-limit usage of an ended connection for the next one of its address.
    pub(super) fn keep_spent(&self, entry: &Entry) {
        let limiter = self.limiter.borrow();
        let now = self.time.get();
        if let (Some(limiter), Some(key)) = (&*limiter, entry.visit.address())
            && let Some(usage) = limiter.spent(&entry.usage, now)
        {
            self.node.addresses.keep_spent(key, &usage, now);
        }
    }

    /// Returns all active bans, the longest first.
    #[must_use]
    pub fn bans(&self) -> Vec<Ban> {
        self.node.bans(self.time.get())
    }

    /// Evicts idle addresses from one shard; shard 0 also evicts idle origins, expired bans and stale watches.
    pub fn tidy_addresses(&self, shard: usize) {
        let now = self.time.get();
        self.node.addresses.tidy(shard, now);
        self.node.tidy_http_use(shard, now);
        if shard == 0 {
            self.node.origins.tidy(now);
            self.node.bans.tidy(now);
            self.node.watch.tidy(now);
        }
    }
}

impl Guest {
    fn new(node: &Arc<Node>, key: Option<Key>) -> Self {
        Self {
            node: Arc::clone(node),
            visit: Visit::new(key, OriginId::NONE),
        }
    }
}

impl Node {
    /// Bans an address for the operator. [`Hub::key_of`] returns its key.
    pub fn ban_for(&self, key: Key, time: Duration) {
        let (ban, evicted) = self.bans.ban_for(key, time, self.now());
        let counters = &self.shared_counters;
        counters.bans.add_shared(1);
        counters
            .forgotten_bans_records_max
            .add_shared(u64::from(evicted));
        tracing::debug!(address = %ban.key, reason = ban.offence.text(), seconds = time.as_secs(), "address banned");
    }

    /// Returns whether an address, or its network, is counted under this key.
    #[must_use]
    pub fn is_of(&self, key: Key, address: Option<IpAddr>) -> bool {
        let client = Visitor {
            address,
            ..Visitor::default()
        };
        let keys = self.whence(&client);
        keys.is_some_and(|keys| keys.own == key || keys.wider == Some(key))
    }

    /// Ends a ban by its key, as in [`Hub::bans`]. Returns false if there is none.
    pub fn lift_ban(&self, key: Key) -> bool {
        let lifted = self.bans.lift(key);
        if lifted {
            tracing::debug!(address = %key, "ban lifted");
        }
        lifted
    }

    /// Returns the number of connections that count for `limits.connections_max`. It includes HTTP connections; one
    /// that becomes a WebSocket counts twice for a moment.
    #[must_use]
    pub fn connections_held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    fn held_max(&self) -> usize {
        self.doors.read().connections_max.unwrap_or(usize::MAX)
    }

    pub(super) fn limits_apply(&self) -> bool {
        self.doors.read().limits_apply
    }

    /// Returns the rate-limit keys of a client; `None` if no limit of addresses applies.
    pub(super) fn whence(&self, client: &Visitor) -> Option<Whence> {
        let address = client.address;
        let admission = self.doors.read();
        if client.is_unnamed {
            return admission.limits_apply.then(|| self.keys.of_unnamed());
        }
        let address = address?;
        let is_exempt = || {
            admission
                .exempt
                .iter()
                .any(|network| network.contains(Some(address)))
        };
        (admission.limits_apply && !is_exempt()).then(|| self.keys.of(address))
    }

    pub(super) fn banned(&self, keys: Whence, now: Duration) -> Option<(Duration, Offence)> {
        let both = [Some(keys.own), keys.wider];
        let bans = both
            .into_iter()
            .flatten()
            .filter_map(|key| self.bans.find(key, now));
        bans.map(|ban| (ban.left, ban.offence))
            .max_by_key(|(remaining, _)| *remaining)
    }

    /// Returns the longest ban of the client's origin, or of its site, at its address.
    fn page_banned(
        &self,
        client: &Visitor,
        keys: Whence,
        now: Duration,
    ) -> Option<(Duration, Offence)> {
        let origin = client.origin.as_deref()?;
        let is_own = self.origins.is_own(origin, Some(keys));
        let page = self.keys.page(keys.own, Some(origin).filter(|_| is_own));
        let bans = [Some(page.origin), page.site].into_iter().flatten();
        let found = bans.filter_map(|key| self.bans.find(key, now));
        found
            .map(|ban| (ban.left, ban.offence))
            .max_by_key(|(remaining, _)| *remaining)
    }

    /// Releases what [`Hub::arrive`] or a [`Guest`] counted.
    pub(super) fn leave(&self, account: Visit) {
        self.held.fetch_sub(1, Ordering::Relaxed);
        if account.origin().is_counted() {
            let group = account.address().map(|key| self.addresses.group_of(key));
            self.origins.leave(account.origin(), group);
        }
        if let Some(key) = account.address() {
            self.addresses.leave(key);
        }
    }
}
