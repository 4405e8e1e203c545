//! Indexes a list of members by address group: one unit for each group. So a random group is one index away, however
//! many members it has.
//!
//! Units with only leechers come first, then units with both roles, then units with only seeders. Every change costs a
//! bounded number of steps. Only `list` calls it, for every member that is added, removed or moved.

use std::hash::RandomState;
use std::ops::Range;

use hashbrown::HashTable;
use indexmap::IndexMap;
use slab::Slab;

use super::{AddressGroup, Role};

/// The members of a list by position.
pub(super) type MemberEntries<K, S> = IndexMap<K, MemberEntry<S>, RandomState>;

/// A member of a list.
#[derive(Debug)]
pub(super) struct MemberEntry<S> {
    pub(super) group: AddressGroup,
    link: GroupLink,
    pub(super) state: S,
}

/// Where the index stores a member. Unused while there is no index.
#[derive(Debug, Clone, Copy)]
struct GroupLink {
    /// Number of its unit, or of its shared group.
    number: u32,
    /// Its position in the shared group, or [`GroupLink::UNSHARED`].
    at: u32,
}

impl GroupLink {
    const UNSHARED: u32 = u32::MAX;

    fn unshared(unit: usize) -> Self {
        Self {
            number: to_u32(unit),
            at: Self::UNSHARED,
        }
    }
}

impl<S> MemberEntry<S> {
    pub(super) fn new(group: AddressGroup, state: S) -> Self {
        Self {
            group,
            link: GroupLink::unshared(0),
            state,
        }
    }
}

/// A group that has members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupUnit {
    /// One member, at this position.
    Single(u32),
    /// Several members: the number of a shared group.
    Shared(u32),
}

/// The members of a group with several members.
#[derive(Debug)]
struct SharedGroup {
    /// Leechers before seeders.
    positions: Vec<u32>,
    leechers: usize,
    unit: u32,
}

/// Selects units and members by role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RoleFilter {
    /// All groups and all their members.
    All,
    /// Groups that have leechers, and only their leechers.
    Leechers,
    /// Groups that have seeders, and only their seeders.
    Seeders,
}

#[derive(Debug, Default)]
pub(super) struct GroupIndex {
    units: Vec<GroupUnit>,
    /// Number of units at the beginning that have no seeders.
    leechers_only_end: usize,
    /// Number of units at the beginning that have leechers.
    leechers_end: usize,
    shared_groups: Slab<SharedGroup>,
    /// Numbers of units by group. Empty while there are few units, which are searched linearly.
    unit_numbers: HashTable<u32>,
}

/// Most units that are searched linearly.
const UNHASHED_UNITS_MAX: usize = 8;

impl GroupIndex {
    /// Builds the index of all members. The first `leechers` of them are leechers.
    pub(super) fn build<K, S>(entries: &mut MemberEntries<K, S>, leechers: usize) -> Self {
        let mut groups = Self {
            units: Vec::with_capacity(entries.len()),
            ..Self::default()
        };
        for position in 0..entries.len() {
            groups.add(entries, position, role_of(position, leechers));
        }
        groups
    }

    /// Returns the range of unit numbers that `among` selects.
    pub(super) fn units_with(&self, among: RoleFilter) -> Range<usize> {
        match among {
            RoleFilter::All => 0..self.units.len(),
            RoleFilter::Leechers => 0..self.leechers_end,
            RoleFilter::Seeders => self.leechers_only_end..self.units.len(),
        }
    }

    pub(super) fn unit(&self, unit: usize) -> Option<GroupUnit> {
        self.units.get(unit).copied()
    }

    /// Returns the positions of the members of a shared group that `among` selects.
    pub(super) fn positions(&self, shared: u32, among: RoleFilter) -> &[u32] {
        let Some(shared) = self.shared_groups.get(shared as usize) else {
            return &[];
        };
        let (leechers, seeders) = shared.positions.split_at(shared.leechers);
        match among {
            RoleFilter::All => &shared.positions,
            RoleFilter::Leechers => leechers,
            RoleFilter::Seeders => seeders,
        }
    }

    /// Returns the number of members of a group.
    pub(super) fn count<K, S>(&self, entries: &MemberEntries<K, S>, group: AddressGroup) -> usize {
        match self
            .find_unit(entries, group)
            .and_then(|unit| self.unit(unit))
        {
            None => 0,
            Some(GroupUnit::Single(_)) => 1,
            Some(GroupUnit::Shared(shared)) => self.positions(shared, RoleFilter::All).len(),
        }
    }

