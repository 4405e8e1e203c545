//! Ranks swarms: finds the first swarms in a given order. The result is cached for a moment, so ten dashboards cost one
//! scan of the table.

pub(in crate::http) mod query;
mod scan;

use std::time::Duration;

use parking_lot::Mutex;

use crate::node::ProcessClock;
use crate::swarm::SwarmTable;
use query::SwarmListQuery;
use scan::{SwarmRanking, scan};

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

#[cfg(test)]
mod tests;
