//! Counts who the members are, when somebody has asked: on the server's own thread, a slice of the swarms at a time.

use std::sync::Arc;

use tokio::task::yield_now;
use tokio::time::sleep;

use crate::hub::Node;
use crate::insight::census::{CENSUS_EVERY, Census, PARTS, Tally};
use crate::swarm::{Role, Walk};

/// Counts whenever somebody has asked, and then not for a while; never completes.
pub(super) async fn run(node: &Arc<Node>) {
    loop {
        node.census().asked().await;
        let census = count(node).await;
        node.census().put(census);
        sleep(CENSUS_EVERY).await;
    }
}

async fn count(node: &Node) -> Census {
    let swarms = node.tracker().swarms();
    let totals = swarms.totals();
    let mut tally = Tally::new(totals.seeders + totals.leechers);
    let mut walk = Walk::default();
    while swarms.walk_slice(&mut walk, |member, role| {
        tally.add(member.peer_id.as_bytes(), role == Role::Seeder);
    }) {
        yield_now().await;
    }
    for part in 0..PARTS {
        tally.count(part);
        yield_now().await;
    }
    tally.census()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Config;
    use crate::protocol::{ConnectionId, InfoHash, PeerId};
    use crate::swarm::{Claim, Member};

    fn node(members: u32, in_swarm: u32) -> Node {
        let node = Node::new(&Config::default(), 0);
        for number in 0..members {
            let mut id = *b"-WW0207-............";
            id[8..12].copy_from_slice(&number.to_be_bytes());
            let mut hash = [0; 20];
            hash[..4].copy_from_slice(&(number / in_swarm).to_be_bytes());
            let member = Member {
                connection: ConnectionId::new(0, number, 0),
                peer_id: PeerId::new(id),
            };
            let claim = if number % 4 == 0 {
                Claim::Seeder
            } else {
                Claim::Leecher
            };
            node.tracker()
                .swarms()
                .with_new(
                    &InfoHash::new(hash),
                    |_| true,
                    |swarm| swarm.join(member, claim, false, Duration::ZERO),
                )
                .expect("room");
        }
        node
    }

    #[tokio::test]
    async fn every_member_is_counted_once_in_small_swarms_and_in_a_huge_one() {
        for in_swarm in [1, 7, 20_000] {
            let census = count(&node(20_000, in_swarm)).await;
            assert_eq!((census.peers, census.seeders_only), (20_000, 5_000));
            assert_eq!(census.clients.len(), 1);
        }
        assert_eq!(count(&node(0, 1)).await.peers, 0);
    }

    #[tokio::test]
    async fn no_slice_shows_more_than_its_share() {
        let node = node(20_000, 20_000);
        let (mut walk, mut slices, mut shown) = (Walk::default(), 0, 0);
        loop {
            let mut own = 0;
            let goes_on = node
                .tracker()
                .swarms()
                .walk_slice(&mut walk, |_, _| own += 1);
            assert!(own <= 1024, "{own}");
            (slices, shown) = (slices + 1, shown + own);
            if !goes_on {
                break;
            }
        }
        assert_eq!(shown, 20_000);
        assert!(slices >= 256, "{slices}");
    }
}