    /// Adds the member at a position.
    pub(super) fn add<K, S>(
        &mut self,
        entries: &mut MemberEntries<K, S>,
        position: usize,
        role: Role,
    ) {
        let Some((_, entry)) = entries.get_index(position) else {
            return;
        };
        let group = entry.group;
        let Some(unit) = self.find_unit(entries, group) else {
            return self.add_unit(entries, position, role);
        };
        let shared = match self.unit(unit) {
            Some(GroupUnit::Shared(shared)) => shared as usize,
            Some(GroupUnit::Single(other)) => self.make_shared(entries, unit, other),
            None => return,
        };
        let Some(known) = self.shared_groups.get_mut(shared) else {
            return;
        };
        let mut at = known.positions.len();
        known.positions.push(to_u32(position));
        if role == Role::Leecher {
            known.positions.swap(at, known.leechers);
            link_member(entries, known, shared, at);
            at = known.leechers;
            known.leechers += 1;
        }
        link_member(entries, known, shared, at);
        self.update_section(entries, unit);
    }

    /// Removes the member at a position, which is still in the list.
    pub(super) fn remove<K, S>(
        &mut self,
        entries: &mut MemberEntries<K, S>,
        position: usize,
        role: Role,
    ) {
        let Some((_, entry)) = entries.get_index(position) else {
            return;
        };
        let GroupLink { number: of, mut at } = entry.link;
        if at == GroupLink::UNSHARED {
            return self.remove_unit(entries, of as usize);
        }
        let Some(known) = self.shared_groups.get_mut(of as usize) else {
            return;
        };
        if role == Role::Leecher && known.leechers > 0 {
            known.leechers -= 1;
            at = swap_members(entries, known, of as usize, at as usize, known.leechers);
        }
        let last = known.positions.len() - 1;
        swap_members(entries, known, of as usize, at as usize, last);
        known.positions.pop();
        if known.positions.capacity() > 16 && known.positions.capacity() > 4 * known.positions.len()
        {
            known.positions.shrink_to(2 * known.positions.len());
        }
        let unit = known.unit as usize;
        if let [only] = *known.positions {
            let has_leechers = known.leechers > 0;
            self.shared_groups.remove(of as usize);
            if self.shared_groups.is_empty() {
                self.shared_groups = Slab::new();
            }
            self.set_unit(entries, unit, GroupUnit::Single(only));
            let role = if has_leechers {
                Role::Leecher
            } else {
                Role::Seeder
            };
            self.move_to_section(entries, unit, UnitSection::of_role(role));
        } else {
            self.update_section(entries, unit);
        }
    }

    /// Updates the role of the member at a position. The list has not moved the member yet.
    pub(super) fn set_role<K, S>(
        &mut self,
        entries: &mut MemberEntries<K, S>,
        position: usize,
        role: Role,
    ) {
        let Some((_, entry)) = entries.get_index(position) else {
            return;
        };
        let GroupLink { number: of, at } = entry.link;
        if at == GroupLink::UNSHARED {
            self.move_to_section(entries, of as usize, UnitSection::of_role(role));
            return;
        }
        let Some(known) = self.shared_groups.get_mut(of as usize) else {
            return;
        };
        match role {
            Role::Seeder => {
                known.leechers = known.leechers.saturating_sub(1);
                swap_members(entries, known, of as usize, at as usize, known.leechers);
            }
            Role::Leecher => {
                swap_members(entries, known, of as usize, at as usize, known.leechers);
                known.leechers += 1;
            }
        }
        let unit = known.unit as usize;
        self.update_section(entries, unit);
    }

    /// Updates the index after a member has moved to this position.
    pub(super) fn update_position<K, S>(&mut self, entries: &MemberEntries<K, S>, position: usize) {
        let Some((_, entry)) = entries.get_index(position) else {
            return;
        };
        let (of, at) = (entry.link.number as usize, entry.link.at);
        if at == GroupLink::UNSHARED {
            if let Some(unit) = self.units.get_mut(of) {
                *unit = GroupUnit::Single(to_u32(position));
            }
        } else if let Some(known) = self.shared_groups.get_mut(of)
            && let Some(known) = known.positions.get_mut(at as usize)
        {
            *known = to_u32(position);
        }
    }

    /// Frees unused capacity.
    pub(super) fn release_memory<K, S>(&mut self, entries: &MemberEntries<K, S>) {
        if self.units.capacity() > 4 * self.units.len() {
            self.units.shrink_to(2 * self.units.len());
        }
        if self.unit_numbers.capacity() > 4 * self.unit_numbers.len() {
            let units = &self.units;
            let to = 2 * self.unit_numbers.len();
            self.unit_numbers.shrink_to(to, |&unit| {
                hash_of_unit(entries, units, &self.shared_groups, unit)
            });
        }
    }

