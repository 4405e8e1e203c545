//! Serves one announce or scrape over HTTP: limits, parsing, rules and the reply. It stores no connection.

use std::cell::RefCell;
use std::rc::Rc;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::failure_counters::counter_of;
use super::settings::HttpTrackerSettings;
use crate::hub::Hub;
use crate::node::{ClientInfo, FullScrapePermit};
use crate::protocol::http::{
    self, Endpoint, HttpAnnounce, HttpAnnounceReply, HttpFailure, HttpRequestKind, RequestTarget,
};
use crate::protocol::{Event, Scrape};

/// The HTTP tracker of one worker.
#[derive(Debug)]
pub(in crate::http) struct HttpTracker {
    /// The hub of the worker, for its time, its counters and its announce interval.
    pub(super) hub: Rc<Hub>,
    /// Chooses the peers in replies.
    pub(super) rng: RefCell<SmallRng>,
}

impl HttpTracker {
    /// Creates the HTTP tracker of the worker of this hub.
    pub(in crate::http) fn new(hub: &Rc<Hub>) -> Self {
        Self {
            hub: Rc::clone(hub),
            rng: RefCell::new(SmallRng::seed_from_u64(rand::random())),
        }
    }

    /// Serves a request of a client and returns the body of the response.
    pub(super) fn serve(
        &self,
        client: &ClientInfo,
        (which, target): (HttpRequestKind, RequestTarget<'_>),
        settings: &HttpTrackerSettings,
    ) -> Vec<u8> {
        let served = self
            .check_request(client, target)
            .and_then(|()| match which {
                HttpRequestKind::Announce => self.announce(client, target.query, settings),
                HttpRequestKind::Scrape => self.scrape(target.query, settings),
            });
        served.unwrap_or_else(|failure| self.refuse(failure, target, ""))
    }

    /// Starts a full scrape of a client.
    ///
    /// # Errors
    ///
    /// Why the client is refused. The caller counts the refusal.
    pub(super) fn start_full_scrape(
        &self,
        client: &ClientInfo,
        target: RequestTarget<'_>,
    ) -> Result<FullScrapePermit, HttpFailure> {
        self.check_request(client, target)?;
        let node = self.hub.node();
        if !node.tracker().allows_full_scrape() {
            return Err(HttpFailure::FullScrape);
        }
        let permit = node.full_scrapes().try_take();
        let permit = permit.ok_or(HttpFailure::FullScrapeBusy)?;
        self.hub.counters().http_scrapes.add(1);
        Ok(permit)
    }

    /// Admits a request for members-only data where tokens are required. The rate limit of HTTP requests applies.
    ///
    /// # Errors
    ///
    /// The client has no valid token, or its address sends too many requests. Both are counted.
    pub(in crate::http) fn admit_request(
        &self,
        client: &ClientInfo,
        target: RequestTarget<'_>,
    ) -> Result<(), HttpFailure> {
        if !self.hub.node().access_tokens().requires_token() {
            return Ok(());
        }
        let checked = self.check_request(client, target);
        checked.inspect_err(|failure| self.count_failure(*failure, ""))
    }

    /// Admits a request that shares the rate limit of announces and scrapes.
    ///
    /// # Errors
    ///
    /// The address of the client sends too many requests, which is counted.
    pub(in crate::http) fn admit_address(&self, client: &ClientInfo) -> Result<(), HttpFailure> {
        let admitted = self.hub.admission().admit_http_request(client.address);
        admitted.inspect_err(|failure| self.count_failure(*failure, ""))
    }

    /// Refuses a request and returns the body of the response. `name` names the subject for the operator.
    pub(super) fn refuse(
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
    pub(in crate::http) fn count_failure(&self, failure: HttpFailure, name: &str) {
        let telemetry = self.hub.node().telemetry();
        telemetry.record_http_failure(failure, name);
        counter_of(failure, self.hub.counters()).add(1);
    }

    fn announce(
        &self,
        client: &ClientInfo,
        query: &[u8],
        settings: &HttpTrackerSettings,
    ) -> Result<Vec<u8>, HttpFailure> {
        let (from, announce) = self.parse_announce(client, query, settings)?;
        let reply = self.apply_announce(client, &from, &announce)?;
        Ok(self.announce_reply(&reply, &from, &announce, settings))
    }

    /// Reads an announce, and bounds what it wants. Also returns where its sender accepts connections.
    pub(super) fn parse_announce(
        &self,
        client: &ClientInfo,
        query: &[u8],
        settings: &HttpTrackerSettings,
    ) -> Result<(Endpoint, HttpAnnounce), HttpFailure> {
        let mut announce = http::parse_announce(query)?;
        // A peer that leaves is not listed, so its port does not matter.
        if http::is_port_blocked(announce.port) && announce.event != Event::Stopped {
            return Err(HttpFailure::PortBlocked(announce.port));
        }
        let address = client.address.own_ip().ok_or(HttpFailure::NoAddress)?;
        let from = Endpoint::new(address, announce.port);
        if announce.numwant > settings.peers_per_reply_max {
            announce.numwant = settings.peers_per_reply_max;
            self.hub.counters().http_replies_cut.add(1);
        }
        Ok((from, announce))
    }

    /// Counts an announce, and returns the body of its reply.
    pub(super) fn announce_reply(
        &self,
        reply: &HttpAnnounceReply,
        from: &Endpoint,
        announce: &HttpAnnounce,
        settings: &HttpTrackerSettings,
    ) -> Vec<u8> {
        self.hub.counters().http_announces.add(1);
        http::announce_reply(reply, from, announce.peer_list_format, settings.intervals)
    }

    pub(super) fn apply_announce(
        &self,
        client: &ClientInfo,
        from: &Endpoint,
        announce: &HttpAnnounce,
    ) -> Result<HttpAnnounceReply, HttpFailure> {
        let hub = &self.hub;
        hub.count_http_announce();
        let mut rng = self.rng.borrow_mut();
        let tracker = hub.node().tracker();
        let outcome = tracker.announce_http(from, announce, (hub.time(), &mut rng), || {
            hub.admission().admit_http_peer(client.address)
        });
        hub.counters()
            .http_key_mismatches
            .add(u64::from(outcome.key_mismatch));
        if let Some(owner) = outcome.released_owner {
            hub.admission().release_http_peer(owner);
        }
        outcome.reply
    }

    fn scrape(&self, query: &[u8], settings: &HttpTrackerSettings) -> Result<Vec<u8>, HttpFailure> {
        let scrape = self.parse_scrape(query, settings)?;
        let files = self.hub.node().tracker().scrape_http(scrape)?;
        self.hub.counters().http_scrapes.add(1);
        Ok(http::scrape_reply(&files))
    }

    pub(super) fn parse_scrape(
        &self,
        query: &[u8],
        settings: &HttpTrackerSettings,
    ) -> Result<Scrape, HttpFailure> {
        let max = settings.scrape_hashes_max;
        let scrape = http::parse_scrape(query, max)?;
        let is_full = matches!(&scrape, Scrape::Swarms(hashes) if hashes.len() >= max);
        self.hub.counters().scrapes_full.add(u64::from(is_full));
        Ok(scrape)
    }

    /// Checks the request rate of the client's address, then its token. A request with a wrong token counts like any
    /// other, so guessing has the same limit.
    pub(super) fn check_request(
        &self,
        client: &ClientInfo,
        target: RequestTarget<'_>,
    ) -> Result<(), HttpFailure> {
        self.hub.admission().admit_http_request(client.address)?;
        let has_token = self.hub.node().access_tokens().has_valid_token(target);
        has_token.then_some(()).ok_or(HttpFailure::Token)
    }
}
