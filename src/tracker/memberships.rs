//! Stores the memberships of one connection, as far as the tracker has reported them to it.
//!
//! Most connections are in one swarm, which takes no allocation. A few memberships are searched linearly. Many are
//! stored in a hash table, so a connection in thousands of swarms joins the next one as fast as the first.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use hashbrown::HashTable;

use crate::protocol::{InfoHash, PeerId};

/// One membership: a swarm and the `peer_id` in it.
pub(super) type Membership = (InfoHash, PeerId);

/// Most memberships that are searched linearly: ten cache lines.
const LINEAR_SEARCH_MAX: usize = 16;

/// Keyed per process, so that clients cannot cause hash collisions.
static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The memberships of one connection, each once.
#[derive(Debug)]
pub(super) enum Memberships {
    One(Membership),
    /// None or several, oldest first. At most [`LINEAR_SEARCH_MAX`].
    Few(Vec<Membership>),
    MembershipTable(Box<MembershipTable>),
}

const _: () = assert!(size_of::<Memberships>() == 48);

#[derive(Debug, Default)]
pub(super) struct MembershipTable {
    table: HashTable<NumberedMembership>,
    next_number: u32,
}

/// A membership in the hash table. The lower number is the older one. Numbers wrap around after four billion joins of
/// one connection.
#[derive(Debug)]
struct NumberedMembership {
    membership: Membership,
    number: u32,
}

impl Memberships {
    /// Creates an empty list.
    pub(super) const fn new() -> Self {
        Self::Few(Vec::new())
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::MembershipTable(many) => many.table.len(),
            _ => self.as_slice().len(),
        }
    }

    /// Returns all memberships. In a hash table those of one swarm have no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Membership> + '_ {
        let many = match self {
            Self::MembershipTable(many) => Some(many.table.iter()),
            _ => None,
        };
        let many = many.into_iter().flatten().map(|known| known.membership);
        self.as_slice().iter().copied().chain(many)
    }

    pub(super) fn contains(&self, membership: Membership) -> bool {
        match self {
            Self::MembershipTable(many) => many.find(membership).is_some(),
            _ => self.as_slice().contains(&membership),
        }
    }

    /// Adds a membership as the youngest. If the same swarm already has `most` of them, removes its oldest one and
    /// returns that `peer_id`.
    ///
    /// The same membership may still be stored if it has expired and its removal is not reported yet. Then it is
    /// replaced.
    pub(super) fn add(&mut self, membership: Membership, most: usize) -> Option<PeerId> {
        self.remove(membership);
        let (info_hash, _) = membership;
        let (count, oldest) = match self {
            Self::MembershipTable(many) => many.count_and_oldest(info_hash),
            _ => count_and_oldest(self.as_slice(), info_hash),
        };
        let oldest = oldest.filter(|_| count >= most);
        if let Some(peer_id) = oldest {
            self.remove((info_hash, peer_id));
        }
        self.push(membership);
        oldest
    }

    /// Does nothing if there is no such membership.
    pub(super) fn remove(&mut self, membership: Membership) {
        match self {
            Self::One(known) if *known == membership => *self = Self::new(),
            Self::One(_) => {}
            Self::Few(few) => {
                if let Some(index) = few.iter().position(|known| *known == membership) {
                    few.remove(index);
                }
                if let [only] = **few {
                    *self = Self::One(only);
                }
            }
            Self::MembershipTable(many) => {
                many.remove(membership);
                if many.table.len() <= LINEAR_SEARCH_MAX / 2 {
                    *self = Self::Few(many.oldest_first());
                }
            }
        }
    }

    fn push(&mut self, membership: Membership) {
        match self {
            Self::Few(few) if few.is_empty() => *self = Self::One(membership),
            Self::One(first) => *self = Self::Few(vec![*first, membership]),
            Self::Few(few) if few.len() < LINEAR_SEARCH_MAX => few.push(membership),
            Self::Few(few) => {
                let mut many = MembershipTable::default();
                for known in few.iter() {
                    many.push(*known);
                }
                many.push(membership);
                *self = Self::MembershipTable(Box::new(many));
            }
            Self::MembershipTable(many) => many.push(membership),
        }
    }

    /// Returns the memberships outside of the hash table.
    fn as_slice(&self) -> &[Membership] {
        match self {
            Self::One(membership) => std::slice::from_ref(membership),
            Self::Few(few) => few,
            Self::MembershipTable(_) => &[],
        }
    }
}

