//! Serves one announce or scrape over HTTP: limits, parsing, rules and the reply. It stores no connection.

use super::Hub;
use super::failure_counters::FailureCounter;
use crate::node::ClientInfo;
use crate::protocol::http::{
    self, Endpoint, HttpAnnounce, HttpAnnounceReply, HttpFailure, HttpRequestKind, RequestTarget,
};
use crate::protocol::{Event, Scrape};
use crate::swarm::HttpOwner;

impl Hub {
    /// Serves a request of a client and returns the body of the response.
    pub fn serve_http(
        &self,
        client: &ClientInfo,
        (which, target): (HttpRequestKind, RequestTarget<'_>),
    ) -> Vec<u8> {
        let served = self
            .check_request(client, target)
            .and_then(|()| match which {
                HttpRequestKind::Announce => self.announce_http(client, target.query),
                HttpRequestKind::Scrape => self.scrape_http(target.query),
            });
        served.unwrap_or_else(|failure| self.refuse_http(failure, target, ""))
    }

    /// Admits a request for members-only data where tokens are required. The rate limit of HTTP requests applies.
    ///
    /// # Errors
    ///
    /// The client has no valid token, or its address sends too many requests. Both are counted.
    pub fn admit_request(
        &self,
        client: &ClientInfo,
        target: RequestTarget<'_>,
    ) -> Result<(), HttpFailure> {
        if !self.node.access_tokens().requires_token() {
            return Ok(());
        }
        let checked = self.check_request(client, target);
        checked.inspect_err(|failure| self.count_failure(*failure, ""))
    }

    /// Refuses a request and returns the body of the response. `name` names the subject for the operator.
    pub fn refuse_http(
        &self,
        failure: HttpFailure,
        target: RequestTarget<'_>,
        name: &str,
    ) -> Vec<u8> {
        self.count_failure(failure, name);
        let retry = failure.retry();
        let retry = if target.is_stopped() {
            retry.for_stopped()
        } else {
            retry
        };
        http::failure_reply(failure.text(), retry)
    }

    /// Counts a refused request and records it for the operator.
    pub fn count_failure(&self, failure: HttpFailure, name: &str) {
        self.node.telemetry().record_http_failure(failure, name);
        failure.counter(self.counters()).add(1);
    }

    fn announce_http(&self, client: &ClientInfo, query: &[u8]) -> Result<Vec<u8>, HttpFailure> {
        let mut announce = http::parse_announce(query)?;
        // A peer that leaves is not listed, so its port does not matter.
        if http::is_port_blocked(announce.port) && announce.event != Event::Stopped {
            return Err(HttpFailure::PortBlocked(announce.port));
        }
        let address = client.address.own_ip().ok_or(HttpFailure::NoAddress)?;
        let from = Endpoint::new(address, announce.port);
        let (settings, counters) = (self.hot_settings.get(), self.counters());
        if announce.numwant > settings.http_peers_max {
            announce.numwant = settings.http_peers_max;
            counters.http_replies_cut.add(1);
        }
        let reply = self.handle_http_announce(client, &from, &announce)?;
        counters.http_announces.add(1);
        Ok(http::announce_reply(
            &reply,
            &from,
            announce.peer_list_format,
            settings.http_intervals,
        ))
    }

    fn handle_http_announce(
        &self,
        client: &ClientInfo,
        from: &Endpoint,
        announce: &HttpAnnounce,
    ) -> Result<HttpAnnounceReply, HttpFailure> {
        let (node, now) = (&self.node, self.time.get());
        let state = &mut *self.state.borrow_mut();
        state.interval.count_announce();
        let outcome = node
            .tracker()
            .announce_http(from, announce, (now, &mut state.rng), || {
                self.admission.admit_http_peer(client.address)
            });
        self.counters()
            .http_key_mismatches
            .add(u64::from(outcome.key_mismatch));
        if let Some(owner) = outcome.released_owner {
            self.release_http_peer(owner);
        }
        outcome.reply
    }

    fn scrape_http(&self, query: &[u8]) -> Result<Vec<u8>, HttpFailure> {
        let (counters, max) = (
            self.counters(),
            self.hot_settings.get().bounds.scrape_hashes_max,
        );
        let scrape = http::parse_scrape(query, max)?;
        let is_full = matches!(&scrape, Scrape::Swarms(hashes) if hashes.len() >= max);
        counters.scrapes_full.add(u64::from(is_full));
        let files = self.node.tracker().scrape_http(scrape)?;
        counters.http_scrapes.add(1);
        Ok(http::scrape_reply(&files))
    }

    /// Checks the request rate of the client's address, then its token. A request with a wrong token counts like any
    /// other, so guessing has the same limit.
    pub(super) fn check_request(
        &self,
        client: &ClientInfo,
        target: RequestTarget<'_>,
    ) -> Result<(), HttpFailure> {
        self.admission.admit_http_request(client.address)?;
        let has_token = self.node.access_tokens().has_valid_token(target);
        has_token.then_some(()).ok_or(HttpFailure::Token)
    }

    /// Releases a counted membership.
    pub(super) fn release_http_peer(&self, owner: HttpOwner) {
        if let Some(bits) = owner {
            self.admission.shared().release_http_peer(bits.into());
        }
    }
}