    /// Adds a unit for the first member of a group.
    fn add_unit<K, S>(&mut self, entries: &mut MemberEntries<K, S>, position: usize, role: Role) {
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
    fn remove_unit<K, S>(&mut self, entries: &mut MemberEntries<K, S>, unit: usize) {
        let unit = self.move_to_section(entries, unit, UnitSection::SeedersOnly);
        let last = self.units.len().saturating_sub(1);
        self.swap(entries, unit, last);
        let hash = hash_of_unit(entries, &self.units, &self.shared_groups, to_u32(last));
        if let Ok(found) = self
            .unit_numbers
            .find_entry(hash, |&known| known as usize == last)
        {
            found.remove();
        }
        self.units.pop();
        if self.units.len() <= UNHASHED_UNITS_MAX {
            self.unit_numbers = HashTable::new();
        }
    }

    /// Turns a unit with one member into a shared group. Returns the number of the shared group.
    fn make_shared<K, S>(
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
        if let Some(known) = self.shared_groups.get(shared) {
            link_member(entries, known, shared, 0);
        }
        self.set_unit(entries, unit, GroupUnit::Shared(to_u32(shared)));
        shared
    }

    /// Moves the unit of a shared group to the section that matches its roles.
    fn update_section<K, S>(&mut self, entries: &mut MemberEntries<K, S>, unit: usize) {
        let Some(GroupUnit::Shared(shared)) = self.unit(unit) else {
            return;
        };
        let Some(known) = self.shared_groups.get(shared as usize) else {
            return;
        };
        let section = match (known.leechers, known.positions.len() - known.leechers) {
            (_, 0) => UnitSection::LeechersOnly,
            (0, _) => UnitSection::SeedersOnly,
            _ => UnitSection::Both,
        };
        self.move_to_section(entries, unit, section);
    }

    /// Moves a unit to a section. Returns its new number.
    fn move_to_section<K, S>(
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
            if let Some(known) = self.unit_numbers.find_mut(hash, |&known| known == from) {
                *known = to;
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
    fn set_unit<K, S>(&mut self, entries: &mut MemberEntries<K, S>, unit: usize, value: GroupUnit) {
        if let Some(known) = self.units.get_mut(unit) {
            *known = value;
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

    fn find_unit<K, S>(&self, entries: &MemberEntries<K, S>, group: AddressGroup) -> Option<usize> {
        let is_it = |unit: u32| {
            group_of_unit(entries, &self.units, &self.shared_groups, unit) == Some(group)
        };
        if self.units.len() <= UNHASHED_UNITS_MAX {
            return (0..self.units.len()).find(|&unit| is_it(to_u32(unit)));
        }
        let found = self.unit_numbers.find(group.hash(), |&unit| is_it(unit));
        found.map(|&unit| unit as usize)
    }

    /// Returns whether the index matches the list, counted member by member. For tests.
    pub(super) fn is_consistent<K, S>(
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

/// The section of a unit, by the roles of its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum UnitSection {
    LeechersOnly,
    Both,
    SeedersOnly,
}

impl UnitSection {
    const fn of_role(role: Role) -> Self {
        match role {
            Role::Leecher => Self::LeechersOnly,
            Role::Seeder => Self::SeedersOnly,
        }
    }
}

fn role_of(position: usize, leechers: usize) -> Role {
    if position < leechers {
        Role::Leecher
    } else {
        Role::Seeder
    }
}

/// Converts positions and unit numbers: there are never more than connections.
fn to_u32(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// Writes its link into the member at a position of a shared group.
fn link_member<K, S>(
    entries: &mut MemberEntries<K, S>,
    known: &SharedGroup,
    shared: usize,
    at: usize,
) {
    let position = known.positions.get(at).map(|&position| position as usize);
    if let Some((_, entry)) = position.and_then(|position| entries.get_index_mut(position)) {
        entry.link = GroupLink {
            number: to_u32(shared),
            at: to_u32(at),
        };
    }
}

/// Swaps two members of a shared group. Returns the new position of the first one.
fn swap_members<K, S>(
    entries: &mut MemberEntries<K, S>,
    known: &mut SharedGroup,
    shared: usize,
    one: usize,
    other: usize,
) -> u32 {
    if one != other {
        known.positions.swap(one, other);
        link_member(entries, known, shared, one);
        link_member(entries, known, shared, other);
    }
    to_u32(other)
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

fn hash_of_unit<K, S>(
    entries: &MemberEntries<K, S>,
    units: &[GroupUnit],
    shared: &Slab<SharedGroup>,
    unit: u32,
) -> u64 {
    group_of_unit(entries, units, shared, unit).map_or(0, AddressGroup::hash)
}
