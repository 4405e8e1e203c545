//! Counts members by `peer_id` for one census.
//!
//! Each peer is stored as a hash. The hashes are split into parts that are counted one at a time, so other work is not
//! delayed.
//! With more members than [`MEMBERS_MAX`] it samples every second, fourth or eighth `peer_id` and scales the result:
//! memory
//! stays within 64 MB, and the result is approximate. Connections are sampled and counted in the same way.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::time::SystemTime;

use tokio::time::Instant;

use super::client::{Client, Prefix};
use super::{CLIENTS_MAX, Census, ClientCount, Families, Ways};

/// The number of parts that the peers are split into.
pub const PARTS: usize = 256;
/// Members that are stored, at most.
const MEMBERS_MAX: usize = 1 << 20;
/// Members of one part, at most: twice the average, so that random differences do not matter. Further members are not
/// counted.
const PART_MAX: usize = 2 * MEMBERS_MAX / PARTS;
/// Distinct prefixes that are counted, for known and for unknown clients each; further ones are counted together.
const PREFIXES_MAX: usize = 1024;
/// A prefix with fewer peers is not listed: it could identify a peer instead of a client.
const SHARED_MIN: u64 = 2;

/// A census in progress.
#[derive(Debug)]
pub struct Tally {
    key: RandomState,
    /// One `peer_id` in 2^`sparse` is sampled.
    sparse: u32,
    parts: Box<[Vec<Seen>]>,
    /// The connections of members; split into parts, so that no set takes long to grow.
    connections: Box<[HashSet<u64>]>,
    swarms: u64,
    families: Families,
    began: Instant,
    known: Prefixes,
    unknown: Prefixes,
    seeders_only: u64,
    leechers_only: u64,
    both: u64,
    ways: Ways,
}

/// The transport of a member's announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Over a WebSocket.
    WebSocket,
    /// Over HTTP, listed with an IPv4 address.
    HttpIpv4,
    /// Over HTTP, listed with an IPv6 address.
    HttpIpv6,
}

/// The address family of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// A socket file.
    Unix,
}

/// A stored member: the hash of its `peer_id`, role, transport, and the prefix that may identify its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    hash: u64,
    is_seeder: bool,
    way: Way,
    prefix: Prefix,
}

const _: () = assert!(size_of::<Seen>() == 24);

/// Peer counts by prefix.
#[derive(Debug, Default)]
struct Prefixes {
    peers: HashMap<Prefix, Peers>,
    others: Peers,
}

/// Peer counts: all, and by transport.
#[derive(Debug, Clone, Copy, Default)]
struct Peers {
    all: u64,
    websocket: u64,
    http: u64,
}

