//! Serves one message: limits, parsing, rules and delivery.

use std::hint::black_box;
use std::time::Duration;

use super::entry::Entry;
use super::write::CONTROL_FRAME_BYTES;
use super::{Ended, Hub, State, Worth};
use crate::insight::Counters;
use crate::limits::{Admission, Misdeed, Pause, Rate};
use crate::protocol::{self, About, ConnectionId, Event, Failure, Refusal, Request, Scrape};
use crate::tracker::{AnswerFate, Bounded, Relay, RelayKind, Reply};
use crate::websocket;

/// What a connection does after a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Continue reading.
    Read,
    /// Continue reading after this time.
    Pause(Duration),
    /// Close.
    Close(Ended),
}

/// The position of a connection's reader after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Between two messages, or reading is paused.
    Rest,
    /// Inside a message or frame that began in this turn.
    Begun,
    /// Inside one that began before this turn.
    GoesOn,
}

impl Next {
    /// Pauses for at least `wait`, unless it closes.
    fn at_least(self, wait: Duration) -> Self {
        match self {
            Self::Read if !wait.is_zero() => Self::Pause(wait),
            Self::Pause(pause) => Self::Pause(pause.max(wait)),
            next => next,
        }
    }
}

impl Hub {
    /// Serves one message and queues its reply and relays in their outboxes. `None` is a binary message that is not
    /// UTF-8.
    pub fn receive(&self, id: ConnectionId, text: Option<&str>) -> Next {
        let now = self.time.get();
        let state = &mut *self.state.borrow_mut();
        let interval = state.pace.interval();
        let Some(entry) = state
            .entries
            .get_mut(id.slot())
            .filter(|entry| entry.id == id)
        else {
            return Next::Close(Ended::Lost);
        };
        entry.heard(now);
        let admission = self.admit(entry, now);
        if admission == Admission::Flood {
            return Next::Close(Ended::Flood);
        }
        let not_json = Refusal {
            failure: Failure::NotJson,
            about: About::Nothing,
        };
        let bounds = self.tuned.get().bounds;
        let parsed = text
            .ok_or(not_json)
            .and_then(|text| protocol::parse(text, &bounds));
        let request = match parsed {
            Ok(request) => {
                if let Admission::Refuse(rate) = admission {
                    let refusal = Refusal {
                        failure: too_fast(rate),
                        about: about(&request),
                    };
                    return self.refuse(entry, refusal, interval, now);
                }
                request
            }
            Err(refusal) => return self.refuse(entry, refusal, interval, now),
        };
        entry.awaited_since = None;
        let wait = match self.wait_for_origin(entry, &request) {
            Ok(wait) => wait,
            Err(refusal) => return self.refuse(entry, refusal, interval, now),
        };
        let offered = self.count_request(&request);
        if matches!(request, Request::Announce(_)) {
            state.pace.count();
        }
        if matches!(request, Request::Scrape(Scrape::Everything))
            && self.node.tracker.allows_full_scrape()
        {
            let next = self.begin_telling_all(entry, &mut state.telling, (interval, now));
            return next.at_least(wait);
        }
        let outcome =
            self.node
                .tracker
                .handle(&mut entry.participant, request, now, &mut state.rng);
        if let Some(fate) = outcome.answer
            && let Err(ended) = self.judge(entry, fate, outcome.waited, now)
        {
            return Next::Close(ended);
        }
        let offers = outcome
            .relays
            .iter()
            .filter(|relay| relay.kind == RelayKind::Offer)
            .count();
        let given = offers as u64 + u64::from(outcome.bounded.copies);
        let left = offered.saturating_sub(given);
        self.counters().offers_without_receiver.add(left);
        self.count_bounds(outcome.bounded);
        if let Some(reply) = outcome.reply {
            match reply {
                Reply::Announce(info_hash, counts) => {
                    self.say(entry, protocol::REPLY_BYTES, |out| {
                        protocol::announce_reply(out, &info_hash, counts, interval);
                    });
                }
                Reply::Scrape(files) => {
                    self.say(entry, protocol::scrape_bytes(files.len()), |out| {
                        protocol::scrape_reply(out, &files);
                    });
                }
                Reply::Failure(refusal) => return self.refuse(entry, refusal, interval, now),
            }
        }
        entry.participant.count_offers(offers);
        let next = self.charge(entry, offers, now).at_least(wait);
        self.counters().offers_relayed.add(offers as u64);
        if self.node.watch.is_on() {
            self.node.watch.note(&outcome.relays, now);
        }
        self.fetch_receivers(state, &outcome.relays);
        for relay in &outcome.relays {
            self.relay(state, relay);
        }
        next
    }