/// Returns the number of memberships in a swarm, and the `peer_id` of the oldest.
fn count_and_oldest(oldest_first: &[Membership], info_hash: InfoHash) -> (usize, Option<PeerId>) {
    let mut own = oldest_first.iter().filter(|known| known.0 == info_hash);
    let oldest = own.next().map(|(_, peer_id)| *peer_id);
    (usize::from(oldest.is_some()) + own.count(), oldest)
}

impl MembershipTable {
    fn find(&self, membership: Membership) -> Option<&NumberedMembership> {
        let is_it = |known: &NumberedMembership| known.membership == membership;
        self.table.find(hash(membership.0), is_it)
    }

    fn count_and_oldest(&self, info_hash: InfoHash) -> (usize, Option<PeerId>) {
        let alike = self.table.iter_hash(hash(info_hash));
        let own = alike.filter(|known| known.membership.0 == info_hash);
        let oldest = own.clone().min_by_key(|known| known.number);
        (own.count(), oldest.map(|known| known.membership.1))
    }

    fn push(&mut self, membership: Membership) {
        let number = self.next_number;
        self.next_number = self.next_number.wrapping_add(1);
        let hash_of = |known: &NumberedMembership| hash(known.membership.0);
        let numbered = NumberedMembership { membership, number };
        self.table
            .insert_unique(hash(membership.0), numbered, hash_of);
    }

    fn remove(&mut self, membership: Membership) {
        let is_it = |known: &NumberedMembership| known.membership == membership;
        if let Ok(entry) = self.table.find_entry(hash(membership.0), is_it) {
            entry.remove();
        }
        let room = 2 * self.table.len();
        if self.table.capacity() > 2 * room {
            self.table.shrink_to(room, |known| hash(known.membership.0));
        }
    }

    fn oldest_first(&self) -> Vec<Membership> {
        let mut all: Vec<_> = self.table.iter().collect();
        all.sort_unstable_by_key(|known| known.number);
        all.into_iter().map(|known| known.membership).collect()
    }
}

fn hash(info_hash: InfoHash) -> u64 {
    KEY.hash_one(info_hash)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn membership((swarm, peer): (u8, u8)) -> Membership {
        (InfoHash::new([swarm; 20]), PeerId::new([peer; 20]))
    }

    /// Does the same as [`Memberships::add`] on a plain list.
    fn add(list: &mut Vec<Membership>, new: Membership, most: usize) -> Option<PeerId> {
        list.retain(|known| *known != new);
        let own: Vec<_> = list
            .iter()
            .filter(|known| known.0 == new.0)
            .copied()
            .collect();
        let oldest = own.first().filter(|_| own.len() >= most).copied();
        list.retain(|known| Some(*known) != oldest);
        list.push(new);
        oldest.map(|(_, peer_id)| peer_id)
    }

    fn sorted(all: impl IntoIterator<Item = Membership>) -> Vec<Membership> {
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_unstable();
        all
    }

    proptest! {
        #[test]
        fn memberships_match_a_plain_list(
            steps in prop::collection::vec((0..3_u8, (0..12_u8, 0..8_u8)), 0..400),
            most in 1..6_usize,
        ) {
            let (mut memberships, mut list) = (Memberships::new(), Vec::new());
            let mut largest = 0;
            for (kind, name) in steps {
                let chosen = membership(name);
                if kind == 0 {
                    memberships.remove(chosen);
                    list.retain(|known| *known != chosen);
                } else {
                    prop_assert_eq!(memberships.add(chosen, most), add(&mut list, chosen, most));
                }
                largest = largest.max(list.len());
                prop_assert_eq!(memberships.len(), list.len());
                prop_assert_eq!(memberships.contains(chosen), list.contains(&chosen));
                prop_assert_eq!(sorted(memberships.iter()), sorted(list.clone()));
            }
            for known in list {
                memberships.remove(known);
            }
            prop_assert_eq!(memberships.len(), 0);
            prop_assert!(matches!(memberships, Memberships::Few(few) if few.capacity() == 0));
        }
    }

    #[test]
    fn memberships_keep_their_order_in_list_and_table() {
        let names: Vec<_> = (0..=255_u8)
            .map(|peer| membership((peer % 2, peer)))
            .collect();
        let mut memberships = Memberships::new();
        for name in &names {
            assert_eq!(memberships.add(*name, usize::MAX), None);
        }
        assert!(matches!(memberships, Memberships::MembershipTable(_)));
        // The oldest membership of a swarm is found however many there are.
        assert_eq!(memberships.add(membership((1, 0)), 128), Some(names[1].1));
        for name in &names[4..] {
            memberships.remove(*name);
        }
        let left = [names[0], names[2], names[3], membership((1, 0))];
        assert!(matches!(memberships, Memberships::Few(_)));
        assert_eq!(memberships.iter().collect::<Vec<_>>(), left);
    }
}
