use std::collections::BTreeMap;
use std::num::NonZeroU64;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;

fn group(number: u64) -> AddressGroup {
    AddressGroup::of_address(NonZeroU64::new(number + 1).expect("not 0"))
}

/// Runs random operations on a list of at most `members_max` members in a few groups, and on a map beside it.
fn simulate(seed: u64, members_max: u32, groups: u64) {
    let mut rng = SmallRng::seed_from_u64(seed);
    let (mut list, mut known) = (MemberList::<u32, u64>::default(), BTreeMap::new());
    for step in 0..600 {
        let key = rng.random_range(0..members_max);
        let position = list.position_of(&key);
        assert_eq!(position.is_some(), known.contains_key(&key));
        match (position, rng.random_range(0..3)) {
            (None, _) => {
                let group_number = rng.random_range(0..groups);
                let position = list.insert(key, group(group_number), group_number);
                assert_eq!(list.at(position), Some((&key, &group_number)));
                known.insert(key, (group_number, Role::Leecher));
            }
            (Some(position), 0) => {
                let (group_number, _) = known.remove(&key).expect("known");
                assert_eq!(list.remove(position), Some((key, group_number)));
            }
            (Some(position), role) => {
                let role = if role == 1 {
                    Role::Leecher
                } else {
                    Role::Seeder
                };
                let position = list.set_role(position, role);
                assert_eq!(list.at(position).map(|(known, _)| *known), Some(key));
                known.get_mut(&key).expect("known").1 = role;
            }
        }
        if step % 100 == 0 {
            list.release_memory();
        }
        assert!(list.is_consistent(), "seed {seed}, step {step}");
        let listed: BTreeMap<_, _> = list.iter().map(|(key, role)| (*key, role)).collect();
        let roles: BTreeMap<_, _> = known.iter().map(|(key, (_, role))| (*key, *role)).collect();
        assert_eq!(listed, roles);
        for group_number in 0..groups.min(3) {
            let members = known
                .values()
                .filter(|(known, _)| *known == group_number)
                .count();
            assert_eq!(list.count_in_group(group(group_number)), members);
        }
        if step % 7 == 0 {
            check_draw(&mut list, &known, &mut rng);
        }
    }
}

/// Checks a draw: as many members as wanted or available, each once, and no group has two more than another that has
/// some left.
fn check_draw(
    list: &mut MemberList<u32, u64>,
    known: &BTreeMap<u32, (u64, Role)>,
    rng: &mut SmallRng,
) {
    let wanted = rng.random_range(0..20);
    for among in [RoleFilter::All, RoleFilter::Leechers, RoleFilter::Seeders] {
        let is_selected = |role: Role| match among {
            RoleFilter::All => true,
            RoleFilter::Leechers => role == Role::Leecher,
            RoleFilter::Seeders => role == Role::Seeder,
        };
        let selected: Vec<_> = known
            .iter()
            .filter(|(_, (_, role))| is_selected(*role))
            .collect();
        let mut taken: Vec<u32> = Vec::new();
        let mut drawn = DrawProgress::default();
        list.draw(among, (wanted, &mut drawn), rng, |key, _, _| {
            taken.push(*key);
            true
        });
        assert_eq!(taken.len(), wanted.min(selected.len()), "{among:?}");
        let mut of_group: BTreeMap<u64, (usize, usize)> = BTreeMap::new();
        for (key, (group_number, _)) in selected {
            let (all, chosen) = of_group.entry(*group_number).or_default();
            *all += 1;
            *chosen += taken.iter().filter(|taken| *taken == key).count();
        }
        let chosen: usize = of_group.values().map(|(_, chosen)| chosen).sum();
        assert_eq!(
            chosen,
            taken.len(),
            "{among:?}: one that is not selected, or twice"
        );
        let chosen_max = of_group.values().map(|(_, chosen)| *chosen).max();
        for (all, chosen) in of_group.into_values() {
            assert!(chosen == all || Some(chosen + 1) >= chosen_max, "{among:?}");
        }
    }
}

#[test]
fn the_group_index_always_matches_the_list() {
    for seed in 0..3 {
        simulate(seed, 12, 4);
        simulate(seed, 60, 3);
        simulate(seed, 60, 25);
        simulate(seed, 200, 1_000);
    }
}

#[test]
fn members_of_a_group_are_drawn_equally_often() {
    let mut list = MemberList::<u32, ()>::default();
    for key in 0..20 {
        list.insert(key, group(u64::from(key.min(10))), ());
    }
    let mut rng = SmallRng::seed_from_u64(3);
    let mut times = [0; 20];
    for _ in 0..11_000 {
        let mut drawn = DrawProgress::default();
        list.draw(RoleFilter::All, (1, &mut drawn), &mut rng, |key, (), _| {
            times[*key as usize] += 1;
            true
        });
    }
    // 1,000 for each of the ten groups of one; 100 for each of ten in the other. Six standard deviations.
    assert!(
        times[..10].iter().all(|count| (820..1_180).contains(count)),
        "{times:?}"
    );
    assert!(
        times[10..].iter().all(|count| (40..160).contains(count)),
        "{times:?}"
    );
}

#[test]
fn a_draw_with_only_refusals_ends() {
    for groups in [1, 2, 50, 10_000] {
        let mut list = MemberList::<u32, ()>::default();
        for key in 0..10_000 {
            list.insert(key, group(u64::from(key) % groups), ());
        }
        let (mut offered, mut drawn) = (0, DrawProgress::default());
        let mut rng = SmallRng::seed_from_u64(4);
        list.draw(RoleFilter::All, (5, &mut drawn), &mut rng, |_, (), _| {
            offered += 1;
            false
        });
        assert_eq!(offered, SKIPPED_MAX, "{groups}");
    }
}
