//! What users and addresses use of the relay, and what all together do.

use std::collections::HashMap;
use std::time::Duration;

use slab::Slab;

use super::outcome::{RelayDrop, TurnRefusal};
use super::policy::{RelayPolicy, nanos};
use crate::ice::credentials::Username;

const SECONDS_PER_DAY: u64 = 86_400;

/// The allocations and bytes of all users. Only authenticated requests add anything.
#[derive(Debug, Default)]
pub(super) struct Usage {
    users: Slab<User>,
    /// The place of each user in `users`.
    by_username: HashMap<Username, u32>,
    /// The allocations of each address that has some.
    by_address: HashMap<u64, u32>,
    /// When the bucket of all users is full, in nanoseconds.
    total_full_at: u64,
    /// The number of the day in UTC.
    day: u64,
    day_bytes: u64,
    /// The next place that `forget_idle_users` looks at.
    cursor: usize,
}

#[derive(Debug)]
struct User {
    username: Username,
    allocations: u32,
    /// When the bucket is full, in nanoseconds. A user without allocations stays until then.
    full_at: u64,
}

impl Usage {
    /// Counts one allocation more. Returns the place of the user.
    pub(super) fn claim(
        &mut self,
        username: Username,
        address_key: Option<u64>,
        policy: &RelayPolicy,
    ) -> Result<u32, TurnRefusal> {
        let of_address = address_key.and_then(|key| self.by_address.get(&key).copied());
        if of_address.unwrap_or(0) >= policy.address_allocations_max && address_key.is_some() {
            return Err(TurnRefusal::AddressQuota);
        }
        let known = self.by_username.get(&username).copied();
        let of_user = known.and_then(|user| Some(self.users.get(index(user))?.allocations));
        if of_user.unwrap_or(0) >= policy.user_allocations_max {
            return Err(TurnRefusal::UserQuota);
        }
        let place = match known {
            Some(place) => place,
            None => self.add_user(username)?,
        };
        if let Some(user) = self.users.get_mut(index(place)) {
            user.allocations += 1;
        }
        if let Some(key) = address_key {
            *self.by_address.entry(key).or_insert(0) += 1;
        }
        Ok(place)
    }

    /// Counts one allocation less, of the user at a place and of an address.
    pub(super) fn release(&mut self, place: u32, address_key: Option<u64>, now: Duration) {
        if let Some(user) = self.users.get_mut(index(place)) {
            user.allocations = user.allocations.saturating_sub(1);
        }
        self.forget_if_idle(index(place), now);
        if let Some(key) = address_key
            && let Some(count) = self.by_address.get_mut(&key)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_address.remove(&key);
            }
        }
    }

    /// Returns whether a user has this place.
    pub(super) fn is_user(&self, place: u32, username: &Username) -> bool {
        let user = self.users.get(index(place));
        user.is_some_and(|user| user.username == *username)
    }

    /// Charges a packet to its sender and to all. A packet over one limit takes nothing from the others.
    pub(super) fn charge(
        &mut self,
        place: u32,
        bytes: usize,
        policy: &RelayPolicy,
        now: Duration,
    ) -> Result<(), RelayDrop> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let user = self.users.get_mut(index(place));
        let user = user.ok_or(RelayDrop::NoAllocation)?;
        let user_full_at = policy.user_rate.take(user.full_at, bytes, now);
        let user_full_at = user_full_at.ok_or(RelayDrop::UserRate)?;
        let total_full_at = policy.total_rate.take(self.total_full_at, bytes, now);
        let total_full_at = total_full_at.ok_or(RelayDrop::TotalRate)?;
        let day_bytes = self.day_bytes.saturating_add(bytes);
        if policy.bytes_per_day.is_some_and(|max| day_bytes > max) {
            return Err(RelayDrop::DayBudget);
        }
        user.full_at = user_full_at;
        self.total_full_at = total_full_at;
        self.day_bytes = day_bytes;
        Ok(())
    }

    /// Begins to count the bytes of a day anew at midnight in UTC.
    pub(super) fn begin_day(&mut self, unix_now: u64) {
        let day = unix_now / SECONDS_PER_DAY;
        if day != self.day {
            self.day = day;
            self.day_bytes = 0;
        }
    }

    /// Forgets users without allocations whose bucket is full again, among the next `places_max`.
    pub(super) fn forget_idle_users(&mut self, places_max: usize, now: Duration) {
        for _ in 0..places_max.min(self.users.capacity()) {
            self.forget_if_idle(self.cursor, now);
            self.cursor += 1;
            if self.cursor >= self.users.capacity() {
                self.cursor = 0;
            }
        }
    }

    pub(super) fn allocations_by_user(&self) -> impl Iterator<Item = u32> {
        self.users.iter().map(|(_, user)| user.allocations)
    }

    pub(super) fn bytes_today(&self) -> u64 {
        self.day_bytes
    }

    fn add_user(&mut self, username: Username) -> Result<u32, TurnRefusal> {
        let place = u32::try_from(self.users.vacant_key());
        let place = place.map_err(|_| TurnRefusal::TotalQuota)?;
        self.users.insert(User {
            username,
            allocations: 0,
            full_at: 0,
        });
        self.by_username.insert(username, place);
        Ok(place)
    }

    /// A bucket that is not full must stay, or a user would renew it with a new allocation.
    fn forget_if_idle(&mut self, place: usize, now: Duration) {
        let user = self.users.get(place);
        let is_idle = |user: &&User| user.allocations == 0 && user.full_at <= nanos(now);
        if let Some(username) = user.filter(is_idle).map(|user| user.username) {
            self.users.remove(place);
            self.by_username.remove(&username);
        }
    }
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}
