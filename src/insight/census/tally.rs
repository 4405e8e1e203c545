//! Counts the members that are handed to it, by `peer_id`.
//!
//! Each peer is remembered by a hash in as many parts as needed to work on one at a time without keeping anybody waiting.
//! With more members than [`MEMBERS_MAX`] it looks at every second, fourth or eighth `peer_id`, and counts it as so many:
//! memory stays within 64 MB, and the result about right. Connections are sampled and counted in the same way.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::time::SystemTime;

use tokio::time::Instant;

use super::client::{Client, Prefix};
use super::{CLIENTS_MAX, Census, ClientCount, Families, Ways};

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
    /// The connections of members; in parts, so that none takes long to grow.
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

/// How a member announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Over a WebSocket.
    WebSocket,
    /// Over HTTP, and others are told an IPv4 address of it.
    HttpIpv4,
    /// Over HTTP, and others are told an IPv6 address of it.
    HttpIpv6,
}

/// The kind of address that a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// A socket file.
    Unix,
}

/// A member: the hash of its `peer_id`, its role, how it announces, and the prefix that may name its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    hash: u64,
    is_seeder: bool,
    way: Way,
    prefix: Prefix,
}

const _: () = assert!(size_of::<Seen>() == 24);

/// Peers by prefix.
#[derive(Debug, Default)]
struct Prefixes {
    peers: HashMap<Prefix, Peers>,
    others: Peers,
}

/// Peers: all, and those that announce in each way.
#[derive(Debug, Clone, Copy, Default)]
struct Peers {
    all: u64,
    websocket: u64,
    http: u64,
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

    /// Takes the connection of a member in, named by a number; it is counted once however often it comes.
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

    /// Takes note of how many swarms the members are in.
    pub fn set_swarms(&mut self, swarms: u64) {
        self.swarms = swarms;
    }

    /// Takes a member in.
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
            prefixes.add(first.prefix, self.ways.add(peer));
        }
    }

    /// What was counted.
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
    /// Counts one peer with all that was seen of it; also gives it by itself.
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
                tally.add(&id("-WW0207-", number), *is_seeder, Way::WebSocket);
            }
        }
        tally.add(&id("-qB4630-", 1), false, Way::WebSocket);
        for (number, family) in [
            (1, Family::Ipv4),
            (2, Family::Ipv6),
            (1, Family::Ipv4),
            (3, Family::Ipv4),
        ] {
            tally.add_connection(number, family);
        }
        let census = census(tally);
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
        let mut tally = Tally::new(10);
        let peers = [
            ("-LT20B0-", &[HttpIpv4, HttpIpv6, HttpIpv4][..]),
            ("-LT20B0-", &[HttpIpv6]),
            ("-WD0024-", &[WebSocket, HttpIpv4]),
            ("-WW0207-", &[WebSocket, WebSocket]),
        ];
        for (number, (prefix, ways)) in peers.into_iter().enumerate() {
            for way in ways {
                tally.add(&id(prefix, number), true, *way);
            }
        }
        let census = census(tally);
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
        let mut tally = Tally::new(10);
        for number in 0..5 {
            tally.add(&id("ABCDEFGH", number), false, Way::WebSocket);
            tally.add(
                &id(&format!("x{number}y{number}z{number}ab"), 0),
                false,
                Way::WebSocket,
            );
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
            tally.add(&id(&format!("{number:08}"), 0), false, Way::WebSocket);
            tally.add(&id(&format!("{number:08}"), 1), false, Way::WebSocket);
            let version = format!("-WW{:02}{:02}-", number / 100, number % 100);
            tally.add(&id(&version, 0), false, Way::WebSocket);
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
            tally.add(&id("-WW0207-", number), number % 2 == 0, Way::WebSocket);
        }
        let kept: usize = tally.parts.iter().map(Vec::len).sum();
        assert!((9_000..11_000).contains(&kept), "{kept}");
        let census = census(tally);
        assert!((36_000..44_000).contains(&census.peers), "{}", census.peers);
        assert_eq!(census.clients[0].peers, census.peers);
    }
}
