//! What connections that have ended had used up goes to new ones of their address.

use std::time::Duration;

use super::{Addresses, Key, Policy, Record};
use crate::limits::Spent;
use crate::limits::spent::Recovery;

impl Addresses {
    /// Keeps what a connection that ends had used up, under the key under which it is still counted.
    pub fn keep_spent(&self, key: Key, spent: &Spent, now: Duration) {
        let policy = self.policy();
        let keep = |record: &mut Record| {
            let recovery = policy.recovery(record);
            let ended = record.ended.get_or_insert_default();
            ended.add(spent, now, recovery);
            record.wider
        };
        if let Some(wider) = self.with_known(key, keep).flatten() {
            self.with_known(wider, keep);
        }
    }

    /// What a new connection goes on from, that is counted under this key: from what one of its address had used up, else, where
    /// more than `limits.network_factor` of its network have ended, one of those. `None` lets it begin with everything.
    pub fn take_spent(&self, key: Key, now: Duration) -> Option<Spent> {
        let policy = self.policy();
        let take = |record: &mut Record, spare: u32| {
            let recovery = policy.recovery(record);
            let ended = record.ended.as_mut()?;
            let fits = ended.count(now, recovery) > spare;
            fits.then(|| ended.take(now, recovery)).flatten()
        };
        let known = self.with_known(key, |record| (take(record, 0), record.wider));
        let (own, wider) = known?;
        let Some(wider) = wider else {
            return own;
        };
        let spare = if own.is_some() { 0 } else { policy.factor };
        let of_network = self.with_known(wider, |record| take(record, spare));
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
    /// Forgets what would have come back by now.
    pub(super) fn forget_ended(&mut self, policy: &Policy, now: Duration) {
        let recovery = policy.recovery(self);
        let ended = self.ended.as_mut();
        if ended.is_some_and(|ended| ended.is_over(now, recovery)) {
            self.ended = None;
        }
    }
}
