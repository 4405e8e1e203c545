//! Chooses who gets the offers of an announce: different members, uniformly at random, independently each time.

use std::ops::Range;

use rand::{Rng, RngExt};
use smallvec::SmallVec;

use super::intake::Tick;
use super::members::Members;
use super::{Intake, Member, Place};

/// Who gets the offers of an announce.
#[derive(Debug, Default)]
pub struct Chosen {
    /// The chosen members and their places, no one twice.
    pub receivers: SmallVec<[(Member, Place); 10]>,
    /// How many members were passed over because they were given enough offers already.
    pub had_enough: u32,
}

/// How many members that cannot take an offer are passed over before the rest of the offers goes nowhere: it bounds
/// the work in a swarm where nearly everybody's output is stuck.
const PASSED_OVER_MAX: usize = 128;

/// For the sender at a place.
pub(super) fn choose(
    members: &mut Members,
    sender: usize,
    wanted: usize,
    (intake, now): (Intake, Tick),
    rng: &mut impl Rng,
) -> Chosen {
    let leechers = members.leecher_places();
    let seeders = leechers.end..members.len();
    let sender_seeds = sender >= leechers.end;
    let mut chosen = Chosen::default();
    let Some((sender, _)) = members.at(sender) else {
        return chosen;
    };
    let mut pick = |places: Range<usize>| {
        let mut passed_over = 0;
        let mut shuffled = Shuffled::new(places);
        while chosen.receivers.len() < wanted && passed_over < PASSED_OVER_MAX {
            let Some(place) = shuffled.next(rng) else {
                break;
            };
            match members.at(place) {
                Some((member, false))
                    if member.connection != sender.connection
                        && member.peer_id != sender.peer_id =>
                {
                    let received = members.received_at(place);
                    if received.is_some_and(|received| intake.take(received, now)) {
                        chosen.receivers.push((member, Place(place)));
                    } else {
                        chosen.had_enough += 1;
                        passed_over += 1;
                    }
                }
                _ => passed_over += 1,
            }
        }
    };
    if sender_seeds {
        pick(leechers);
        pick(seeders);
    } else {
        pick(0..seeders.end);
    }
    chosen
}

/// Gives the numbers of a range in random order, each once, without writing the range down: a Fisher–Yates shuffle
/// that remembers only the places it has touched.
pub(super) struct Shuffled {
    start: usize,
    left: usize,
    moved: SmallVec<[(usize, usize); 16]>,
}

impl Shuffled {
    pub(super) fn new(range: Range<usize>) -> Self {
        Self {
            start: range.start,
            left: range.len(),
            moved: SmallVec::new(),
        }
    }

