//! Ranks swarms: finds the first swarms in a given order with one scan of the table, which yields regularly. The result
//! is cached for a moment, so ten dashboards cost one scan.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::yield_now;
use utoipa::ToSchema;

use crate::node::ProcessClock;
use crate::protocol::{Counts, InfoHash};
use crate::swarm::SwarmTable;

/// Maximum number of swarms that can be paged through in one order; a filter finds those beyond.
pub(super) const RANKED_SWARMS_MAX: usize = 100_000;
/// How long a cached ranking is valid.
const RANKING_TTL: Duration = Duration::from_secs(1);
/// Maximum number of cached rankings.
const CACHED_RANKINGS_MAX: usize = 4;
/// Maximum number of swarms in a cached ranking: together with [`CACHED_RANKINGS_MAX`] a megabyte in total.
const CACHED_ROWS_MAX: usize = 8192;
/// Minimum number of swarms that a scan collects, so that the next pages are cached as well.
const ROWS_MIN: usize = 512;
/// Swarms that are scanned before the task yields: some tens of microseconds.
const SWARMS_PER_YIELD: usize = 1024;

/// The sort key of a swarm list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case")]
pub(in crate::http) enum SwarmSort {
    Members,
    Seeders,
    Leechers,
    InfoHash,
}

/// The filter and order of a swarm list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SwarmListQuery {
    pub(super) sort: SwarmSort,
    pub(super) descending: bool,
    pub(super) filter: InfoHashPrefix,
}

/// The first hexadecimal digits of an info-hash; the empty prefix matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct InfoHashPrefix(Box<[u8]>);

/// One swarm in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SwarmRow {
    pub(super) info_hash: InfoHash,
    pub(super) seeders: u32,
    pub(super) leechers: u32,
    /// Members that announce over HTTP.
    pub(super) http: u32,
}

/// The first swarms in an order.
#[derive(Debug, Clone)]
pub(super) struct SwarmRanking {
    /// Number of swarms that match the filter.
    pub(super) total: usize,
    /// At least as many rows as requested, if they exist.
    pub(super) rows: Arc<[SwarmRow]>,
}

/// The cached rankings.
#[derive(Debug, Default)]
pub(in crate::http) struct RankingCache {
    cached: Mutex<Vec<CachedRanking>>,
    /// Allows one scan at a time; a waiting request mostly finds its ranking cached.
    scan_lock: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct CachedRanking {
    query: SwarmListQuery,
    created_at: Duration,
    ranking: SwarmRanking,
}

impl InfoHashPrefix {
    /// Parses a prefix; `None` if it is not hexadecimal or too long.
    pub(super) fn new(digits: &str) -> Option<Self> {
        let values = digits.chars().map(|digit| digit.to_digit(16));
        let values = values.map(|value| u8::try_from(value?).ok());
        let values: Option<Box<[u8]>> = values.collect();
        values.filter(|values| values.len() <= 40).map(Self)
    }

    fn matches(&self, info_hash: &InfoHash) -> bool {
        let bytes = info_hash.as_bytes().iter();
        let digits = bytes.flat_map(|byte| [byte >> 4, byte & 15]);
        self.0.iter().zip(digits).all(|(one, other)| *one == other)
    }
}

impl SwarmRow {
    fn new(info_hash: InfoHash, counts: Counts, websocket: usize) -> Self {
        let members = counts.complete.saturating_add(counts.incomplete);
        let websocket = u32::try_from(websocket).unwrap_or(u32::MAX);
        Self {
            info_hash,
            seeders: counts.complete,
            leechers: counts.incomplete,
            http: members.saturating_sub(websocket),
        }
    }