    /// Reads a word of each receiver, so that the processor loads all of them in parallel. Loading them one by one
    /// would wait for each.
    fn fetch_receivers(&self, state: &State, relays: &[Relay<'_>]) {
        let own = relays.iter().map(|relay| relay.to.connection);
        let waiting: usize = own
            .filter(|to| to.worker() == self.worker)
            .filter_map(|to| state.entries.get(to.slot()))
            .map(|entry| entry.outbox.bytes())
            .sum();
        black_box(waiting);
    }

    /// Handles a ping or pong of a client, which counts as a message. A ping is answered with its own payload.
    pub fn receive_control(&self, id: ConnectionId, ping: Option<&[u8]>) -> Next {
        let now = self.time.get();
        let served = self.with(id, |entry| {
            entry.heard(now);
            if let Some(payload) = ping {
                let size = CONTROL_FRAME_BYTES + payload.len();
                self.put(entry, Worth::Kept, size, |out| {
                    websocket::write_pong(out, payload);
                });
            }
            match self.admit(entry, now) {
                Admission::Serve | Admission::Refuse(_) => self.charge(entry, 0, now),
                Admission::Flood => Next::Close(Ended::Flood),
            }
        });
        served.unwrap_or(Next::Close(Ended::Lost))
    }

    /// Charges the bytes read in a turn and stores the position of the reader. Returns how long reading must pause, if
    /// it must.
    pub fn end_read(&self, id: ConnectionId, bytes: usize, progress: Progress) -> Option<Duration> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let now = self.time.get();
        let limiter = self.limiter.borrow();
        let pause = self.with(id, |entry| {
            entry.read_up_to(progress, now);
            let limiter = limiter.as_ref().filter(|_| bytes > 0)?;
            limiter.charge_bytes(&mut entry.usage, bytes, now)
        });
        let pause = pause.flatten()?;
        Some(self.count_pause(pause))
    }

    /// Stores how many bytes of an unfinished message a connection holds.
    pub fn note_unfinished(&self, id: ConnectionId, bytes: usize) {
        let state = &mut *self.state.borrow_mut();
        let is_known = |entry: &Entry| entry.id == id;
        if state.entries.get(id.slot()).is_some_and(is_known)
            && let Some(arrived) = state.arrived.get_mut(id.slot())
        {
            arrived.set_unfinished(bytes);
        }
    }

    /// Returns how long reading from a new connection must pause, if it continues the usage of an ended one of its
    /// address.
    pub fn begin_read(&self, id: ConnectionId) -> Option<Duration> {
        let now = self.time.get();
        match self.with(id, |entry| self.charge(entry, 0, now)) {
            Some(Next::Pause(time)) => Some(time),
            _ => None,
        }
    }

    fn admit(&self, entry: &mut Entry, now: Duration) -> Admission {
        let limiter = self.limiter.borrow();
        limiter.as_ref().map_or(Admission::Serve, |limiter| {
            limiter.admit(&mut entry.usage, now)
        })
    }

