//! Serves one announce or scrape over HTTP: limits, parsing, rules and the reply. It stores no connection.

use super::{Hub, Node, Visitor};
use crate::limits::Key;
use crate::protocol::http::{self, Announce, Endpoint, Failure, Reply, Target, Which};
use crate::protocol::{Event, Scrape};
use crate::swarm::Owner;
use crate::tracker::HttpRoom;

impl Hub {
    /// Serves a request of a client and returns the body of the response.
    pub fn serve_http(&self, client: &Visitor, (which, target): (Which, Target<'_>)) -> Vec<u8> {
        let served = self.check(client, target).and_then(|()| match which {
            Which::Announce => self.announce_http(client, target.query),
            Which::Scrape => self.scrape_http(target.query),
        });
        served.unwrap_or_else(|failure| self.refuse_http(failure, target, ""))
    }

    /// Admits a request for members-only data where tokens are required. The rate limit of HTTP requests applies.
    ///
    /// # Errors
    ///
    /// The client has no valid token, or its address sends too many requests. Both are counted.
    pub fn admit_request(&self, client: &Visitor, target: Target<'_>) -> Result<(), Failure> {
        if !self.node.needs_tokens() {
            return Ok(());
        }
        let checked = self.check(client, target);
        checked.inspect_err(|failure| self.count_failure(*failure, ""))
    }

    /// Refuses a request and returns the body of the response. `name` names the subject for the operator.
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

    /// Counts a refused request and records it for the operator.
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

    fn announce_http(&self, client: &Visitor, query: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut announce = http::read_announce(query)?;
        // A peer that leaves is not listed, so its port does not matter.
        if http::is_refused(announce.port) && announce.event != Event::Stopped {
            return Err(Failure::PortRefused(announce.port));
        }
        let address = client.own_address().ok_or(Failure::NoAddress)?;
        let from = Endpoint::new(address, announce.port);
        let (settings, counters) = (self.tuned.get(), self.counters());
        if announce.wanted > settings.http_peers_max {
            announce.wanted = settings.http_peers_max;
            counters.http_replies_cut.add(1);
        }
        let reply = self.track_http(client, &from, &announce)?;
        counters.http_announces.add(1);
        Ok(http::announce_reply(
            &reply,
            &from,
            announce.form,
            settings.http_terms,
        ))
    }

    fn track_http(
        &self,
        client: &Visitor,
        from: &Endpoint,
        announce: &Announce,
    ) -> Result<Reply, Failure> {
        let (node, now) = (&self.node, self.time.get());
        let state = &mut *self.state.borrow_mut();
        state.pace.count();
        let outcome = node
            .tracker
            .announce_http(from, announce, (now, &mut state.rng), || {
                node.room_for_http(client)
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

    /// Checks the request rate of the client's address, then its token. A request with a wrong token counts like any
    /// other, so guessing has the same limit.
    pub(super) fn check(&self, client: &Visitor, target: Target<'_>) -> Result<(), Failure> {
        if let Some(keys) = self.node.whence(client) {
            let admitted = self.node.addresses.ask(keys, self.time.get());
            admitted.map_err(Failure::TooFast)?;
        }
        let has_token = self.node.admits(target);
        has_token.then_some(()).ok_or(Failure::Token)
    }
}

impl Node {
    /// Counts one more membership of the client's address, if it may have one. Nothing is counted where no limit of
    /// addresses applies.
    fn room_for_http(&self, client: &Visitor) -> Result<HttpRoom, Failure> {
        let Some(keys) = self.whence(client) else {
            return Ok(HttpRoom::default());
        };
        let counted = self.addresses.enter_http(keys);
        let (key, quota_usage) = counted.ok_or(Failure::AddressPeers)?;
        Ok(HttpRoom {
            owner: Some(key.into()),
            share: Some(quota_usage),
        })
    }

    /// Releases a counted membership.
    pub(super) fn release_http(&self, owner: Owner) {
        if let Some(bits) = owner {
            self.addresses.leave_http(Key::from(bits));
        }
    }
}
