//! Limits the rate of new TCP connections per address, before any of their bytes is read.

use std::time::Duration;

use smallvec::SmallVec;

use super::Addresses;
use super::record::AddressRecord;
use crate::limits::delaying_bucket::{DelayingBucket, refund};
use crate::limits::{RateKey, RateKeys};

/// The charge of a handshake beyond one connection, for its address and its network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandshakeCharge {
    keys: RateKeys,
    charged: SmallVec<[Duration; 2]>,
}

impl Addresses {
    /// Admits a new TCP connection. There is no delay: a waiting connection occupies a descriptor.
    ///
    /// # Errors
    ///
    /// The time after which there is room again, if there were too many.
    pub fn accept_connection(&self, keys: RateKeys, now: Duration) -> Result<(), Duration> {
        self.for_each_bucket(keys, |record, accepts| {
            accepts.take(&record.accepts, now).map(|_| ())
        })
    }

    /// Charges an accepted connection as `limits.failed_handshake_cost` connections.
    pub fn charge_failed_handshake(&self, keys: RateKeys, now: Duration) -> HandshakeCharge {
        let more = self.policy().failed_handshake_cost.saturating_sub(1);
        let mut charged = SmallVec::new();
        let done = self.for_each_bucket(keys, |record, accepts| {
            charged.push(accepts.charge(&record.accepts, more, now));
            Ok(())
        });
        debug_assert!(done.is_ok(), "it never fails");
        HandshakeCharge { keys, charged }
    }

    /// Refunds a charge: the connection counts once.
    pub fn refund_handshake(&self, charge: HandshakeCharge, now: Duration) {
        let mut charged = charge.charged.into_iter();
        let done = self.for_each_bucket(charge.keys, |record, _| {
            refund(&record.accepts, charged.next().unwrap_or_default(), now);
            Ok(())
        });
        debug_assert!(done.is_ok(), "it never fails");
    }

    /// Applies `act` to the bucket of the address, then to that of its network.
    fn for_each_bucket(
        &self,
        keys: RateKeys,
        mut act: impl FnMut(&mut AddressRecord, DelayingBucket) -> Result<(), Duration>,
    ) -> Result<(), Duration> {
        let policy = self.policy();
        let accepts = policy.accepts.scaled(policy.factor_of(keys.kind));
        let (key, done) = self.with_record(keys.address, |record| act(record, accepts));
        done?;
        if let Some(network_key) = keys.network.filter(|_| key != RateKey::OVERFLOW) {
            let network_accepts = accepts.scaled(policy.network_factor);
            self.with_record(network_key, |record| act(record, network_accepts))
                .1?;
        }
        Ok(())
    }
}