    pub(super) fn charge(&self, entry: &mut Entry, offers: usize, now: Duration) -> Next {
        let offers = u32::try_from(offers).unwrap_or(u32::MAX);
        let limiter = self.limiter.borrow();
        match limiter
            .as_ref()
            .and_then(|limiter| limiter.charge(&mut entry.usage, offers, now))
        {
            Some(pause) => Next::Pause(self.count_pause(pause)),
            None => Next::Read,
        }
    }

    fn count_pause(&self, pause: Pause) -> Duration {
        let counters = self.counters();
        match pause.rate {
            Rate::Messages => counters.paused_messages_per_second.add(1),
            Rate::Offers => counters.paused_offers_per_second.add(1),
            Rate::Bytes => counters.paused_bytes_per_second.add(1),
        }
        pause.time
    }

    /// Refuses a message and sends the reason to the client.
    pub(super) fn refuse(
        &self,
        entry: &mut Entry,
        refusal: Refusal,
        interval: u32,
        now: Duration,
    ) -> Next {
        let counters = self.counters();
        match refusal.failure {
            Failure::Memberships => counters.failures_memberships.add(1),
            Failure::NotAllowed => counters.failures_info_hash_not_allowed.add(1),
            Failure::FullScrape => counters.failures_full_scrape.add(1),
            Failure::FullScrapeBusy => counters.failures_full_scrape_busy.add(1),
            Failure::MessagesTooFast => counters.failures_messages_per_second.add(1),
            Failure::OffersTooFast => counters.failures_offers_per_second.add(1),
            Failure::BytesTooFast => counters.failures_bytes_per_second.add(1),
            Failure::OriginTooFast => counters.failures_origin_announces_per_second.add(1),
            Failure::Swarms => counters.failures_swarms_max.add(1),
            Failure::AddressSwarms => counters.failures_address_swarms_percent.add(1),
            failure => {
                counters.failures_malformed.add(1);
                count_malformed(counters, failure);
            }
        }
        self.node.note_message_failure(refusal.failure);
        tracing::trace!(connection = %self.name(entry.id), failure = refusal.failure.label(), "message refused");
        self.say(entry, protocol::REPLY_BYTES, |out| {
            protocol::failure(out, &refusal, interval);
        });
        let violation = match refusal.failure {
            failure if failure.is_malformed() => Some(Misdeed::Malformed),
            failure if failure.is_too_fast() => Some(Misdeed::Refused),
            _ => None,
        };
        if refusal.failure.is_malformed()
            && let Some(limiter) = &*self.limiter.borrow()
            && !limiter.allow_malformed(&mut entry.usage)
        {
            return Next::Close(Ended::Malformed);
        }
        if let Some(violation) = violation
            && let Err(ended) = self.resent(entry, violation, now)
        {
            return Next::Close(ended);
        }
        if refusal.failure.is_too_fast() {
            Next::Read
        } else {
            self.charge(entry, 0, now)
        }
    }

    /// Returns how long reading must pause for the announce limit of the origin. A client that leaves never waits.
    fn wait_for_origin(&self, entry: &Entry, request: &Request<'_>) -> Result<Duration, Refusal> {
        let Request::Announce(announce) = request else {
            return Ok(Duration::ZERO);
        };
        let origin = entry.visit.origin();
        if !self.tuned.get().limits_origins
            || !origin.is_counted()
            || announce.event == Event::Stopped
        {
            return Ok(Duration::ZERO);
        }
        let group = entry.visit.address();
        let group = group.map(|key| self.node.addresses.group_of(key));
        let wait = self.node.origins.announce(origin, group, self.time.get());
        if wait.is_ok_and(|wait| !wait.is_zero()) {
            self.counters().paused_origin_announces_per_second.add(1);
        }
        wait.map_err(|_| Refusal {
            failure: Failure::OriginTooFast,
            about: About::Announce(announce.info_hash),
        })
    }

