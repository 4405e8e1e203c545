//! Limits the rate of one kind of request of an address, and of all addresses, in a table of fixed size.
//!
//! Source addresses of datagrams can be forged, so no source may take memory: addresses share buckets by their hash, which
//! no outsider can compute. One thread uses a table at a time; time is an argument.

use std::time::Duration;

use super::bucket::BucketLevel;
use super::delaying_bucket::DelayingBucket;
use super::{AddressKind, LivePolicy, RateKey, RateKeys};
use crate::config;

/// Buckets of addresses and networks: 128 KiB. Two of a thousand busy addresses share one with a chance of 6 %.
const BUCKETS: usize = 16_384;

/// The limits of one kind of request, from the settings.
#[derive(Debug, Clone, Copy)]
pub struct HashedRatePolicy {
    address: DelayingBucket,
    total: Option<DelayingBucket>,
    network_factor: u32,
    private_factor: u32,
}

/// Which limit a request exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateRefusal {
    /// That of its address or network. It has room again after this time.
    Address(Duration),
    /// That of all addresses.
    Total,
}

impl HashedRatePolicy {
    /// Creates the policy of requests to the STUN server.
    #[must_use]
    pub fn stun(limits: &config::Limits) -> Self {
        let own = (limits.address_stun_per_second, limits.address_stun_burst);
        Self::new(limits, own, Some(limits.stun_per_second))
    }

    /// Creates the policy of requests for TURN credentials.
    #[must_use]
    pub fn ice_credentials(limits: &config::Limits) -> Self {
        let own = (limits.address_ice_per_second, limits.address_ice_burst);
        Self::new(limits, own, None)
    }

    fn new(limits: &config::Limits, (rate, burst): (u32, u32), total: Option<u32>) -> Self {
        let bucket = |rate, burst| DelayingBucket::new(rate, burst, Duration::ZERO);
        Self {
            address: bucket(rate, burst),
            total: total.map(|rate| bucket(rate, rate)),
            network_factor: limits.network_factor,
            private_factor: limits.private_factor,
        }
    }
}

/// The recent requests of all addresses.
#[derive(Debug)]
pub struct HashedRates {
    policy: LivePolicy<HashedRatePolicy>,
    total: BucketLevel,
    buckets: Vec<BucketLevel>,
}

impl HashedRates {
    /// Creates the record without requests.
    #[must_use]
    pub fn new(policy: impl Into<LivePolicy<HashedRatePolicy>>) -> Self {
        Self {
            policy: policy.into(),
            total: BucketLevel::default(),
            buckets: std::iter::repeat_with(BucketLevel::default)
                .take(BUCKETS)
                .collect(),
        }
    }

    /// Admits one request of an address. Only the limit of all addresses applies without `keys`.
    ///
    /// # Errors
    ///
    /// A limit is exceeded. A refused request takes nothing from the other limits.
    pub fn admit(&self, keys: Option<RateKeys>, now: Duration) -> Result<(), RateRefusal> {
        let take_total = |policy: &_| self.take_total(policy, now);
        self.admit_after(take_total, keys, now)
    }

    /// Admits one request of a client that has proved its address. The limit of all addresses does not apply: others use it
    /// up from forged ones.
    ///
    /// # Errors
    ///
    /// The limit of its address or network is exceeded.
    pub fn admit_proven(&self, keys: Option<RateKeys>, now: Duration) -> Result<(), RateRefusal> {
        self.admit_after(|_| Ok(()), keys, now)
    }

    /// Admits a request of an address if its own limits and `take_total` do.
    fn admit_after(
        &self,
        take_total: impl FnOnce(&HashedRatePolicy) -> Result<(), RateRefusal>,
        keys: Option<RateKeys>,
        now: Duration,
    ) -> Result<(), RateRefusal> {
        let policy = self.policy.get();
        let Some(keys) = keys else {
            return take_total(&policy);
        };
        let factor = match keys.kind {
            AddressKind::Public => 1,
            AddressKind::Private => policy.private_factor,
        };
        let own = policy.address.scaled(factor);
        let of_network = own.scaled(policy.network_factor);
        let address = self.level(keys.address);
        let network = keys.network.map(|key| self.level(key));
        own.check(address, now).map_err(RateRefusal::Address)?;
        if let Some(level) = network {
            of_network.check(level, now).map_err(RateRefusal::Address)?;
        }
        take_total(&policy)?;
        own.charge(address, 1, now);
        if let Some(level) = network {
            of_network.charge(level, 1, now);
        }
        Ok(())
    }

