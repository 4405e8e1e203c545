//! Limits the rate of new TCP connections per address, before any of their bytes is read.

use std::time::Duration;

use smallvec::SmallVec;

use super::{Addresses, Key, Record, Whence};
use crate::limits::bucket::give_back;

/// The charge of a handshake beyond one connection, for its address and its network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandshakeCharge {
    whence: Whence,
    charged: SmallVec<[Duration; 2]>,
}

impl Addresses {
    /// Admits a new TCP connection. There is no delay: a waiting connection occupies a descriptor.
    ///
    /// # Errors
    ///
    /// The time after which there is room again, if there were too many.
    pub fn accept(&self, keys: Whence, now: Duration) -> Result<(), Duration> {
        self.for_each_of(keys, |record, accepts| {
            accepts.take(&record.accepts, now).map(|_| ())
        })
    }

    /// Charges an accepted connection as `limits.failed_handshake_cost` connections.
    pub fn charge_failed_handshake(&self, keys: Whence, now: Duration) -> HandshakeCharge {
        let more = self.policy().failed_handshake_cost.saturating_sub(1);
        let mut charged = SmallVec::new();
        let done = self.for_each_of(keys, |record, accepts| {
            charged.push(accepts.charge(&record.accepts, more, now));
            Ok(())
        });
        debug_assert!(done.is_ok(), "it never fails");
        HandshakeCharge {
            whence: keys,
            charged,
        }
    }

    /// Refunds a charge: the connection counts once.
    pub fn give_back_handshake(&self, charge: HandshakeCharge, now: Duration) {
        let mut charged = charge.charged.into_iter();
        let done = self.for_each_of(charge.whence, |record, _| {
            give_back(&record.accepts, charged.next().unwrap_or_default(), now);
            Ok(())
        });
        debug_assert!(done.is_ok(), "it never fails");
    }

    /// Applies `act` to the bucket of the address, then to that of its network.
    fn for_each_of(
        &self,
        keys: Whence,
        mut act: impl FnMut(&mut Record, super::Lending) -> Result<(), Duration>,
    ) -> Result<(), Duration> {
        let policy = self.policy();
        let own = policy.accepts.times(policy.factor_of(keys.kind));
        let (key, done) = self.with(keys.own, |record| act(record, own));
        done?;
        if let Some(wider) = keys.wider.filter(|_| key != Key::OTHERS) {
            let network = own.times(policy.factor);
            self.with(wider, |record| act(record, network)).1?;
        }
        Ok(())
    }
}
