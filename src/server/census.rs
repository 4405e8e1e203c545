//! Counts who the members are, when somebody has asked: on the server's own thread, a slice of the swarms at a time.

use std::sync::Arc;

use tokio::task::yield_now;
use tokio::time::sleep;

use crate::hub::Node;
use crate::insight::census::{Census, Family, PARTS, Tally, Way};
use crate::protocol::http::Endpoint;
use crate::protocol::{AddressFamily, ConnectionId};
use crate::swarm::{self, Role, Walk};

/// Counts whenever somebody has asked, and then not for a while; never completes.
pub(super) async fn run(node: &Arc<Node>) {
    loop {
        node.census().asked().await;
        let census = count(node).await;
        let pause = census.lasts();
        node.census().put(census);
        sleep(pause).await;
    }
}

async fn count(node: &Node) -> Census {
    let swarms = node.tracker().swarms();
    let totals = swarms.totals();
    let mut tally = Tally::new(totals.seeders + totals.leechers);
    let (mut walk, mut goes_on) = (Walk::default(), true);
    // A few kilobytes, so that a part of the table is locked for no more than it takes to copy them.
    let mut slice = Vec::new();
    while goes_on {
        goes_on = swarms.walk_slice(&mut walk, |member| slice.push(member));
        for member in slice.drain(..) {
            let is_seeder = member.role == Role::Seeder;
            tally.add(member.peer_id.as_bytes(), is_seeder, way(member.way));
            if let swarm::Way::WebSocket(connection) = member.way {
                tally.add_connection(connection.to_bits(), family(connection));
            }
        }
        yield_now().await;
    }
    tally.set_swarms(u64::try_from(walk.swarms_shown()).unwrap_or(u64::MAX));
    for part in 0..PARTS {
        tally.count(part);
        yield_now().await;
    }
    tally.census()
}

const fn way(way: swarm::Way) -> Way {
    match way {
        swarm::Way::WebSocket(_) => Way::WebSocket,
        swarm::Way::Http { at, .. } => match at {
            Endpoint::V4(_) => Way::HttpIpv4,
            Endpoint::V6(_) => Way::HttpIpv6,
        },
    }
}

const fn family(connection: ConnectionId) -> Family {
    match connection.family() {
        AddressFamily::Ipv4 => Family::Ipv4,
        AddressFamily::Ipv6 => Family::Ipv6,
        AddressFamily::Unix => Family::Unix,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::num::NonZeroU16;
    use std::time::Duration;

    use super::*;
    use crate::config::Config;
    use crate::protocol::{ConnectionId, InfoHash, PeerId};
    use crate::swarm::{Claim, Group, HttpSaid, Member};

    /// Every fourth member seeds, every third announces over HTTP.
    fn node(members: u32, in_swarm: u32) -> Node {
        let node = Node::new(&Config::default(), 0);
        for number in 0..members {
            let mut id = *b"-WW0207-............";
            id[8..12].copy_from_slice(&number.to_be_bytes());
            let mut hash = [0; 20];
            hash[..4].copy_from_slice(&(number / in_swarm).to_be_bytes());
            let peer_id = PeerId::new(id);
            let claim = if number % 4 == 0 {
                Claim::Seeder
            } else {
                Claim::Leecher
            };
            let joined = node.tracker().swarms().with_new(
                &InfoHash::new(hash),
                |_| true,
                |swarm| {
                    if number % 3 > 0 {
                        let connection =
                            ConnectionId::new(0, number, 0).with_family(AddressFamily::Ipv4);
                        let member = Member {
                            connection,
                            peer_id,
                        };
                        let group = Group::of_connection(connection);
                        swarm.join((member, group), claim, false, Duration::ZERO);
                        return;
                    }
                    let said = HttpSaid {
                        peer_id,
                        key: None,
                        claim,
                        completed: false,
                        at: 0,
                        stale_before: 0,
                    };
                    let address = Ipv4Addr::from_bits(number).into();
                    swarm.http_join(&Endpoint::new(address, NonZeroU16::MIN), said, (None, None));
                },
            );
            joined.expect("room");
        }
        node
    }

    #[tokio::test]
    async fn every_member_is_counted_once_in_small_swarms_and_in_a_huge_one() {
        for in_swarm in [1, 7, 21_000] {
            let census = count(&node(21_000, in_swarm)).await;
            assert_eq!((census.peers, census.seeders_only), (21_000, 5_250));
            assert_eq!((census.ways.websocket, census.ways.http), (14_000, 7_000));
            assert_eq!((census.ways.http_ipv4, census.ways.http_ipv6), (7_000, 0));
            assert_eq!(census.clients.len(), 1);
            assert_eq!(census.swarms, 21_000_u64.div_ceil(u64::from(in_swarm)));
            assert_eq!(census.connections.ipv4, 14_000);
        }
        assert_eq!(count(&node(0, 1)).await.peers, 0);
    }

    #[tokio::test]
    async fn no_slice_shows_more_than_its_share() {
        let node = node(21_000, 21_000);
        let (mut walk, mut slices, mut shown) = (Walk::default(), 0, 0);
        loop {
            let mut own = 0;
            let goes_on = node.tracker().swarms().walk_slice(&mut walk, |_| own += 1);
            assert!(own <= 1024, "{own}");
            (slices, shown) = (slices + 1, shown + own);
            if !goes_on {
                break;
            }
        }
        assert_eq!(shown, 21_000);
        assert!(slices >= 256, "{slices}");
    }
}