    const fn members(&self) -> u64 {
        self.seeders as u64 + self.leechers as u64
    }
}

impl SwarmListQuery {
    fn compare(&self, one: &SwarmRow, other: &SwarmRow) -> Ordering {
        let by_value = match self.sort {
            SwarmSort::Members => one.members().cmp(&other.members()),
            SwarmSort::Seeders => one.seeders.cmp(&other.seeders),
            SwarmSort::Leechers => one.leechers.cmp(&other.leechers),
            SwarmSort::InfoHash => one.info_hash.cmp(&other.info_hash),
        };
        let by_value = if self.descending {
            by_value.reverse()
        } else {
            by_value
        };
        // A total order, so that pages do not overlap.
        by_value.then_with(|| one.info_hash.cmp(&other.info_hash))
    }
}

impl RankingCache {
    /// Returns the first `count` swarms, at most [`RANKED_SWARMS_MAX`]; at most one second old.
    pub(super) async fn top(
        &self,
        swarms: &SwarmTable,
        clock: &ProcessClock,
        query: &SwarmListQuery,
        count: usize,
    ) -> SwarmRanking {
        if let Some(entry) = self.cached(clock.uptime(), query, count) {
            return entry;
        }
        let _guard = self.scan_lock.lock().await;
        if let Some(entry) = self.cached(clock.uptime(), query, count) {
            return entry;
        }
        let ranking = scan(swarms, query, count.clamp(ROWS_MIN, RANKED_SWARMS_MAX)).await;
        if ranking.rows.len() <= CACHED_ROWS_MAX {
            self.insert(clock.uptime(), query, &ranking);
        }
        ranking
    }

    fn cached(&self, now: Duration, query: &SwarmListQuery, count: usize) -> Option<SwarmRanking> {
        let mut entries = self.cached.lock();
        entries.retain(|entry| now.saturating_sub(entry.created_at) < RANKING_TTL);
        let is_usable = |entry: &&CachedRanking| {
            let rows = entry.ranking.rows.len();
            entry.query == *query && (rows >= count || rows >= entry.ranking.total)
        };
        entries
            .iter()
            .find(is_usable)
            .map(|entry| entry.ranking.clone())
    }

    fn insert(&self, now: Duration, query: &SwarmListQuery, ranking: &SwarmRanking) {
        let mut entries = self.cached.lock();
        entries.retain(|entry| entry.query != *query);
        if entries.len() >= CACHED_RANKINGS_MAX {
            entries.remove(0);
        }
        entries.push(CachedRanking {
            query: query.clone(),
            created_at: now,
            ranking: ranking.clone(),
        });
    }
}

/// Scans all shards and keeps the best swarms: up to twice `count`, then drops the lower half.
async fn scan(swarms: &SwarmTable, query: &SwarmListQuery, count: usize) -> SwarmRanking {
    let mut best: Vec<SwarmRow> = Vec::new();
    let (mut total, mut since_yield) = (0, 0);
    for part in 0..swarms.shard_count() {
        swarms.for_each_in(part, |info_hash, swarm| {
            since_yield += 1;
            if !query.filter.matches(info_hash) {
                return;
            }
            total += 1;
            // The number of members is stored, not counted.
            let websocket = swarm.websocket_members_count();
            best.push(SwarmRow::new(*info_hash, swarm.counts(), websocket));
        });
        if best.len() >= 2 * count {
            truncate_to_first(&mut best, query, count);
        }
        if since_yield >= SWARMS_PER_YIELD {
            since_yield = 0;
            yield_now().await;
        }
    }
    truncate_to_first(&mut best, query, count);
    best.sort_unstable_by(|one, other| query.compare(one, other));
    SwarmRanking {
        total,
        rows: best.into(),
    }
}

fn truncate_to_first(rows: &mut Vec<SwarmRow>, query: &SwarmListQuery, count: usize) {
    if rows.len() > count {
        rows.select_nth_unstable_by(count, |one, other| query.compare(one, other));
        rows.truncate(count);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::config::Config;
    use crate::node::Node;
    use crate::protocol::{ConnectionId, PeerId};
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
                let joined = (member_of, AddressGroup::of_connection(member_of.connection));
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
}
