//! The address group of a member: who shares one stands together when receivers are chosen.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU64;
use std::sync::LazyLock;

use crate::protocol::ConnectionId;
use crate::protocol::http::Endpoint;

/// An address group, as a number. Those of limited addresses are made where limits are counted; nothing here knows an address of a
/// WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Group(u64);

/// Set in the groups of those whom no limit of addresses applies to, so that none of them is that of an address.
const ALONE: u64 = 1 << 63;

static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl Group {
    /// The group of an address or network, by a number that strangers cannot choose.
    #[must_use]
    pub const fn of_address(number: NonZeroU64) -> Self {
        Self(number.get() & !ALONE)
    }

    /// A group of its own for a connection whose address is not limited: behind such an address may be a proxy, and with it
    /// everybody.
    #[must_use]
    pub const fn of_connection(connection: ConnectionId) -> Self {
        // All of its id but the highest bit of the serial number in its lower half.
        let id = connection.to_bits();
        Self(ALONE | (id >> 32) << 31 | id & 0x7fff_ffff)
    }

    /// A group of its own for somebody over HTTP whose address is not limited.
    #[must_use]
    pub(super) fn of_endpoint(endpoint: &Endpoint) -> Self {
        Self(ALONE | KEY.hash_one(endpoint) | 1 << 62)
    }

    /// The number, for a table of its own.
    #[must_use]
    pub(super) const fn bits(self) -> u64 {
        self.0
    }

    /// For hash tables: numbers of addresses are random already, and those of connections differ in their low bits.
    pub(super) const fn hash(self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_addresses_connections_and_endpoints_never_meet() {
        let address = Group::of_address(NonZeroU64::MAX);
        let connection = Group::of_connection(ConnectionId::new(255, 7, 1));
        let endpoint = Group::of_endpoint(&Endpoint::V4([192, 0, 2, 1, 0, 80]));
        assert!(address != connection && connection != endpoint && endpoint != address);
        assert_eq!(
            [address, connection, endpoint].map(|it| it.0 & ALONE != 0),
            [false, true, true]
        );
        let other = Group::of_connection(ConnectionId::new(255, 8, 1));
        assert_ne!(connection, other);
    }
}
