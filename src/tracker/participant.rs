//! Holds the tracker's state of one connection: its memberships, its site, and the quota that it shares with its address.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::memberships::{Membership, Memberships};
use super::relay_counters::RelayCounters;
use crate::limits::QuotaUsage;
use crate::protocol::{ConnectionId, InfoHash, PeerId};
use crate::swarm::{AddressGroup, Member, SiteId};

/// The tracker's state of one connection. The hub owns it and passes it to
/// [`Tracker::leave_all`](super::Tracker::leave_all) at the end.
#[derive(Debug)]
pub struct Participant {
    pub(super) connection: ConnectionId,
    /// A membership is stored here exactly while it exists in the swarm, or until
    /// [`Tracker::remove_ended_membership`](super::Tracker::remove_ended_membership) is called.
    pub(super) memberships: Memberships,
    /// Counts the memberships of all connections of its address, equal to the sum of these lists. `None` if the address
    /// is not limited.
    pub(super) quota_usage: Option<Arc<QuotaUsage>>,
    pub(super) relay_counters: RelayCounters,
    site: Option<SiteId>,
}

// The hub lays out the entry of a connection by it.
const _: () = assert!(size_of::<Participant>() == 72);

impl Participant {
    /// Creates a participant without memberships whose address is not limited.
    #[must_use]
    pub const fn new(connection: ConnectionId) -> Self {
        Self::with_quota_usage(connection, None)
    }

    /// Creates a participant without memberships that shares a quota with other connections of its address.
    #[must_use]
    pub const fn with_quota_usage(
        connection: ConnectionId,
        quota_usage: Option<Arc<QuotaUsage>>,
    ) -> Self {
        Self {
            connection,
            memberships: Memberships::new(),
            quota_usage,
            relay_counters: RelayCounters::NEW,
            site: None,
        }
    }

    /// Sets the site of its address (`tracker.groups`). It stays the same as long as the connection is open.
    #[must_use]
    pub fn with_site(mut self, site: Option<SiteId>) -> Self {
        self.site = site;
        self
    }

    /// Returns the site of its address; `None` if no network of `tracker.groups` contains it.
    #[must_use]
    pub const fn site(&self) -> Option<SiteId> {
        self.site
    }

    /// Returns its memberships: oldest first, unless there are many.
    pub fn memberships(&self) -> impl Iterator<Item = (InfoHash, PeerId)> + '_ {
        self.memberships.iter()
    }

    /// Returns the number of its memberships.
    #[must_use]
    pub fn memberships_count(&self) -> usize {
        self.memberships.len()
    }

    /// Counts relayed offers of this connection.
    pub fn count_offers(&mut self, number: usize) {
        self.relay_counters.count_offers(number);
    }

    /// Counts a relayed answer of this connection.
    pub fn count_answer(&mut self) {
        self.relay_counters.count_answer();
    }

    /// Returns the number of its relayed offers, in all swarms.
    #[must_use]
    pub const fn relayed_offers(&self) -> u32 {
        self.relay_counters.offers()
    }

    /// Returns the number of its relayed answers, in all swarms.
    #[must_use]
    pub const fn relayed_answers(&self) -> u32 {
        self.relay_counters.answers()
    }

    pub(super) fn member(&self, peer_id: PeerId) -> Member {
        Member {
            connection: self.connection,
            peer_id,
        }
    }

    /// Returns the number of its address group. `None` if the connection is a group of its own.
    #[must_use]
    pub fn address_group_number(&self) -> Option<NonZeroU64> {
        self.quota_usage.as_ref().and_then(|share| share.group())
    }

    /// Returns the address group whose offers are counted together.
    pub(super) fn group(&self) -> AddressGroup {
        let group = self.address_group_number();
        group.map_or_else(
            || AddressGroup::of_connection(self.connection),
            AddressGroup::of_address,
        )
    }

    pub(super) fn remove(&mut self, membership: Membership) {
        let before = self.memberships.len();
        self.memberships.remove(membership);
        self.update_quota_usage(before);
    }

    /// Updates the shared quota after a change from `before` memberships.
    pub(super) fn update_quota_usage(&self, before: usize) {
        if let Some(share) = &self.quota_usage {
            share.record_change(before, self.memberships.len());
        }
    }
}

/// Returns the memberships to the quota of the address, however the connection ends.
impl Drop for Participant {
    fn drop(&mut self) {
        if let Some(share) = &self.quota_usage {
            share.record_change(self.memberships.len(), 0);
        }
    }
}
