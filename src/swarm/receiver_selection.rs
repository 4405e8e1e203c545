//! Chooses the receivers of the offers of an announce: different members at random, independently each time. It first
//! draws an address group, each equally likely, then a member of it. So a thousand members of one address are chosen as
//! often as one member of another. Offers of a seeder go to leechers first, and only the remaining ones to seeders.

use std::ops::Range;

use rand::{Rng, RngExt};
use smallvec::SmallVec;

use super::member_list::{DrawProgress, RoleFilter};
use super::receiver_quota::{ReceiverQuotaExhausted, ReceiverQuotaTime};
use super::websocket_members::WebSocketMembers;
use super::{MatchTally, Member, MemberPosition, ReceiverQuota, Role};

/// The receivers of the offers of an announce.
#[derive(Debug, Default)]
pub struct ChosenReceivers {
    /// The chosen members and their positions, each once.
    pub receivers: SmallVec<[(Member, MemberPosition); 10]>,
    /// Number of members skipped because their quota was used up.
    pub over_quota: u32,
    /// Number of members skipped because only the part reserved for senders of few offers was left.
    pub over_unreserved_quota: u32,
    /// What the choice met. Zero if it was random.
    pub tally: MatchTally,
}

/// Chooses receivers for a sender of that role. `quota` also contains whether the sender's address group has sent few
/// offers to this swarm lately.
pub(super) fn choose(
    members: &mut WebSocketMembers,
    (sender, role): (Member, Role),
    wanted: usize,
    quota: (ReceiverQuota, bool, ReceiverQuotaTime),
    rng: &mut impl Rng,
) -> ChosenReceivers {
    let mut chosen = ChosenReceivers::default();
    let passes: &[RoleFilter] = match role {
        Role::Seeder => &[RoleFilter::Leechers, RoleFilter::Seeders],
        Role::Leecher => &[RoleFilter::All],
    };
    let mut drawn = DrawProgress::default();
    for among in passes {
        let limits = (wanted, &mut drawn);
        members.draw(*among, limits, rng, |member, mut receiver, position| {
            let is_other =
                member.connection != sender.connection && member.peer_id != sender.peer_id;
            if !is_other || receiver.is_blocked() {
                return false;
            }
            let charged = receiver.charge(quota);
            match charged {
                Ok(()) => chosen.receivers.push((*member, MemberPosition(position))),
                Err(ReceiverQuotaExhausted::Total) => chosen.over_quota += 1,
                Err(ReceiverQuotaExhausted::Unreserved) => chosen.over_unreserved_quota += 1,
            }
            charged.is_ok()
        });
    }
    chosen
}

