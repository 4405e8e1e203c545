//! Finds the largest swarms, for display.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::SwarmTable;
use crate::protocol::{Counts, InfoHash};

impl SwarmTable {
    /// Returns the `most` swarms with the most members, largest first. Reads all swarms, with one shard locked at a
    /// time: do not call it on a worker thread.
    #[must_use]
    pub fn largest(&self, most: usize) -> Vec<(InfoHash, Counts)> {
        // The smallest of the chosen swarms is on top.
        let mut chosen = BinaryHeap::with_capacity(most + 1);
        self.for_each(|info_hash, swarm| {
            let counts = swarm.counts();
            let members = counts.complete.saturating_add(counts.incomplete);
            let size = (members, counts.complete, counts.downloaded);
            chosen.push(Reverse((size, *info_hash)));
            if chosen.len() > most {
                chosen.pop();
            }
        });
        let sorted = chosen.into_sorted_vec().into_iter();
        let found = sorted.map(|Reverse(((members, complete, downloaded), info_hash))| {
            let counts = Counts {
                complete,
                incomplete: members - complete,
                downloaded,
            };
            (info_hash, counts)
        });
        found.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::protocol::{ConnectionId, PeerId};
    use crate::swarm::{AddressGroup, ClaimedRole, Member};

    #[test]
    fn the_largest_swarms_come_first_up_to_the_limit() {
        let swarms = SwarmTable::new(1000);
        for swarm in 1..=50_u8 {
            for peer in 0..swarm {
                let joined = swarms.with_or_create(
                    &InfoHash::new([swarm; 20]),
                    |_| true,
                    |swarm| {
                        let member = Member {
                            connection: ConnectionId::new(0, u32::from(peer), 0),
                            peer_id: PeerId::new([peer; 20]),
                        };
                        let claim = if peer == 0 {
                            ClaimedRole::Seeder
                        } else {
                            ClaimedRole::Leecher
                        };
                        let group = AddressGroup::of_connection(member.connection);
                        swarm.join((member, group, None), claim, false, Duration::ZERO);
                    },
                );
                assert!(joined.is_ok());
            }
        }
        let largest = swarms.largest(3);
        let sizes: Vec<_> = largest
            .iter()
            .map(|(info_hash, counts)| {
                (info_hash.as_bytes()[0], counts.complete, counts.incomplete)
            })
            .collect();
        assert_eq!(sizes, [(50, 1, 49), (49, 1, 48), (48, 1, 47)]);
        assert_eq!(swarms.largest(100).len(), 50);
        assert_eq!(swarms.largest(0), []);
    }
}
