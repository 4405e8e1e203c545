//! Limits how many refused pages are told the reason over a WebSocket. Beyond the limits, a page gets only the HTTP
//! response, which its browser hides from it.
//!
//! An open WebSocket resets the retry delay of most clients. So an address is told a few times only, and then not until
//! it has stopped trying: from then on its clients slow down as after any refused handshake. The limits protect the
//! client too, so they also apply to exempt addresses. Stores hashes of addresses; time is an argument.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::bucket::BucketLevel;
use super::delaying_bucket::DelayingBucket;
use super::{LivePolicy, RateKey};
use crate::config;

/// An address that was not refused for this long is told again. It is longer than the longest pause between two tries of
/// a client: the reference client waits at most 65 minutes.
const FORGET_AFTER: Duration = Duration::from_hours(2);
/// Addresses that are remembered: 256 KiB. A further one displaces the one that was refused longest ago.
const ADDRESSES_MAX: usize = 4096;

/// From `limits.refusal_messages_max`, `limits.refusal_messages_per_second` and `limits.address_refusal_messages_max`.
#[derive(Debug, Clone, Copy)]
pub struct RefusalMessagePolicy {
    open_max: usize,
    rate: DelayingBucket,
    address_max: u32,
}

impl RefusalMessagePolicy {
    /// Creates the policy from the settings.
    #[must_use]
    pub fn new(limits: &config::Limits) -> Self {
        let rate = limits.refusal_messages_per_second;
        Self {
            open_max: limits.refusal_messages_max,
            rate: DelayingBucket::new(rate, rate, Duration::ZERO),
            address_max: limits.address_refusal_messages_max,
        }
    }
}

/// Which limit leaves a page without the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalMessageLimit {
    /// `limits.refusal_messages_max`
    Open,
    /// `limits.refusal_messages_per_second`
    Rate,
    /// `limits.address_refusal_messages_max`
    Address,
}

/// The addresses that were told, and the connections that are being told.
#[derive(Debug)]
pub struct RefusalMessages {
    policy: LivePolicy<RefusalMessagePolicy>,
    open: AtomicUsize,
    told: Mutex<ToldAddresses>,
}

#[derive(Debug, Default)]
struct ToldAddresses {
    rate: BucketLevel,
    addresses: HashMap<RateKey, ToldAddress>,
}

#[derive(Debug)]
struct ToldAddress {
    messages: u32,
    /// Time of its last refusal, told or not.
    last: Duration,
}

/// One connection that is being told; released when dropped.
#[derive(Debug)]
pub struct RefusalMessageClaim(Arc<RefusalMessages>);

impl Drop for RefusalMessageClaim {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl RefusalMessages {
    /// Creates the record without messages.
    #[must_use]
    pub fn new(policy: impl Into<LivePolicy<RefusalMessagePolicy>>) -> Arc<Self> {
        Arc::new(Self {
            policy: policy.into(),
            open: AtomicUsize::new(0),
            told: Mutex::default(),
        })
    }

    /// Claims a message for a refused page at this address.
    ///
    /// # Errors
    ///
    /// A limit is reached: refuse over HTTP.
    pub fn claim(
        self: &Arc<Self>,
        from: RateKey,
        now: Duration,
    ) -> Result<RefusalMessageClaim, RefusalMessageLimit> {
        let policy = self.policy.get();
        if self.open.fetch_add(1, Ordering::Relaxed) >= policy.open_max {
            self.open.fetch_sub(1, Ordering::Relaxed);
            self.told.lock().note_refusal(from, now);
            return Err(RefusalMessageLimit::Open);
        }
        let claim = RefusalMessageClaim(Arc::clone(self));
        self.told.lock().tell(from, &policy, now)?;
        Ok(claim)
    }
}

impl ToldAddresses {
    /// Records a message to an address.
    fn tell(
        &mut self,
        from: RateKey,
        policy: &RefusalMessagePolicy,
        now: Duration,
    ) -> Result<(), RefusalMessageLimit> {
        if self.note_refusal(from, now) >= policy.address_max {
            return Err(RefusalMessageLimit::Address);
        }
        let taken = policy.rate.take(&self.rate, now);
        taken.map_err(|_| RefusalMessageLimit::Rate)?;
        if !self.addresses.contains_key(&from) && self.addresses.len() >= ADDRESSES_MAX {
            self.forget_oldest();
        }
        let known = self.addresses.entry(from);
        let known = known.or_insert(ToldAddress {
            messages: 0,
            last: now,
        });
        known.messages = known.messages.saturating_add(1);
        Ok(())
    }

