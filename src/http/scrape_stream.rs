//! Streams a full scrape over HTTP: one body, produced in chunks as the client takes it.
//!
//! Bencode needs the info-hashes in order, but the table is unordered. So the table is scanned several times, each time
//! for info-hashes with the same first bits. Only these are sorted and kept in memory.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use bytes::Bytes;
use futures::stream::unfold;

use crate::limits::CpuBudget;
use crate::node::{FullScrapePermit, Node};
use crate::protocol::http::{SCRAPE_ENVELOPE, write_scrape_entry};
use crate::protocol::{Counts, InfoHash};
use crate::tracker::ScrapePrefix;

/// Approximate number of swarms in memory at once, of 32 bytes each; a thirty-second of all swarms if that is more.
const SWARMS_PER_SCAN: usize = 8192;
/// Maximum number of prefix bits. The whole table is scanned once for each prefix.
const PREFIX_BITS_MAX: u32 = 5;
/// Table shards that are scanned before the task yields.
const SHARDS_PER_YIELD: usize = 8;
/// Swarms in one chunk of the body: about 10 KB.
const SWARMS_PER_CHUNK: usize = 128;

/// The state of a full scrape.
struct ScrapeStream {
    node: Arc<Node>,
    budget: Option<CpuBudget>,
    _permit: FullScrapePermit,
    /// The bytes to write before the next swarms.
    header: &'static [u8],
    prefixes: Box<dyn Iterator<Item = ScrapePrefix> + Send + Sync>,
    group: std::vec::IntoIter<(InfoHash, Counts)>,
    has_ended: bool,
}

/// Returns the body. Its processor time is charged to `budget`.
pub(super) fn body(node: &Arc<Node>, permit: FullScrapePermit, budget: Option<CpuBudget>) -> Body {
    let swarms = node.tracker().swarms().totals().swarms;
    let progress = ScrapeStream {
        node: Arc::clone(node),
        budget,
        _permit: permit,
        header: SCRAPE_ENVELOPE.0,
        prefixes: Box::new(ScrapePrefix::all(prefix_bits(swarms))),
        group: Vec::new().into_iter(),
        has_ended: false,
    };
    Body::from_stream(unfold(progress, |mut progress| async {
        let chunk = progress.next_chunk().await?;
        Some((Ok::<_, Infallible>(Bytes::from(chunk)), progress))
    }))
}

/// Returns the number of prefix bits for this number of swarms.
fn prefix_bits(swarms: usize) -> u32 {
    let groups = swarms.div_ceil(SWARMS_PER_SCAN).next_power_of_two();
    groups.ilog2().min(PREFIX_BITS_MAX)
}

impl ScrapeStream {
    async fn next_chunk(&mut self) -> Option<Vec<u8>> {
        if self.has_ended {
            return None;
        }
        let mut chunk = std::mem::take(&mut self.header).to_vec();
        while self.group.len() == 0 {
            let Some(prefix) = self.prefixes.next() else {
                self.has_ended = true;
                chunk.extend_from_slice(SCRAPE_ENVELOPE.1);
                return Some(chunk);
            };
            self.group = self.collect(prefix).await.into_iter();
        }
        let mut files: Vec<_> = self.group.by_ref().take(SWARMS_PER_CHUNK).collect();
        self.node.add_others(&mut files);
        for (info_hash, counts) in files {
            write_scrape_entry(&mut chunk, &info_hash, counts);
        }
        Some(chunk)
    }

    async fn collect(&self, prefix: ScrapePrefix) -> Vec<(InfoHash, Counts)> {
        let tracker = self.node.tracker();
        let mut files = Vec::new();
        let mut began = Instant::now();
        for part in 0..tracker.swarms().shard_count() {
            tracker.scrape_part(part, prefix, &mut files);
            if part % SHARDS_PER_YIELD == SHARDS_PER_YIELD - 1 {
                self.charge(began);
                tokio::task::yield_now().await;
                began = Instant::now();
            }
        }
        files.sort_unstable_by_key(|(info_hash, _)| *info_hash.as_bytes());
        self.charge(began);
        files
    }

    fn charge(&self, began: Instant) {
        if let Some(budget) = self.budget {
            let now = self.node.clock().uptime();
            self.node
                .admission()
                .http_usage()
                .charge_cpu_time(budget, began.elapsed(), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_tables_are_scanned_in_more_passes() {
        assert_eq!(
            [0, 1, SWARMS_PER_SCAN, SWARMS_PER_SCAN + 1].map(prefix_bits),
            [0, 0, 0, 1]
        );
        assert_eq!(
            (prefix_bits(78_000), prefix_bits(usize::MAX / 2)),
            (4, PREFIX_BITS_MAX)
        );
    }
}
