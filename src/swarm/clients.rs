//! Clients over HTTP that announce over IPv4 and IPv6: one client under two addresses counts once.
//!
//! A client is known by its `peer_id` and its `key` together: the first is told to others, the second is not, so nobody can pass for
//! another one to take it out of the counts. Of each kind of address one membership of a client is linked, so a client is two at most,
//! and who announces the same from many addresses counts as before.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use hashbrown::HashTable;

use crate::protocol::PeerId;
use crate::protocol::http::ClientKey;

static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A client, as a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Client(u64);

impl Client {
    /// `None` for one that sends no key.
    pub(super) fn of(peer_id: PeerId, key: Option<ClientKey>) -> Option<Self> {
        key.map(|key| Self(KEY.hash_one((peer_id, key))))
    }
}

/// Which membership of each client is linked, among those with one kind of address.
#[derive(Debug, Default)]
pub(super) struct Clients<const N: usize>(HashTable<(u64, [u8; N])>);

impl<const N: usize> Clients<N> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, client: Client) -> Option<[u8; N]> {
        let found = self.0.find(client.0, |(known, _)| *known == client.0);
        found.map(|(_, at)| *at)
    }

    /// Links a membership, if its client has no other. True if it is linked now.
    pub(super) fn link(&mut self, client: Client, at: [u8; N]) -> bool {
        if let Some(known) = self.get(client) {
            return known == at;
        }
        let entry = (client.0, at);
        self.0.insert_unique(client.0, entry, |(client, _)| *client);
        true
    }

    /// Unlinks a membership. False if it was not linked.
    pub(super) fn unlink(&mut self, client: Client, at: [u8; N]) -> bool {
        let found = self
            .0
            .find_entry(client.0, |known| *known == (client.0, at));
        let is_linked = found
            .map(hashbrown::hash_table::OccupiedEntry::remove)
            .is_ok();
        if self.0.capacity() > 16 && self.0.capacity() > 8 * self.0.len() {
            let most = 2 * self.0.len();
            self.0.shrink_to(most, |(client, _)| *client);
        }
        is_linked
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Client, [u8; N])> {
        self.0.iter().map(|(client, at)| (Client(*client), *at))
    }
}
