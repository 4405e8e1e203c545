//! Indexes a list of members by address group: one unit for each group. So a random group is one index away, however
//! many members it has.
//!
//! Units with only leechers come first, then units with both roles, then units with only seeders. Every change costs a
//! bounded number of steps. Only `member_list` calls it, for every member that is added, removed or moved.

mod consistency;
mod member_entry;
mod shared_group;
mod units;

use std::ops::Range;

use hashbrown::HashTable;
use slab::Slab;

use super::{AddressGroup, Role};
use member_entry::GroupLink;
use shared_group::{SharedGroup, link_member, swap_members};
use units::{UnitSection, hash_of_unit};

pub(super) use member_entry::{MemberEntries, MemberEntry};

/// A group that has members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupUnit {
    /// One member, at this position.
    Single(u32),
    /// Several members: the number of a shared group.
    Shared(u32),
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

    /// Returns the positions of the members of a group that has several; none of another group.
    pub(super) fn members_of<K, S>(
        &self,
        entries: &MemberEntries<K, S>,
        group: AddressGroup,
    ) -> &[u32] {
        match self
            .find_unit(entries, group)
            .and_then(|unit| self.unit(unit))
        {
            Some(GroupUnit::Shared(shared)) => self.positions(shared, RoleFilter::All),
            _ => &[],
        }
    }

    /// Returns the positions of the members of a group.
    pub(super) fn some_of<K, S>(
        &self,
        entries: &MemberEntries<K, S>,
        group: AddressGroup,
    ) -> impl Iterator<Item = u32> {
        let unit = self
            .find_unit(entries, group)
            .and_then(|unit| self.unit(unit));
        let (single, shared) = match unit {
            Some(GroupUnit::Single(position)) => (Some(position), &[][..]),
            Some(GroupUnit::Shared(shared)) => (None, self.positions(shared, RoleFilter::All)),
            None => (None, &[][..]),
        };
        single.into_iter().chain(shared.iter().copied())
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
        let Some(shared_group) = self.shared_groups.get_mut(shared) else {
            return;
        };
        let mut at = shared_group.positions.len();
        shared_group.positions.push(to_u32(position));
        if role == Role::Leecher {
            shared_group.positions.swap(at, shared_group.leechers);
            link_member(entries, shared_group, shared, at);
            at = shared_group.leechers;
            shared_group.leechers += 1;
        }
        link_member(entries, shared_group, shared, at);
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
        let Some(shared_group) = self.shared_groups.get_mut(of as usize) else {
            return;
        };
        if role == Role::Leecher && shared_group.leechers > 0 {
            shared_group.leechers -= 1;
            at = swap_members(
                entries,
                shared_group,
                of as usize,
                at as usize,
                shared_group.leechers,
            );
        }
        let last = shared_group.positions.len() - 1;
        swap_members(entries, shared_group, of as usize, at as usize, last);
        shared_group.positions.pop();
        if shared_group.positions.capacity() > 16
            && shared_group.positions.capacity() > 4 * shared_group.positions.len()
        {
            shared_group
                .positions
                .shrink_to(2 * shared_group.positions.len());
        }
        let unit = shared_group.unit as usize;
        if let [only] = *shared_group.positions {
            let has_leechers = shared_group.leechers > 0;
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
        let Some(shared_group) = self.shared_groups.get_mut(of as usize) else {
            return;
        };
        match role {
            Role::Seeder => {
                shared_group.leechers = shared_group.leechers.saturating_sub(1);
                swap_members(
                    entries,
                    shared_group,
                    of as usize,
                    at as usize,
                    shared_group.leechers,
                );
            }
            Role::Leecher => {
                swap_members(
                    entries,
                    shared_group,
                    of as usize,
                    at as usize,
                    shared_group.leechers,
                );
                shared_group.leechers += 1;
            }
        }
        let unit = shared_group.unit as usize;
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
        } else if let Some(shared_group) = self.shared_groups.get_mut(of)
            && let Some(stored) = shared_group.positions.get_mut(at as usize)
        {
            *stored = to_u32(position);
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
}

fn role_of(position: usize, leechers: usize) -> Role {
    if position < leechers {
        Role::Leecher
    } else {
        Role::Seeder
    }
}

/// Converts positions and unit numbers: there are never more than connections.
pub(super) fn to_u32(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
