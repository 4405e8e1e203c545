//! A list of members that announce in the same way: leechers first, seeders behind them, so that the counts are two lengths and a
//! random member of either kind is one index away; and an index of them by address group, from which members are drawn.
//!
//! The index is kept while there are more than a few members; that of a few is made when somebody is drawn. Knows nothing of what the
//! state of a member means; `members` and `http` do.

use std::hash::Hash;
use std::ops::Range;

use rand::Rng;
use smallvec::SmallVec;

use super::groups::{Entries, Entry, Groups, Unit};
use super::selection::Shuffled;
use super::{Group, Role};

pub(super) use super::groups::Among;

/// Up to how many members have no index.
const FEW: usize = 8;

/// Invariant: the entries before `leechers` are leechers, those from there on seeders, and the index knows each by its group.
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

/// How far a draw has come.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Drawn {
    taken: usize,
    passed_over: usize,
}

/// How many members that are not taken are passed over before a draw ends: it bounds the work in a swarm where nearly nobody
/// can be.
const PASSED_OVER_MAX: usize = 128;
/// How many of them in one group before the others have their turn, so that one address cannot use up all of that.
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

    pub(super) fn role_of(&self, place: usize) -> Role {
        if place < self.leechers {
            Role::Leecher
        } else {
            Role::Seeder
        }
    }

    pub(super) fn at(&self, place: usize) -> Option<(&K, &S)> {
        let (key, entry) = self.entries.get_index(place)?;
        Some((key, &entry.state))
    }

    pub(super) fn at_mut(&mut self, place: usize) -> Option<(&K, &mut S)> {
        let (key, entry) = self.entries.get_index_mut(place)?;
        Some((key, &mut entry.state))
    }

    /// With its place.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<(usize, &mut S)> {
        let (place, _, entry) = self.entries.get_full_mut(key)?;
        Some((place, &mut entry.state))
    }

    /// All of them in the order of their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, Role)> {
        let keys = self.entries.keys().enumerate();
        keys.map(|(place, key)| (key, self.role_of(place)))
    }

    /// How many members of a group there are.
    pub(super) fn count(&self, group: Group) -> usize {
        if let Some(groups) = &self.groups {
            return groups.count(&self.entries, group);
        }
        let groups = self.entries.values().map(|entry| entry.group);
        groups.filter(|known| *known == group).count()
    }

    /// Takes in a leecher that is not in the list. Returns its place.
    pub(super) fn insert(&mut self, key: K, group: Group, state: S) -> usize {
        let (last, _) = self.entries.insert_full(key, Entry::new(group, state));
        let place = self.leechers;
        self.entries.swap_indices(last, place);
        self.leechers += 1;
        match &mut self.groups {
            Some(groups) => {
                if last != place {
                    groups.settle(&self.entries, last);
                }
                groups.add(&mut self.entries, place, Role::Leecher);
            }
            None if self.entries.len() > FEW => {
                self.groups = Some(Box::new(Groups::of(&mut self.entries, self.leechers)));
            }
            None => {}
        }
        place
    }

    /// Sets the role of the member at a place. Returns its new place.
    pub(super) fn set_role(&mut self, place: usize, role: Role) -> usize {
        if self.role_of(place) == role || place >= self.entries.len() {
            return place;
        }
        if let Some(groups) = &mut self.groups {
            groups.set_role(&mut self.entries, place, role);
        }
        let border = match role {
            Role::Leecher => {
                self.leechers += 1;
                self.leechers - 1
            }
            Role::Seeder => {
                self.leechers -= 1;
                self.leechers
            }
        };
        self.swap(place, border);
        border
    }

    /// Removes the member at a place. The last of its role comes there, and the last of all to where that was.
    pub(super) fn remove(&mut self, place: usize) -> Option<(K, S)> {
        let role = self.role_of(place);
        if let Some(groups) = &mut self.groups {
            groups.remove(&mut self.entries, place, role);
        }
        let mut place = place;
        if role == Role::Leecher {
            self.leechers -= 1;
            self.entries.swap_indices(place, self.leechers);
            if let Some(groups) = &mut self.groups
                && place != self.leechers
            {
                groups.settle(&self.entries, place);
            }
            place = self.leechers;
        }
        let (key, entry) = self.entries.swap_remove_index(place)?;
        if let Some(groups) = &mut self.groups {
            groups.settle(&self.entries, place);
        }
        if self.entries.len() <= FEW / 2 {
            self.groups = None;
        }
        Some((key, entry.state))
    }

    /// Frees what a list that has shrunk no longer needs.
    pub(super) fn give_room_back(&mut self) {
        if self.entries.capacity() > 4 * self.entries.len() {
            self.entries.shrink_to(2 * self.entries.len());
        }
        if let Some(groups) = &mut self.groups {
            groups.give_room_back(&self.entries);
        }
    }

    /// Offers members to `take` in random order until it has taken `wanted` in all: groups first, each as likely as any other, then
    /// a member of the group. No group is asked for a second one before each was asked for one.
    pub(super) fn draw(
        &mut self,
        among: Among,
        (wanted, drawn): (usize, &mut Drawn),
        rng: &mut impl Rng,
        mut take: impl FnMut(&K, &mut S, usize) -> bool,
    ) {
        drawn.passed_over = 0;
        let kept = self.groups.take();
        let made;
        let groups = if let Some(groups) = &kept {
            groups.as_ref()
        } else {
            made = Groups::of(&mut self.entries, self.leechers);
            &made
        };
        let entries = &mut self.entries;
        let mut offer = |place: u32| {
            let place = place as usize;
            let found = entries.get_index_mut(place);
            found.is_some_and(|(key, entry)| take(key, &mut entry.state, place))
        };
        let goes_on = |drawn: &Drawn| drawn.taken < wanted && drawn.passed_over < PASSED_OVER_MAX;
        let mut again: SmallVec<[Turns<'_>; 2]> = SmallVec::new();
        let mut units = Shuffled::new(groups.among(among));
        while goes_on(drawn)
            && let Some(unit) = units.next(rng)
        {
            match groups.unit(unit) {
                Some(Unit::One(place)) => drawn.count(offer(place)),
                Some(Unit::Shared(shared)) => {
                    let mut turns = Turns::new(groups.places(shared, among));
                    if turns.take_one(drawn, rng, &mut offer) {
                        again.push(turns);
                    }
                }
                None => {}
            }
        }
        while goes_on(drawn) && !again.is_empty() {
            again.retain(|turns| !goes_on(drawn) || turns.take_one(drawn, rng, &mut offer));
        }
        drop(again);
        self.groups = kept;
    }

    /// Whether the index is what the list says. For tests.
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

/// Members of one group in random order, one in each turn.
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

    /// False when all have been offered.
    fn take_one(
        &mut self,
        drawn: &mut Drawn,
        rng: &mut impl Rng,
        offer: &mut impl FnMut(u32) -> bool,
    ) -> bool {
        for _ in 0..PASSED_OVER_IN_TURN_MAX {
            let next = self.shuffled.next(rng);
            let Some(&place) = next.and_then(|place| self.places.get(place)) else {
                return false;
            };
            let is_taken = offer(place);
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
