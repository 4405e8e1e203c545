//! Limits what admitted clients use: announces of pages, requests and memberships over HTTP, and the rate-limit usage
//! that a new connection continues.

use std::time::Duration;

use super::WorkerAdmission;
use crate::limits::{AccountKey, CarriedUsage, RateKey};
use crate::node::ClientAddress;
use crate::protocol::http::HttpFailure;
use crate::swarm::HttpOwner;
use crate::tracker::HttpReservation;

impl WorkerAdmission {
    /// Takes the rate-limit usage of an ended connection of an address, for its next one.
    #[must_use]
    pub fn take_carried_usage(&self, key: RateKey) -> Option<CarriedUsage> {
        let carried = self
            .admission
            .addresses
            .take_carried_usage(key, self.time.get())?;
        self.counters().limits_carried_over.add(1);
        Some(carried)
    }

    /// Stores the rate-limit usage of an ended connection for the next one of its address.
    pub fn store_carried_usage(&self, key: RateKey, usage: &CarriedUsage) {
        let now = self.time.get();
        self.admission
            .addresses
            .store_carried_usage(key, usage, now);
    }

    /// Charges an announce of a page to its origin. Returns how long reading from its connection must pause.
    ///
    /// # Errors
    ///
    /// The announce must be refused: the maximum number already waits.
    pub fn admit_announce(&self, account: AccountKey) -> Result<Duration, Duration> {
        let shared = &self.admission;
        let group = account.address();
        let group = group.map(|key| shared.addresses.widest_key_of(key));
        let now = self.time.get();
        shared.origins.admit_announce(account.origin(), group, now)
    }

    /// Admits a request over HTTP by the request rate of its address.
    ///
    /// # Errors
    ///
    /// Too many requests came from the address.
    pub fn admit_http_request(&self, client: ClientAddress) -> Result<(), HttpFailure> {
        let Some(keys) = client.keys() else {
            return Ok(());
        };
        let (addresses, now) = (&self.admission.addresses, self.time.get());
        let admitted = addresses.admit_http_request(keys, now);
        admitted.map_err(HttpFailure::TooFast)
    }

    /// Counts one more membership over HTTP of a client's address. Nothing is counted where no limit of addresses
    /// applies.
    ///
    /// # Errors
    ///
    /// The address has too many.
    pub fn admit_http_peer(&self, client: ClientAddress) -> Result<HttpReservation, HttpFailure> {
        let Some(keys) = client.keys() else {
            return Ok(HttpReservation::default());
        };
        let counted = self.admission.addresses.admit_http_peer(keys);
        let (key, quota_usage) = counted.ok_or(HttpFailure::AddressPeersMax)?;
        Ok(HttpReservation {
            owner: Some(key.into()),
            quota_usage: Some(quota_usage),
        })
    }

    /// Releases a membership over HTTP, if it was counted.
    pub fn release_http_peer(&self, owner: HttpOwner) {
        if let Some(bits) = owner {
            self.admission.addresses.release_http_peer(bits.into());
        }
    }
}