    fn take_total(&self, policy: &HashedRatePolicy, now: Duration) -> Result<(), RateRefusal> {
        let taken = policy.total.map(|bucket| bucket.take(&self.total, now));
        match taken {
            Some(Err(_)) => Err(RateRefusal::Total),
            _ => Ok(()),
        }
    }

    fn level(&self, key: RateKey) -> &BucketLevel {
        let bits = usize::try_from(key.bits()).unwrap_or(usize::MAX);
        self.buckets.get(bits % BUCKETS).unwrap_or(&self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn keys(address: u64, network: Option<u64>, kind: AddressKind) -> RateKeys {
        RateKeys {
            address: RateKey::new(address),
            network: network.map(RateKey::new),
            kind,
        }
    }

    fn rates(per_second: u32, total: u32) -> HashedRates {
        let mut config = Config::default();
        config.limits.address_stun_per_second = per_second;
        config.limits.address_stun_burst = 3;
        config.limits.stun_per_second = total;
        config.limits.network_factor = 2;
        config.limits.private_factor = 4;
        HashedRates::new(HashedRatePolicy::stun(&config.limits))
    }

    /// Returns how many of a hundred requests at the same time are admitted.
    fn admitted(rates: &HashedRates, keys: Option<RateKeys>, now: Duration) -> usize {
        let requests = (0..100).map(|_| rates.admit(keys, now));
        requests.flatten().count()
    }

    #[test]
    fn each_address_has_a_burst_and_then_its_rate() {
        let rates = rates(2, 1000);
        let now = Duration::from_secs(10);
        let [one, other] = [5, 6].map(|address| Some(keys(address, None, AddressKind::Public)));
        assert_eq!(admitted(&rates, one, now), 3);
        let refused = rates.admit(one, now);
        assert_eq!(
            refused,
            Err(RateRefusal::Address(Duration::from_millis(500)))
        );
        assert_eq!(admitted(&rates, other, now), 3);
        assert_eq!(admitted(&rates, one, now + Duration::from_secs(1)), 2);
    }

    #[test]
    fn networks_and_private_addresses_have_more() {
        let rates = rates(2, 1000);
        let now = Duration::from_secs(10);
        let of_network = |address| Some(keys(address, Some(99), AddressKind::Public));
        let total: usize = (10..20)
            .map(|address| admitted(&rates, of_network(address), now))
            .sum();
        assert_eq!(total, 6);
        let private = Some(keys(50, None, AddressKind::Private));
        assert_eq!(admitted(&rates, private, now), 12);
    }

    #[test]
    fn all_addresses_together_have_a_limit() {
        let rates = rates(2, 5);
        let now = Duration::from_secs(10);
        assert_eq!(admitted(&rates, None, now), 5);
        let someone = Some(keys(5, None, AddressKind::Public));
        assert_eq!(rates.admit(someone, now), Err(RateRefusal::Total));
        // Nothing was taken from the address.
        assert_eq!(admitted(&rates, someone, now + Duration::from_secs(1)), 3);
    }

    #[test]
    fn a_proven_address_has_only_its_own_limit() {
        let rates = rates(2, 5);
        let now = Duration::from_secs(10);
        assert_eq!(admitted(&rates, None, now), 5);
        let someone = Some(keys(5, None, AddressKind::Public));
        for _ in 0..3 {
            assert_eq!(rates.admit_proven(someone, now), Ok(()));
        }
        assert!(matches!(
            rates.admit_proven(someone, now),
            Err(RateRefusal::Address(_))
        ));
        // It took nothing from all.
        let later = now + Duration::from_secs(1);
        assert_eq!(admitted(&rates, None, later), 5);
    }
}
