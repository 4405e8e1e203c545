//! Defines the address group of a member. Members of one group share their chances when receivers are chosen.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU64;
use std::sync::LazyLock;

use crate::protocol::ConnectionId;
use crate::protocol::http::Endpoint;

/// An address group, as a number. The limits create the numbers of limited addresses; this room never sees the address
/// of a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressGroup(u64);

/// Set in the groups of members without an address limit, so that none equals the group of an address.
const UNLIMITED_FLAG: u64 = 1 << 63;

static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl AddressGroup {
    /// Returns the group of an address or network, by a number that clients cannot choose.
    #[must_use]
    pub const fn of_address(number: NonZeroU64) -> Self {
        Self(number.get() & !UNLIMITED_FLAG)
    }

    /// Returns a separate group for a connection whose address is not limited: such an address may be a proxy that
    /// serves all clients.
    #[must_use]
    pub const fn of_connection(connection: ConnectionId) -> Self {
        // All bits of its id except the highest bit of the serial number in its lower half.
        let id = connection.to_bits();
        Self(UNLIMITED_FLAG | (id >> 32) << 31 | id & 0x7fff_ffff)
    }

    /// Returns a separate group for an HTTP member whose address is not limited.
    #[must_use]
    pub(super) fn of_endpoint(endpoint: &Endpoint) -> Self {
        Self(UNLIMITED_FLAG | KEY.hash_one(endpoint) | 1 << 62)
    }

    /// Returns the number, for the table of senders.
    #[must_use]
    pub(super) const fn bits(self) -> u64 {
        self.0
    }

    /// Returns a hash for hash tables. Numbers of addresses are random already, those of connections differ in their
    /// low bits.
    pub(super) const fn hash(self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_connection_and_endpoint_groups_differ() {
        let address = AddressGroup::of_address(NonZeroU64::MAX);
        let connection = AddressGroup::of_connection(ConnectionId::new(255, 7, 1));
        let endpoint = AddressGroup::of_endpoint(&Endpoint::V4([192, 0, 2, 1, 0, 80]));
        assert!(address != connection && connection != endpoint && endpoint != address);
        assert_eq!(
            [address, connection, endpoint].map(|it| it.0 & UNLIMITED_FLAG != 0),
            [false, true, true]
        );
        let other = AddressGroup::of_connection(ConnectionId::new(255, 8, 1));
        assert_ne!(connection, other);
    }
}
