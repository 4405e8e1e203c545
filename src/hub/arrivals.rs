//! The way in of a connection, and what of its limits goes from one that ends to the next of its address.
//!
//! HTTP asks here before it answers a first request; a [`Guest`] counts the connection until its WebSocket is open. All of it
//! happens once in the life of a connection.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::entry::Entry;
use super::{Hub, Node, Visitor};
use crate::limits::{
    Ban, Key, Limited, Offence, OriginFull, OriginId, Place, Share, Step, Usage, Visit, Whence,
};

/// A connection that was let in and is counted, as long as this lives.
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
    /// Lets a connection in with its first request, be it for a page or for a WebSocket, and counts it.
    ///
    /// # Errors
    ///
    /// Why not: its address is banned or has too many connections, or the process has, or is short of memory.
    pub fn let_in(&self, visitor: &Visitor) -> Result<Guest, Limited> {
        let (node, counters) = (&self.node, self.counters());
        let whence = node.whence(visitor);
        self.check_ban(visitor)?;
        if node.pressure.step() >= Step::Refuse {
            counters.refused_memory.add(1);
            return Err(Limited::Memory);
        }
        if node.held.fetch_add(1, Ordering::Relaxed) >= node.held_max() {
            node.held.fetch_sub(1, Ordering::Relaxed);
            counters.refused_connections_max.add(1);
            return Err(Limited::Connections);
        }
        let Some(whence) = whence else {
            return Ok(Guest::new(node, None));
        };
        let Some(key) = node.addresses.enter(whence) else {
            node.held.fetch_sub(1, Ordering::Relaxed);
            counters.refused_address_connections_max.add(1);
            return Err(Limited::AddressConnections);
        };
        counters
            .uncounted_addresses_max
            .add(u64::from(key != whence.own));
        Ok(Guest::new(node, Some(key)))
    }

    /// Looks whether a visitor is banned, or pages of its origin are at its address.
    ///
    /// # Errors
    ///
    /// It is.
    pub fn check_ban(&self, visitor: &Visitor) -> Result<(), Limited> {
        let node = &self.node;
        if node.bans.is_empty() {
            return Ok(());
        }
        let Some(whence) = node.whence(visitor) else {
            return Ok(());
        };
        let now = self.time.get();
        let limited = match node.banned(whence, now) {
            Some((left, offence)) => Some(Limited::Banned { left, offence }),
            None => node
                .page_banned(visitor, whence, now)
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

    /// Lets one that is let in open a WebSocket, after the time that is given.
    ///
    /// # Errors
    ///
    /// Why not: too many come from its address, or pages of its origin have too many.
    pub fn let_open(&self, visitor: &Visitor) -> Result<Duration, Limited> {
        let (node, counters) = (&self.node, self.counters());
        let origin = visitor.origin.as_deref().filter(|_| node.limits_apply());
        let whence = node.whence(visitor);
        match origin.map(|origin| node.origins.room(origin, whence)) {
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
        let Some(whence) = whence else {
            return Ok(Duration::ZERO);
        };
        match node.addresses.arrive(whence, self.time.get()) {
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

    /// Counts a WebSocket. Also gives what limits the swarms of its address; `None` if nothing does.
    pub(super) fn arrive(&self, visitor: &Visitor) -> (Visit, Option<Arc<Share>>) {
        let node = &self.node;
        node.held.fetch_add(1, Ordering::Relaxed);
        let whence = node.whence(visitor);
        let (key, share) = whence.map(|whence| node.addresses.count(whence)).unzip();
        let group = key.map(|key| node.addresses.group_of(key));
        let (origin, place) = match visitor.origin.as_deref() {
            Some(origin) => node.origins.enter(origin, whence, group),
            None => (OriginId::NONE, Place::Own),
        };
        let counters = self.counters();
        match place {
            Place::Own => {}
            Place::Shared => counters.uncounted_origins_max.add(1),
            Place::SharedOfAddress => counters.uncounted_address_origins_max.add(1),
        }
        (Visit::new(key, origin), share)
    }

    /// The limits of a new connection: all of them, or what one of its address has left over.
    pub(super) fn take_spent(&self, visit: Visit) -> Usage {
        let limiter = self.limiter.borrow();
        let (Some(limiter), Some(key)) = (&*limiter, visit.address()) else {
            return Usage::default();
        };
        let now = self.time.get();
        let Some(spent) = self.node.addresses.take_spent(key, now) else {
            return Usage::default();
        };
        self.counters().limits_carried_over.add(1);
        limiter.begin(&spent, now)
    }

    /// Keeps what a connection has used up of its limits for the next one of its address.
    pub(super) fn keep_spent(&self, entry: &Entry) {
        let limiter = self.limiter.borrow();
        let now = self.time.get();
        if let (Some(limiter), Some(key)) = (&*limiter, entry.visit.address())
            && let Some(spent) = limiter.spent(&entry.usage, now)
        {
            self.node.addresses.keep_spent(key, &spent, now);
        }
    }

    /// Who is banned, the longest first.
    #[must_use]
    pub fn bans(&self) -> Vec<Ban> {
        self.node.bans(self.time.get())
    }

    /// Forgets in one part of the addresses who has nothing here any more, and with the first the sites and bans as well.
    pub fn tidy_addresses(&self, part: usize) {
        let now = self.time.get();
        self.node.addresses.tidy(part, now);
        self.node.tidy_http_use(part, now);
        if part == 0 {
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
    /// Bans an address for the operator, named by its key as [`Hub::key_of`] tells it.
    pub fn ban_for(&self, key: Key, time: Duration) {
        let (ban, other_forgotten) = self.bans.ban_for(key, time, self.now());
        let counters = &self.shared_counters;
        counters.bans.add_shared(1);
        counters
            .forgotten_bans_records_max
            .add_shared(u64::from(other_forgotten));
        tracing::debug!(address = %ban.key, reason = ban.offence.text(), seconds = time.as_secs(), "address banned");
    }

    /// Whether an address is counted under this key, or its network is.
    #[must_use]
    pub fn is_of(&self, key: Key, address: Option<IpAddr>) -> bool {
        let visitor = Visitor {
            address,
            ..Visitor::default()
        };
        let whence = self.whence(&visitor);
        whence.is_some_and(|whence| whence.own == key || whence.wider == Some(key))
    }

    /// Ends a ban, named by its key as [`Hub::bans`] shows it. False if there is none.
    pub fn lift_ban(&self, key: Key) -> bool {
        let lifted = self.bans.lift(key);
        if lifted {
            tracing::debug!(address = %key, "ban lifted");
        }
        lifted
    }

    /// How many connections count for `limits.connections_max`: pages as well, and for a moment those twice that are about to
    /// become WebSockets.
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

    /// Under what a visitor is counted; `None` if no limit of addresses applies.
    pub(super) fn whence(&self, visitor: &Visitor) -> Option<Whence> {
        let address = visitor.address;
        let doors = self.doors.read();
        if visitor.is_unnamed {
            return doors.limits_apply.then(|| self.keys.of_unnamed());
        }
        let address = address?;
        let is_exempt = || {
            doors
                .exempt
                .iter()
                .any(|network| network.contains(Some(address)))
        };
        (doors.limits_apply && !is_exempt()).then(|| self.keys.of(address))
    }

    pub(super) fn banned(&self, whence: Whence, now: Duration) -> Option<(Duration, Offence)> {
        let keys = [Some(whence.own), whence.wider];
        let bans = keys
            .into_iter()
            .flatten()
            .filter_map(|key| self.bans.find(key, now));
        bans.map(|ban| (ban.left, ban.offence))
            .max_by_key(|(left, _)| *left)
    }

    /// The ban of the pages of an origin, or of its site, at the address of a visitor.
    fn page_banned(
        &self,
        visitor: &Visitor,
        whence: Whence,
        now: Duration,
    ) -> Option<(Duration, Offence)> {
        let origin = visitor.origin.as_deref()?;
        let is_own = self.origins.is_own(origin, Some(whence));
        let page = self.keys.page(whence.own, Some(origin).filter(|_| is_own));
        let bans = [Some(page.origin), page.site].into_iter().flatten();
        let found = bans.filter_map(|key| self.bans.find(key, now));
        found
            .map(|ban| (ban.left, ban.offence))
            .max_by_key(|(left, _)| *left)
    }

    /// Takes out what [`Hub::arrive`] or a [`Guest`] has counted.
    pub(super) fn leave(&self, visit: Visit) {
        self.held.fetch_sub(1, Ordering::Relaxed);
        if visit.origin().is_counted() {
            let group = visit.address().map(|key| self.addresses.group_of(key));
            self.origins.leave(visit.origin(), group);
        }
        if let Some(key) = visit.address() {
            self.addresses.leave(key);
        }
    }
}
