//! The allocations and bytes of everyone of a kind, such as all users or all addresses.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use slab::Slab;

use super::policy::nanos;

/// One account for each key that has allocations or has sent bytes lately. Only authenticated requests add any.
#[derive(Debug)]
pub(super) struct Accounts<K> {
    all: Slab<Account<K>>,
    /// The place of each key in `all`.
    by_key: HashMap<K, u32>,
    /// The next place that `forget_idle` looks at.
    cursor: usize,
}

#[derive(Debug)]
struct Account<K> {
    key: K,
    allocations: u32,
    /// When the bucket is full, in nanoseconds. An account without allocations stays until then.
    full_at: u64,
}

impl<K> Default for Accounts<K> {
    fn default() -> Self {
        Self {
            all: Slab::new(),
            by_key: HashMap::new(),
            cursor: 0,
        }
    }
}

impl<K: Hash + Eq + Copy> Accounts<K> {
    /// Returns the number of allocations of a key.
    pub(super) fn allocations_of(&self, key: &K) -> u32 {
        let place = self.by_key.get(key);
        let account = place.and_then(|place| self.all.get(index(*place)));
        account.map_or(0, |account| account.allocations)
    }

    /// Counts one allocation more. Returns the place of the account, or `None` if there are four billion.
    pub(super) fn claim(&mut self, key: K) -> Option<u32> {
        let place = match self.by_key.get(&key) {
            Some(place) => *place,
            None => self.add(key)?,
        };
        self.all.get_mut(index(place))?.allocations += 1;
        Some(place)
    }

    /// Counts one allocation less.
    pub(super) fn release(&mut self, place: u32, now: Duration) {
        if let Some(account) = self.all.get_mut(index(place)) {
            account.allocations = account.allocations.saturating_sub(1);
        }
        self.forget_if_idle(index(place), now);
    }

    /// Returns whether a key has this place.
    pub(super) fn has_place(&self, key: &K, place: u32) -> bool {
        let account = self.all.get(index(place));
        account.is_some_and(|account| account.key == *key)
    }

    /// Returns when the bucket of an account is full, in nanoseconds, to be changed.
    pub(super) fn full_at_mut(&mut self, place: u32) -> Option<&mut u64> {
        let account = self.all.get_mut(index(place))?;
        Some(&mut account.full_at)
    }

    /// Forgets accounts without allocations whose bucket is full again, among the next `places_max`.
    pub(super) fn forget_idle(&mut self, places_max: usize, now: Duration) {
        for _ in 0..places_max.min(self.all.capacity()) {
            self.forget_if_idle(self.cursor, now);
            self.cursor += 1;
            if self.cursor >= self.all.capacity() {
                self.cursor = 0;
            }
        }
    }

    /// Returns the number of allocations of each account.
    pub(super) fn allocations(&self) -> impl Iterator<Item = u32> {
        self.all.iter().map(|(_, account)| account.allocations)
    }

    fn add(&mut self, key: K) -> Option<u32> {
        let place = u32::try_from(self.all.vacant_key()).ok()?;
        self.all.insert(Account {
            key,
            allocations: 0,
            full_at: 0,
        });
        self.by_key.insert(key, place);
        Some(place)
    }

    /// A bucket that is not full must stay, or a new allocation would renew it.
    fn forget_if_idle(&mut self, place: usize, now: Duration) {
        let account = self.all.get(place);
        let is_idle =
            |account: &&Account<K>| account.allocations == 0 && account.full_at <= nanos(now);
        if let Some(key) = account.filter(is_idle).map(|account| account.key) {
            self.all.remove(place);
            self.by_key.remove(&key);
        }
    }
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}
