//! Orders the candidates of an announce by cost, with random order among equal ones. Each choice may change the cost of the
//! others: of the same address group, and of those that come first only in small numbers.

use rand::{Rng, RngExt};
use smallvec::SmallVec;

use super::cost::{Bonus, Cost, GROUP_TURN};
use super::sender::Candidate;
use super::serial::Serial;

/// Seeders that come first in one announce of a leecher.
const SEEDERS_MAX: usize = 2;
/// Added to the cost of the other seeders then: each leecher wants two, and few seeders would get most of the offers. Less than
/// a member costs that left two offers unanswered.
const SURPLUS_SEEDER: u32 = 30;
/// Of five offers this many go to members of the same site first, the others to any.
const SAME_SITE_OF_FIVE: usize = 4;
/// With `tracker.nearest` so many of five, but only one in an announce, go to a member of the same address first.
const SAME_ADDRESS_OF_FIVE: usize = 2;

/// Of five offers this many go to those with the greatest need first, the others to any at random that the rest of the cost
/// allows. Otherwise a crowd of new members, whose need is only claimed, would get all offers.
const BY_NEED_OF_FIVE: usize = 2;

/// Members, of which the candidates have a cost.
pub(super) struct Queue {
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
    /// The cost in the higher half, so that the lowest key is the next one; equal costs are in random order.
    key: u64,
    /// Where the member is.
    pub(super) position: u32,
    need: u32,
    bonus: Bonus,
    pub(super) is_wrong_way: bool,
    pub(super) is_acquainted: bool,
    pub(super) is_silent: bool,
}

/// The key of a member that may not be chosen, or was chosen.
const REMOVED: u64 = u64::MAX;

impl Entry {
    /// Makes the member a candidate of this cost.
    #[inline]
    pub(super) fn set(&mut self, candidate: &Candidate<'_>, cost: Cost, noise: u32) {
        let value = u64::from(cost.value - cost.bonus.value());
        self.key = value << 32 | u64::from(noise);
        self.need = cost.need;
        self.bonus = cost.bonus;
        self.is_wrong_way = cost.is_wrong_way;
        self.is_acquainted = cost.is_acquainted;
        self.is_silent = candidate.record.missed() > 1;
    }

    fn raise(&mut self, cost: u32) {
        if self.key != REMOVED {
            self.key += u64::from(cost) << 32;
        }
    }
}

impl Queue {
    /// Orders candidates for `wanted` offers.
    #[inline]
    pub(super) fn new(wanted: usize, rng: &mut impl Rng) -> Self {
        // One draw for all of them.
        let draw = rng.random_range(0..5);
        Self {
            entries: SmallVec::new(),
            introduced: SmallVec::new(),
            by_need_left: part_of(wanted, BY_NEED_OF_FIVE, draw),
            seeders_left: SEEDERS_MAX,
            same_site_left: part_of(wanted, SAME_SITE_OF_FIVE, draw),
            same_address_left: part_of(wanted, SAME_ADDRESS_OF_FIVE, draw).min(1),
        }
    }

    /// Adds a member, which becomes a candidate by [`Entry::set`].
    pub(super) fn add(&mut self, position: u32) {
        self.entries.push(Entry {
            key: REMOVED,
            position,
            need: 0,
            bonus: Bonus::None,
            is_wrong_way: false,
            is_acquainted: false,
            is_silent: false,
        });
    }

    /// Adds a member unless it is there already.
    pub(super) fn add_once(&mut self, position: u32) {
        if self.entries.iter().all(|entry| entry.position != position) {
            self.add(position);
        }
    }

    /// Returns the index of the candidate with the lowest cost.
    #[inline]
    pub(super) fn lowest(&mut self) -> Option<usize> {
        if self.by_need_left == 0 {
            self.ignore_need();
        }
        let (mut lowest, mut index) = (REMOVED, 0);
        for (place, entry) in self.entries.iter().enumerate() {
            if entry.key < lowest {
                (lowest, index) = (entry.key, place);
            }
        }
        (lowest != REMOVED).then_some(index)
    }

    pub(super) fn remove(&mut self, index: usize) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.key = REMOVED;
        }
    }

    /// Raises the cost of a candidate that turned out to be acquainted.
    pub(super) fn delay(&mut self, index: usize, cost: u32) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.raise(cost);
            entry.is_acquainted = true;
        }
    }

    /// From now on the need of candidates does not count. Those chosen by need had small random numbers, so the others are
    /// compared by the other half of theirs.
    #[inline]
    fn ignore_need(&mut self) {
        for entry in &mut self.entries {
            if entry.key != REMOVED {
                let value = (entry.key >> 32) - u64::from(entry.need);
                let noise = entry.key & 0xffff_ffff;
                entry.key = value << 32 | (noise << 16 | noise >> 16) & 0xffff_ffff;
            }
        }
        self.by_need_left = usize::MAX;
    }

    /// Delays the members of the address group of which one was chosen.
    pub(super) fn delay_group(&mut self, is_of_group: impl Fn(usize) -> bool) {
        self.raise(GROUP_TURN, |entry| is_of_group(entry.position as usize));
    }

    /// Removes a candidate that was chosen.
    #[inline]
    pub(super) fn remove_chosen(&mut self, index: usize) {
        self.remove(index);
        self.by_need_left -= 1;
        let bonus = self
            .entries
            .get(index)
            .map_or(Bonus::None, |entry| entry.bonus);
        let left = match bonus {
            Bonus::None => return,
            Bonus::Seeder => &mut self.seeders_left,
            Bonus::Site => &mut self.same_site_left,
            Bonus::Address => &mut self.same_address_left,
        };
        if *left > 0 {
            *left -= 1;
            if *left == 0 {
                self.end_bonus(bonus);
            }
        }
    }

    /// Called when all candidates are there: of few offers, none may be left for a site or an address.
    pub(super) fn end_spent_bonuses(&mut self) {
        if self.same_site_left == 0 {
            self.end_bonus(Bonus::Site);
        }
        if self.same_address_left == 0 {
            self.end_bonus(Bonus::Address);
        }
    }

    fn end_bonus(&mut self, bonus: Bonus) {
        let surplus = if bonus == Bonus::Seeder {
            SURPLUS_SEEDER
        } else {
            0
        };
        self.raise(bonus.value() + surplus, |entry| entry.bonus == bonus);
    }

    fn raise(&mut self, cost: u32, which: impl Fn(&Entry) -> bool) {
        let chosen = self.entries.iter_mut().filter(|entry| which(entry));
        chosen.for_each(|entry| entry.raise(cost));
    }
}

/// Returns how many of `wanted` offers are a number of fifths, rounded up or down by a random number below five.
fn part_of(wanted: usize, fifths: usize, draw: usize) -> usize {
    let fifths = wanted.saturating_mul(fifths);
    fifths / 5 + usize::from(draw < fifths % 5)
}

/// Random numbers of 32 bits, two from each draw.
#[derive(Default)]
pub(super) struct Noise(Option<u32>);

impl Noise {
    #[inline]
    pub(super) fn next(&mut self, rng: &mut impl Rng) -> u32 {
        self.0.take().unwrap_or_else(|| {
            let [now, later]: [u32; 2] = rng.random();
            self.0 = Some(later);
            now
        })
    }
}