impl Tally {
    /// Starts a census of about `members` members.
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
            connections: (0..PARTS).map(|_| HashSet::new()).collect(),
            swarms: 0,
            families: Families::default(),
            began: Instant::now(),
            known: Prefixes::default(),
            unknown: Prefixes::default(),
            seeders_only: 0,
            leechers_only: 0,
            both: 0,
            ways: Ways::default(),
        }
    }

    /// Adds the connection of a member, identified by a number. Repeated calls count it once.
    pub fn add_connection(&mut self, number: u64, family: Family) {
        let hash = self.key.hash_one(number);
        if hash.trailing_zeros() < self.sparse {
            return;
        }
        let part = usize::try_from(hash >> 56).unwrap_or(0);
        if let Some(part) = self.connections.get_mut(part)
            && part.len() < PART_MAX
            && part.insert(number)
        {
            match family {
                Family::Ipv4 => self.families.ipv4 += 1,
                Family::Ipv6 => self.families.ipv6 += 1,
                Family::Unix => self.families.unix += 1,
            }
        }
    }

    /// Sets the number of swarms that the members are in.
    pub fn set_swarms(&mut self, swarms: u64) {
        self.swarms = swarms;
    }

    /// Adds a member.
    pub fn add(&mut self, peer_id: &[u8; 20], is_seeder: bool, way: Way) {
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
                way,
                prefix,
            });
        }
    }

    /// Counts the peers of one of [`PARTS`] parts, after all members were added.
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
            prefixes.add(first.prefix, self.ways.add(peer));
        }
    }

    /// Returns the result.
    #[must_use]
    pub fn census(self) -> Census {
        let scale = |peers: u64| peers << self.sparse;
        let mut others = self.known.others.and(self.unknown.others);
        let mut clients: HashMap<Client, Peers> = HashMap::new();
        let mut add = |client, peers| {
            let counted = clients.entry(client).or_default();
            *counted = counted.and(peers);
        };
        for (prefix, peers) in self.known.peers {
            add(Client::known(prefix).unwrap_or_else(Client::other), peers);
        }
        for (prefix, peers) in self.unknown.peers {
            if peers.all < SHARED_MIN {
                others = others.and(peers);
            } else {
                add(Client::unknown(prefix), peers);
            }
        }
        let mut clients: Vec<_> = clients.into_iter().collect();
        clients.sort_unstable_by_key(|(client, peers)| (Reverse(peers.all), client.clone()));
        let beyond = clients.split_off(clients.len().min(CLIENTS_MAX));
        others = beyond
            .iter()
            .fold(others, |sum, (_, peers)| sum.and(*peers));
        if others.all > 0 {
            clients.push((Client::other(), others));
        }
        let clients = clients.into_iter().map(|(client, peers)| ClientCount {
            client,
            peers: scale(peers.all),
            websocket: scale(peers.websocket),
            http: scale(peers.http),
        });
        Census {
            at: SystemTime::now(),
            counted: Instant::now(),
            took: self.began.elapsed(),
            swarms: self.swarms,
            peers: scale(self.seeders_only + self.leechers_only + self.both),
            seeders_only: scale(self.seeders_only),
            leechers_only: scale(self.leechers_only),
            both: scale(self.both),
            ways: Ways {
                websocket: scale(self.ways.websocket),
                http: scale(self.ways.http),
                http_ipv4: scale(self.ways.http_ipv4),
                http_ipv6: scale(self.ways.http_ipv6),
            },
            connections: Families {
                ipv4: scale(self.families.ipv4),
                ipv6: scale(self.families.ipv6),
                unix: scale(self.families.unix),
            },
            clients: clients.collect(),
        }
    }
}

impl Ways {
    /// Counts one peer from all its stored members, and returns the counts of this peer alone.
    fn add(&mut self, peer: &[Seen]) -> Peers {
        let has = |way| u64::from(peer.iter().any(|seen| seen.way == way));
        let [websocket, ipv4, ipv6] = [Way::WebSocket, Way::HttpIpv4, Way::HttpIpv6].map(has);
        let http = ipv4 | ipv6;
        self.websocket += websocket;
        self.http += http;
        self.http_ipv4 += ipv4;
        self.http_ipv6 += ipv6;
        Peers {
            all: 1,
            websocket,
            http,
        }
    }
}

impl Peers {
    fn and(self, others: Self) -> Self {
        Self {
            all: self.all + others.all,
            websocket: self.websocket + others.websocket,
            http: self.http + others.http,
        }
    }
}