/// Yields the numbers of a range in random order, each once, without storing the range: a Fisher–Yates shuffle that
/// stores only the positions it has touched.
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
        let position = rng.random_range(0..=self.left);
        let picked = self.value(position);
        let last = self.value(self.left);
        match self.moved.iter_mut().find(|(at, _)| *at == position) {
            Some((_, value)) => *value = last,
            None => self.moved.push((position, last)),
        }
        Some(self.start + picked)
    }

    fn value(&self, position: usize) -> usize {
        self.moved
            .iter()
            .find(|(at, _)| *at == position)
            .map_or(position, |(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::num::NonZeroU64;
    use std::time::Duration;

    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;
    use crate::protocol::{ConnectionId, PeerId};
    use crate::swarm::{AddressGroup, Role};

    /// Returns the members only, and checks that each is at its reported position.
    fn choose(
        members: &mut WebSocketMembers,
        sender: usize,
        wanted: usize,
        rng: &mut impl Rng,
    ) -> Vec<Member> {
        let quota = (
            ReceiverQuota::UNLIMITED,
            true,
            ReceiverQuotaTime::from_uptime(Duration::ZERO),
        );
        let sender = members.member_at(sender).expect("a member");
        let chosen = super::choose(members, sender, wanted, quota, rng);
        let member = |(member, MemberPosition(position))| {
            assert_eq!(
                members.member_at(position).map(|(known, _)| known),
                Some(member)
            );
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

    fn join_or_refresh(members: &mut WebSocketMembers, member: Member, blocked: bool) {
        let group = AddressGroup::of_connection(member.connection);
        members.join_or_refresh(member, (group, None), 0, blocked);
    }

    fn place(members: &WebSocketMembers, number: u8) -> usize {
        members.position_of(member(number)).expect("a member")
    }

    fn swarm(leechers: Range<u8>, seeders: Range<u8>) -> WebSocketMembers {
        let mut members = WebSocketMembers::default();
        for number in leechers.chain(seeders.clone()) {
            join_or_refresh(&mut members, member(number), false);
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
    fn members_are_chosen_once_and_all_if_wanted() {
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
    fn own_connection_own_peer_id_and_blocked_members_are_skipped() {
        let mut members = swarm(0..2, 0..0);
        let same_connection = Member {
            peer_id: PeerId::new([9; 20]),
            ..member(0)
        };
        let same_peer_id = Member {
            connection: ConnectionId::new(0, 9, 9),
            ..member(0)
        };
        join_or_refresh(&mut members, same_connection, false);
        join_or_refresh(&mut members, same_peer_id, false);
        join_or_refresh(&mut members, member(5), true);
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
    fn a_swarm_of_blocked_members_costs_bounded_work() {
        let mut members = WebSocketMembers::default();
        for number in 0..1_000 {
            let connection = ConnectionId::new(0, number, 0);
            let peer_id = PeerId::new([1; 20]);
            let member = Member {
                connection,
                peer_id,
            };
            join_or_refresh(&mut members, member, true);
        }
        let mut rng = SmallRng::seed_from_u64(5);
        assert!(choose(&mut members, 200, 5, &mut rng).is_empty());
    }

    #[test]
    fn a_member_over_quota_is_skipped_for_another() {
        let mut members = swarm(0..4, 0..0);
        let mut rng = SmallRng::seed_from_u64(6);
        let mut given = |seconds| {
            let sender = members.member_at(place(&members, 0)).expect("a member");
            let now = ReceiverQuotaTime::from_uptime(Duration::from_secs(seconds));
            let quota = (ReceiverQuota::new(1, 2), true, now);
            let chosen = super::choose(&mut members, sender, 1, quota, &mut rng);
            (chosen.receivers.len(), chosen.over_quota)
        };
        let first: Vec<_> = (0..6).map(|_| given(10)).collect();
        assert!(first.iter().all(|(given, _)| *given == 1), "{first:?}");
        assert_eq!(given(10), (0, 3));
        assert_eq!(given(11).0, 1);
    }

    /// Creates a swarm of the sender, which comes first, 10 members with an address each, and `crowd` members of one
    /// other address.
    fn crowded(crowd: u32, blocked: bool) -> WebSocketMembers {
        let mut members = WebSocketMembers::default();
        for number in 0..11 {
            join_or_refresh(&mut members, member(number), false);
        }
        let group = AddressGroup::of_address(NonZeroU64::new(66).expect("not 0"));
        for number in 0..crowd {
            let connection = ConnectionId::new(1, number, 0);
            let peer_id = PeerId::new([200; 20]);
            let member = Member {
                connection,
                peer_id,
            };
            members.join_or_refresh(member, (group, None), 0, blocked);
        }
        members
    }

    /// Returns the share of offers that go to the ten.
    fn share_of_others(members: &mut WebSocketMembers, wanted: usize) -> f64 {
        let mut rng = SmallRng::seed_from_u64(7);
        let (mut others, mut all) = (0, 0);
        for _ in 0..2_000 {
            let sender = place(members, 0);
            for chosen in choose(members, sender, wanted, &mut rng) {
                all += 1;
                others += usize::from(chosen.connection.worker() == 0);
            }
        }
        assert_eq!(all, 2_000 * wanted);
        #[expect(clippy::cast_precision_loss, reason = "thousands")]
        let share = others as f64 / all as f64;
        share
    }

    #[test]
    fn a_crowd_of_one_address_counts_as_one_member() {
        for (crowd, wanted) in [(1, 1), (1_000, 1), (1_000, 5), (30_000, 10)] {
            let share = share_of_others(&mut crowded(crowd, false), wanted);
            assert!(
                (share - 10.0 / 11.0).abs() < 0.03,
                "{crowd} {wanted} {share}"
            );
        }
        // Offers beyond the number of groups go to the crowd.
        let share = share_of_others(&mut crowded(1_000, false), 20);
        assert!((share - 0.5).abs() < 0.001, "{share}");
    }

    #[test]
    fn a_blocked_crowd_takes_no_offers_from_others() {
        let share = share_of_others(&mut crowded(5_000, true), 5);
        assert!(share > 0.999, "{share}");
    }

    #[test]
    fn members_behind_one_address_meet_each_other() {
        let mut rng = SmallRng::seed_from_u64(8);
        let mut times = BTreeMap::new();
        let mut school = WebSocketMembers::default();
        let group = AddressGroup::of_address(NonZeroU64::new(5).expect("not 0"));
        for number in 0..40 {
            school.join_or_refresh(member(number), (group, None), 0, false);
        }
        for _ in 0..7_800 {
            let sender = place(&school, 0);
            let chosen = choose(&mut school, sender, 5, &mut rng);
            assert_eq!(chosen.len(), 5);
            for one in chosen {
                *times.entry(one).or_insert(0) += 1;
            }
        }
        // 1,000 expected for each; six standard deviations are 177.
        assert_eq!(times.len(), 39);
        assert!(
            times.values().all(|count| (823..1_177).contains(count)),
            "{times:?}"
        );
    }
}
