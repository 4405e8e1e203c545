//! One allocation: whose it is, how long it lasts, and whom it may reach.

use std::time::Duration;

use super::deadline::Deadline;
use super::five_tuple::FiveTuple;
use super::peer_list::{PERMISSION_SECONDS, PeerList};
use super::usage::Owner;

/// The name of an allocation. No other one of this process ever has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AllocationId {
    pub(super) slot: u32,
    pub(super) serial: u32,
}

/// An allocation as others name it: the relay port may later belong to another one.
#[derive(Debug, Clone, Copy)]
pub(super) struct PeerName {
    pub(super) id: AllocationId,
    pub(super) port: u16,
}

/// One client's place at the relay.
#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) client: FiveTuple,
    pub(super) name: PeerName,
    pub(super) owner: Owner,
    /// Of the request that made it: a repeated one is answered again.
    pub(super) transaction_id: [u8; 12],
    pub(super) expires_at: Deadline,
    /// When it ends although it is refreshed.
    pub(super) ends_at: Deadline,
    /// The permission to send to the relay's IP address.
    sends_until: Deadline,
    pub(super) peers: PeerList,
}

impl Allocation {
    /// Creates an allocation that has expired and has no name yet.
    pub(super) fn new(client: FiveTuple, transaction_id: [u8; 12], owner: Owner) -> Self {
        Self {
            client,
            name: PeerName {
                id: AllocationId { slot: 0, serial: 0 },
                port: 0,
            },
            owner,
            transaction_id,
            expires_at: Deadline::PAST,
            ends_at: Deadline::PAST,
            sends_until: Deadline::PAST,
            peers: PeerList::default(),
        }
    }

    pub(super) fn is_alive(&self, now: Duration) -> bool {
        !self.expires_at.has_passed(now)
    }

    /// Returns whether the client has a permission for the IP address of all relay addresses.
    pub(super) fn may_send(&self, now: Duration) -> bool {
        !self.sends_until.has_passed(now)
    }

    /// Permits the IP address of all relay addresses, for sending only.
    pub(super) fn permit_sending(&mut self, now: Duration) {
        self.sends_until = Deadline::after(PERMISSION_SECONDS, now);
    }
}