impl Prefixes {
    fn add(&mut self, prefix: Prefix, peer: Peers) {
        let has_room = self.peers.len() < PREFIXES_MAX;
        let counted = match self.peers.entry(prefix) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) if has_room => new.insert(Peers::default()),
            Entry::Vacant(_) => &mut self.others,
        };
        *counted = counted.and(peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(prefix: &str, number: usize) -> [u8; 20] {
        let text = format!("{prefix}{number:012}");
        text.as_bytes().first_chunk().copied().expect("20 bytes")
    }

    fn census(mut counter: Tally) -> Census {
        for part in 0..PARTS {
            counter.count(part);
        }
        counter.census()
    }

    fn told(census: &Census) -> Vec<(String, u64)> {
        let clients = census.clients.iter();
        clients
            .map(|counted| (counted.client.to_string(), counted.peers))
            .collect()
    }

    #[test]
    fn a_peer_counts_once_however_many_swarms_it_is_in() {
        let mut counter = Tally::new(10);
        for (number, roles) in [&[true, true][..], &[false], &[true, false, true]]
            .iter()
            .enumerate()
        {
            for is_seeder in *roles {
                counter.add(&id("-WW0207-", number), *is_seeder, Way::WebSocket);
            }
        }
        counter.add(&id("-qB4630-", 1), false, Way::WebSocket);
        for (number, family) in [
            (1, Family::Ipv4),
            (2, Family::Ipv6),
            (1, Family::Ipv4),
            (3, Family::Ipv4),
        ] {
            counter.add_connection(number, family);
        }
        let census = census(counter);
        let connections = Families {
            ipv4: 2,
            ipv6: 1,
            unix: 0,
        };
        assert_eq!(census.connections, connections);
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
    fn a_peer_counts_for_each_way_in_which_it_announces() {
        use Way::{HttpIpv4, HttpIpv6, WebSocket};
        let mut counter = Tally::new(10);
        let peers = [
            ("-LT20B0-", &[HttpIpv4, HttpIpv6, HttpIpv4][..]),
            ("-LT20B0-", &[HttpIpv6]),
            ("-WD0024-", &[WebSocket, HttpIpv4]),
            ("-WW0207-", &[WebSocket, WebSocket]),
        ];
        for (number, (prefix, ways)) in peers.into_iter().enumerate() {
            for way in ways {
                counter.add(&id(prefix, number), true, *way);
            }
        }
        let census = census(counter);
        let ways = Ways {
            websocket: 2,
            http: 3,
            http_ipv4: 2,
            http_ipv6: 2,
        };
        assert_eq!((census.peers, census.ways), (4, ways));
        let clients: Vec<_> = census
            .clients
            .iter()
            .map(|counted| (counted.client.name, counted.websocket, counted.http))
            .collect();
        let expected = [
            ("libtorrent", 0, 2),
            ("WebTorrent", 1, 0),
            ("WebTorrent Desktop", 1, 1),
        ];
        assert_eq!(clients, expected);
    }

    #[test]
    fn prefixes_that_nobody_shares_are_not_told() {
        let mut counter = Tally::new(10);
        for number in 0..5 {
            counter.add(&id("ABCDEFGH", number), false, Way::WebSocket);
            counter.add(
                &id(&format!("x{number}y{number}z{number}ab"), 0),
                false,
                Way::WebSocket,
            );
        }
        let clients = [("unknown ABCDEFGH", 5), ("unknown other", 5)];
        assert_eq!(
            told(&census(counter)),
            clients.map(|(name, n)| (name.to_owned(), n))
        );
    }

    #[test]
    fn strangers_cannot_make_the_list_grow() {
        let mut counter = Tally::new(10_000);
        for number in 0..10_000 {
            counter.add(&id(&format!("{number:08}"), 0), false, Way::WebSocket);
            counter.add(&id(&format!("{number:08}"), 1), false, Way::WebSocket);
            let version = format!("-WW{:02}{:02}-", number / 100, number % 100);
            counter.add(&id(&version, 0), false, Way::WebSocket);
        }
        let census = census(counter);
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
        let mut counter = Tally::new(members);
        assert_eq!(counter.sparse, 2);
        for number in 0..40_000 {
            counter.add(&id("-WW0207-", number), number % 2 == 0, Way::WebSocket);
        }
        let stored: usize = counter.parts.iter().map(Vec::len).sum();
        assert!((9_000..11_000).contains(&stored), "{stored}");
        let census = census(counter);
        assert!((36_000..44_000).contains(&census.peers), "{}", census.peers);
        assert_eq!(census.clients[0].peers, census.peers);
    }
}
