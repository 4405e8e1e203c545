//! What users and addresses use of the relay, and what all together do.

use std::time::Duration;

use super::accounts::Accounts;
use super::outcome::{RelayDrop, TurnRefusal};
use super::policy::RelayPolicy;
use crate::ice::credentials::Username;

const SECONDS_PER_DAY: u64 = 86_400;

/// The allocations and bytes of all users and addresses.
#[derive(Debug, Default)]
pub(super) struct Usage {
    users: Accounts<Username>,
    addresses: Accounts<u64>,
    /// When the bucket of all users is full, in nanoseconds.
    total_full_at: u64,
    /// The number of the day in UTC.
    day: u64,
    day_bytes: u64,
}

/// For whom an allocation counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    /// The place of the user.
    user: u32,
    /// The place of the address; `None` if it counts for none.
    address: Option<u32>,
}

impl Owner {
    #[cfg(test)]
    pub(super) const NOBODY: Self = Self {
        user: 0,
        address: None,
    };
}

impl Usage {
    /// Counts one allocation more, in one of so many free places.
    pub(super) fn claim(
        &mut self,
        username: Username,
        address_key: Option<u64>,
        free: usize,
        policy: &RelayPolicy,
    ) -> Result<Owner, TurnRefusal> {
        let of_address = address_key.map(|key| self.addresses.allocations_of(&key));
        if of_address.is_some_and(|count| !policy.admits_address(count, free)) {
            return Err(TurnRefusal::AddressQuota);
        }
        if self.users.allocations_of(&username) >= policy.user_allocations_max {
            return Err(TurnRefusal::UserQuota);
        }
        let user = self.users.claim(username);
        Ok(Owner {
            user: user.ok_or(TurnRefusal::TotalQuota)?,
            address: address_key.and_then(|key| self.addresses.claim(key)),
        })
    }

    /// Counts one allocation less.
    pub(super) fn release(&mut self, owner: Owner, now: Duration) {
        self.users.release(owner.user, now);
        if let Some(address) = owner.address {
            self.addresses.release(address, now);
        }
    }

    /// Returns whether an allocation counts for a user.
    pub(super) fn is_owner(&self, owner: Owner, username: &Username) -> bool {
        self.users.has_place(username, owner.user)
    }

    /// Charges a packet to its sender and to all. A packet over one limit takes nothing from the others.
    pub(super) fn charge(
        &mut self,
        owner: Owner,
        bytes: usize,
        policy: &RelayPolicy,
        now: Duration,
    ) -> Result<(), RelayDrop> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let user = self.users.full_at_mut(owner.user);
        let user = user.ok_or(RelayDrop::NoAllocation)?;
        let user_full_at = policy.user_rate.take(*user, bytes, now);
        let user_full_at = user_full_at.ok_or(RelayDrop::UserRate)?;
        let address = owner
            .address
            .and_then(|place| self.addresses.full_at_mut(place));
        let address_full_at = match &address {
            Some(full_at) => {
                let full_at = policy.address_rate.take(**full_at, bytes, now);
                full_at.ok_or(RelayDrop::AddressRate)?
            }
            None => 0,
        };
        let total_full_at = policy.total_rate.take(self.total_full_at, bytes, now);
        let total_full_at = total_full_at.ok_or(RelayDrop::TotalRate)?;
        let day_bytes = self.day_bytes.saturating_add(bytes);
        if policy.bytes_per_day.is_some_and(|max| day_bytes > max) {
            return Err(RelayDrop::DayBudget);
        }
        *user = user_full_at;
        if let Some(full_at) = address {
            *full_at = address_full_at;
        }
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

    /// Forgets users and addresses without allocations whose bucket is full again, among the next `places_max` of both.
    pub(super) fn forget_idle(&mut self, places_max: usize, now: Duration) {
        self.users.forget_idle(places_max, now);
        self.addresses.forget_idle(places_max, now);
    }

    pub(super) fn allocations_by_user(&self) -> impl Iterator<Item = u32> {
        self.users.allocations()
    }

    pub(super) fn bytes_today(&self) -> u64 {
        self.day_bytes
    }
}
