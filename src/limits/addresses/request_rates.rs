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
        let (key, own) = self.with_record(keys.address, |record| {
            let requests = policy.address_requests.scaled(factor);
            requests.take(&record.requests, now)
        });
        own?;
        if let Some(wider) = keys.network.filter(|_| key != RateKey::OVERFLOW) {
            let (_, wider) = self.with_record(wider, |record| {
                let requests = policy.network_requests.scaled(factor);
                requests.take(&record.requests, now)
            });
            wider?;
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
        let (key, own) =
            self.with_record(keys.address, |record| take(policy.address_arrivals, record));
        let own = own?;
        match keys.network.filter(|_| key != RateKey::OVERFLOW) {
            Some(wider) => {
                let (_, wider) =
                    self.with_record(wider, |record| take(policy.network_arrivals, record));
                Ok(own.max(wider?))
            }
            None => Ok(own),
        }
    }
}
