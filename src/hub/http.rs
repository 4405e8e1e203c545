//! The way of one announce or scrape over HTTP: limits, reading, rules, and the reply. No connection is kept for it.

use super::{Hub, Node, Visitor};
use crate::limits::Key;
use crate::protocol::http::{self, Announce, Endpoint, Failure, Reply, Target, Which};
use crate::protocol::{Event, Scrape};
use crate::swarm::Owner;
use crate::tracker::HttpRoom;

impl Hub {
    /// Serves a request of a visitor and gives the body of the response.
    pub fn serve_http(&self, visitor: &Visitor, (which, target): (Which, Target<'_>)) -> Vec<u8> {
        let served = self.check(visitor, target).and_then(|()| match which {
            Which::Announce => self.announce_http(visitor, target.query),
            Which::Scrape => self.scrape_http(target.query),
        });
        served.unwrap_or_else(|failure| self.refuse_http(failure, target, ""))
    }

    /// Lets a visitor ask for what only members are told, where tokens are needed; it has the limit of requests over HTTP.
    ///
    /// # Errors
    ///
    /// It shows no good token, or its address asks too often. Both are counted.
    pub fn admit_request(&self, visitor: &Visitor, target: Target<'_>) -> Result<(), Failure> {
        if !self.node.needs_tokens() {
            return Ok(());
        }
        let checked = self.check(visitor, target);
        checked.inspect_err(|failure| self.count_failure(*failure, ""))
    }

    /// Why a request is not served, as the body of the response. `name` is whom or what it was about, for the operator.
    pub fn refuse_http(&self, failure: Failure, target: Target<'_>, name: &str) -> Vec<u8> {
        self.count_failure(failure, name);
        let retry = failure.retry();
        let retry = if target.leaves() {
            retry.of_leaving()
        } else {
            retry
        };
        http::failure(failure.text(), retry)
    }

    /// Counts a request that is refused, and notes it for the operator.
    pub fn count_failure(&self, failure: Failure, name: &str) {
        self.node.note_failure(failure, name);
        let counters = self.counters();
        let counter = match failure {
            Failure::InfoHash
            | Failure::InfoHashes
            | Failure::PeerId
            | Failure::Port
            | Failure::Method => &counters.failures_http_malformed,
            Failure::PortRefused(_) => &counters.failures_http_port,
            Failure::Host => &counters.failures_http_host,
            Failure::Page => &counters.failures_http_page,
            Failure::NoAddress => &counters.failures_http_no_address,
            Failure::NotHere => &counters.failures_http_not_here,
            Failure::Leaving => &counters.failures_http_draining,
            Failure::Token => &counters.failures_token,
            Failure::NotAllowed => &counters.failures_info_hash_not_allowed,
            Failure::FullScrape => &counters.failures_full_scrape,
            Failure::FullScrapeBusy => &counters.failures_full_scrape_busy,
            Failure::TooFast(_) => &counters.failures_address_http_requests_per_second,
            Failure::AddressPeers => &counters.failures_address_http_peers_max,
            Failure::AddressSwarmPeers => &counters.failures_address_http_peers_per_swarm_max,
            Failure::Peers => &counters.failures_http_peers_max,
            Failure::Swarms => &counters.failures_swarms_max,
            Failure::AddressSwarms => &counters.failures_address_swarms_percent,
        };
        counter.add(1);
    }

    fn announce_http(&self, visitor: &Visitor, query: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut announce = http::read_announce(query)?;
        // Who leaves is listed nowhere.
        if http::is_refused(announce.port) && announce.event != Event::Stopped {
            return Err(Failure::PortRefused(announce.port));
        }
        let address = visitor.own_address().ok_or(Failure::NoAddress)?;
        let from = Endpoint::new(address, announce.port);
        let (tuned, counters) = (self.tuned.get(), self.counters());
        if announce.wanted > tuned.http_peers_max {
            announce.wanted = tuned.http_peers_max;
            counters.http_replies_cut.add(1);
        }
        let told = self.track_http(visitor, &from, &announce)?;
        counters.http_announces.add(1);
        Ok(http::announce_reply(
            &told,
            &from,
            announce.form,
            tuned.http_terms,
        ))
    }

    fn track_http(
        &self,
        visitor: &Visitor,
        from: &Endpoint,
        announce: &Announce,
    ) -> Result<Reply, Failure> {
        let (node, now) = (&self.node, self.time.get());
        let state = &mut *self.state.borrow_mut();
        state.pace.count();
        let outcome = node
            .tracker
            .announce_http(from, announce, (now, &mut state.rng), || {
                node.room_for_http(visitor)
            });
        self.counters()
            .http_key_mismatches
            .add(u64::from(outcome.has_other_key));
        if let Some(owner) = outcome.released {
            node.release_http(owner);
        }
        outcome.told
    }

    fn scrape_http(&self, query: &[u8]) -> Result<Vec<u8>, Failure> {
        let (counters, max) = (self.counters(), self.tuned.get().bounds.scrape_hashes_max);
        let scrape = http::read_scrape(query, max)?;
        let is_full = matches!(&scrape, Scrape::Swarms(hashes) if hashes.len() >= max);
        counters.scrapes_full.add(u64::from(is_full));
        let files = self.node.tracker.scrape_http(scrape)?;
        counters.http_scrapes.add(1);
        Ok(http::scrape_reply(&files))
    }

    /// Looks whether the address of a visitor has sent too much, and then whether the token is right: so one that is wrong costs as
    /// much as any other request, and guessing has the same limit.
    pub(super) fn check(&self, visitor: &Visitor, target: Target<'_>) -> Result<(), Failure> {
        if let Some(whence) = self.node.whence(visitor) {
            let asked = self.node.addresses.ask(whence, self.time.get());
            asked.map_err(Failure::TooFast)?;
        }
        let is_admitted = self.node.admits(target);
        is_admitted.then_some(()).ok_or(Failure::Token)
    }
}

impl Node {
    /// Counts one more membership of the address of a visitor, if it may have one. Nobody is counted where no limit of addresses
    /// applies.
    fn room_for_http(&self, visitor: &Visitor) -> Result<HttpRoom, Failure> {
        let Some(whence) = self.whence(visitor) else {
            return Ok(HttpRoom::default());
        };
        let counted = self.addresses.enter_http(whence);
        let (key, share) = counted.ok_or(Failure::AddressPeers)?;
        Ok(HttpRoom {
            owner: Some(key.into()),
            share: Some(share),
        })
    }

    /// Takes a membership out that was counted.
    pub(super) fn release_http(&self, owner: Owner) {
        if let Some(bits) = owner {
            self.addresses.leave_http(Key::from(bits));
        }
    }
}
