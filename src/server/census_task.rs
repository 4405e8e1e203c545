//! Runs the client census on request: on the server's own thread, one slice of the swarms at a time.

use tokio::task::yield_now;
use tokio::time::sleep;

use crate::census::{
    AnnounceTransport, Census, CensusCache, CensusCounter, ConnectionFamily, PARTS,
};
use crate::protocol::http::Endpoint;
use crate::protocol::{AddressFamily, ConnectionId};
use crate::swarm::{self, MemberCursor, Role, SwarmTable};

/// Runs a census after each request, then pauses; never completes.
pub(super) async fn run(swarms: &SwarmTable, cache: &CensusCache) {
    loop {
        cache.wait_for_request().await;
        let census = count(swarms).await;
        let pause = census.valid_for();
        cache.store(census);
        sleep(pause).await;
    }
}

async fn count(swarms: &SwarmTable) -> Census {
    let totals = swarms.totals();
    let mut tally = CensusCounter::new(totals.seeders + totals.leechers);
    let (mut walk, mut has_more) = (MemberCursor::default(), true);
    // A few kilobytes, so that a shard is locked only for the time of copying them.
    let mut slice = Vec::new();
    while has_more {
        has_more = swarms.visit_slice(&mut walk, |member| slice.push(member));
        for member in slice.drain(..) {
            let is_seeder = member.role == Role::Seeder;
            tally.add_member(
                member.peer_id.as_bytes(),
                is_seeder,
                transport(member.transport),
            );
            if let swarm::MemberTransport::WebSocket(connection) = member.transport {
                tally.add_connection(connection.to_bits(), family(connection));
            }
        }
        yield_now().await;
    }
    tally.set_swarms(u64::try_from(walk.swarms_visited()).unwrap_or(u64::MAX));
    for part in 0..PARTS {
        tally.count_part(part);
        yield_now().await;
    }
    tally.finish()
}

const fn transport(way: swarm::MemberTransport) -> AnnounceTransport {
    match way {
        swarm::MemberTransport::WebSocket(_) => AnnounceTransport::WebSocket,
        swarm::MemberTransport::Http { endpoint: at, .. } => match at {
            Endpoint::V4(_) => AnnounceTransport::HttpIpv4,
            Endpoint::V6(_) => AnnounceTransport::HttpIpv6,
        },
    }
}

const fn family(connection: ConnectionId) -> ConnectionFamily {
    match connection.family() {
        AddressFamily::Ipv4 => ConnectionFamily::Ipv4,
        AddressFamily::Ipv6 => ConnectionFamily::Ipv6,
        AddressFamily::Unix => ConnectionFamily::Unix,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::num::NonZeroU16;
    use std::time::Duration;

    use super::*;
    use crate::protocol::{ConnectionId, InfoHash, PeerId};
    use crate::swarm::{AddressGroup, ClaimedRole, HttpMemberUpdate, Member};

    /// Creates a table in which every fourth member seeds and every third announces over HTTP.
    fn table(members: u32, in_swarm: u32) -> SwarmTable {
        let swarms = SwarmTable::new(usize::MAX);
        for number in 0..members {
            let mut id = *b"-WW0207-............";
            id[8..12].copy_from_slice(&number.to_be_bytes());
            let mut hash = [0; 20];
            hash[..4].copy_from_slice(&(number / in_swarm).to_be_bytes());
            let peer_id = PeerId::new(id);
            let claim = if number % 4 == 0 {
                ClaimedRole::Seeder
            } else {
                ClaimedRole::Leecher
            };
            let joined = swarms.with_or_create(
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
                        let group = AddressGroup::of_connection(connection);
                        swarm.join((member, group, None), claim, false, Duration::ZERO);
                        return;
                    }
                    let http_announce = HttpMemberUpdate {
                        peer_id,
                        key: None,
                        claimed_role: claim,
                        completed: false,
                        announced_second: 0,
                        stale_before_second: 0,
                    };
                    let address = Ipv4Addr::from_bits(number).into();
                    swarm.http_join(
                        &Endpoint::new(address, NonZeroU16::MIN),
                        http_announce,
                        (None, None),
                    );
                },
            );
            joined.expect("room");
        }
        swarms
    }

    #[tokio::test]
    async fn every_member_is_counted_once() {
        for in_swarm in [1, 7, 21_000] {
            let census = count(&table(21_000, in_swarm)).await;
            assert_eq!((census.peers, census.seeders_only), (21_000, 5_250));
            assert_eq!(
                (census.transports.websocket, census.transports.http),
                (14_000, 7_000)
            );
            assert_eq!(
                (census.transports.http_ipv4, census.transports.http_ipv6),
                (7_000, 0)
            );
            assert_eq!(census.clients.len(), 1);
            assert_eq!(census.swarms, 21_000_u64.div_ceil(u64::from(in_swarm)));
            assert_eq!(census.connections.ipv4, 14_000);
        }
        assert_eq!(count(&table(0, 1)).await.peers, 0);
    }

    #[tokio::test]
    async fn a_slice_has_at_most_1024_members() {
        let swarms = table(21_000, 21_000);
        let (mut walk, mut slices, mut total) = (MemberCursor::default(), 0, 0);
        loop {
            let mut count = 0;
            let has_more = swarms.visit_slice(&mut walk, |_| count += 1);
            assert!(count <= 1024, "{count}");
            (slices, total) = (slices + 1, total + count);
            if !has_more {
                break;
            }
        }
        assert_eq!(total, 21_000);
        assert!(slices >= 256, "{slices}");
    }
}
