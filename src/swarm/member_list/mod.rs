//! Stores members that announce in the same way: leechers first, seeders behind them. So the counts are two lengths,
//! and a random member of either role is one index away. An index by address group serves random draws.
//!
//! The index is stored while there are more than a few members. For a few it is built for each draw. This file does not
//! interpret the state of a member; `websocket_members` and `http` do.

use std::hash::Hash;
use std::ops::Range;

use rand::Rng;
use smallvec::SmallVec;

use super::group_index::{GroupIndex, GroupUnit, MemberEntries, MemberEntry};
use super::receiver_selection::Shuffled;
use super::{AddressGroup, Role};

pub(super) use super::group_index::RoleFilter;

mod sample;

/// Most members that need no stored index.
const UNINDEXED_MAX: usize = 8;

/// Invariant: the entries before `leechers` are leechers, the others are seeders, and the index contains each one under
/// its group.
#[derive(Debug)]
pub(super) struct MemberList<K, S> {
    entries: MemberEntries<K, S>,
    leechers: usize,
    group_index: Option<Box<GroupIndex>>,
}

impl<K, S> Default for MemberList<K, S> {
    fn default() -> Self {
        Self {
            entries: MemberEntries::default(),
            leechers: 0,
            group_index: None,
        }
    }
}

/// The progress of a draw.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DrawProgress {
    taken: usize,
    skipped: usize,
}

/// Skipped members after which a draw ends. It bounds the work in a swarm where almost no member can be chosen.
const SKIPPED_MAX: usize = 128;
/// Skipped members in one group before the next group has its turn, so that one address cannot use up the whole bound.
const SKIPPED_PER_GROUP_TURN_MAX: usize = 8;

impl<K: Hash + Eq, S> MemberList<K, S> {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn leechers(&self) -> usize {
        self.leechers
    }

    pub(super) fn seeders(&self) -> usize {
        self.entries.len() - self.leechers
    }

    pub(super) fn position_of(&self, key: &K) -> Option<usize> {
        self.entries.get_index_of(key)
    }

    pub(super) fn role_of(&self, position: usize) -> Role {
        if position < self.leechers {
            Role::Leecher
        } else {
            Role::Seeder
        }
    }

    pub(super) fn at(&self, position: usize) -> Option<(&K, &S)> {
        let (key, entry) = self.entries.get_index(position)?;
        Some((key, &entry.state))
    }

    pub(super) fn at_mut(&mut self, position: usize) -> Option<(&K, &mut S)> {
        let (key, entry) = self.entries.get_index_mut(position)?;
        Some((key, &mut entry.state))
    }

