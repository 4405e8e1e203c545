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

use super::{Group, Role};

/// The members of a list by position.
pub(super) type Entries<K, S> = IndexMap<K, Entry<S>, RandomState>;

/// A member of a list.
#[derive(Debug)]
pub(super) struct Entry<S> {
    pub(super) group: Group,
    link: Link,
    pub(super) state: S,
}

/// Where the index stores a member. Unused while there is no index.
#[derive(Debug, Clone, Copy)]
struct Link {
    /// Number of its unit, or of its shared group.
    number: u32,
    /// Its position in the shared group, or [`Link::ALONE`].
    at: u32,
}

impl Link {
    const ALONE: u32 = u32::MAX;

    fn alone(unit: usize) -> Self {
        Self {
            number: number(unit),
            at: Self::ALONE,
        }
    }
}

impl<S> Entry<S> {
    pub(super) fn new(group: Group, state: S) -> Self {
        Self {
            group,
            link: Link::alone(0),
            state,
        }
    }
}

/// A group that has members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// One member, at this position.
    One(u32),
    /// Several members: the number of a shared group.
    Shared(u32),
}

/// The members of a group with several members.
#[derive(Debug)]
struct Shared {
    /// Leechers before seeders.
    places: Vec<u32>,
    leechers: usize,
    unit: u32,
}

/// Selects units and members by role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Among {
    /// All groups and all their members.
    All,
    /// Groups that have leechers, and only their leechers.
    Leechers,
    /// Groups that have seeders, and only their seeders.
    Seeders,
}

#[derive(Debug, Default)]
pub(super) struct Groups {
    units: Vec<Unit>,
    /// Number of units at the beginning that have no seeders.
    without_seeders: usize,
    /// Number of units at the beginning that have leechers.
    with_leechers: usize,
    shared: Slab<Shared>,
    /// Numbers of units by group. Empty while there are few units, which are searched linearly.
    index: HashTable<u32>,
}

/// Most units that are searched linearly.
const FEW: usize = 8;

