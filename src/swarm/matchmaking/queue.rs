//! Orders the candidates of an announce by cost, with random order among equal ones. Each choice may change the cost of the
//! others: of the same address group, and of those that come first only in small numbers.

use rand::{Rng, RngExt};
use smallvec::SmallVec;

use super::cost::{Bonus, Cost, GROUP_TURN};
use super::sender::Candidate;
use super::serial::Serial;
use crate::swarm::AddressGroup;

/// Seeders that come first in one announce of a leecher.
const SEEDERS_MAX: usize = 2;
/// Added to the cost of the other seeders then: each leecher wants two, and few seeders would get most of the offers.
const SURPLUS_SEEDER: u32 = 5_000;
/// Members of the same address that come first in one announce, if `tracker.nearest` is on.
const SAME_ADDRESS_MAX: usize = 1;
/// Of so many offers one goes to another site first.
const OFFERS_PER_OTHER_SITE: usize = 5;

/// Of five offers this many go to those with the greatest need first, the others to any at random that the rest of the cost
/// allows. Otherwise a crowd of new members, whose need is only claimed, would get all offers.
const BY_NEED_OF_FIVE: usize = 2;

/// The candidates by cost.
pub(super) struct Queue {
    /// The cost in the higher half, so that the lowest key is the next one; equal costs are in random order.
    keys: SmallVec<[u64; 48]>,
    pub(super) entries: SmallVec<[Entry; 48]>,
    /// The members with which an introduction has begun.
    pub(super) introduced: SmallVec<[Serial; 10]>,
    /// How many more are chosen by need.
    by_need_left: usize,
    /// How many more may come first for each bonus.
    seeders_left: usize,
    same_site_left: usize,
    same_address_left: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) position: u32,
    group: AddressGroup,
    bonus: Bonus,
    need: u32,
    pub(super) is_wrong_way: bool,
    pub(super) is_acquainted: bool,
    pub(super) is_silent: bool,
}

const REMOVED: u64 = u64::MAX;

impl Queue {
    pub(super) fn new(wanted: usize, rng: &mut impl Rng) -> Self {
        let by_need = BY_NEED_OF_FIVE * wanted;
        let one_more = usize::from(rng.random_range(0..5) < by_need % 5);
        Self {
            by_need_left: by_need / 5 + one_more,
            keys: SmallVec::new(),
            entries: SmallVec::new(),
            introduced: SmallVec::new(),
            seeders_left: SEEDERS_MAX,
            same_site_left: wanted - wanted.div_ceil(OFFERS_PER_OTHER_SITE),
            same_address_left: SAME_ADDRESS_MAX,
        }
    }

    #[inline]
    pub(super) fn push(
        &mut self,
        position: u32,
        candidate: &Candidate<'_>,
        cost: Cost,
        noise: u16,
    ) {
        let value = u64::from(cost.value - cost.bonus.value());
        self.keys.push(value << 32 | u64::from(noise));
        self.entries.push(Entry {
            position,
            group: candidate.group,
            bonus: cost.bonus,
            need: cost.need,
            is_wrong_way: cost.is_wrong_way,
            is_acquainted: cost.is_acquainted,
            is_silent: candidate.record.missed() > 1,
        });
    }

    /// Returns the index of the candidate with the lowest cost.
    #[inline]
    pub(super) fn lowest(&mut self) -> Option<usize> {
        if self.by_need_left == 0 {
            self.ignore_need();
        }
        let lowest = self.keys.iter().enumerate().min_by_key(|(_, key)| **key);
        lowest
            .filter(|(_, key)| **key != REMOVED)
            .map(|(index, _)| index)
    }

    pub(super) fn remove(&mut self, index: usize) {
        if let Some(key) = self.keys.get_mut(index) {
            *key = REMOVED;
        }
    }

    /// Raises the cost of a candidate that turned out to be acquainted.
    pub(super) fn delay(&mut self, index: usize, cost: u32) {
        if let (Some(key), Some(entry)) = (self.keys.get_mut(index), self.entries.get_mut(index)) {
            *key += u64::from(cost) << 32;
            entry.is_acquainted = true;
        }
    }

    /// From now on the need of candidates does not count.
    #[inline]
    fn ignore_need(&mut self) {
        for (key, entry) in self.keys.iter_mut().zip(&mut self.entries) {
            if *key != REMOVED {
                *key -= u64::from(std::mem::take(&mut entry.need)) << 32;
            }
        }
        self.by_need_left = usize::MAX;
    }

    /// Removes a candidate that was chosen. The others of its address group, if it `has_company`, come later now.
    #[inline]
    pub(super) fn remove_chosen(&mut self, index: usize, has_company: bool) {
        self.remove(index);
        self.by_need_left -= 1;
        let Some(&Entry { group, bonus, .. }) = self.entries.get(index) else {
            return;
        };
        if has_company {
            self.raise(GROUP_TURN, |entry| entry.group == group);
        }
        let (left, penalty) = match bonus {
            Bonus::None => return,
            Bonus::Seeder => (&mut self.seeders_left, bonus.value() + SURPLUS_SEEDER),
            Bonus::Site => (&mut self.same_site_left, bonus.value()),
            Bonus::Address => (&mut self.same_address_left, bonus.value()),
        };
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.raise(penalty, |entry| entry.bonus == bonus);
        }
    }

    fn raise(&mut self, cost: u32, which: impl Fn(&Entry) -> bool) {
        for (key, entry) in self.keys.iter_mut().zip(&self.entries) {
            if *key != REMOVED && which(entry) {
                *key += u64::from(cost) << 32;
            }
        }
    }
}

/// Random numbers of 16 bits, four from each draw.
#[derive(Default)]
pub(super) struct Noise {
    bits: u64,
    left: u8,
}

impl Noise {
    #[inline]
    pub(super) fn next(&mut self, rng: &mut impl Rng) -> u16 {
        if self.left == 0 {
            (self.bits, self.left) = (rng.random(), 4);
        }
        let [a, b, ..] = self.bits.to_le_bytes();
        (self.bits, self.left) = (self.bits >> 16, self.left - 1);
        u16::from_le_bytes([a, b])
    }
}
