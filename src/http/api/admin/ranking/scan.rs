//! Finds the first swarms in a given order with one scan of the table, which yields regularly.

use std::sync::Arc;

use tokio::task::yield_now;

use super::query::{SwarmListQuery, SwarmRow};
use crate::swarm::SwarmTable;

/// Swarms that are scanned before the task yields: some tens of microseconds.
const SWARMS_PER_YIELD: usize = 1024;

/// The first swarms in an order.
#[derive(Debug, Clone)]
pub(in crate::http::api::admin) struct SwarmRanking {
    /// Number of swarms that match the filter.
    pub(in crate::http::api::admin) total: usize,
    /// At least as many rows as requested, if they exist.
    pub(in crate::http::api::admin) rows: Arc<[SwarmRow]>,
}

/// Scans all shards and keeps the best swarms: up to twice `count`, then drops the lower half.
pub(super) async fn scan(
    swarms: &SwarmTable,
    query: &SwarmListQuery,
    count: usize,
) -> SwarmRanking {
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
