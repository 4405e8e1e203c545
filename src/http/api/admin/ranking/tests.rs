use std::sync::Arc;
use std::time::Instant;

use super::query::{InfoHashPrefix, SwarmRow, SwarmSort};
use super::*;
use crate::config::Config;
use crate::node::Node;
use crate::protocol::{ConnectionId, InfoHash, PeerId};
use crate::swarm::{AddressGroup, ClaimedRole, Member};

/// Returns a node with this number of swarms, number `n` with 1 + n % 9 members of which one is a seeder.
fn node(swarms: u32) -> Node {
    let node = Node::new(&Config::default(), 1);
    for number in 0..swarms {
        let mut bytes = [0; 20];
        bytes[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
        for member in 0..=number % 9 {
            let member_of = Member {
                connection: ConnectionId::new(0, member, number),
                peer_id: PeerId::new([0; 20]),
            };
            let group = AddressGroup::of_connection(member_of.connection);
            let joined = (member_of, group, None);
            let claim = if member == 0 {
                ClaimedRole::Seeder
            } else {
                ClaimedRole::Leecher
            };
            node.tracker()
                .swarms()
                .with_or_create(
                    &InfoHash::new(bytes),
                    |_| true,
                    |swarm| swarm.join(joined, claim, false, Duration::ZERO),
                )
                .expect("there is room");
        }
    }
    node
}

fn list_query(sort: SwarmSort, descending: bool, filter: &str) -> SwarmListQuery {
    SwarmListQuery {
        sort,
        descending,
        filter: InfoHashPrefix::new(filter).expect("digits"),
    }
}

async fn top(
    rankings: &RankingCache,
    node: &Node,
    query: &SwarmListQuery,
    count: usize,
) -> SwarmRanking {
    let swarms = node.tracker().swarms();
    rankings.top(swarms, node.clock(), query, count).await
}

/// Returns all matching swarms, fully sorted.
fn fully_sorted(node: &Node, query: &SwarmListQuery) -> Vec<SwarmRow> {
    let mut all = Vec::new();
    node.tracker().swarms().for_each(|info_hash, swarm| {
        let row = SwarmRow::new(*info_hash, swarm.counts(), swarm.members().count());
        if format!("{info_hash}").starts_with(&format!("{:x}", HexDigits(&query.filter.0))) {
            all.push(row);
        }
    });
    all.sort_by(|one, other| query.compare(one, other));
    all
}

struct HexDigits<'a>(&'a [u8]);

impl std::fmt::LowerHex for HexDigits<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|digit| write!(f, "{digit:x}"))
    }
}

#[tokio::test]
async fn the_ranking_equals_a_full_sort() {
    let node = node(5000);
    for sort in [
        SwarmSort::Members,
        SwarmSort::Seeders,
        SwarmSort::Leechers,
        SwarmSort::InfoHash,
    ] {
        for descending in [false, true] {
            for filter in ["", "a", "a3"] {
                let query = list_query(sort, descending, filter);
                let all = fully_sorted(&node, &query);
                for count in [1, 600, 10_000] {
                    let found = top(&RankingCache::default(), &node, &query, count).await;
                    assert_eq!(found.total, all.len());
                    let rows = count.min(all.len());
                    assert!(found.rows.len() >= rows);
                    assert_eq!(found.rows[..rows], all[..rows], "{query:?} {count}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rankings_are_cached_briefly_and_in_bounded_number() {
    let node = node(2000);
    let rankings = RankingCache::default();
    let by = |filter: &str| list_query(SwarmSort::Members, true, filter);
    let first = top(&rankings, &node, &by(""), 10).await;
    let again = top(&rankings, &node, &by(""), ROWS_MIN).await;
    assert!(Arc::ptr_eq(&first.rows, &again.rows));
    let deeper = top(&rankings, &node, &by(""), ROWS_MIN + 1).await;
    assert!(!Arc::ptr_eq(&first.rows, &deeper.rows));
    for filter in ["1", "2", "3", "4", "5"] {
        top(&rankings, &node, &by(filter), 10).await;
    }
    assert_eq!(rankings.cached.lock().len(), CACHED_RANKINGS_MAX);
    tokio::time::advance(RANKING_TTL).await;
    top(&rankings, &node, &by("5"), 10).await;
    assert_eq!(rankings.cached.lock().len(), 1);
}

#[test]
fn a_prefix_is_up_to_forty_hexadecimal_digits() {
    let hash = InfoHash::new([0xa3; 20]);
    for (digits, begins) in [("", true), ("a", true), ("A3a", true), ("a4", false)] {
        assert_eq!(
            InfoHashPrefix::new(digits).expect("digits").matches(&hash),
            begins
        );
    }
    assert!(InfoHashPrefix::new("g").is_none());
    assert!(InfoHashPrefix::new(&"a".repeat(41)).is_none());
}

/// Prints the duration of a scan: `cargo test --release --lib a_scan_takes_less_than_a_second -- --nocapture`.
#[tokio::test]
async fn a_scan_takes_less_than_a_second() {
    let node = node(20_000);
    let began = Instant::now();
    let query = list_query(SwarmSort::Members, true, "");
    let found = scan(node.tracker().swarms(), &query, ROWS_MIN).await;
    let took = began.elapsed();
    assert_eq!(found.total, 20_000);
    eprintln!("20,000 swarms with 100,000 members: {took:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
}
