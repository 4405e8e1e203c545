//! Compares the index with the list, for tests.

use super::member_entry::MemberEntries;
use super::units::UNHASHED_UNITS_MAX;
use super::{GroupIndex, GroupUnit, RoleFilter, role_of};
use crate::swarm::Role;

impl GroupIndex {
    /// Returns whether the index matches the list, counted member by member. For tests.
    pub(in crate::swarm) fn is_consistent<K, S>(
        &self,
        entries: &MemberEntries<K, S>,
        leechers: usize,
    ) -> bool {
        let mut seen = 0;
        let is_consistent = |(number_of, unit): (usize, &GroupUnit)| {
            let positions = match unit {
                GroupUnit::Single(position) => std::slice::from_ref(position),
                GroupUnit::Shared(shared) => self.positions(*shared, RoleFilter::All),
            };
            seen += positions.len();
            let roles: Vec<_> = positions
                .iter()
                .map(|&position| role_of(position as usize, leechers))
                .collect();
            let has = |role| roles.contains(&role);
            let group =
                |&position: &u32| entries.get_index(position as usize).map(|(_, it)| it.group);
            let first = positions.first().and_then(group);
            let is_shared = matches!(unit, GroupUnit::Shared(_));
            is_shared == (positions.len() > 1)
                && roles.is_sorted_by(|one, next| one >= next)
                && positions.iter().all(|position| group(position) == first)
                && first.is_some_and(|group| self.find_unit(entries, group) == Some(number_of))
                && has(Role::Leecher) == (number_of < self.leechers_end)
                && has(Role::Seeder) == (number_of >= self.leechers_only_end)
        };
        let all_consistent = self.units.iter().enumerate().all(is_consistent);
        let indexed = if self.units.len() > UNHASHED_UNITS_MAX {
            self.units.len()
        } else {
            0
        };
        all_consistent && seen == entries.len() && self.unit_numbers.len() == indexed
    }
}
