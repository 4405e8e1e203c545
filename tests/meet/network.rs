//! The networks of clients: how far the tracker is, how long candidates take, and which pairs ICE can connect. All
//! assumptions about networks are constants of this file; `README.md` gives their sources.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::meet::random::{Random, holds_for_pair};

/// Share of clients behind a NAT with address-dependent mapping, where STUN does not help (RFC 5780, section 4.3).
const HARD_NAT_SHARE: f64 = 0.3;
/// Probability that ICE connects a pair without TURN, by how many of the two are behind such a NAT. Together 85 %.
const PAIR_CONNECTS: [f64; 3] = [0.98, 0.85, 0.15];
/// Share of attempts that fail by chance, although the pair can connect.
const ATTEMPT_FAILS: f64 = 0.03;
/// Time from both descriptions to an open data channel.
const ICE_DURATION: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(800)];
/// Longest time until the other side of a connection notices a change.
const PEER_LATENCY_MAX: Duration = Duration::from_millis(50);
/// Time to gather candidates, of the median attempt of a client; the offer waits for all of them (no trickle).
const GATHERING: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(1500)];
/// By how much the attempts of one client differ.
const GATHERING_VARIES: [f64; 2] = [0.8, 1.2];
/// One way to the tracker.
const LATENCY: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(60)];

/// The network of one client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Network {
    /// Its address, which clients of one LAN share. Also the local address of its socket.
    pub(crate) address: Ipv4Addr,
    /// One way to the tracker.
    pub(crate) latency: Duration,
    is_open: bool,
    has_hard_nat: bool,
    gathering: Duration,
}

impl Network {
    /// Creates the network of a client. From an open one, every other open one can be reached.
    pub(crate) fn new(address: Ipv4Addr, is_open: bool, random: &mut Random) -> Self {
        Self {
            address,
            is_open,
            has_hard_nat: !is_open && random.chance(HARD_NAT_SHARE),
            latency: random.between(LATENCY[0], LATENCY[1]),
            gathering: random.log_between(GATHERING[0], GATHERING[1]),
        }
    }

    /// Returns the time of one attempt to gather candidates.
    pub(crate) fn gathering_time(&self, random: &mut Random) -> Duration {
        let [low, high] = GATHERING_VARIES;
        self.gathering.mul_f64(random.factor(low, high))
    }

    /// Returns whether ICE can connect two clients at all: a property of the pair, so trying again does not help.
    /// Clients of one address always reach each other.
    pub(crate) fn reaches(&self, other: &Self, peer_ids: [&[u8; 20]; 2], seed: u64) -> bool {
        let hard = usize::from(self.has_hard_nat) + usize::from(other.has_hard_nat);
        self.address == other.address
            || self.is_open && other.is_open
            || holds_for_pair(peer_ids, seed, PAIR_CONNECTS[hard])
    }
}

/// Returns the address of a client that has one of its own, by its number.
pub(crate) fn own_address(client: usize) -> Ipv4Addr {
    let byte = |number: usize| u8::try_from(number % 256).unwrap_or_default();
    let (network, host) = (client / 254, client % 254);
    Ipv4Addr::new(127, 1 + byte(network / 256), byte(network), 1 + byte(host))
}

/// Returns the address that the clients of one LAN share.
pub(crate) fn lan_address(lan: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 200, 0, 1 + lan % 254)
}

/// Returns whether one attempt fails by chance.
pub(crate) fn attempt_fails(random: &mut Random) -> bool {
    random.chance(ATTEMPT_FAILS)
}

/// Returns the time that ICE takes.
pub(crate) fn ice_duration(random: &mut Random) -> Duration {
    random.between(ICE_DURATION[0], ICE_DURATION[1])
}

/// Returns the time until the other side notices that a connection has opened or closed.
pub(crate) fn peer_latency(random: &mut Random) -> Duration {
    random.between(Duration::from_millis(1), PEER_LATENCY_MAX)
}
