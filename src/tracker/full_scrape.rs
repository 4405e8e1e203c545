//! Serves a full scrape in pieces, for a caller that sends each piece before it asks for the next.

use super::Tracker;
use crate::protocol::{Counts, InfoHash};

/// The progress of a full scrape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScrapeCursor {
    part: usize,
    position: usize,
}

impl Tracker {
    /// Returns whether a full scrape is allowed (`tracker.full_scrape`).
    #[must_use]
    pub fn allows_full_scrape(&self) -> bool {
        self.rules.full_scrape()
    }

    /// Returns the next swarms, at most `most` of them; none at the end. Swarms created or removed in the meantime may
    /// appear twice or not at all.
    pub fn next_scrape_chunk(
        &self,
        cursor: &mut ScrapeCursor,
        most: usize,
    ) -> Vec<(InfoHash, Counts)> {
        let mut files = Vec::new();
        while files.is_empty() && cursor.part < self.swarms.shard_count() {
            let from = (cursor.position, most);
            let has_more = self
                .swarms
                .for_some_in(cursor.part, from, |info_hash, swarm| {
                    if self.info_hash_filter.allows(info_hash) {
                        files.push((*info_hash, swarm.counts()));
                    }
                });
            *cursor = if has_more {
                ScrapeCursor {
                    position: cursor.position + most,
                    ..*cursor
                }
            } else {
                ScrapeCursor {
                    part: cursor.part + 1,
                    position: 0,
                }
            };
        }
        files
    }

    /// Adds the swarms of one part of the table whose info-hashes begin with these bits.
    pub fn scrape_part(
        &self,
        part: usize,
        prefix: ScrapePrefix,
        files: &mut Vec<(InfoHash, Counts)>,
    ) {
        self.swarms.for_each_in(part, |info_hash, swarm| {
            if prefix.matches(info_hash) && self.info_hash_filter.allows(info_hash) {
                files.push((*info_hash, swarm.counts()));
            }
        });
    }
}

/// The first bits of an info-hash. A scrape in the order of info-hashes handles one prefix after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScrapePrefix {
    bits: u32,
    value: u8,
}

impl ScrapePrefix {
    /// Returns all prefixes of `bits` bits (at most eight) in ascending order.
    pub fn all(bits: u32) -> impl Iterator<Item = Self> {
        let bits = bits.min(8);
        let last = u8::MAX.checked_shr(8 - bits).unwrap_or(0);
        (0..=last).map(move |value| Self { bits, value })
    }

    fn matches(self, info_hash: &InfoHash) -> bool {
        let [first, ..] = info_hash.as_bytes();
        first.checked_shr(8 - self.bits).unwrap_or(0) == self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_info_hash_matches_one_prefix_in_ascending_order() {
        for bits in 0..=8 {
            let all: Vec<_> = ScrapePrefix::all(bits).collect();
            assert_eq!(all.len(), 1 << bits);
            let mut before = 0;
            for first in 0..=u8::MAX {
                let info_hash = InfoHash::new([first; 20]);
                let places = all.iter().enumerate();
                let own: Vec<_> = places
                    .filter(|(_, prefix)| prefix.matches(&info_hash))
                    .map(|(place, _)| place)
                    .collect();
                assert_eq!(own.len(), 1, "{first} of {bits} bits");
                assert!(own[0] >= before);
                before = own[0];
            }
        }
    }
}
