//! Links the IPv4 and IPv6 memberships of an HTTP client, so that a client with two addresses counts once.
//!
//! A client is identified by its `peer_id` and its `key` together. Other clients receive the `peer_id`, never the
//! `key`, so they cannot impersonate a client to remove it from the counts. In each address family one membership of a
//! client is linked, so at most two memberships count as one. Further memberships of a client with many addresses
//! count separately.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use hashbrown::HashTable;

use crate::protocol::PeerId;
use crate::protocol::http::ClientKey;

static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A hash that identifies a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClientHash(u64);

impl ClientHash {
    /// Returns `None` for a client without a key.
    pub(super) fn of(peer_id: PeerId, key: Option<ClientKey>) -> Option<Self> {
        key.map(|key| Self(HASHER.hash_one((peer_id, key))))
    }
}

/// The linked membership of each client, in one address family.
#[derive(Debug, Default)]
pub(super) struct LinkedClients<const N: usize>(HashTable<(u64, [u8; N])>);

impl<const N: usize> LinkedClients<N> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, client: ClientHash) -> Option<[u8; N]> {
        let found = self.0.find(client.0, |(known, _)| *known == client.0);
        found.map(|(_, at)| *at)
    }

    /// Links a membership, if its client has no other. Returns true if it is linked now.
    pub(super) fn link(&mut self, client: ClientHash, at: [u8; N]) -> bool {
        if let Some(known) = self.get(client) {
            return known == at;
        }
        let entry = (client.0, at);
        self.0.insert_unique(client.0, entry, |(client, _)| *client);
        true
    }

    /// Unlinks a membership. Returns false if it was not linked.
    pub(super) fn unlink(&mut self, client: ClientHash, at: [u8; N]) -> bool {
        let found = self
            .0
            .find_entry(client.0, |known| *known == (client.0, at));
        let was_linked = found
            .map(hashbrown::hash_table::OccupiedEntry::remove)
            .is_ok();
        if self.0.capacity() > 16 && self.0.capacity() > 8 * self.0.len() {
            let capacity = 2 * self.0.len();
            self.0.shrink_to(capacity, |(client, _)| *client);
        }
        was_linked
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ClientHash, [u8; N])> {
        self.0.iter().map(|(client, at)| (ClientHash(*client), *at))
    }
}
