//! Accounts for the resources of HTTP requests, under the keys of their addresses.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Node;
use crate::hub::Visitor;
use crate::limits::{Claim, Claimed, HttpUse, NoRoom, Payer, Whence};

impl Node {
    /// Returns the resource usage of HTTP requests.
    #[must_use]
    pub fn http_use(&self) -> &Arc<HttpUse> {
        &self.http_use
    }

    /// Returns the number of response bytes that are not read yet.
    #[must_use]
    pub fn response_bytes(&self) -> usize {
        self.http_use.claimed(Claimed::ResponseBytes)
    }

    /// Claims a resource for an address; only process-wide bounds apply to an address without limits.
    ///
    /// # Errors
    ///
    /// The resource is used up.
    pub fn claim(
        &self,
        what: Claimed,
        address: Option<IpAddr>,
        amount: usize,
    ) -> Result<Claim, NoRoom> {
        self.http_use.claim(what, self.whence_of(address), amount)
    }

    /// Returns the processor-time budget of an address; `None` if no limit of addresses applies to it.
    #[must_use]
    pub fn payer(
        &self,
        address: Option<IpAddr>,
        account: impl FnOnce(Whence) -> Payer,
    ) -> Option<Payer> {
        self.whence_of(address).map(account)
    }

    /// Evicts idle addresses from one shard. [`Self::address_parts`] returns the number of shards.
    pub fn tidy_http_use(&self, shard: usize, now: Duration) {
        self.http_use.tidy(shard, now);
    }

    fn whence_of(&self, address: Option<IpAddr>) -> Option<Whence> {
        self.whence(&Visitor {
            address,
            ..Visitor::default()
        })
    }
}
