//! Counts members by `peer_id` for one census.
//!
//! Each peer is stored as a hash. The hashes are split into parts that are counted one at a time, so other work is not
//! delayed. With more members than [`MEMBERS_MAX`] it samples every second, fourth or eighth `peer_id` and scales the
//! result: memory stays within 64 MB, and the result is approximate. Connections are sampled and counted in the same
//! way.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::time::SystemTime;

use tokio::time::Instant;

use super::client_version::{ClientVersion, PeerIdPrefix};
use super::{CLIENTS_MAX, Census, ClientCount, ConnectionFamilyCounts, TransportCounts};

/// The number of parts that the peers are split into.
pub const PARTS: usize = 256;
/// Members that are stored, at most.
const MEMBERS_MAX: usize = 1 << 20;
/// Members of one part, at most: twice the average, so that random differences do not matter. Further members are not
/// counted.
const PART_MEMBERS_MAX: usize = 2 * MEMBERS_MAX / PARTS;
/// Distinct prefixes that are counted, for known and for unknown clients each; further ones are counted together.
const PREFIXES_MAX: usize = 1024;
/// A prefix with fewer peers is not listed: it could identify a peer instead of a client.
const PREFIX_PEERS_MIN: u64 = 2;

/// A census in progress.
#[derive(Debug)]
pub struct CensusCounter {
    key: RandomState,
    /// One `peer_id` in 2^`sampling_shift` is sampled.
    sampling_shift: u32,
    parts: Box<[Vec<SeenMember>]>,
    /// The connections of members; split into parts, so that no set takes long to grow.
    connections: Box<[HashSet<u64>]>,
    swarms: u64,
    families: ConnectionFamilyCounts,
    started: Instant,
    known: PrefixCounts,
    unknown: PrefixCounts,
    seeders_only: u64,
    leechers_only: u64,
    both: u64,
    transports: TransportCounts,
}

/// The transport of a member's announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AnnounceTransport {
    /// Over a WebSocket.
    WebSocket,
    /// Over HTTP, listed with an IPv4 address.
    HttpIpv4,
    /// Over HTTP, listed with an IPv6 address.
    HttpIpv6,
}

/// The address family of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionFamily {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// A socket file.
    Unix,
}

/// A stored member: the hash of its `peer_id`, role, transport, and the prefix that may identify its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SeenMember {
    hash: u64,
    is_seeder: bool,
    transport: AnnounceTransport,
    prefix: PeerIdPrefix,
}

const _: () = assert!(size_of::<SeenMember>() == 24);

/// Peer counts by prefix.
#[derive(Debug, Default)]
struct PrefixCounts {
    peers: HashMap<PeerIdPrefix, PeerCounts>,
    others: PeerCounts,
}

/// Peer counts: all, and by transport.
#[derive(Debug, Clone, Copy, Default)]
struct PeerCounts {
    all: u64,
    websocket: u64,
    http: u64,
}

impl CensusCounter {
    /// Starts a census of about `members` members.
    #[must_use]
    pub fn new(members: usize) -> Self {
        let mut sampling_shift = 0;
        while members >> sampling_shift > MEMBERS_MAX {
            sampling_shift += 1;
        }
        Self {
            key: RandomState::new(),
            sampling_shift,
            parts: (0..PARTS).map(|_| Vec::new()).collect(),
            connections: (0..PARTS).map(|_| HashSet::new()).collect(),
            swarms: 0,
            families: ConnectionFamilyCounts::default(),
            started: Instant::now(),
            known: PrefixCounts::default(),
            unknown: PrefixCounts::default(),
            seeders_only: 0,
            leechers_only: 0,
            both: 0,
            transports: TransportCounts::default(),
        }
    }

    /// Adds the connection of a member, identified by a number. Repeated calls count it once.
    pub fn add_connection(&mut self, number: u64, family: ConnectionFamily) {
        let hash = self.key.hash_one(number);
        if hash.trailing_zeros() < self.sampling_shift {
            return;
        }
        let part = usize::try_from(hash >> 56).unwrap_or(0);
        if let Some(part) = self.connections.get_mut(part)
            && part.len() < PART_MEMBERS_MAX
            && part.insert(number)
        {
            match family {
                ConnectionFamily::Ipv4 => self.families.ipv4 += 1,
                ConnectionFamily::Ipv6 => self.families.ipv6 += 1,
                ConnectionFamily::Unix => self.families.unix += 1,
            }
        }
    }

    /// Sets the number of swarms that the members are in.
    pub fn set_swarms(&mut self, swarms: u64) {
        self.swarms = swarms;
    }

