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

use crate::hub::{FullScrape, Node, ScrapePrefix};
use crate::limits::Payer;
use crate::protocol::http::{SCRAPE_FRAME, scrape_file};
use crate::protocol::{Counts, InfoHash};

/// Approximate number of swarms in memory at once, of 32 bytes each; a thirty-second of all swarms if that is more.
const HELD: usize = 8192;
/// Maximum number of prefix bits. The whole table is scanned once for each prefix.
const BITS_MAX: u32 = 5;
/// Table shards that are scanned before the task yields.
const PARTS_PER_TURN: usize = 8;
/// Swarms in one chunk of the body: about 10 KB.
const SWARMS_PER_PIECE: usize = 128;

/// The state of a full scrape.
struct Progress {
    node: Arc<Node>,
    payer: Option<Payer>,
    _permit: FullScrape,
    /// The bytes to write before the next swarms.
    begin: &'static [u8],
    prefixes: Box<dyn Iterator<Item = ScrapePrefix> + Send + Sync>,
    group: std::vec::IntoIter<(InfoHash, Counts)>,
    has_ended: bool,
}

/// Returns the body. Its processor time is charged to `payer`.
pub(super) fn body(node: &Arc<Node>, permit: FullScrape, payer: Option<Payer>) -> Body {
    let swarms = node.tracker().swarms().totals().swarms;
    let progress = Progress {
        node: Arc::clone(node),
        payer,
        _permit: permit,
        begin: SCRAPE_FRAME.0,
        prefixes: Box::new(ScrapePrefix::all(bits(swarms))),
        group: Vec::new().into_iter(),
        has_ended: false,
    };
    Body::from_stream(unfold(progress, |mut progress| async {
        let chunk = progress.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(chunk)), progress))
    }))
}

/// Returns the number of prefix bits for this number of swarms.
fn bits(swarms: usize) -> u32 {
    let groups = swarms.div_ceil(HELD).next_power_of_two();
    groups.ilog2().min(BITS_MAX)
}

impl Progress {
    async fn next(&mut self) -> Option<Vec<u8>> {
        if self.has_ended {
            return None;
        }
        let mut chunk = std::mem::take(&mut self.begin).to_vec();
        while self.group.len() == 0 {
            let Some(prefix) = self.prefixes.next() else {
                self.has_ended = true;
                chunk.extend_from_slice(SCRAPE_FRAME.1);
                return Some(chunk);
            };
            self.group = self.collect(prefix).await.into_iter();
        }
        for (info_hash, counts) in self.group.by_ref().take(SWARMS_PER_PIECE) {
            scrape_file(&mut chunk, &info_hash, counts);
        }
        Some(chunk)
    }

    async fn collect(&self, prefix: ScrapePrefix) -> Vec<(InfoHash, Counts)> {
        let tracker = self.node.tracker();
        let mut files = Vec::new();
        let mut began = Instant::now();
        for part in 0..tracker.swarms().parts() {
            tracker.swarms_of_part(part, prefix, &mut files);
            if part % PARTS_PER_TURN == PARTS_PER_TURN - 1 {
                self.pay(began);
                tokio::task::yield_now().await;
                began = Instant::now();
            }
        }
        files.sort_unstable_by_key(|(info_hash, _)| *info_hash.as_bytes());
        self.pay(began);
        files
    }

    fn pay(&self, began: Instant) {
        if let Some(payer) = self.payer {
            let now = self.node.now();
            self.node.http_use().spend(payer, began.elapsed(), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_swarms_are_held_at_once_and_the_table_is_gone_through_so_often() {
        assert_eq!([0, 1, HELD, HELD + 1].map(bits), [0, 0, 0, 1]);
        assert_eq!((bits(78_000), bits(usize::MAX / 2)), (4, BITS_MAX));
    }
}
