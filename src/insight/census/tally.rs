//! Counts the members that are handed to it, by `peer_id`.
//!
//! Each peer is remembered by a hash in as many parts as needed to work on one at a time without keeping anybody waiting.
//! With more members than [`MEMBERS_MAX`] it looks at every second, fourth or eighth `peer_id`, and counts it as so many:
//! memory stays within 32 MB, and the result about right.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::SystemTime;

use tokio::time::Instant;

use super::client::{Client, Prefix};
use super::{CLIENTS_MAX, Census, ClientCount};

/// Into how many parts the peers are divided.
pub const PARTS: usize = 256;
/// Members that are remembered.
const MEMBERS_MAX: usize = 1 << 20;
/// Of one part: twice its share, so that chance does not matter. Members beyond are not counted.
const PART_MAX: usize = 2 * MEMBERS_MAX / PARTS;
/// Different prefixes that are counted, of known clients and of others each; those beyond are counted together.
const PREFIXES_MAX: usize = 1024;
/// A prefix that fewer peers have says more about a peer than about a client.
const SHARED_MIN: u64 = 2;

/// A count under way.
#[derive(Debug)]
pub struct Tally {
    key: RandomState,
    /// One `peer_id` in 2^this is looked at.
    sparse: u32,
    parts: Box<[Vec<Seen>]>,
    known: Prefixes,
    unknown: Prefixes,
    seeders_only: u64,
    leechers_only: u64,
    both: u64,
}

/// A member: the hash of its `peer_id`, its role, and the prefix that may name its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    hash: u64,
    is_seeder: bool,
    prefix: Prefix,
}

/// Peers by prefix.
#[derive(Debug, Default)]
struct Prefixes {
    peers: HashMap<Prefix, u64>,
    others: u64,
}

impl Tally {
    /// For about so many members.
    #[must_use]
    pub fn new(members: usize) -> Self {
        let mut sparse = 0;
        while members >> sparse > MEMBERS_MAX {
            sparse += 1;
        }
        Self {
            key: RandomState::new(),
            sparse,
            parts: (0..PARTS).map(|_| Vec::new()).collect(),
            known: Prefixes::default(),
            unknown: Prefixes::default(),
            seeders_only: 0,
            leechers_only: 0,
            both: 0,
        }
    }

    /// Takes a member in.
    pub fn add(&mut self, peer_id: &[u8; 20], is_seeder: bool) {
        let hash = self.key.hash_one(peer_id);
        if hash.trailing_zeros() < self.sparse {
            return;
        }
        let part = usize::try_from(hash >> 56).unwrap_or(0);
        let prefix = peer_id.first_chunk().copied().unwrap_or_default();
        if let Some(part) = self.parts.get_mut(part)
            && part.len() < PART_MAX
        {
            part.push(Seen {
                hash,
                is_seeder,
                prefix,
            });
        }
    }

    /// Counts the peers of one of [`PARTS`] parts, when all members are in.
    pub fn count(&mut self, part: usize) {
        let Some(part) = self.parts.get_mut(part) else {
            return;
        };
        let mut members = std::mem::take(part);
        members.sort_unstable();
        for peer in members.chunk_by(|one, other| one.hash == other.hash) {
            let (Some(first), Some(last)) = (peer.first(), peer.last()) else {
                continue;
            };
            match (first.is_seeder, last.is_seeder) {
                (true, _) => self.seeders_only += 1,
                (_, false) => self.leechers_only += 1,
                (false, true) => self.both += 1,
            }
            let prefixes = if Client::known(first.prefix).is_some() {
                &mut self.known
            } else {
                &mut self.unknown
            };
            prefixes.add(first.prefix);
        }
    }

