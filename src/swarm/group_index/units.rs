//! Adds, removes and moves the units of the index, and finds the unit of a group.

use hashbrown::HashTable;
use slab::Slab;

use super::member_entry::{GroupLink, MemberEntries};
use super::shared_group::{SharedGroup, link_member};
use super::{GroupIndex, GroupUnit, to_u32};
use crate::swarm::{AddressGroup, Role};

/// Most units that are searched linearly.
pub(super) const UNHASHED_UNITS_MAX: usize = 8;

impl GroupIndex {
    /// Adds a unit for the first member of a group.
    pub(super) fn add_unit<K, S>(
        &mut self,
        entries: &mut MemberEntries<K, S>,
        position: usize,
        role: Role,
    ) {
        let unit = self.units.len();
        self.units.push(GroupUnit::Single(to_u32(position)));
        self.set_unit(entries, unit, GroupUnit::Single(to_u32(position)));
        let not_indexed = match self.units.len() {
            few if few <= UNHASHED_UNITS_MAX => unit..unit,
            many if many == UNHASHED_UNITS_MAX + 1 => 0..many,
            many => unit..many,
        };
        for unit in not_indexed {
            let (units, shared) = (&self.units, &self.shared_groups);
            let hash = |&unit: &u32| hash_of_unit(entries, units, shared, unit);
            let unit = to_u32(unit);
            self.unit_numbers.insert_unique(hash(&unit), unit, hash);
        }
        // It is last, in the section of units with only seeders.
        self.move_to_section(entries, unit, UnitSection::of_role(role));
    }

    /// Removes the unit of the last member of a group.
    pub(super) fn remove_unit<K, S>(&mut self, entries: &mut MemberEntries<K, S>, unit: usize) {
        let unit = self.move_to_section(entries, unit, UnitSection::SeedersOnly);
        let last = self.units.len().saturating_sub(1);
        self.swap(entries, unit, last);
        let hash = hash_of_unit(entries, &self.units, &self.shared_groups, to_u32(last));
        if let Ok(found) = self
            .unit_numbers
            .find_entry(hash, |&number| number as usize == last)
        {
            found.remove();
        }
        self.units.pop();
        if self.units.len() <= UNHASHED_UNITS_MAX {
            self.unit_numbers = HashTable::new();
        }
    }

    /// Turns a unit with one member into a shared group. Returns the number of the shared group.
    pub(super) fn make_shared<K, S>(
        &mut self,
        entries: &mut MemberEntries<K, S>,
        unit: usize,
        only: u32,
    ) -> usize {
        let leechers = usize::from(unit < self.leechers_end);
        let shared = self.shared_groups.insert(SharedGroup {
            positions: vec![only],
            leechers,
            unit: to_u32(unit),
        });
        if let Some(shared_group) = self.shared_groups.get(shared) {
            link_member(entries, shared_group, shared, 0);
        }
        self.set_unit(entries, unit, GroupUnit::Shared(to_u32(shared)));
        shared
    }

    /// Moves the unit of a shared group to the section that matches its roles.
    pub(super) fn update_section<K, S>(&mut self, entries: &mut MemberEntries<K, S>, unit: usize) {
        let Some(GroupUnit::Shared(shared)) = self.unit(unit) else {
            return;
        };
        let Some(shared_group) = self.shared_groups.get(shared as usize) else {
            return;
        };
        let leechers = shared_group.leechers;
        let section = match (leechers, shared_group.positions.len() - leechers) {
            (_, 0) => UnitSection::LeechersOnly,
            (0, _) => UnitSection::SeedersOnly,
            _ => UnitSection::Both,
        };
        self.move_to_section(entries, unit, section);
    }

