//! How fast new TCP connections of an address may come, before a byte of them is read.

use std::time::Duration;

use smallvec::SmallVec;

use super::{Addresses, Key, Record, Whence};
use crate::limits::bucket::give_back;

/// What a connection was charged beyond one, for its address and the network of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandshakeCharge {
    whence: Whence,
    charged: SmallVec<[Duration; 2]>,
}

impl Addresses {
    /// Takes note of a new TCP connection. Nobody is kept waiting: a connection that waits takes a descriptor.
    ///
    /// # Errors
    ///
    /// The time after which there is room again, if too many came.
    pub fn accept(&self, whence: Whence, now: Duration) -> Result<(), Duration> {
        self.for_each_of(whence, |record, accepts| {
            accepts.take(&record.accepts, now).map(|_| ())
        })
    }

    /// Counts a connection that was accepted as `limits.failed_handshake_cost` of them.
    pub fn charge_failed_handshake(&self, whence: Whence, now: Duration) -> HandshakeCharge {
        let more = self.policy().failed_handshake_cost.saturating_sub(1);
        let mut charged = SmallVec::new();
        let done = self.for_each_of(whence, |record, accepts| {
            charged.push(accepts.charge(&record.accepts, more, now));
            Ok(())
        });
        debug_assert!(done.is_ok(), "it never fails");
        HandshakeCharge { whence, charged }
    }

    /// Takes a charge back: the connection counts once.
    pub fn give_back_handshake(&self, charge: HandshakeCharge, now: Duration) {
        let mut charged = charge.charged.into_iter();
        let done = self.for_each_of(charge.whence, |record, _| {
            give_back(&record.accepts, charged.next().unwrap_or_default(), now);
            Ok(())
        });
        debug_assert!(done.is_ok(), "it never fails");
    }

    /// Acts on the bucket of the address, then on that of its network.
    fn for_each_of(
        &self,
        whence: Whence,
        mut act: impl FnMut(&mut Record, super::Lending) -> Result<(), Duration>,
    ) -> Result<(), Duration> {
        let policy = self.policy();
        let own = policy.accepts.times(policy.factor_of(whence.kind));
        let (key, done) = self.with(whence.own, |record| act(record, own));
        done?;
        if let Some(wider) = whence.wider.filter(|_| key != Key::OTHERS) {
            let network = own.times(policy.factor);
            self.with(wider, |record| act(record, network)).1?;
        }
        Ok(())
    }
}
