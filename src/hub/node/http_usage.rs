//! Accounts for the resources of HTTP requests, under the keys of their addresses.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Node;
use crate::hub::ClientInfo;
use crate::limits::{CpuBudget, HttpResource, HttpUsage, QuotaExceeded, RateKeys, ResourceClaim};

impl Node {
    /// Returns the resource usage of HTTP requests.
    #[must_use]
    pub fn http_usage(&self) -> &Arc<HttpUsage> {
        &self.http_usage
    }

    /// Returns the number of response bytes that are not read yet.
    #[must_use]
    pub fn response_bytes(&self) -> usize {
        self.http_usage.claimed_total(HttpResource::ResponseBytes)
    }

    /// Claims a resource for an address; only process-wide bounds apply to an address without limits.
    ///
    /// # Errors
    ///
    /// The resource is used up.
    pub fn claim(
        &self,
        what: HttpResource,
        address: Option<IpAddr>,
        amount: usize,
    ) -> Result<ResourceClaim, QuotaExceeded> {
        self.http_usage
            .claim(what, self.rate_keys_of(address), amount)
    }

    /// Returns the processor-time budget of an address; `None` if no limit of addresses applies to it.
    #[must_use]
    pub fn cpu_budget(
        &self,
        address: Option<IpAddr>,
        account: impl FnOnce(RateKeys) -> CpuBudget,
    ) -> Option<CpuBudget> {
        self.rate_keys_of(address).map(account)
    }

    /// Evicts idle addresses from one shard. [`Self::address_shards`] returns the number of shards.
    pub fn evict_idle_http_usage(&self, shard: usize, now: Duration) {
        self.http_usage.evict_idle(shard, now);
    }

    fn rate_keys_of(&self, address: Option<IpAddr>) -> Option<RateKeys> {
        self.rate_keys(&ClientInfo {
            address,
            ..ClientInfo::default()
        })
    }
}