    /// Moves a unit to a section. Returns its new number.
    pub(super) fn move_to_section<K, S>(
        &mut self,
        entries: &mut MemberEntries<K, S>,
        unit: usize,
        to: UnitSection,
    ) -> usize {
        let mut unit = unit;
        let section_of = |groups: &Self, unit| match unit {
            unit if unit < groups.leechers_only_end => UnitSection::LeechersOnly,
            unit if unit < groups.leechers_end => UnitSection::Both,
            _ => UnitSection::SeedersOnly,
        };
        while section_of(self, unit) > to {
            let boundary = match section_of(self, unit) {
                UnitSection::SeedersOnly => &mut self.leechers_end,
                _ => &mut self.leechers_only_end,
            };
            let first = *boundary;
            *boundary += 1;
            self.swap(entries, unit, first);
            unit = first;
        }
        while section_of(self, unit) < to {
            let boundary = match section_of(self, unit) {
                UnitSection::LeechersOnly => &mut self.leechers_only_end,
                _ => &mut self.leechers_end,
            };
            *boundary -= 1;
            let last = *boundary;
            self.swap(entries, unit, last);
            unit = last;
        }
        unit
    }

    fn swap<K, S>(&mut self, entries: &mut MemberEntries<K, S>, one: usize, other: usize) {
        if one == other {
            return;
        }
        let [of_one, of_other] = [one, other]
            .map(|unit| hash_of_unit(entries, &self.units, &self.shared_groups, to_u32(unit)));
        // A temporary number keeps the two apart during the swap.
        let temporary = u32::MAX;
        for (hash, from, to) in [
            (of_one, to_u32(one), temporary),
            (of_other, to_u32(other), to_u32(one)),
            (of_one, temporary, to_u32(other)),
        ] {
            if let Some(number) = self.unit_numbers.find_mut(hash, |&number| number == from) {
                *number = to;
            }
        }
        self.units.swap(one, other);
        for unit in [one, other] {
            if let Some(value) = self.unit(unit) {
                self.set_unit(entries, unit, value);
            }
        }
    }

    /// Sets a unit and the links that point back to it.
    pub(super) fn set_unit<K, S>(
        &mut self,
        entries: &mut MemberEntries<K, S>,
        unit: usize,
        value: GroupUnit,
    ) {
        if let Some(stored) = self.units.get_mut(unit) {
            *stored = value;
        }
        match value {
            GroupUnit::Single(position) => {
                if let Some((_, entry)) = entries.get_index_mut(position as usize) {
                    entry.link = GroupLink::unshared(unit);
                }
            }
            GroupUnit::Shared(shared) => {
                if let Some(shared) = self.shared_groups.get_mut(shared as usize) {
                    shared.unit = to_u32(unit);
                }
            }
        }
    }

    /// Returns the number of the unit of a group.
    pub(super) fn find_unit<K, S>(
        &self,
        entries: &MemberEntries<K, S>,
        group: AddressGroup,
    ) -> Option<usize> {
        let is_it = |unit: u32| {
            group_of_unit(entries, &self.units, &self.shared_groups, unit) == Some(group)
        };
        if self.units.len() <= UNHASHED_UNITS_MAX {
            return (0..self.units.len()).find(|&unit| is_it(to_u32(unit)));
        }
        let found = self.unit_numbers.find(group.hash(), |&unit| is_it(unit));
        found.map(|&unit| unit as usize)
    }
}

/// The section of a unit, by the roles of its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum UnitSection {
    LeechersOnly,
    Both,
    SeedersOnly,
}

impl UnitSection {
    /// Returns the section of a unit with one member.
    pub(super) const fn of_role(role: Role) -> Self {
        match role {
            Role::Leecher => Self::LeechersOnly,
            Role::Seeder => Self::SeedersOnly,
        }
    }
}

fn group_of_unit<K, S>(
    entries: &MemberEntries<K, S>,
    units: &[GroupUnit],
    shared: &Slab<SharedGroup>,
    unit: u32,
) -> Option<AddressGroup> {
    let position = match *units.get(unit as usize)? {
        GroupUnit::Single(position) => position,
        GroupUnit::Shared(number) => *shared.get(number as usize)?.positions.first()?,
    };
    let (_, entry) = entries.get_index(position as usize)?;
    Some(entry.group)
}

/// Returns the hash of the group of a unit.
pub(super) fn hash_of_unit<K, S>(
    entries: &MemberEntries<K, S>,
    units: &[GroupUnit],
    shared: &Slab<SharedGroup>,
    unit: u32,
) -> u64 {
    group_of_unit(entries, units, shared, unit).map_or(0, AddressGroup::hash)
}
