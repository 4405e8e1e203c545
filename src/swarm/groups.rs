//! The index of a list of members by address group: one unit for each group, so that a random group is one index away, however
//! many members it has.
//!
//! Units of leechers alone come first, then those of both roles, then those of seeders alone. Every change costs a bounded number of
//! steps. Only `list` calls it, and tells it of every member that comes, goes or moves.

use std::hash::RandomState;
use std::ops::Range;

use hashbrown::HashTable;
use indexmap::IndexMap;
use slab::Slab;

use super::{Group, Role};

/// The members of a list by place.
pub(super) type Entries<K, S> = IndexMap<K, Entry<S>, RandomState>;

/// A member of a list.
#[derive(Debug)]
pub(super) struct Entry<S> {
    pub(super) group: Group,
    link: Link,
    pub(super) state: S,
}

/// Where the index has a member. Meaningless while there is no index.
#[derive(Debug, Clone, Copy)]
struct Link {
    /// Number of its unit, or of its shared group.
    number: u32,
    /// Its place in the shared group, or [`Link::ALONE`].
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
    /// One, at this place.
    One(u32),
    /// Several: the number of a shared group.
    Shared(u32),
}

/// Several members of one group.
#[derive(Debug)]
struct Shared {
    /// Leechers before seeders.
    places: Vec<u32>,
    leechers: usize,
    unit: u32,
}

/// Which units are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Among {
    /// All groups and all their members.
    All,
    /// Groups that have leechers, and these.
    Leechers,
    /// Groups that have seeders, and these.
    Seeders,
}

#[derive(Debug, Default)]
pub(super) struct Groups {
    units: Vec<Unit>,
    /// How many units at the beginning have no seeders.
    without_seeders: usize,
    /// How many units at the beginning have leechers.
    with_leechers: usize,
    shared: Slab<Shared>,
    /// Numbers of units by group; empty while there are few, which are looked through.
    index: HashTable<u32>,
}

/// How many units are looked through one by one.
const FEW: usize = 8;

impl Groups {
    /// Of all members, of which so many at the beginning are leechers.
    pub(super) fn of<K, S>(entries: &mut Entries<K, S>, leechers: usize) -> Self {
        let mut groups = Self {
            units: Vec::with_capacity(entries.len()),
            ..Self::default()
        };
        for place in 0..entries.len() {
            groups.add(entries, place, role_of(place, leechers));
        }
        groups
    }

    /// The numbers of the units that are meant.
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

    /// The places of those of a shared group that are meant.
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

    /// How many members a group has.
    pub(super) fn count<K, S>(&self, entries: &Entries<K, S>, group: Group) -> usize {
        match self.find(entries, group).and_then(|unit| self.unit(unit)) {
            None => 0,
            Some(Unit::One(_)) => 1,
            Some(Unit::Shared(shared)) => self.places(shared, Among::All).len(),
        }
    }