    /// Forgets the address that was refused longest ago. The rate of messages bounds how often it searches.
    fn forget_oldest(&mut self) {
        let oldest = self.addresses.iter().min_by_key(|(_, known)| known.last);
        if let Some((&oldest, _)) = oldest {
            self.addresses.remove(&oldest);
        }
    }

    /// Notes a refusal of an address. Returns how many messages it got since it last stopped trying.
    fn note_refusal(&mut self, from: RateKey, now: Duration) -> u32 {
        let Some(known) = self.addresses.get_mut(&from) else {
            return 0;
        };
        if known.is_forgotten(now) {
            known.messages = 0;
        }
        known.last = now;
        known.messages
    }
}

impl ToldAddress {
    fn is_forgotten(&self, now: Duration) -> bool {
        now.saturating_sub(self.last) >= FORGET_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(open: usize, rate: u32, address: u32) -> Arc<RefusalMessages> {
        RefusalMessages::new(RefusalMessagePolicy::new(&config::Limits {
            refusal_messages_max: open,
            refusal_messages_per_second: rate,
            address_refusal_messages_max: address,
            ..config::Limits::default()
        }))
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Claims one message and ends it at once.
    fn tell(
        messages: &Arc<RefusalMessages>,
        from: u64,
        now: Duration,
    ) -> Result<(), RefusalMessageLimit> {
        messages.claim(RateKey::new(from), now).map(drop)
    }

    #[test]
    fn an_address_is_told_again_only_after_it_stopped_trying() {
        let messages = messages(10, 1000, 3);
        for second in 1..=3 {
            assert_eq!(tell(&messages, 7, at(second)), Ok(()));
        }
        // The longest pause of a client does not count as an end.
        for hour in 0..10 {
            let refused = tell(&messages, 7, at(60 + hour * 65 * 60));
            assert_eq!(refused, Err(RefusalMessageLimit::Address), "{hour}");
        }
        assert_eq!(tell(&messages, 8, at(60)), Ok(()), "another address");
        let later = at(60 + 9 * 65 * 60) + FORGET_AFTER;
        assert_eq!(tell(&messages, 7, later), Ok(()));
    }

    #[test]
    fn messages_at_once_and_per_second_are_limited() {
        let messages = messages(2, 3, 100);
        let open = [1, 2].map(|from| messages.claim(RateKey::new(from), at(1)).unwrap());
        let full = Err(RefusalMessageLimit::Open);
        assert_eq!(tell(&messages, 3, at(1)), full);
        drop(open);
        assert_eq!(tell(&messages, 3, at(1)), Ok(()));
        let fast = Err(RefusalMessageLimit::Rate);
        assert_eq!(tell(&messages, 4, at(1)), fast);
        assert_eq!(tell(&messages, 4, at(2)), Ok(()));
        assert_eq!(messages.open.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn remembered_addresses_are_bounded() {
        let messages = messages(10, 1_000_000, 3);
        let other = 10 + ADDRESSES_MAX as u64;
        for from in 10..other {
            assert_eq!(tell(&messages, from, at(1)), Ok(()));
        }
        // The one that was refused longest ago is forgotten, not the first one, which tries again.
        for _ in 0..4 {
            let _ = tell(&messages, 10, at(2));
        }
        assert_eq!(tell(&messages, other, at(3)), Ok(()));
        assert_eq!(messages.told.lock().addresses.len(), ADDRESSES_MAX);
        let limited = Err(RefusalMessageLimit::Address);
        assert_eq!(tell(&messages, 10, at(3)), limited);
    }
}