    /// Also returns the position.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<(usize, &mut S)> {
        let (position, _, entry) = self.entries.get_full_mut(key)?;
        Some((position, &mut entry.state))
    }

    /// Returns all keys and roles in the order of their positions.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, Role)> {
        let keys = self.entries.keys().enumerate();
        keys.map(|(position, key)| (key, self.role_of(position)))
    }

    /// Returns the number of members of a group.
    pub(super) fn count_in_group(&self, group: AddressGroup) -> usize {
        if let Some(groups) = &self.group_index {
            return groups.count(&self.entries, group);
        }
        let groups = self.entries.values().map(|entry| entry.group);
        groups.filter(|known| *known == group).count()
    }

    /// Adds a leecher that is not in the list. Returns its position.
    pub(super) fn insert(&mut self, key: K, group: AddressGroup, state: S) -> usize {
        let (last, _) = self
            .entries
            .insert_full(key, MemberEntry::new(group, state));
        let position = self.leechers;
        self.entries.swap_indices(last, position);
        self.leechers += 1;
        match &mut self.group_index {
            Some(groups) => {
                if last != position {
                    groups.update_position(&self.entries, last);
                }
                groups.add(&mut self.entries, position, Role::Leecher);
            }
            None if self.entries.len() > UNINDEXED_MAX => {
                self.group_index = Some(Box::new(GroupIndex::build(
                    &mut self.entries,
                    self.leechers,
                )));
            }
            None => {}
        }
        position
    }

    /// Sets the role of the member at a position. Returns its new position.
    pub(super) fn set_role(&mut self, position: usize, role: Role) -> usize {
        if self.role_of(position) == role || position >= self.entries.len() {
            return position;
        }
        if let Some(groups) = &mut self.group_index {
            groups.set_role(&mut self.entries, position, role);
        }
        let boundary = match role {
            Role::Leecher => {
                self.leechers += 1;
                self.leechers - 1
            }
            Role::Seeder => {
                self.leechers -= 1;
                self.leechers
            }
        };
        self.swap(position, boundary);
        boundary
    }

    /// Removes the member at a position. The last of its role moves there, and the last of all moves to where that one
    /// was.
    pub(super) fn remove(&mut self, position: usize) -> Option<(K, S)> {
        let role = self.role_of(position);
        if let Some(groups) = &mut self.group_index {
            groups.remove(&mut self.entries, position, role);
        }
        let mut position = position;
        if role == Role::Leecher {
            self.leechers -= 1;
            self.entries.swap_indices(position, self.leechers);
            if let Some(groups) = &mut self.group_index
                && position != self.leechers
            {
                groups.update_position(&self.entries, position);
            }
            position = self.leechers;
        }
        let (key, entry) = self.entries.swap_remove_index(position)?;
        if let Some(groups) = &mut self.group_index {
            groups.update_position(&self.entries, position);
        }
        if self.entries.len() <= UNINDEXED_MAX / 2 {
            self.group_index = None;
        }
        Some((key, entry.state))
    }

    /// Frees unused capacity after a list has shrunk.
    pub(super) fn release_memory(&mut self) {
        if self.entries.capacity() > 4 * self.entries.len() {
            self.entries.shrink_to(2 * self.entries.len());
        }
        if let Some(groups) = &mut self.group_index {
            groups.release_memory(&self.entries);
        }
    }

    /// Calls `take` with members in random order until it has taken `wanted` in all: groups first, each equally likely,
    /// then a member of the group. No group gets a second turn before each has had one.
    pub(super) fn draw(
        &mut self,
        among: RoleFilter,
        (wanted, drawn): (usize, &mut DrawProgress),
        rng: &mut impl Rng,
        mut take: impl FnMut(&K, &mut S, usize) -> bool,
    ) {
        drawn.skipped = 0;
        let stored = self.group_index.take();
        let built;
        let groups = if let Some(groups) = &stored {
            groups.as_ref()
        } else {
            built = GroupIndex::build(&mut self.entries, self.leechers);
            &built
        };
        let entries = &mut self.entries;
        let mut try_take = |position: u32| {
            let position = position as usize;
            let found = entries.get_index_mut(position);
            found.is_some_and(|(key, entry)| take(key, &mut entry.state, position))
        };
        let continues = |drawn: &DrawProgress| drawn.taken < wanted && drawn.skipped < SKIPPED_MAX;
        let mut repeated: SmallVec<[GroupDraw<'_>; 2]> = SmallVec::new();
        let mut units = Shuffled::new(groups.units_with(among));
        while continues(drawn)
            && let Some(unit) = units.next(rng)
        {
            match groups.unit(unit) {
                Some(GroupUnit::Single(position)) => drawn.count(try_take(position)),
                Some(GroupUnit::Shared(shared)) => {
                    let mut turns = GroupDraw::new(groups.positions(shared, among));
                    if turns.draw_one(drawn, rng, &mut try_take) {
                        repeated.push(turns);
                    }
                }
                None => {}
            }
        }
        while continues(drawn) && !repeated.is_empty() {
            repeated.retain(|turns| !continues(drawn) || turns.draw_one(drawn, rng, &mut try_take));
        }
        drop(repeated);
        self.group_index = stored;
    }

    /// Returns whether the index matches the list. For tests.
    pub(super) fn is_consistent(&self) -> bool {
        let indexed = |groups: &GroupIndex| groups.is_consistent(&self.entries, self.leechers);
        let is_few = self.entries.len() <= UNINDEXED_MAX;
        self.group_index.as_deref().map_or(is_few, indexed)
    }

    fn swap(&mut self, one: usize, other: usize) {
        if one == other {
            return;
        }
        self.entries.swap_indices(one, other);
        if let Some(groups) = &mut self.group_index {
            groups.update_position(&self.entries, one);
            groups.update_position(&self.entries, other);
        }
    }
}

impl DrawProgress {
    fn count(&mut self, is_taken: bool) {
        self.taken += usize::from(is_taken);
        self.skipped += usize::from(!is_taken);
    }
}

/// The members of one group in random order, one for each turn.
struct GroupDraw<'g> {
    positions: &'g [u32],
    shuffled: Shuffled,
}

impl<'g> GroupDraw<'g> {
    fn new(positions: &'g [u32]) -> Self {
        let all: Range<usize> = 0..positions.len();
        Self {
            positions,
            shuffled: Shuffled::new(all),
        }
    }

    /// Returns false when all members have been tried.
    fn draw_one(
        &mut self,
        drawn: &mut DrawProgress,
        rng: &mut impl Rng,
        try_take: &mut impl FnMut(u32) -> bool,
    ) -> bool {
        for _ in 0..SKIPPED_PER_GROUP_TURN_MAX {
            let next = self.shuffled.next(rng);
            let Some(&position) = next.and_then(|position| self.positions.get(position)) else {
                return false;
            };
            let is_taken = try_take(position);
            drawn.count(is_taken);
            if is_taken || drawn.skipped >= SKIPPED_MAX {
                break;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests;
