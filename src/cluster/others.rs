//! Answers where the other members of a swarm are, and splits the offers of an announce over this node and the others.

use rand::{Rng, RngExt};
use smallvec::SmallVec;

use super::{NodeId, Population};

/// In a swarm with this many members here, offers stay on this node while the way to another node is congested.
const ENOUGH_LOCAL_MEMBERS: u32 = 8;

/// The members of one swarm on the other nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Others {
    /// The nodes with members.
    pub nodes: SmallVec<[OtherNode; 4]>,
    /// Whether the owner has not said yet who else has members, or does not know yet that this node has some. Then the
    /// announce can be held.
    pub is_awaited: bool,
}

/// The members of one swarm on one other node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherNode {
    /// The node.
    pub node: NodeId,
    /// Its members.
    pub population: Population,
    /// Whether more than half of the outbox to it is in use.
    pub is_congested: bool,
}

/// Which members are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Members with a WebSocket, which receive offers.
    WebSocket,
    /// Members that announce over HTTP, which are listed.
    Http,
}

/// How many draws go to this node and to the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Split {
    /// Draws among the members of this node.
    pub local: usize,
    /// Draws among those of other nodes, each at least one.
    pub remote: SmallVec<[(NodeId, usize); 4]>,
}

impl Others {
    /// Returns the members on all other nodes.
    #[must_use]
    pub fn population(&self) -> Population {
        let sum = |field: fn(&Population) -> u32| {
            let numbers = self.nodes.iter().map(|other| field(&other.population));
            numbers.fold(0, u32::saturating_add)
        };
        Population {
            seeders: sum(|it| it.seeders),
            leechers: sum(|it| it.leechers),
            http_seeders: sum(|it| it.http_seeders),
            http_leechers: sum(|it| it.http_leechers),
        }
    }

    /// Returns the others without one node.
    #[must_use]
    pub fn without(mut self, node: NodeId) -> Self {
        self.nodes.retain(|other| other.node != node);
        self
    }

    /// Draws `wanted` members of the cluster without replacement, each with the same probability. `local` is the number
    /// of members of this node that can be drawn.
    #[must_use]
    pub fn split(
        &self,
        wanted: usize,
        local: u32,
        transport: Transport,
        rng: &mut impl Rng,
    ) -> Split {
        let mut nodes: SmallVec<[(NodeId, u32, usize); 4]> = SmallVec::new();
        for other in &self.nodes {
            let members = match transport {
                Transport::WebSocket => other.population.websocket(),
                Transport::Http => other.population.http(),
            };
            if members > 0 && (local < ENOUGH_LOCAL_MEMBERS || !other.is_congested) {
                nodes.push((other.node, members, 0));
            }
        }
        let remote: u64 = nodes
            .iter()
            .map(|(_, members, _)| u64::from(*members))
            .sum();
        let mut left = remote + u64::from(local);
        let mut split = Split::default();
        for _ in 0..wanted {
            if left == 0 {
                break;
            }
            let mut place = rng.random_range(0..left);
            left -= 1;
            let drawn = nodes.iter_mut().find(|(_, members, _)| {
                let is_here = place < u64::from(*members);
                place = place.saturating_sub(u64::from(*members));
                is_here
            });
            match drawn {
                Some((_, members, count)) => {
                    *members -= 1;
                    *count += 1;
                }
                None => split.local += 1,
            }
        }
        let drawn = nodes.into_iter().filter(|(_, _, draws)| *draws > 0);
        split.remote = drawn.map(|(node, _, draws)| (node, draws)).collect();
        split
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    fn others(members: &[u32]) -> Others {
        let nodes = (1..).zip(members).map(|(node, members)| OtherNode {
            node: NodeId::new(node),
            population: Population {
                leechers: *members,
                http_seeders: 1,
                ..Population::default()
            },
            is_congested: false,
        });
        Others {
            nodes: nodes.collect(),
            is_awaited: false,
        }
    }

    proptest! {
        #[test]
        fn draws_are_without_replacement(
            members in prop::collection::vec(0..6_u32, 0..5),
            local in 0..6_u32,
            wanted in 0..20_usize,
            seed: u64,
        ) {
            let mut rng = SmallRng::seed_from_u64(seed);
            let split = others(&members).split(wanted, local, Transport::WebSocket, &mut rng);
            let total = members.iter().sum::<u32>() + local;
            let remote: usize = split.remote.iter().map(|(_, draws)| draws).sum();
            prop_assert_eq!(split.local + remote, wanted.min(total as usize));
            prop_assert!(split.local <= local as usize);
            for (node, draws) in &split.remote {
                let index = usize::try_from(node.to_bits()).unwrap() - 1;
                prop_assert!((1..=members[index] as usize).contains(draws));
            }
        }
    }

    /// Chi-square of 100,000 draws on uneven nodes, with 4 degrees of freedom: above 23.5 in 1 of 10,000 runs.
    #[test]
    fn each_member_is_drawn_with_the_same_probability() {
        let (members, local) = ([1, 5, 20, 70], 30);
        let mut rng = SmallRng::seed_from_u64(1);
        let mut drawn = [0_usize; 5];
        for _ in 0..20_000 {
            let split = others(&members).split(5, local, Transport::WebSocket, &mut rng);
            drawn[4] += split.local;
            for (node, draws) in split.remote {
                drawn[usize::try_from(node.to_bits()).unwrap() - 1] += draws;
            }
        }
        let all = [1, 5, 20, 70, local].map(f64::from);
        let total: f64 = all.iter().sum();
        let terms = drawn.iter().zip(all).map(|(drawn, members)| {
            let expected = 100_000.0 * members / total;
            let drawn = f64::from(u32::try_from(*drawn).unwrap());
            (drawn - expected).powi(2) / expected
        });
        assert!(terms.sum::<f64>() < 23.5, "{drawn:?}");
    }

    #[test]
    fn offers_stay_here_while_the_way_is_congested() {
        let mut others = others(&[100]);
        others.nodes[0].is_congested = true;
        let mut rng = SmallRng::seed_from_u64(1);
        let split = others.split(5, 8, Transport::WebSocket, &mut rng);
        assert_eq!((split.local, split.remote.len()), (5, 0));
        // With few members here, the others are too valuable.
        let split = others.split(50, 7, Transport::WebSocket, &mut rng);
        assert_eq!(split.remote.len(), 1);
        // HTTP members are a draw of their own.
        others.nodes[0].is_congested = false;
        let split = others.split(50, 0, Transport::Http, &mut rng);
        assert_eq!(split.remote[..], [(NodeId::new(1), 1)]);
    }
}
