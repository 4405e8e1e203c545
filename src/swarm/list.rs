//! Stores members that announce in the same way: leechers first, seeders behind them. So the counts are two lengths,
//! and a random member of either role is one index away. An index by address group serves random draws.
//!
//! The index is stored while there are more than a few members. For a few it is built for each draw. This file does not
//! interpret the state of a member; `members` and `http` do.

use std::hash::Hash;
use std::ops::Range;

use rand::Rng;
use smallvec::SmallVec;

use super::groups::{Entries, Entry, Groups, Unit};
use super::selection::Shuffled;
use super::{Group, Role};

pub(super) use super::groups::Among;

/// Most members that need no stored index.
const FEW: usize = 8;

/// Invariant: the entries before `leechers` are leechers, the others are seeders, and the index contains each one under
/// its group.
#[derive(Debug)]
pub(super) struct List<K, S> {
    entries: Entries<K, S>,
    leechers: usize,
    groups: Option<Box<Groups>>,
}

impl<K, S> Default for List<K, S> {
    fn default() -> Self {
        Self {
            entries: Entries::default(),
            leechers: 0,
            groups: None,
        }
    }
}

/// The progress of a draw.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Drawn {
    taken: usize,
    passed_over: usize,
}

/// Skipped members after which a draw ends. It bounds the work in a swarm where almost no member can be chosen.
const PASSED_OVER_MAX: usize = 128;
/// Skipped members in one group before the next group has its turn, so that one address cannot use up the whole bound.
const PASSED_OVER_IN_TURN_MAX: usize = 8;

impl<K: Hash + Eq, S> List<K, S> {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn leechers(&self) -> usize {
        self.leechers
    }

    pub(super) fn seeders(&self) -> usize {
        self.entries.len() - self.leechers
    }

    pub(super) fn place_of(&self, key: &K) -> Option<usize> {
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
    pub(super) fn count(&self, group: Group) -> usize {
        if let Some(groups) = &self.groups {
            return groups.count(&self.entries, group);
        }
        let groups = self.entries.values().map(|entry| entry.group);
        groups.filter(|known| *known == group).count()
    }

    /// Adds a leecher that is not in the list. Returns its position.
    pub(super) fn insert(&mut self, key: K, group: Group, state: S) -> usize {
        let (last, _) = self.entries.insert_full(key, Entry::new(group, state));
        let position = self.leechers;
        self.entries.swap_indices(last, position);
        self.leechers += 1;
        match &mut self.groups {
            Some(groups) => {
                if last != position {
                    groups.settle(&self.entries, last);
                }
                groups.add(&mut self.entries, position, Role::Leecher);
            }
            None if self.entries.len() > FEW => {
                self.groups = Some(Box::new(Groups::of(&mut self.entries, self.leechers)));
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
        if let Some(groups) = &mut self.groups {
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
        if let Some(groups) = &mut self.groups {
            groups.remove(&mut self.entries, position, role);
        }
        let mut position = position;
        if role == Role::Leecher {
            self.leechers -= 1;
            self.entries.swap_indices(position, self.leechers);
            if let Some(groups) = &mut self.groups
                && position != self.leechers
            {
                groups.settle(&self.entries, position);
            }
            position = self.leechers;
        }
        let (key, entry) = self.entries.swap_remove_index(position)?;
        if let Some(groups) = &mut self.groups {
            groups.settle(&self.entries, position);
        }
        if self.entries.len() <= FEW / 2 {
            self.groups = None;
        }
        Some((key, entry.state))
    }

    /// Frees unused capacity after a list has shrunk.
    pub(super) fn give_room_back(&mut self) {
        if self.entries.capacity() > 4 * self.entries.len() {
            self.entries.shrink_to(2 * self.entries.len());
        }
        if let Some(groups) = &mut self.groups {
            groups.give_room_back(&self.entries);
        }
    }

    /// Calls `take` with members in random order until it has taken `wanted` in all: groups first, each equally likely,
    /// then a member of the group. No group gets a second turn before each has had one.
    pub(super) fn draw(
        &mut self,
        among: Among,
        (wanted, drawn): (usize, &mut Drawn),
        rng: &mut impl Rng,
        mut take: impl FnMut(&K, &mut S, usize) -> bool,
    ) {
        drawn.passed_over = 0;
        let stored = self.groups.take();
        let built;
        let groups = if let Some(groups) = &stored {
            groups.as_ref()
        } else {
            built = Groups::of(&mut self.entries, self.leechers);
            &built
        };
        let entries = &mut self.entries;
        let mut try_take = |position: u32| {
            let position = position as usize;
            let found = entries.get_index_mut(position);
            found.is_some_and(|(key, entry)| take(key, &mut entry.state, position))
        };
        let continues = |drawn: &Drawn| drawn.taken < wanted && drawn.passed_over < PASSED_OVER_MAX;
        let mut repeated: SmallVec<[Turns<'_>; 2]> = SmallVec::new();
        let mut units = Shuffled::new(groups.among(among));
        while continues(drawn)
            && let Some(unit) = units.next(rng)
        {
            match groups.unit(unit) {
                Some(Unit::One(position)) => drawn.count(try_take(position)),
                Some(Unit::Shared(shared)) => {
                    let mut turns = Turns::new(groups.places(shared, among));
                    if turns.take_one(drawn, rng, &mut try_take) {
                        repeated.push(turns);
                    }
                }
                None => {}
            }
        }
        while continues(drawn) && !repeated.is_empty() {
            repeated.retain(|turns| !continues(drawn) || turns.take_one(drawn, rng, &mut try_take));
        }
        drop(repeated);
        self.groups = stored;
    }

    /// Returns whether the index matches the list. For tests.
    pub(super) fn agrees(&self) -> bool {
        let indexed = |groups: &Groups| groups.agrees(&self.entries, self.leechers);
        let is_few = self.entries.len() <= FEW;
        self.groups.as_deref().map_or(is_few, indexed)
    }

    fn swap(&mut self, one: usize, other: usize) {
        if one == other {
            return;
        }
        self.entries.swap_indices(one, other);
        if let Some(groups) = &mut self.groups {
            groups.settle(&self.entries, one);
            groups.settle(&self.entries, other);
        }
    }
}

impl Drawn {
    fn count(&mut self, is_taken: bool) {
        self.taken += usize::from(is_taken);
        self.passed_over += usize::from(!is_taken);
    }
}

/// The members of one group in random order, one for each turn.
struct Turns<'g> {
    places: &'g [u32],
    shuffled: Shuffled,
}

impl<'g> Turns<'g> {
    fn new(places: &'g [u32]) -> Self {
        let all: Range<usize> = 0..places.len();
        Self {
            places,
            shuffled: Shuffled::new(all),
        }
    }

    /// Returns false when all members have been tried.
    fn take_one(
        &mut self,
        drawn: &mut Drawn,
        rng: &mut impl Rng,
        try_take: &mut impl FnMut(u32) -> bool,
    ) -> bool {
        for _ in 0..PASSED_OVER_IN_TURN_MAX {
            let next = self.shuffled.next(rng);
            let Some(&position) = next.and_then(|position| self.places.get(position)) else {
                return false;
            };
            let is_taken = try_take(position);
            drawn.count(is_taken);
            if is_taken || drawn.passed_over >= PASSED_OVER_MAX {
                break;
            }
        }
        true
    }
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
