//! Limits the rates of requests over HTTP and of new WebSockets per address.

use std::time::Duration;

use super::Addresses;
use super::record::AddressRecord;
use crate::limits::delaying_bucket::DelayingBucket;
use crate::limits::{RateKey, RateKeys};

impl Addresses {
    /// Admits a request over HTTP.
    ///
    /// # Errors
    ///
    /// The time after which one more is served, if there were too many.
    pub fn admit_http_request(&self, keys: RateKeys, now: Duration) -> Result<(), Duration> {
        let policy = self.policy();
        let factor = policy.factor_of(keys.kind);
        let (key, admitted) = self.with_record(keys.address, |record| {
            let requests = policy.address_requests.scaled(factor);
            requests.take(&record.requests, now)
        });
        admitted?;
        if let Some(network_key) = keys.network.filter(|_| key != RateKey::OVERFLOW) {
            let (_, admitted) = self.with_record(network_key, |record| {
                let requests = policy.network_requests.scaled(factor);
                requests.take(&record.requests, now)
            });
            admitted?;
        }
        Ok(())
    }

    /// Admits a new WebSocket. Returns how long it must wait.
    ///
    /// # Errors
    ///
    /// The time after which there is room again, if too many wait already.
    pub fn admit_upgrade(&self, keys: RateKeys, now: Duration) -> Result<Duration, Duration> {
        let policy = self.policy();
        let factor = policy.factor_of(keys.kind);
        let take = |bucket: DelayingBucket, record: &AddressRecord| {
            bucket.scaled(factor).take(&record.arrivals, now)
        };
        let (key, delay) =
            self.with_record(keys.address, |record| take(policy.address_arrivals, record));
        let delay = delay?;
        match keys.network.filter(|_| key != RateKey::OVERFLOW) {
            Some(network_key) => {
                let (_, network_delay) =
                    self.with_record(network_key, |record| take(policy.network_arrivals, record));
                Ok(delay.max(network_delay?))
            }
            None => Ok(delay),
        }
    }
}
