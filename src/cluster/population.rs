//! Defines the population of a swarm on one node.

use crate::protocol::Counts;

/// The members of a swarm on one node. Members over WebSockets and over HTTP count apart, because offers go to the former
/// and peer lists contain the latter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Population {
    /// Seeders with a WebSocket.
    pub seeders: u32,
    /// Leechers with a WebSocket.
    pub leechers: u32,
    /// Seeders that announce over HTTP.
    pub http_seeders: u32,
    /// Leechers that announce over HTTP.
    pub http_leechers: u32,
}

/// Up to this many members each change is sent.
const EXACT_MAX: u32 = 1000;

impl Population {
    /// Returns the members with a WebSocket.
    #[must_use]
    pub const fn websocket(&self) -> u32 {
        self.seeders.saturating_add(self.leechers)
    }

    /// Returns the members that announce over HTTP.
    #[must_use]
    pub const fn http(&self) -> u32 {
        self.http_seeders.saturating_add(self.http_leechers)
    }

    /// Returns all members.
    #[must_use]
    pub const fn total(&self) -> u32 {
        self.websocket().saturating_add(self.http())
    }

    /// Adds the members to the counts of a reply.
    #[must_use]
    pub const fn add_to(&self, counts: Counts) -> Counts {
        let seeders = self.seeders.saturating_add(self.http_seeders);
        let leechers = self.leechers.saturating_add(self.http_leechers);
        Counts {
            complete: counts.complete.saturating_add(seeders),
            incomplete: counts.incomplete.saturating_add(leechers),
            downloaded: counts.downloaded,
        }
    }

    /// Returns whether other nodes must know at once that the population was `before`: it differs, and the swarm is
    /// small, or differs by one percent.
    #[must_use]
    pub(super) fn is_notable_change(&self, before: &Self) -> bool {
        let moved = [
            self.seeders.abs_diff(before.seeders),
            self.leechers.abs_diff(before.leechers),
            self.http_seeders.abs_diff(before.http_seeders),
            self.http_leechers.abs_diff(before.http_leechers),
        ];
        let moved = moved.into_iter().fold(0, u32::saturating_add);
        let total = self.total().max(before.total());
        moved > 0 && (total <= EXACT_MAX || moved >= total / 100)
    }

    pub(super) fn to_bytes(self) -> [u8; 16] {
        let fields = [
            self.seeders,
            self.leechers,
            self.http_seeders,
            self.http_leechers,
        ];
        let mut bytes = [0; 16];
        let all = fields.into_iter().flat_map(u32::to_le_bytes);
        bytes.iter_mut().zip(all).for_each(|(to, byte)| *to = byte);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leechers(leechers: u32) -> Population {
        Population {
            leechers,
            ..Population::default()
        }
    }

    #[test]
    fn small_swarms_are_exact_and_large_ones_within_a_percent() {
        assert!(!leechers(5).is_notable_change(&leechers(5)));
        assert!(leechers(5).is_notable_change(&leechers(6)));
        assert!(leechers(0).is_notable_change(&leechers(1)));
        assert!(!leechers(100_900).is_notable_change(&leechers(100_000)));
        assert!(leechers(101_100).is_notable_change(&leechers(100_000)));
        // A member that becomes a seeder is two changes of one.
        let seeder = Population {
            seeders: 1,
            leechers: 4,
            ..Population::default()
        };
        assert!(seeder.is_notable_change(&leechers(5)));
    }

    #[test]
    fn all_members_count_in_replies() {
        let population = Population {
            seeders: 1,
            leechers: 2,
            http_seeders: 4,
            http_leechers: u32::MAX,
        };
        let counts = population.add_to(Counts {
            complete: 10,
            incomplete: 10,
            downloaded: 3,
        });
        assert_eq!((counts.complete, counts.incomplete), (15, u32::MAX));
        assert_eq!(counts.downloaded, 3);
        assert_eq!(population.total(), u32::MAX);
    }
}