    pub(super) fn next(&mut self, rng: &mut impl Rng) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let place = rng.random_range(0..=self.left);
        let picked = self.value(place);
        let last = self.value(self.left);
        match self.moved.iter_mut().find(|(at, _)| *at == place) {
            Some((_, value)) => *value = last,
            None => self.moved.push((place, last)),
        }
        Some(self.start + picked)
    }

    fn value(&self, place: usize) -> usize {
        self.moved
            .iter()
            .find(|(at, _)| *at == place)
            .map_or(place, |(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;
    use crate::protocol::{ConnectionId, PeerId};
    use crate::swarm::Role;

    /// The members only, each found at the place it is said to have.
    fn choose(
        members: &mut Members,
        sender: usize,
        wanted: usize,
        rng: &mut impl Rng,
    ) -> Vec<Member> {
        let intake = (Intake::UNLIMITED, Tick::of(Duration::ZERO));
        let chosen = super::choose(members, sender, wanted, intake, rng);
        let member = |(member, Place(place))| {
            assert_eq!(members.at(place).map(|(known, _)| known), Some(member));
            member
        };
        chosen.receivers.into_iter().map(member).collect()
    }

    fn member(number: u8) -> Member {
        Member {
            connection: ConnectionId::new(0, u32::from(number), 0),
            peer_id: PeerId::new([number; 20]),
        }
    }

    fn place(members: &Members, number: u8) -> usize {
        members.place_of(member(number)).expect("a member")
    }

    fn swarm(leechers: Range<u8>, seeders: Range<u8>) -> Members {
        let mut members = Members::default();
        for number in leechers.chain(seeders.clone()) {
            members.touch(member(number), 0, false);
        }
        for number in seeders {
            members.set_role(place(&members, number), Role::Seeder);
        }
        members
    }

    #[test]
    fn every_other_member_is_chosen_equally_often() {
        let mut members = swarm(0..7, 7..10);
        let mut rng = SmallRng::seed_from_u64(1);
        let mut times = BTreeMap::new();
        for _ in 0..9_000 {
            let sender = place(&members, 3);
            for chosen in choose(&mut members, sender, 2, &mut rng) {
                *times.entry(chosen).or_insert(0) += 1;
            }
        }
        assert_eq!(times.len(), 9);
        assert!(!times.contains_key(&member(3)));
        // 2,000 expected for each; six standard deviations are 237.
        assert!(
            times.values().all(|count| (1_763..2_237).contains(count)),
            "{times:?}"
        );
    }

    #[test]
    fn nobody_is_chosen_twice_and_all_are_if_wanted() {
        let mut members = swarm(0..30, 30..40);
        let mut rng = SmallRng::seed_from_u64(2);
        for _ in 0..200 {
            let sender = place(&members, 0);
            let mut chosen = choose(&mut members, sender, 100, &mut rng);
            chosen.sort_unstable();
            chosen.dedup();
            assert_eq!(chosen.len(), 39);
        }
    }

    #[test]
    fn a_seeder_offers_to_leechers_first_and_then_to_seeders() {
        let mut members = swarm(0..3, 3..8);
        let mut rng = SmallRng::seed_from_u64(3);
        let sender = place(&members, 7);
        let chosen = choose(&mut members, sender, 5, &mut rng);
        assert!(
            chosen
                .iter()
                .take(3)
                .all(|member| member.connection.slot() < 3),
            "{chosen:?}"
        );
        assert_eq!(chosen.len(), 5);
    }

    #[test]
    fn the_own_connection_the_own_peer_id_and_stuck_members_are_left_out() {
        let mut members = swarm(0..2, 0..0);
        let same_connection = Member {
            peer_id: PeerId::new([9; 20]),
            ..member(0)
        };
        let same_peer_id = Member {
            connection: ConnectionId::new(0, 9, 9),
            ..member(0)
        };
        members.touch(same_connection, 0, false);
        members.touch(same_peer_id, 0, false);
        members.touch(member(5), 0, true);
        let mut rng = SmallRng::seed_from_u64(4);
        for _ in 0..50 {
            let sender = place(&members, 0);
            assert_eq!(
                choose(&mut members, sender, 9, &mut rng).as_slice(),
                [member(1)]
            );
        }
    }

    #[test]
    fn a_swarm_of_stuck_members_costs_a_bounded_number_of_looks() {
        let mut members = Members::default();
        for number in 0..1_000 {
            let connection = ConnectionId::new(0, number, 0);
            let peer_id = PeerId::new([1; 20]);
            members.touch(
                Member {
                    connection,
                    peer_id,
                },
                0,
                true,
            );
        }
        let mut rng = SmallRng::seed_from_u64(5);
        assert!(choose(&mut members, 200, 5, &mut rng).is_empty());
    }

    #[test]
    fn who_was_given_enough_offers_is_passed_over_for_another() {
        let mut members = swarm(0..4, 0..0);
        let mut rng = SmallRng::seed_from_u64(6);
        let mut given = |seconds| {
            let sender = place(&members, 0);
            let intake = (Intake::new(1, 2), Tick::of(Duration::from_secs(seconds)));
            let chosen = super::choose(&mut members, sender, 1, intake, &mut rng);
            (chosen.receivers.len(), chosen.had_enough)
        };
        let first: Vec<_> = (0..6).map(|_| given(10)).collect();
        assert!(first.iter().all(|(given, _)| *given == 1), "{first:?}");
        assert_eq!(given(10), (0, 3));
        assert_eq!(given(11).0, 1);
    }
}
