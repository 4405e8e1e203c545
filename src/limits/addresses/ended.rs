//! Carries the usage of ended connections over to new ones of their address.

use std::time::Duration;

use super::{Addresses, Key, Policy, Record};
use crate::limits::Spent;
use crate::limits::spent::Recovery;

impl Addresses {
    /// Stores the usage of an ending connection, under the key under which it is still counted.
    pub fn keep_spent(&self, key: Key, usage: &Spent, now: Duration) {
        let policy = self.policy();
        let keep = |record: &mut Record| {
            let recovery = policy.recovery(record);
            let ended = record.ended.get_or_insert_default();
            ended.add(usage, now, recovery);
            record.wider
        };
        if let Some(wider) = self.with_known(key, keep).flatten() {
            self.with_known(wider, keep);
        }
    }

    /// Returns the usage that a new connection under this key continues. It comes from an ended connection of its
    /// address. If there is none and more than `limits.network_factor` of its network have ended, it comes from one of
    /// those. `None` starts with full buckets.
    pub fn take_spent(&self, key: Key, now: Duration) -> Option<Spent> {
        let policy = self.policy();
        let take = |record: &mut Record, fresh_max: u32| {
            let recovery = policy.recovery(record);
            let ended = record.ended.as_mut()?;
            let fits = ended.count(now, recovery) > fresh_max;
            fits.then(|| ended.take(now, recovery)).flatten()
        };
        let known = self.with_known(key, |record| (take(record, 0), record.wider));
        let (own, wider) = known?;
        let Some(wider) = wider else {
            return own;
        };
        let fresh_max = if own.is_some() { 0 } else { policy.factor };
        let of_network = self.with_known(wider, |record| take(record, fresh_max));
        own.or(of_network.flatten())
    }
}

impl Policy {
    fn recovery(&self, record: &Record) -> Recovery {
        Recovery {
            half_life: self.points_half_life,
            forgiven_per_second: f64::from(self.recovery_factor)
                * f64::from(self.factor_of(record.kind)),
            forgiven_max: self.forgiven_max,
        }
    }
}

impl Record {
    /// Drops the usage of ended connections once it has recovered.
    pub(super) fn forget_ended(&mut self, policy: &Policy, now: Duration) {
        let recovery = policy.recovery(self);
        let ended = self.ended.as_mut();
        if ended.is_some_and(|ended| ended.is_over(now, recovery)) {
            self.ended = None;
        }
    }
}
