//! How fast new TCP connections of an address may come, before a byte of them is read.

use std::time::Duration;

use super::{Addresses, Key, Record, Whence};

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
    pub fn charge_failed_handshake(&self, whence: Whence, now: Duration) {
        let more = self.policy().failed_handshake_cost.saturating_sub(1);
        let charged = self.for_each_of(whence, |record, accepts| {
            accepts.charge(&record.accepts, more, now);
            Ok(())
        });
        debug_assert!(charged.is_ok(), "it never fails");
    }

    /// Acts on the bucket of the address, then on that of its network.
    fn for_each_of(
        &self,
        whence: Whence,
        act: impl Fn(&mut Record, super::Lending) -> Result<(), Duration>,
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