    /// What was counted.
    #[must_use]
    pub fn census(self) -> Census {
        let scale = |peers: u64| peers << self.sparse;
        let mut others = self.known.others + self.unknown.others;
        let mut clients: HashMap<Client, u64> = HashMap::new();
        for (prefix, peers) in self.known.peers {
            let client = Client::known(prefix).unwrap_or_else(Client::other);
            *clients.entry(client).or_default() += peers;
        }
        for (prefix, peers) in self.unknown.peers {
            if peers < SHARED_MIN {
                others += peers;
            } else {
                *clients.entry(Client::unknown(prefix)).or_default() += peers;
            }
        }
        let mut clients: Vec<_> = clients.into_iter().collect();
        clients.sort_unstable_by_key(|(client, peers)| (Reverse(*peers), client.clone()));
        let beyond = clients.split_off(clients.len().min(CLIENTS_MAX));
        others += beyond.iter().map(|(_, peers)| peers).sum::<u64>();
        if others > 0 {
            clients.push((Client::other(), others));
        }
        let clients = clients.into_iter().map(|(client, peers)| ClientCount {
            client,
            peers: scale(peers),
        });
        Census {
            at: SystemTime::now(),
            counted: Instant::now(),
            peers: scale(self.seeders_only + self.leechers_only + self.both),
            seeders_only: scale(self.seeders_only),
            leechers_only: scale(self.leechers_only),
            both: scale(self.both),
            clients: clients.collect(),
        }
    }
}

impl Prefixes {
    fn add(&mut self, prefix: Prefix) {
        let has_room = self.peers.len() < PREFIXES_MAX;
        match self.peers.get_mut(&prefix) {
            Some(peers) => *peers += 1,
            None if has_room => {
                self.peers.insert(prefix, 1);
            }
            None => self.others += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(prefix: &str, number: usize) -> [u8; 20] {
        let text = format!("{prefix}{number:012}");
        text.as_bytes().first_chunk().copied().expect("20 bytes")
    }

    fn census(mut tally: Tally) -> Census {
        for part in 0..PARTS {
            tally.count(part);
        }
        tally.census()
    }

    fn told(census: &Census) -> Vec<(String, u64)> {
        let clients = census.clients.iter();
        clients
            .map(|counted| (counted.client.to_string(), counted.peers))
            .collect()
    }

    #[test]
    fn a_peer_counts_once_however_many_swarms_it_is_in() {
        let mut tally = Tally::new(10);
        for (number, roles) in [&[true, true][..], &[false], &[true, false, true]]
            .iter()
            .enumerate()
        {
            for is_seeder in *roles {
                tally.add(&id("-WW0207-", number), *is_seeder);
            }
        }
        tally.add(&id("-qB4630-", 1), false);
        let census = census(tally);
        let counts = (
            census.peers,
            census.seeders_only,
            census.leechers_only,
            census.both,
        );
        assert_eq!(counts, (4, 1, 2, 1));
        let clients = [("WebTorrent 2.7", 3), ("qBittorrent 4.6.3", 1)];
        assert_eq!(told(&census), clients.map(|(name, n)| (name.to_owned(), n)));
    }

    #[test]
    fn prefixes_that_nobody_shares_are_not_told() {
        let mut tally = Tally::new(10);
        for number in 0..5 {
            tally.add(&id("ABCDEFGH", number), false);
            tally.add(&id(&format!("x{number}y{number}z{number}ab"), 0), false);
        }
        let clients = [("unknown ABCDEFGH", 5), ("unknown other", 5)];
        assert_eq!(
            told(&census(tally)),
            clients.map(|(name, n)| (name.to_owned(), n))
        );
    }

    #[test]
    fn strangers_cannot_make_the_list_grow() {
        let mut tally = Tally::new(10_000);
        for number in 0..10_000 {
            tally.add(&id(&format!("{number:08}"), 0), false);
            tally.add(&id(&format!("{number:08}"), 1), false);
            let version = format!("-WW{:02}{:02}-", number / 100, number % 100);
            tally.add(&id(&version, 0), false);
        }
        let census = census(tally);
        assert_eq!(census.peers, 30_000);
        assert_eq!(census.clients.len(), CLIENTS_MAX + 1);
        let all: u64 = census.clients.iter().map(|counted| counted.peers).sum();
        assert_eq!(all, 30_000);
        assert_eq!(
            census.clients.last().map(|last| &last.client),
            Some(&Client::other())
        );
    }

    #[test]
    fn of_very_many_members_a_part_stands_for_all() {
        let members = 3 * MEMBERS_MAX;
        let mut tally = Tally::new(members);
        assert_eq!(tally.sparse, 2);
        for number in 0..40_000 {
            tally.add(&id("-WW0207-", number), number % 2 == 0);
        }
        let kept: usize = tally.parts.iter().map(Vec::len).sum();
        assert!((9_000..11_000).contains(&kept), "{kept}");
        let census = census(tally);
        assert!((36_000..44_000).contains(&census.peers), "{}", census.peers);
        assert_eq!(census.clients[0].peers, census.peers);
    }
}
