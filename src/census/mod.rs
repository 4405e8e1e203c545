//! The client census: counts peers by client, role and transport.
//!
//! Peers are counted by `peer_id` over all swarms, on request only. The code that scans the swarms passes each member
//! to a [`CensusCounter`]. A census has no `peer_id`, only values that several peers share. All its figures come from
//! one scan, so they are consistent.

mod cache;
mod client_version;
mod counter;

use tokio::time::Instant;

pub use cache::{CENSUS_INTERVAL_MIN, CensusCache};
pub use client_version::ClientVersion;
pub use counter::{AnnounceTransport, CensusCounter, ConnectionFamily, PARTS};

use std::time::{Duration, SystemTime};

/// The result of one scan. It is approximate: members join and leave during the scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Census {
    /// When it was counted, by the system clock.
    pub at: SystemTime,
    /// The same by the monotonic clock.
    pub(super) counted_at: Instant,
    /// Duration of the scan.
    pub(super) took: Duration,
    /// Swarms that the members are in.
    pub swarms: u64,
    /// Distinct peer ids.
    pub peers: u64,
    /// Peers that seed in all their swarms.
    pub seeders_only: u64,
    /// Peers that seed in no swarm.
    pub leechers_only: u64,
    /// Peers that seed in some swarms and not in others.
    pub both: u64,
    /// Peers by transport of their announces.
    pub transports: TransportCounts,
    /// WebSocket connections of members, by address family.
    pub connections: ConnectionFamilyCounts,
    /// Clients, most used first; at most [`CLIENTS_MAX`] and one entry for all others.
    pub clients: Vec<ClientCount>,
}

/// The number of clients that a census lists.
pub const CLIENTS_MAX: usize = 100;

/// Peers by transport of their announces. A peer that uses several is counted in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransportCounts {
    /// Over WebSockets.
    pub websocket: u64,
    /// Over HTTP.
    pub http: u64,
    /// Over HTTP with an IPv4 address.
    pub http_ipv4: u64,
    /// Over HTTP with an IPv6 address.
    pub http_ipv6: u64,
}

/// Connections by address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectionFamilyCounts {
    /// From an IPv4 address.
    pub ipv4: u64,
    /// From an IPv6 address.
    pub ipv6: u64,
    /// Over a socket file, without a client address from a proxy.
    pub unix: u64,
}

/// The peers that use one version of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCount {
    /// The client and its version.
    pub client: ClientVersion,
    /// Its peers.
    pub peers: u64,
    /// Its peers that announce over WebSockets.
    pub websocket: u64,
    /// Its peers that announce over HTTP.
    pub http: u64,
}
