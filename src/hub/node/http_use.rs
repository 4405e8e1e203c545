//! What requests over HTTP take, under the keys of their addresses.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Node;
use crate::hub::Visitor;
use crate::limits::{Claim, Claimed, HttpUse, NoRoom, Payer, Whence};

impl Node {
    /// What requests over HTTP take.
    #[must_use]
    pub fn http_use(&self) -> &Arc<HttpUse> {
        &self.http_use
    }

    /// Bytes of responses that wait to be taken.
    #[must_use]
    pub fn response_bytes(&self) -> usize {
        self.http_use.claimed(Claimed::ResponseBytes)
    }

    /// Claims something for an address, or for nobody in particular if no limit of addresses applies to it.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    pub fn claim(
        &self,
        what: Claimed,
        address: Option<IpAddr>,
        amount: usize,
    ) -> Result<Claim, NoRoom> {
        self.http_use.claim(what, self.whence_of(address), amount)
    }

    /// Who pays for the requests of an address; `None` if no limit of addresses applies to it.
    #[must_use]
    pub fn payer(
        &self,
        address: Option<IpAddr>,
        account: impl FnOnce(Whence) -> Payer,
    ) -> Option<Payer> {
        self.whence_of(address).map(account)
    }

    /// Forgets in one part of the addresses who has nothing and owes nothing. There are as many parts as
    /// [`Self::address_parts`] says.
    pub fn tidy_http_use(&self, part: usize, now: Duration) {
        self.http_use.tidy(part, now);
    }

    fn whence_of(&self, address: Option<IpAddr>) -> Option<Whence> {
        self.whence(&Visitor {
            address,
            ..Visitor::default()
        })
    }
}
