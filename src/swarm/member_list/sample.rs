//! Draws a sample of a list: some members at random, by address group first.
//!
//! Unlike a draw it tries no further members, and it needs two random numbers instead of one for each: a start and a step.
//! Each group is equally likely, and so is each pair of groups.

use std::hash::Hash;
use std::ops::Range;

use rand::{Rng, RngExt};
use smallvec::SmallVec;

use super::{GroupUnit, MemberList, RoleFilter};
use crate::swarm::AddressGroup;
use crate::swarm::group_index::to_u32;

/// Members of a group that stand for the others.
const MATES_MAX: usize = 4;

impl<K: Hash + Eq, S> MemberList<K, S> {
    /// Returns the member at a position, its address group and its state.
    #[inline]
    pub(in crate::swarm) fn entry_mut(
        &mut self,
        position: usize,
    ) -> Option<(&K, AddressGroup, &mut S)> {
        let (key, entry) = self.entries.get_index_mut(position)?;
        Some((key, entry.group, &mut entry.state))
    }

    /// Returns the address group of the member at a position.
    pub(in crate::swarm) fn group_at(&self, position: usize) -> Option<AddressGroup> {
        let (_, entry) = self.entries.get_index(position)?;
        Some(entry.group)
    }

    /// Returns whether the address group of the member at a position may have other members.
    pub(in crate::swarm) fn has_company(&self, position: usize) -> bool {
        let entry = self.entries.get_index(position);
        self.group_index.is_none() || entry.is_some_and(|(_, entry)| entry.is_in_shared_group())
    }

    /// Calls `found` with the positions of up to `wanted` members, each once: all if there are no more. Groups are drawn
    /// first; if they are few, each gives several members.
    pub(in crate::swarm) fn sample(
        &self,
        among: RoleFilter,
        wanted: usize,
        rng: &mut impl Rng,
        mut found: impl FnMut(u32),
    ) {
        let all = self.positions_of(among);
        let Some(groups) = self.group_index.as_ref().filter(|_| all.len() > wanted) else {
            return all
                .take(wanted)
                .for_each(|position| found(to_u32(position)));
        };
        let units = groups.units_with(among);
        let per_group = (wanted / units.len().max(1)).max(1);
        let mut left = wanted;
        let mut visit = |unit: usize, rng: &mut _| match groups.unit(unit) {
            Some(GroupUnit::Single(position)) if left > 0 => {
                found(position);
                left -= 1;
            }
            Some(GroupUnit::Shared(shared)) => {
                let positions = groups.positions(shared, among);
                for position in run_of(positions, per_group.min(left), rng) {
                    found(position);
                    left -= 1;
                }
            }
            _ => {}
        };
        for unit in Steps::new(units.len(), rng).take(wanted) {
            visit(units.start + unit, rng);
        }
    }

    /// Calls `found` with the positions of two random members of a group that has several, so that one is another member
    /// than the one that asks.
    pub(in crate::swarm) fn sample_group(
        &self,
        group: AddressGroup,
        rng: &mut impl Rng,
        mut found: impl FnMut(u32),
    ) {
        if let Some(groups) = &self.group_index {
            let positions = groups.members_of(&self.entries, group);
            run_of(positions, 2, rng).for_each(&mut found);
        }
    }

    /// Returns the positions of some members of an address group, at most [`MATES_MAX`].
    pub(in crate::swarm) fn some_of_group(
        &self,
        group: AddressGroup,
    ) -> SmallVec<[usize; MATES_MAX]> {
        let Some(groups) = &self.group_index else {
            let all = self.entries.values().enumerate();
            let mates = all.filter(|(_, entry)| entry.group == group);
            return mates
                .map(|(position, _)| position)
                .take(MATES_MAX)
                .collect();
        };
        let some = groups.some_of(&self.entries, group);
        some.map(|position| position as usize)
            .take(MATES_MAX)
            .collect()
    }

    fn positions_of(&self, among: RoleFilter) -> Range<usize> {
        match among {
            RoleFilter::All => 0..self.entries.len(),
            RoleFilter::Leechers => 0..self.leechers,
            RoleFilter::Seeders => self.leechers..self.entries.len(),
        }
    }
}

/// Returns `length` neighbours from a random one on, each once.
fn run_of<'p, R: Rng>(
    positions: &'p [u32],
    length: usize,
    rng: &mut R,
) -> impl Iterator<Item = u32> + use<'p, R> {
    let start = if positions.is_empty() {
        0
    } else {
        rng.random_range(0..positions.len())
    };
    let (end, begin) = positions.split_at(start);
    begin.iter().chain(end).take(length).copied()
}