    /// Takes in the member at a place.
    pub(super) fn add<K, S>(&mut self, entries: &mut Entries<K, S>, place: usize, role: Role) {
        let Some((_, entry)) = entries.get_index(place) else {
            return;
        };
        let group = entry.group;
        let Some(unit) = self.find(entries, group) else {
            return self.begin(entries, place, role);
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
        known.places.push(number(place));
        if role == Role::Leecher {
            known.places.swap(at, known.leechers);
            link(entries, known, shared, at);
            at = known.leechers;
            known.leechers += 1;
        }
        link(entries, known, shared, at);
        self.stand(entries, unit);
    }

    /// Takes out the member at a place, which is still in the list.
    pub(super) fn remove<K, S>(&mut self, entries: &mut Entries<K, S>, place: usize, role: Role) {
        let Some((_, entry)) = entries.get_index(place) else {
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
            let leeches = known.leechers > 0;
            self.shared.remove(of as usize);
            if self.shared.is_empty() {
                self.shared = Slab::new();
            }
            self.set(entries, unit, Unit::One(only));
            let role = if leeches { Role::Leecher } else { Role::Seeder };
            self.move_to(entries, unit, Stand::of_role(role));
        } else {
            self.stand(entries, unit);
        }
    }

    /// Takes note that the member at a place has another role now. It has not moved yet.
    pub(super) fn set_role<K, S>(&mut self, entries: &mut Entries<K, S>, place: usize, role: Role) {
        let Some((_, entry)) = entries.get_index(place) else {
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

    /// Takes note that a member has moved to this place.
    pub(super) fn settle<K, S>(&mut self, entries: &Entries<K, S>, place: usize) {
        let Some((_, entry)) = entries.get_index(place) else {
            return;
        };
        let (of, at) = (entry.link.number as usize, entry.link.at);
        if at == Link::ALONE {
            if let Some(unit) = self.units.get_mut(of) {
                *unit = Unit::One(number(place));
            }
        } else if let Some(known) = self.shared.get_mut(of)
            && let Some(known) = known.places.get_mut(at as usize)
        {
            *known = number(place);
        }
    }

    /// Frees what is no longer needed.
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

    /// A unit for the first member of a group.
    fn begin<K, S>(&mut self, entries: &mut Entries<K, S>, place: usize, role: Role) {
        let unit = self.units.len();
        self.units.push(Unit::One(number(place)));
        self.set(entries, unit, Unit::One(number(place)));
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
        // It stands last, as one of seeders alone does.
        self.move_to(entries, unit, Stand::of_role(role));
    }

    /// Ends the unit of the last member of a group.
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

    /// Makes a shared group of a unit with one member. Gives its number.
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

    /// Moves the unit of a shared group to where its roles belong.
    fn stand<K, S>(&mut self, entries: &mut Entries<K, S>, unit: usize) {
        let Some(Unit::Shared(shared)) = self.unit(unit) else {
            return;
        };
        let Some(known) = self.shared.get(shared as usize) else {
            return;
        };
        let stand = match (known.leechers, known.places.len() - known.leechers) {
            (_, 0) => Stand::Leechers,
            (0, _) => Stand::Seeders,
            _ => Stand::Both,
        };
        self.move_to(entries, unit, stand);
    }

    /// Gives the new number of the unit.
    fn move_to<K, S>(&mut self, entries: &mut Entries<K, S>, unit: usize, to: Stand) -> usize {
        let mut unit = unit;
        let stands = |groups: &Self, unit| match unit {
            unit if unit < groups.without_seeders => Stand::Leechers,
            unit if unit < groups.with_leechers => Stand::Both,
            _ => Stand::Seeders,
        };
        while stands(self, unit) > to {
            let border = match stands(self, unit) {
                Stand::Seeders => &mut self.with_leechers,
                _ => &mut self.without_seeders,
            };
            let first = *border;
            *border += 1;
            self.swap(entries, unit, first);
            unit = first;
        }
        while stands(self, unit) < to {
            let border = match stands(self, unit) {
                Stand::Leechers => &mut self.without_seeders,
                _ => &mut self.with_leechers,
            };
            *border -= 1;
            let last = *border;
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
        // Neither is taken for the other on the way.
        let aside = u32::MAX;
        for (hash, from, to) in [
            (of_one, number(one), aside),
            (of_other, number(other), number(one)),
            (of_one, aside, number(other)),
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

    /// Sets a unit, and what points back to it.
    fn set<K, S>(&mut self, entries: &mut Entries<K, S>, unit: usize, value: Unit) {
        if let Some(known) = self.units.get_mut(unit) {
            *known = value;
        }
        match value {
            Unit::One(place) => {
                if let Some((_, entry)) = entries.get_index_mut(place as usize) {
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

    /// Whether it is what the list says, counted member by member. For tests.
    pub(super) fn agrees<K, S>(&self, entries: &Entries<K, S>, leechers: usize) -> bool {
        let mut seen = 0;
        let is_right = |(number_of, unit): (usize, &Unit)| {
            let places = match unit {
                Unit::One(place) => std::slice::from_ref(place),
                Unit::Shared(shared) => self.places(*shared, Among::All),
            };
            seen += places.len();
            let roles: Vec<_> = places
                .iter()
                .map(|&place| role_of(place as usize, leechers))
                .collect();
            let has = |role| roles.contains(&role);
            let group = |&place: &u32| entries.get_index(place as usize).map(|(_, it)| it.group);
            let first = places.first().and_then(group);
            let is_shared = matches!(unit, Unit::Shared(_));
            is_shared == (places.len() > 1)
                && roles.is_sorted_by(|one, next| one >= next)
                && places.iter().all(|place| group(place) == first)
                && first.is_some_and(|group| self.find(entries, group) == Some(number_of))
                && has(Role::Leecher) == (number_of < self.with_leechers)
                && has(Role::Seeder) == (number_of >= self.without_seeders)
        };
        let all_right = self.units.iter().enumerate().all(is_right);
        let indexed = if self.units.len() > FEW {
            self.units.len()
        } else {
            0
        };
        all_right && seen == entries.len() && self.index.len() == indexed
    }
}

/// Where a unit stands, by the roles of its members.
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

fn role_of(place: usize, leechers: usize) -> Role {
    if place < leechers {
        Role::Leecher
    } else {
        Role::Seeder
    }
}

/// Places and numbers of units: there are never more than connections.
fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// Tells the member at a place of a shared group that it is there.
fn link<K, S>(entries: &mut Entries<K, S>, known: &Shared, shared: usize, at: usize) {
    let place = known.places.get(at).map(|&place| place as usize);
    if let Some((_, entry)) = place.and_then(|place| entries.get_index_mut(place)) {
        entry.link = Link {
            number: number(shared),
            at: number(at),
        };
    }
}

/// Exchanges two members of a shared group. Gives where the first one is now.
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
    let place = match *units.get(unit as usize)? {
        Unit::One(place) => place,
        Unit::Shared(number) => *shared.get(number as usize)?.places.first()?,
    };
    let (_, entry) = entries.get_index(place as usize)?;
    Some(entry.group)
}

fn hash_of<K, S>(entries: &Entries<K, S>, units: &[Unit], shared: &Slab<Shared>, unit: u32) -> u64 {
    group_of(entries, units, shared, unit).map_or(0, Group::hash)
}
