//! Who the members are: how many peers, which clients, who seeds and who does not.
//!
//! Counted by `peer_id` over all swarms, now and then and only when somebody wants to know, by whoever walks over the swarms:
//! it hands each member to a [`Tally`]. No `peer_id` leaves this, only what many share. All figures of one census come from one
//! look, so that they agree.

mod client;
mod desk;
mod tally;

use tokio::time::Instant;

pub use client::Client;
pub use desk::{CENSUS_EVERY, Desk};
pub use tally::{Family, PARTS, Tally, Way};

use std::time::{Duration, SystemTime};

/// Who the members were at one moment, about: members come and go while they are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Census {
    /// When it was counted, by the clock of the machine.
    pub at: SystemTime,
    /// The same for intervals.
    pub(super) counted: Instant,
    /// How long it took.
    pub(super) took: Duration,
    /// Swarms that they are in.
    pub swarms: u64,
    /// Different peer ids.
    pub peers: u64,
    /// Those that seed wherever they are.
    pub seeders_only: u64,
    /// Those that seed nowhere.
    pub leechers_only: u64,
    /// Those that do both.
    pub both: u64,
    /// How they announce.
    pub ways: Ways,
    /// Their WebSockets, by the address that each comes from.
    pub connections: Families,
    /// Their clients, the most used first; at most [`CLIENTS_MAX`] and one for all others.
    pub clients: Vec<ClientCount>,
}

/// How many clients a census lists.
pub const CLIENTS_MAX: usize = 100;

/// How many peers announce in which way. Who does so in several counts for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ways {
    /// Over WebSockets.
    pub websocket: u64,
    /// Over HTTP.
    pub http: u64,
    /// Those of them with an IPv4 address.
    pub http_ipv4: u64,
    /// Those of them with an IPv6 address.
    pub http_ipv6: u64,
}

/// How many connections come from which kind of address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Families {
    /// From an IPv4 address.
    pub ipv4: u64,
    /// From an IPv6 address.
    pub ipv6: u64,
    /// Over a socket file, without an address that anybody has told.
    pub unix: u64,
}

/// How many peers use one version of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCount {
    /// Which.
    pub client: Client,
    /// How many peers.
    pub peers: u64,
    /// Those of them that announce over WebSockets.
    pub websocket: u64,
    /// Those of them that announce over HTTP.
    pub http: u64,
}