/// Yields all numbers below a bound, each once, in steps of a random length from a random start.
struct Steps {
    below: usize,
    step: usize,
    next: usize,
    left: usize,
}

impl Steps {
    fn new(below: usize, rng: &mut impl Rng) -> Self {
        let (mut step, mut next) = (1, 0);
        if below > 1 {
            next = rng.random_range(0..below);
            step = rng.random_range(1..below);
            // A step with a common divisor would return to the start too soon.
            while has_common_divisor(step, below) {
                step = rng.random_range(1..below);
            }
        }
        Self {
            below,
            step,
            next,
            left: below,
        }
    }
}

impl Iterator for Steps {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let number = self.next;
        self.next += self.step;
        if self.next >= self.below {
            self.next -= self.below;
        }
        Some(number)
    }
}

/// Euclid's algorithm.
fn has_common_divisor(mut one: usize, mut other: usize) -> bool {
    while one > 0 {
        (one, other) = (other % one, one);
    }
    other > 1
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;
    use crate::swarm::Role;

    /// `seeders` of the members are seeders; their address groups have the given sizes.
    fn list(sizes: &[u32], seeders: u32) -> MemberList<u32, ()> {
        let mut list = MemberList::default();
        let mut number = 0;
        for (group, size) in (1..).zip(sizes) {
            let group = AddressGroup::of_address(NonZeroU64::new(group).expect("from 1"));
            for _ in 0..*size {
                let position = list.insert(number, group, ());
                if number < seeders {
                    list.set_role(position, Role::Seeder);
                }
                number += 1;
            }
        }
        list
    }

    fn sample(
        list: &MemberList<u32, ()>,
        among: RoleFilter,
        wanted: usize,
        rng: &mut SmallRng,
    ) -> Vec<u32> {
        let mut found = Vec::new();
        list.sample(among, wanted, rng, |position| {
            let (number, ()) = list.at(position as usize).expect("a member");
            found.push(*number);
        });
        found
    }

    #[test]
    fn a_sample_has_the_wanted_members_each_once() {
        let mut rng = SmallRng::seed_from_u64(1);
        for sizes in [&[1; 100][..], &[40, 60], &[1, 1, 98], &[1; 5]] {
            let list = list(sizes, 0);
            for _ in 0..100 {
                let mut found = sample(&list, RoleFilter::All, 32, &mut rng);
                let expected = 32.min(list.len());
                found.sort_unstable();
                found.dedup();
                // A group that is smaller than its share leaves some places empty.
                let least = if sizes.contains(&98) { 12 } else { expected };
                assert!((least..=expected).contains(&found.len()), "{sizes:?}");
            }
        }
    }

    #[test]
    fn every_member_with_an_address_of_its_own_is_sampled_equally_often() {
        let list = list(&[1; 102], 0);
        let mut rng = SmallRng::seed_from_u64(2);
        let mut times = [0; 102];
        for _ in 0..10_000 {
            for number in sample(&list, RoleFilter::All, 32, &mut rng) {
                times[number as usize] += 1;
            }
        }
        // 3,137 expected for each; six standard deviations are 279.
        assert!(
            times.iter().all(|count| (2_858..3_416).contains(count)),
            "{times:?}"
        );
    }

    #[test]
    fn steps_visit_all_numbers_once() {
        let mut rng = SmallRng::seed_from_u64(5);
        for below in 0..200 {
            let mut all: Vec<_> = Steps::new(below, &mut rng).collect();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..below), "{below}");
        }
    }

    #[test]
    fn one_address_has_one_voice() {
        let mut sizes = vec![1; 60];
        sizes.push(5_000);
        let list = list(&sizes, 0);
        let mut rng = SmallRng::seed_from_u64(3);
        let of_crowd = (0..1_000)
            .flat_map(|_| sample(&list, RoleFilter::All, 32, &mut rng))
            .filter(|number| *number >= 60)
            .count();
        // 32 of 61 groups.
        assert!((450..600).contains(&of_crowd), "{of_crowd}");
    }

    #[test]
    fn a_sample_of_a_role_has_no_others() {
        let list = list(&[1; 100], 30);
        let mut rng = SmallRng::seed_from_u64(4);
        for _ in 0..100 {
            let seeders = sample(&list, RoleFilter::Seeders, 2, &mut rng);
            assert!(!seeders.is_empty() && seeders.iter().all(|number| *number < 30));
            let leechers = sample(&list, RoleFilter::Leechers, 32, &mut rng);
            assert!(leechers.len() > 28 && leechers.iter().all(|number| *number >= 30));
        }
    }
}