    /// Records the fate of an answer.
    fn judge(
        &self,
        entry: &mut Entry,
        fate: AnswerFate,
        waited: Duration,
        now: Duration,
    ) -> Result<(), Ended> {
        self.counters().answers_received.add(1);
        match fate {
            AnswerFate::Relayed => {
                entry.participant.count_answer();
                self.counters().answers_relayed.add(1);
                self.levels().answer_time.record(waited);
                Ok(())
            }
            AnswerFate::Unwanted => {
                self.counters().answers_unwanted.add(1);
                self.resent(entry, Misdeed::UnwantedAnswer, now)
            }
            AnswerFate::Malformed => {
                self.counters().answers_malformed.add(1);
                self.resent(entry, Misdeed::Malformed, now)
            }
        }
    }

    /// Records a violation. Returns an error if the connection has too many in total.
    fn resent(&self, entry: &mut Entry, violation: Misdeed, now: Duration) -> Result<(), Ended> {
        match &*self.limiter.borrow() {
            Some(limiter) if !limiter.allow_offence(&mut entry.usage, violation, now) => {
                Err(Ended::Hostile)
            }
            _ => Ok(()),
        }
    }

    /// Counts a request. Returns the number of offers to relay.
    fn count_request(&self, request: &Request<'_>) -> u64 {
        let counters = self.counters();
        match request {
            Request::Announce(announce) => {
                counters.announces.add(1);
                let by_event = match announce.event {
                    Event::Started => &counters.announces_started,
                    Event::Completed => &counters.announces_completed,
                    Event::Stopped => &counters.announces_stopped,
                    Event::Paused => &counters.announces_paused,
                    Event::Update => &counters.announces_regular,
                };
                by_event.add(1);
                let offers = announce.offers.len() as u64;
                let bad = u64::from(announce.bad_offers);
                let surplus = u64::from(announce.surplus_offers);
                counters.offers_received.add(offers + bad + surplus);
                counters.offers_malformed.add(bad);
                counters.offers_surplus.add(surplus);
                return offers;
            }
            Request::Scrape(scrape) => {
                counters.scrapes.add(1);
                let max = self.tuned.get().bounds.scrape_hashes_max;
                let is_full = matches!(scrape, Scrape::Swarms(hashes) if hashes.len() >= max);
                counters.scrapes_full.add(u64::from(is_full));
            }
            Request::Answer(_) | Request::BadAnswer => {}
        }
        0
    }

    fn count_bounds(&self, bounded: Bounded) {
        let counters = self.counters();
        counters
            .offers_forgotten
            .add(u64::from(bounded.pending_offers));
        counters.offers_copied.add(u64::from(bounded.copies));
        counters
            .passed_over_offers_received_per_second
            .add(u64::from(bounded.receivers));
        counters
            .passed_over_offers_received_reserved_percent
            .add(u64::from(bounded.reserved));
        counters
            .memberships_replaced
            .add(u64::from(bounded.peer_ids));
    }
}

/// Counts a malformed message by its failure.
fn count_malformed(counters: &Counters, failure: Failure) {
    let counter = match failure {
        Failure::NotJson => &counters.failures_not_json,
        Failure::NotAnObject => &counters.failures_not_an_object,
        Failure::NestedTooDeeply => &counters.failures_nested_too_deeply,
        Failure::InfoHash(_) => &counters.failures_info_hash,
        Failure::PeerId(_) => &counters.failures_peer_id,
        Failure::ScrapeHashes => &counters.failures_scrape_hashes,
        _ => &counters.failures_unknown_action,
    };
    counter.add(1);
}

const fn too_fast(rate: Rate) -> Failure {
    match rate {
        Rate::Messages => Failure::MessagesTooFast,
        Rate::Offers => Failure::OffersTooFast,
        Rate::Bytes => Failure::BytesTooFast,
    }
}

fn about(request: &Request<'_>) -> About {
    match request {
        Request::Announce(announce) => About::Announce(announce.info_hash),
        Request::Answer(answer) => About::Announce(answer.info_hash),
        Request::Scrape(_) => About::Scrape,
        Request::BadAnswer => About::Nothing,
    }
}