impl Groups {
    /// Builds the index of all members. The first `leechers` of them are leechers.
    pub(super) fn of<K, S>(entries: &mut Entries<K, S>, leechers: usize) -> Self {
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
    pub(super) fn among(&self, among: Among) -> Range<usize> {
        match among {
            Among::All => 0..self.units.len(),
            Among::Leechers => 0..self.with_leechers,
            Among::Seeders => self.without_seeders..self.units.len(),
        }
    }

    pub(super) fn unit(&self, unit: usize) -> Option<Unit> {
        self.units.get(unit).copied()
    }

    /// Returns the positions of the members of a shared group that `among` selects.
    pub(super) fn places(&self, shared: u32, among: Among) -> &[u32] {
        let Some(shared) = self.shared.get(shared as usize) else {
            return &[];
        };
        let (leechers, seeders) = shared.places.split_at(shared.leechers);
        match among {
            Among::All => &shared.places,
            Among::Leechers => leechers,
            Among::Seeders => seeders,
        }
    }

    /// Returns the number of members of a group.
    pub(super) fn count<K, S>(&self, entries: &Entries<K, S>, group: Group) -> usize {
        match self.find(entries, group).and_then(|unit| self.unit(unit)) {
            None => 0,
            Some(Unit::One(_)) => 1,
            Some(Unit::Shared(shared)) => self.places(shared, Among::All).len(),
        }
    }

    /// Adds the member at a position.
    pub(super) fn add<K, S>(&mut self, entries: &mut Entries<K, S>, position: usize, role: Role) {
        let Some((_, entry)) = entries.get_index(position) else {
            return;
        };
        let group = entry.group;
        let Some(unit) = self.find(entries, group) else {
            return self.begin(entries, position, role);
        };
        let shared = match self.unit(unit) {
            Some(Unit::Shared(shared)) => shared as usize,
            Some(Unit::One(other)) => self.share(entries, unit, other),
            None => return,
        };
        let Some(known) = self.shared.get_mut(shared) else {
            return;
        };
        let mut at = known.places.len();
        known.places.push(number(position));
        if role == Role::Leecher {
            known.places.swap(at, known.leechers);
            link(entries, known, shared, at);
            at = known.leechers;
            known.leechers += 1;
        }
        link(entries, known, shared, at);
        self.stand(entries, unit);
    }

    /// Removes the member at a position, which is still in the list.
    pub(super) fn remove<K, S>(
        &mut self,
        entries: &mut Entries<K, S>,
        position: usize,
        role: Role,
    ) {
        let Some((_, entry)) = entries.get_index(position) else {
            return;
        };
        let Link { number: of, mut at } = entry.link;
        if at == Link::ALONE {
            return self.end(entries, of as usize);
        }
        let Some(known) = self.shared.get_mut(of as usize) else {
            return;
        };
        if role == Role::Leecher && known.leechers > 0 {
            known.leechers -= 1;
            at = exchange(entries, known, of as usize, at as usize, known.leechers);
        }
        let last = known.places.len() - 1;
        exchange(entries, known, of as usize, at as usize, last);
        known.places.pop();
        if known.places.capacity() > 16 && known.places.capacity() > 4 * known.places.len() {
            known.places.shrink_to(2 * known.places.len());
        }
        let unit = known.unit as usize;
        if let [only] = *known.places {
            let has_leechers = known.leechers > 0;
            self.shared.remove(of as usize);
            if self.shared.is_empty() {
                self.shared = Slab::new();
            }
            self.set(entries, unit, Unit::One(only));
            let role = if has_leechers {
                Role::Leecher
            } else {
                Role::Seeder
            };
            self.move_to(entries, unit, Stand::of_role(role));
        } else {
            self.stand(entries, unit);
        }
    }

    /// Updates the role of the member at a position. The list has not moved the member yet.
    pub(super) fn set_role<K, S>(
        &mut self,
        entries: &mut Entries<K, S>,
        position: usize,
        role: Role,
    ) {
        let Some((_, entry)) = entries.get_index(position) else {
            return;
        };
        let Link { number: of, at } = entry.link;
        if at == Link::ALONE {
            self.move_to(entries, of as usize, Stand::of_role(role));
            return;
        }
        let Some(known) = self.shared.get_mut(of as usize) else {
            return;
        };
        match role {
            Role::Seeder => {
                known.leechers = known.leechers.saturating_sub(1);
                exchange(entries, known, of as usize, at as usize, known.leechers);
            }
            Role::Leecher => {
                exchange(entries, known, of as usize, at as usize, known.leechers);
                known.leechers += 1;
            }
        }
        let unit = known.unit as usize;
        self.stand(entries, unit);
    }

    /// Updates the index after a member has moved to this position.
    pub(super) fn settle<K, S>(&mut self, entries: &Entries<K, S>, position: usize) {
        let Some((_, entry)) = entries.get_index(position) else {
            return;
        };
        let (of, at) = (entry.link.number as usize, entry.link.at);
        if at == Link::ALONE {
            if let Some(unit) = self.units.get_mut(of) {
                *unit = Unit::One(number(position));
            }
        } else if let Some(known) = self.shared.get_mut(of)
            && let Some(known) = known.places.get_mut(at as usize)
        {
            *known = number(position);
        }
    }

    /// Frees unused capacity.
    pub(super) fn give_room_back<K, S>(&mut self, entries: &Entries<K, S>) {
        if self.units.capacity() > 4 * self.units.len() {
            self.units.shrink_to(2 * self.units.len());
        }
        if self.index.capacity() > 4 * self.index.len() {
            let units = &self.units;
            let to = 2 * self.index.len();
            self.index
                .shrink_to(to, |&unit| hash_of(entries, units, &self.shared, unit));
        }
    }

    /// Adds a unit for the first member of a group.
    fn begin<K, S>(&mut self, entries: &mut Entries<K, S>, position: usize, role: Role) {
        let unit = self.units.len();
        self.units.push(Unit::One(number(position)));
        self.set(entries, unit, Unit::One(number(position)));
        let not_indexed = match self.units.len() {
            few if few <= FEW => unit..unit,
            many if many == FEW + 1 => 0..many,
            many => unit..many,
        };
        for unit in not_indexed {
            let (units, shared) = (&self.units, &self.shared);
            let hash = |&unit: &u32| hash_of(entries, units, shared, unit);
            let unit = number(unit);
            self.index.insert_unique(hash(&unit), unit, hash);
        }
        // It is last, in the section of units with only seeders.
        self.move_to(entries, unit, Stand::of_role(role));
    }

    /// Removes the unit of the last member of a group.
    fn end<K, S>(&mut self, entries: &mut Entries<K, S>, unit: usize) {
        let unit = self.move_to(entries, unit, Stand::Seeders);
        let last = self.units.len().saturating_sub(1);
        self.swap(entries, unit, last);
        let hash = hash_of(entries, &self.units, &self.shared, number(last));
        if let Ok(found) = self.index.find_entry(hash, |&known| known as usize == last) {
            found.remove();
        }
        self.units.pop();
        if self.units.len() <= FEW {
            self.index = HashTable::new();
        }
    }

    /// Turns a unit with one member into a shared group. Returns the number of the shared group.
    fn share<K, S>(&mut self, entries: &mut Entries<K, S>, unit: usize, only: u32) -> usize {
        let leechers = usize::from(unit < self.with_leechers);
        let shared = self.shared.insert(Shared {
            places: vec![only],
            leechers,
            unit: number(unit),
        });
        if let Some(known) = self.shared.get(shared) {
            link(entries, known, shared, 0);
        }
        self.set(entries, unit, Unit::Shared(number(shared)));
        shared
    }

    /// Moves the unit of a shared group to the section that matches its roles.
    fn stand<K, S>(&mut self, entries: &mut Entries<K, S>, unit: usize) {
        let Some(Unit::Shared(shared)) = self.unit(unit) else {
            return;
        };
        let Some(known) = self.shared.get(shared as usize) else {
            return;
        };
        let section = match (known.leechers, known.places.len() - known.leechers) {
            (_, 0) => Stand::Leechers,
            (0, _) => Stand::Seeders,
            _ => Stand::Both,
        };
        self.move_to(entries, unit, section);
    }

    /// Moves a unit to a section. Returns its new number.
    fn move_to<K, S>(&mut self, entries: &mut Entries<K, S>, unit: usize, to: Stand) -> usize {
        let mut unit = unit;
        let section_of = |groups: &Self, unit| match unit {
            unit if unit < groups.without_seeders => Stand::Leechers,
            unit if unit < groups.with_leechers => Stand::Both,
            _ => Stand::Seeders,
        };
        while section_of(self, unit) > to {
            let boundary = match section_of(self, unit) {
                Stand::Seeders => &mut self.with_leechers,
                _ => &mut self.without_seeders,
            };
            let first = *boundary;
            *boundary += 1;
            self.swap(entries, unit, first);
            unit = first;
        }
        while section_of(self, unit) < to {
            let boundary = match section_of(self, unit) {
                Stand::Leechers => &mut self.without_seeders,
                _ => &mut self.with_leechers,
            };
            *boundary -= 1;
            let last = *boundary;
            self.swap(entries, unit, last);
            unit = last;
        }
        unit
    }

    fn swap<K, S>(&mut self, entries: &mut Entries<K, S>, one: usize, other: usize) {
        if one == other {
            return;
        }
        let [of_one, of_other] =
            [one, other].map(|unit| hash_of(entries, &self.units, &self.shared, number(unit)));
        // A temporary number keeps the two apart during the swap.
        let temporary = u32::MAX;
        for (hash, from, to) in [
            (of_one, number(one), temporary),
            (of_other, number(other), number(one)),
            (of_one, temporary, number(other)),
        ] {
            if let Some(known) = self.index.find_mut(hash, |&known| known == from) {
                *known = to;
            }
        }
        self.units.swap(one, other);
        for unit in [one, other] {
            if let Some(value) = self.unit(unit) {
                self.set(entries, unit, value);
            }
        }
    }

    /// Sets a unit and the links that point back to it.
    fn set<K, S>(&mut self, entries: &mut Entries<K, S>, unit: usize, value: Unit) {
        if let Some(known) = self.units.get_mut(unit) {
            *known = value;
        }
        match value {
            Unit::One(position) => {
                if let Some((_, entry)) = entries.get_index_mut(position as usize) {
                    entry.link = Link::alone(unit);
                }
            }
            Unit::Shared(shared) => {
                if let Some(shared) = self.shared.get_mut(shared as usize) {
                    shared.unit = number(unit);
                }
            }
        }
    }

    fn find<K, S>(&self, entries: &Entries<K, S>, group: Group) -> Option<usize> {
        let is_it = |unit: u32| group_of(entries, &self.units, &self.shared, unit) == Some(group);
        if self.units.len() <= FEW {
            return (0..self.units.len()).find(|&unit| is_it(number(unit)));
        }
        let found = self.index.find(group.hash(), |&unit| is_it(unit));
        found.map(|&unit| unit as usize)
    }

    /// Returns whether the index matches the list, counted member by member. For tests.
    pub(super) fn agrees<K, S>(&self, entries: &Entries<K, S>, leechers: usize) -> bool {
        let mut seen = 0;
        let is_consistent = |(number_of, unit): (usize, &Unit)| {
            let positions = match unit {
                Unit::One(position) => std::slice::from_ref(position),
                Unit::Shared(shared) => self.places(*shared, Among::All),
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
            let is_shared = matches!(unit, Unit::Shared(_));
            is_shared == (positions.len() > 1)
                && roles.is_sorted_by(|one, next| one >= next)
                && positions.iter().all(|position| group(position) == first)
                && first.is_some_and(|group| self.find(entries, group) == Some(number_of))
                && has(Role::Leecher) == (number_of < self.with_leechers)
                && has(Role::Seeder) == (number_of >= self.without_seeders)
        };
        let all_consistent = self.units.iter().enumerate().all(is_consistent);
        let indexed = if self.units.len() > FEW {
            self.units.len()
        } else {
            0
        };
        all_consistent && seen == entries.len() && self.index.len() == indexed
    }
}

/// The section of a unit, by the roles of its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stand {
    Leechers,
    Both,
    Seeders,
}

impl Stand {
    const fn of_role(role: Role) -> Self {
        match role {
            Role::Leecher => Self::Leechers,
            Role::Seeder => Self::Seeders,
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
fn number(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// Writes its link into the member at a position of a shared group.
fn link<K, S>(entries: &mut Entries<K, S>, known: &Shared, shared: usize, at: usize) {
    let position = known.places.get(at).map(|&position| position as usize);
    if let Some((_, entry)) = position.and_then(|position| entries.get_index_mut(position)) {
        entry.link = Link {
            number: number(shared),
            at: number(at),
        };
    }
}

/// Swaps two members of a shared group. Returns the new position of the first one.
fn exchange<K, S>(
    entries: &mut Entries<K, S>,
    known: &mut Shared,
    shared: usize,
    one: usize,
    other: usize,
) -> u32 {
    if one != other {
        known.places.swap(one, other);
        link(entries, known, shared, one);
        link(entries, known, shared, other);
    }
    number(other)
}

fn group_of<K, S>(
    entries: &Entries<K, S>,
    units: &[Unit],
    shared: &Slab<Shared>,
    unit: u32,
) -> Option<Group> {
    let position = match *units.get(unit as usize)? {
        Unit::One(position) => position,
        Unit::Shared(number) => *shared.get(number as usize)?.places.first()?,
    };
    let (_, entry) = entries.get_index(position as usize)?;
    Some(entry.group)
}

fn hash_of<K, S>(entries: &Entries<K, S>, units: &[Unit], shared: &Slab<Shared>, unit: u32) -> u64 {
    group_of(entries, units, shared, unit).map_or(0, Group::hash)
}