    /// Adds a member.
    pub fn add_member(&mut self, peer_id: &[u8; 20], is_seeder: bool, way: AnnounceTransport) {
        let hash = self.key.hash_one(peer_id);
        if hash.trailing_zeros() < self.sampling_shift {
            return;
        }
        let part = usize::try_from(hash >> 56).unwrap_or(0);
        let prefix = peer_id.first_chunk().copied().unwrap_or_default();
        if let Some(part) = self.parts.get_mut(part)
            && part.len() < PART_MEMBERS_MAX
        {
            part.push(SeenMember {
                hash,
                is_seeder,
                transport: way,
                prefix,
            });
        }
    }

    /// Counts the peers of one of [`PARTS`] parts, after all members were added.
    pub fn count_part(&mut self, part: usize) {
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
            let prefixes = if ClientVersion::from_prefix(first.prefix).is_some() {
                &mut self.known
            } else {
                &mut self.unknown
            };
            prefixes.add_peer(first.prefix, self.transports.add_peer(peer));
        }
    }

    /// Returns the result.
    #[must_use]
    pub fn finish(self) -> Census {
        let scale = |peers: u64| peers << self.sampling_shift;
        let mut others = self.known.others.plus(self.unknown.others);
        let mut clients: HashMap<ClientVersion, PeerCounts> = HashMap::new();
        let mut add = |client, peers| {
            let counted = clients.entry(client).or_default();
            *counted = counted.plus(peers);
        };
        for (prefix, peers) in self.known.peers {
            add(
                ClientVersion::from_prefix(prefix).unwrap_or_else(ClientVersion::other),
                peers,
            );
        }
        for (prefix, peers) in self.unknown.peers {
            if peers.all < PREFIX_PEERS_MIN {
                others = others.plus(peers);
            } else {
                add(ClientVersion::unknown(prefix), peers);
            }
        }
        let mut clients: Vec<_> = clients.into_iter().collect();
        clients.sort_unstable_by_key(|(client, peers)| (Reverse(peers.all), client.clone()));
        let beyond = clients.split_off(clients.len().min(CLIENTS_MAX));
        others = beyond
            .iter()
            .fold(others, |sum, (_, peers)| sum.plus(*peers));
        if others.all > 0 {
            clients.push((ClientVersion::other(), others));
        }
        let clients = clients.into_iter().map(|(client, peers)| ClientCount {
            client,
            peers: scale(peers.all),
            websocket: scale(peers.websocket),
            http: scale(peers.http),
        });
        Census {
            at: SystemTime::now(),
            counted_at: Instant::now(),
            took: self.started.elapsed(),
            swarms: self.swarms,
            peers: scale(self.seeders_only + self.leechers_only + self.both),
            seeders_only: scale(self.seeders_only),
            leechers_only: scale(self.leechers_only),
            both: scale(self.both),
            transports: TransportCounts {
                websocket: scale(self.transports.websocket),
                http: scale(self.transports.http),
                http_ipv4: scale(self.transports.http_ipv4),
                http_ipv6: scale(self.transports.http_ipv6),
            },
            connections: ConnectionFamilyCounts {
                ipv4: scale(self.families.ipv4),
                ipv6: scale(self.families.ipv6),
                unix: scale(self.families.unix),
            },
            clients: clients.collect(),
        }
    }
}

impl TransportCounts {
    /// Counts one peer from all its stored members, and returns the counts of this peer alone.
    fn add_peer(&mut self, peer: &[SeenMember]) -> PeerCounts {
        let has = |way| u64::from(peer.iter().any(|seen| seen.transport == way));
        let [websocket, ipv4, ipv6] = [
            AnnounceTransport::WebSocket,
            AnnounceTransport::HttpIpv4,
            AnnounceTransport::HttpIpv6,
        ]
        .map(has);
        let http = ipv4 | ipv6;
        self.websocket += websocket;
        self.http += http;
        self.http_ipv4 += ipv4;
        self.http_ipv6 += ipv6;
        PeerCounts {
            all: 1,
            websocket,
            http,
        }
    }
}

impl PeerCounts {
    fn plus(self, others: Self) -> Self {
        Self {
            all: self.all + others.all,
            websocket: self.websocket + others.websocket,
            http: self.http + others.http,
        }
    }
}

