//! Holds the tracker's state of one connection: its memberships, and the quota that it shares with its address.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::memberships::{Membership, Memberships};
use super::tally::Tally;
use crate::limits::Share;
use crate::protocol::{ConnectionId, InfoHash, PeerId};
use crate::swarm::{Group, Member};

/// The tracker's state of one connection. The hub owns it and passes it to [`Tracker::close`](super::Tracker::close) at
/// the end.
#[derive(Debug)]
pub struct Participant {
    pub(super) connection: ConnectionId,
    /// A membership is stored here exactly while it exists in the swarm, or until
    /// [`Tracker::forget`](super::Tracker::forget) is called.
    pub(super) memberships: Memberships,
    /// Counts the memberships of all connections of its address, equal to the sum of these lists. `None` if the address
    /// is not limited.
    pub(super) share: Option<Arc<Share>>,
    pub(super) tally: Tally,
}

impl Participant {
    /// Creates a participant without memberships whose address is not limited.
    #[must_use]
    pub const fn new(connection: ConnectionId) -> Self {
        Self::of_address(connection, None)
    }

    /// Creates a participant without memberships that shares a quota with other connections of its address.
    #[must_use]
    pub const fn of_address(connection: ConnectionId, share: Option<Arc<Share>>) -> Self {
        Self {
            connection,
            memberships: Memberships::new(),
            share,
            tally: Tally::NEW,
        }
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
        self.tally.count_offers(number);
    }

    /// Counts a relayed answer of this connection.
    pub fn count_answer(&mut self) {
        self.tally.count_answer();
    }

    /// Returns the number of its relayed offers, in all swarms.
    #[must_use]
    pub const fn offers(&self) -> u32 {
        self.tally.offers()
    }

    /// Returns the number of its relayed answers, in all swarms.
    #[must_use]
    pub const fn answers(&self) -> u32 {
        self.tally.answers()
    }

    pub(super) fn member(&self, peer_id: PeerId) -> Member {
        Member {
            connection: self.connection,
            peer_id,
        }
    }

    /// Returns the number of its address group. `None` if the connection is a group of its own.
    #[must_use]
    pub fn address_group(&self) -> Option<NonZeroU64> {
        self.share.as_ref().and_then(|share| share.group())
    }

    /// Returns the address group whose offers are counted together.
    pub(super) fn group(&self) -> Group {
        let group = self.address_group();
        group.map_or_else(|| Group::of_connection(self.connection), Group::of_address)
    }

    pub(super) fn remove(&mut self, membership: Membership) {
        let before = self.memberships.len();
        self.memberships.remove(membership);
        self.note_share(before);
    }

    /// Updates the shared quota after a change from `before` memberships.
    pub(super) fn note_share(&self, before: usize) {
        if let Some(share) = &self.share {
            share.note(before, self.memberships.len());
        }
    }
}

/// Returns the memberships to the quota of the address, however the connection ends.
impl Drop for Participant {
    fn drop(&mut self) {
        if let Some(share) = &self.share {
            share.note(self.memberships.len(), 0);
        }
    }
}
