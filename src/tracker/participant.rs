//! One connection as the tracker sees it: which swarms it is in, and with whom it shares what it may have.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::memberships::{Membership, Memberships};
use super::tally::Tally;
use crate::limits::Share;
use crate::protocol::{ConnectionId, InfoHash, PeerId};
use crate::swarm::{Group, Member};

/// One connection as the tracker sees it. Owned by the hub, which hands it to [`Tracker::close`](super::Tracker::close) in the
/// end.
#[derive(Debug)]
pub struct Participant {
    pub(super) connection: ConnectionId,
    /// A membership is here exactly while the swarm knows it, or until [`Tracker::forget`](super::Tracker::forget) is told.
    pub(super) memberships: Memberships,
    /// Counts the memberships of all connections of its address, as they stand here; `None` for one that is not limited.
    pub(super) share: Option<Arc<Share>>,
    pub(super) tally: Tally,
}

impl Participant {
    /// A connection that is in no swarm, and not limited by its address.
    #[must_use]
    pub const fn new(connection: ConnectionId) -> Self {
        Self::of_address(connection, None)
    }

    /// A connection that is in no swarm, and has a share together with the others of its address.
    #[must_use]
    pub const fn of_address(connection: ConnectionId, share: Option<Arc<Share>>) -> Self {
        Self {
            connection,
            memberships: Memberships::new(),
            share,
            tally: Tally::NEW,
        }
    }

    /// Its memberships: oldest first, unless there are many.
    pub fn memberships(&self) -> impl Iterator<Item = (InfoHash, PeerId)> + '_ {
        self.memberships.iter()
    }

    /// How many memberships it has.
    #[must_use]
    pub fn memberships_count(&self) -> usize {
        self.memberships.len()
    }

    /// Takes note of offers of its that were relayed.
    pub fn count_offers(&mut self, number: usize) {
        self.tally.count_offers(number);
    }

    /// Takes note of an answer of its that was relayed.
    pub fn count_answer(&mut self) {
        self.tally.count_answer();
    }

    /// How many of its offers were relayed, in all swarms.
    #[must_use]
    pub const fn offers(&self) -> u32 {
        self.tally.offers()
    }

    /// How many of its answers were relayed, in all swarms.
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

    /// The address group of its connection; `None` for one that stands for itself.
    #[must_use]
    pub fn address_group(&self) -> Option<NonZeroU64> {
        self.share.as_ref().and_then(|share| share.group())
    }

    /// Whose offers and receivers its own stand together with.
    pub(super) fn group(&self) -> Group {
        let group = self.address_group();
        group.map_or_else(|| Group::of_connection(self.connection), Group::of_address)
    }

    pub(super) fn remove(&mut self, membership: Membership) {
        let before = self.memberships.len();
        self.memberships.remove(membership);
        self.note_share(before);
    }

    /// Takes note that it had `before` memberships.
    pub(super) fn note_share(&self, before: usize) {
        if let Some(share) = &self.share {
            share.note(before, self.memberships.len());
        }
    }
}

/// Whatever way it goes, its address has it back.
impl Drop for Participant {
    fn drop(&mut self) {
        if let Some(share) = &self.share {
            share.note(self.memberships.len(), 0);
        }
    }
}