impl PrefixCounts {
    fn add_peer(&mut self, prefix: PeerIdPrefix, peer: PeerCounts) {
        let has_room = self.peers.len() < PREFIXES_MAX;
        let counted = match self.peers.entry(prefix) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) if has_room => new.insert(PeerCounts::default()),
            Entry::Vacant(_) => &mut self.others,
        };
        *counted = counted.plus(peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(prefix: &str, number: usize) -> [u8; 20] {
        let text = format!("{prefix}{number:012}");
        text.as_bytes().first_chunk().copied().expect("20 bytes")
    }

    fn census(mut counter: CensusCounter) -> Census {
        for part in 0..PARTS {
            counter.count_part(part);
        }
        counter.finish()
    }

    fn client_counts(census: &Census) -> Vec<(String, u64)> {
        let clients = census.clients.iter();
        clients
            .map(|counted| (counted.client.to_string(), counted.peers))
            .collect()
    }

    #[test]
    fn a_peer_counts_once_however_many_swarms_it_is_in() {
        let mut counter = CensusCounter::new(10);
        for (number, roles) in [&[true, true][..], &[false], &[true, false, true]]
            .iter()
            .enumerate()
        {
            for is_seeder in *roles {
                counter.add_member(
                    &id("-WW0207-", number),
                    *is_seeder,
                    AnnounceTransport::WebSocket,
                );
            }
        }
        counter.add_member(&id("-qB4630-", 1), false, AnnounceTransport::WebSocket);
        for (number, family) in [
            (1, ConnectionFamily::Ipv4),
            (2, ConnectionFamily::Ipv6),
            (1, ConnectionFamily::Ipv4),
            (3, ConnectionFamily::Ipv4),
        ] {
            counter.add_connection(number, family);
        }
        let census = census(counter);
        let connections = ConnectionFamilyCounts {
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
        assert_eq!(
            client_counts(&census),
            clients.map(|(name, n)| (name.to_owned(), n))
        );
    }

    #[test]
    fn a_peer_is_counted_for_each_transport_it_uses() {
        use AnnounceTransport::{HttpIpv4, HttpIpv6, WebSocket};
        let mut counter = CensusCounter::new(10);
        let peers = [
            ("-LT20B0-", &[HttpIpv4, HttpIpv6, HttpIpv4][..]),
            ("-LT20B0-", &[HttpIpv6]),
            ("-WD0024-", &[WebSocket, HttpIpv4]),
            ("-WW0207-", &[WebSocket, WebSocket]),
        ];
        for (number, (prefix, ways)) in peers.into_iter().enumerate() {
            for way in ways {
                counter.add_member(&id(prefix, number), true, *way);
            }
        }
        let census = census(counter);
        let ways = TransportCounts {
            websocket: 2,
            http: 3,
            http_ipv4: 2,
            http_ipv6: 2,
        };
        assert_eq!((census.peers, census.transports), (4, ways));
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
    fn prefixes_of_single_peers_are_not_listed() {
        let mut counter = CensusCounter::new(10);
        for number in 0..5 {
            counter.add_member(&id("ABCDEFGH", number), false, AnnounceTransport::WebSocket);
            counter.add_member(
                &id(&format!("x{number}y{number}z{number}ab"), 0),
                false,
                AnnounceTransport::WebSocket,
            );
        }
        let clients = [("unknown ABCDEFGH", 5), ("unknown other", 5)];
        assert_eq!(
            client_counts(&census(counter)),
            clients.map(|(name, n)| (name.to_owned(), n))
        );
    }

    #[test]
    fn clients_cannot_grow_the_list_without_bound() {
        let mut counter = CensusCounter::new(10_000);
        for number in 0..10_000 {
            counter.add_member(
                &id(&format!("{number:08}"), 0),
                false,
                AnnounceTransport::WebSocket,
            );
            counter.add_member(
                &id(&format!("{number:08}"), 1),
                false,
                AnnounceTransport::WebSocket,
            );
            let version = format!("-WW{:02}{:02}-", number / 100, number % 100);
            counter.add_member(&id(&version, 0), false, AnnounceTransport::WebSocket);
        }
        let census = census(counter);
        assert_eq!(census.peers, 30_000);
        assert_eq!(census.clients.len(), CLIENTS_MAX + 1);
        let all: u64 = census.clients.iter().map(|counted| counted.peers).sum();
        assert_eq!(all, 30_000);
        assert_eq!(
            census.clients.last().map(|last| &last.client),
            Some(&ClientVersion::other())
        );
    }

    #[test]
    fn many_members_are_sampled_and_scaled() {
        let members = 3 * MEMBERS_MAX;
        let mut counter = CensusCounter::new(members);
        assert_eq!(counter.sampling_shift, 2);
        for number in 0..40_000 {
            counter.add_member(
                &id("-WW0207-", number),
                number % 2 == 0,
                AnnounceTransport::WebSocket,
            );
        }
        let stored: usize = counter.parts.iter().map(Vec::len).sum();
        assert!((9_000..11_000).contains(&stored), "{stored}");
        let census = census(counter);
        assert!((36_000..44_000).contains(&census.peers), "{}", census.peers);
        assert_eq!(census.clients[0].peers, census.peers);
    }
}
