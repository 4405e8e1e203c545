//! Serves one message: limits, parsing, rules and delivery.

use std::hint::black_box;
use std::time::Duration;

use super::connection_entry::ConnectionEntry;
use super::write::CONTROL_FRAME_BYTES;
use super::{Ended, Hub, HubState, Priority};
use crate::limits::{ConnectionRate, MessageVerdict, ReadPause, Violation};
use crate::metrics::Counters;
use crate::protocol::{
    self, ConnectionId, Event, Failure, Refusal, RefusalSubject, Request, Scrape,
};
use crate::tracker::{AnswerFate, LimitHits, Relay, RelayKind, Reply};
use crate::websocket;

/// What a connection does after a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextAction {
    /// Continue reading.
    Read,
    /// Continue reading after this time.
    Pause(Duration),
    /// Close.
    Close(Ended),
}

/// The position of a connection's reader after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadProgress {
    /// Between two messages, or reading is paused.
    BetweenMessages,
    /// Inside a message or frame that began in this turn.
    Started,
    /// Inside one that began before this turn.
    Continued,
}

impl NextAction {
    /// Pauses for at least `wait`, unless it closes.
    fn pausing_at_least(self, wait: Duration) -> Self {
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
    pub fn receive_message(&self, id: ConnectionId, text: Option<&str>) -> NextAction {
        let now = self.time.get();
        let state = &mut *self.state.borrow_mut();
        let interval = state.interval.interval();
        let Some(entry) = state
            .entries
            .get_mut(id.slot())
            .filter(|entry| entry.id == id)
        else {
            return NextAction::Close(Ended::Lost);
        };
        entry.record_input(now);
        let admission = self.check_message(entry, now);
        if admission == MessageVerdict::Flood {
            return NextAction::Close(Ended::Flood);
        }
        let not_json = Refusal {
            failure: Failure::NotJson,
            subject: RefusalSubject::Unknown,
        };
        let bounds = self.hot_settings.get().bounds;
        let parsed = text
            .ok_or(not_json)
            .and_then(|text| protocol::parse(text, &bounds));
        let request = match parsed {
            Ok(request) => {
                if let MessageVerdict::Refuse(rate) = admission {
                    let refusal = Refusal {
                        failure: rate_failure(rate),
                        subject: refusal_subject(&request),
                    };
                    return self.refuse_message(entry, refusal, interval, now);
                }
                request
            }
            Err(refusal) => return self.refuse_message(entry, refusal, interval, now),
        };
        entry.first_message_awaited_since = None;
        let wait = match self.origin_announce_delay(entry, &request) {
            Ok(wait) => wait,
            Err(refusal) => return self.refuse_message(entry, refusal, interval, now),
        };
        let offered = self.count_request(&request);
        if matches!(request, Request::Announce(_)) {
            state.interval.count_announce();
        }
        if matches!(request, Request::Scrape(Scrape::Everything))
            && self.node.tracker.allows_full_scrape()
        {
            let next = self.start_full_scrape(entry, &mut state.full_scrape, (interval, now));
            return next.pausing_at_least(wait);
        }
        let outcome =
            self.node
                .tracker
                .handle(&mut entry.participant, request, now, &mut state.rng);
        if let Some(fate) = outcome.answer_fate
            && let Err(ended) = self.record_answer(entry, fate, outcome.offer_age, now)
        {
            return NextAction::Close(ended);
        }
        let offers = outcome
            .relays
            .iter()
            .filter(|relay| relay.kind == RelayKind::Offer)
            .count();
        let given = offers as u64 + u64::from(outcome.limit_hits.duplicate_offers);
        let left = offered.saturating_sub(given);
        self.counters().offers_without_receiver.add(left);
        self.count_bounded(outcome.limit_hits);
        if let Some(reply) = outcome.reply {
            match reply {
                Reply::Announce(info_hash, counts) => {
                    self.reply(entry, protocol::REPLY_BYTES, |out| {
                        protocol::write_announce_reply(out, &info_hash, counts, interval);
                    });
                }
                Reply::Scrape(files) => {
                    self.reply(entry, protocol::scrape_bytes(files.len()), |out| {
                        protocol::write_scrape_reply(out, &files);
                    });
                }
                Reply::Failure(refusal) => {
                    return self.refuse_message(entry, refusal, interval, now);
                }
            }
        }
        entry.participant.count_offers(offers);
        let next = self.charge(entry, offers, now).pausing_at_least(wait);
        self.counters().offers_relayed.add(offers as u64);
        if self.node.introduction_watches.is_active() {
            self.node.introduction_watches.record(&outcome.relays, now);
        }
        self.prefetch_receivers(state, &outcome.relays);
        for relay in &outcome.relays {
            self.relay(state, relay);
        }
        next
    }

    /// Reads a word of each receiver, so that the processor loads all of them in parallel. Loading them one by one
    /// would wait for each.
    fn prefetch_receivers(&self, state: &HubState, relays: &[Relay<'_>]) {
        let own = relays.iter().map(|relay| relay.to.connection);
        let waiting: usize = own
            .filter(|to| to.worker() == self.worker)
            .filter_map(|to| state.entries.get(to.slot()))
            .map(|entry| entry.outbox.bytes())
            .sum();
        black_box(waiting);
    }

    /// Handles a ping or pong of a client, which counts as a message. A ping is answered with its own payload.
    pub fn receive_control(&self, id: ConnectionId, ping: Option<&[u8]>) -> NextAction {
        let now = self.time.get();
        let served = self.with_entry(id, |entry| {
            entry.record_input(now);
            if let Some(payload) = ping {
                let size = CONTROL_FRAME_BYTES + payload.len();
                self.push_output(entry, Priority::Required, size, |out| {
                    websocket::write_pong(out, payload);
                });
            }
            match self.check_message(entry, now) {
                MessageVerdict::Serve | MessageVerdict::Refuse(_) => self.charge(entry, 0, now),
                MessageVerdict::Flood => NextAction::Close(Ended::Flood),
            }
        });
        served.unwrap_or(NextAction::Close(Ended::Lost))
    }

    /// Charges the bytes read in a turn and stores the position of the reader. Returns how long reading must pause, if
    /// it must.
    pub fn end_read(
        &self,
        id: ConnectionId,
        bytes: usize,
        progress: ReadProgress,
    ) -> Option<Duration> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let now = self.time.get();
        let limiter = self.limiter.borrow();
        let pause = self.with_entry(id, |entry| {
            entry.set_read_progress(progress, now);
            let limiter = limiter.as_ref().filter(|_| bytes > 0)?;
            limiter.charge_bytes(&mut entry.usage, bytes, now)
        });
        let pause = pause.flatten()?;
        Some(self.count_pause(pause))
    }

    /// Stores how many bytes of an unfinished message a connection holds.
    pub fn set_unfinished_bytes(&self, id: ConnectionId, bytes: usize) {
        let state = &mut *self.state.borrow_mut();
        let is_known = |entry: &ConnectionEntry| entry.id == id;
        if state.entries.get(id.slot()).is_some_and(is_known)
            && let Some(arrived) = state.details.get_mut(id.slot())
        {
            arrived.set_unfinished_bytes(bytes);
        }
    }

    /// Returns how long reading from a new connection must pause, if it continues the usage of an ended one of its
    /// address.
    pub fn begin_read(&self, id: ConnectionId) -> Option<Duration> {
        let now = self.time.get();
        match self.with_entry(id, |entry| self.charge(entry, 0, now)) {
            Some(NextAction::Pause(time)) => Some(time),
            _ => None,
        }
    }

    fn check_message(&self, entry: &mut ConnectionEntry, now: Duration) -> MessageVerdict {
        let limiter = self.limiter.borrow();
        limiter.as_ref().map_or(MessageVerdict::Serve, |limiter| {
            limiter.check_message(&mut entry.usage, now)
        })
    }

    pub(super) fn charge(
        &self,
        entry: &mut ConnectionEntry,
        offers: usize,
        now: Duration,
    ) -> NextAction {
        let offers = u32::try_from(offers).unwrap_or(u32::MAX);
        let limiter = self.limiter.borrow();
        match limiter
            .as_ref()
            .and_then(|limiter| limiter.charge_message(&mut entry.usage, offers, now))
        {
            Some(pause) => NextAction::Pause(self.count_pause(pause)),
            None => NextAction::Read,
        }
    }

    fn count_pause(&self, pause: ReadPause) -> Duration {
        let counters = self.counters();
        match pause.rate {
            ConnectionRate::Messages => counters.paused_messages_per_second.add(1),
            ConnectionRate::Offers => counters.paused_offers_per_second.add(1),
            ConnectionRate::Bytes => counters.paused_bytes_per_second.add(1),
        }
        pause.time
    }

    /// Refuses a message and sends the reason to the client.
    pub(super) fn refuse_message(
        &self,
        entry: &mut ConnectionEntry,
        refusal: Refusal,
        interval: u32,
        now: Duration,
    ) -> NextAction {
        let counters = self.counters();
        match refusal.failure {
            Failure::MembershipsMax => counters.failures_memberships.add(1),
            Failure::NotAllowed => counters.failures_info_hash_not_allowed.add(1),
            Failure::FullScrape => counters.failures_full_scrape.add(1),
            Failure::FullScrapeBusy => counters.failures_full_scrape_busy.add(1),
            Failure::MessagesTooFast => counters.failures_messages_per_second.add(1),
            Failure::OffersTooFast => counters.failures_offers_per_second.add(1),
            Failure::BytesTooFast => counters.failures_bytes_per_second.add(1),
            Failure::OriginTooFast => counters.failures_origin_announces_per_second.add(1),
            Failure::SwarmsMax => counters.failures_swarms_max.add(1),
            Failure::AddressSwarmsMax => counters.failures_address_swarms_percent.add(1),
            failure => {
                counters.failures_malformed.add(1);
                count_malformed(counters, failure);
            }
        }
        self.node.record_message_failure(refusal.failure);
        tracing::trace!(connection = %self.connection_name(entry.id), failure = refusal.failure.label(), "message refused");
        self.reply(entry, protocol::REPLY_BYTES, |out| {
            protocol::write_failure(out, &refusal, interval);
        });
        let violation = match refusal.failure {
            failure if failure.is_malformed() => Some(Violation::Malformed),
            failure if failure.is_too_fast() => Some(Violation::Refused),
            _ => None,
        };
        if refusal.failure.is_malformed()
            && let Some(limiter) = &*self.limiter.borrow()
            && !limiter.allow_malformed(&mut entry.usage)
        {
            return NextAction::Close(Ended::Malformed);
        }
        if let Some(violation) = violation
            && let Err(ended) = self.record_violation(entry, violation, now)
        {
            return NextAction::Close(ended);
        }
        if refusal.failure.is_too_fast() {
            NextAction::Read
        } else {
            self.charge(entry, 0, now)
        }
    }

    /// Returns how long reading must pause for the announce limit of the origin. A client that leaves never waits.
    fn origin_announce_delay(
        &self,
        entry: &ConnectionEntry,
        request: &Request<'_>,
    ) -> Result<Duration, Refusal> {
        let Request::Announce(announce) = request else {
            return Ok(Duration::ZERO);
        };
        let origin = entry.account.origin();
        if !self.hot_settings.get().limits_origin_announces
            || !origin.is_counted()
            || announce.event == Event::Stopped
        {
            return Ok(Duration::ZERO);
        }
        let group = entry.account.address();
        let group = group.map(|key| self.node.addresses.widest_key_of(key));
        let wait = self
            .node
            .origins
            .admit_announce(origin, group, self.time.get());
        if wait.is_ok_and(|wait| !wait.is_zero()) {
            self.counters().paused_origin_announces_per_second.add(1);
        }
        wait.map_err(|_| Refusal {
            failure: Failure::OriginTooFast,
            subject: RefusalSubject::Announce(announce.info_hash),
        })
    }

    /// Records the fate of an answer.
    fn record_answer(
        &self,
        entry: &mut ConnectionEntry,
        fate: AnswerFate,
        waited: Duration,
        now: Duration,
    ) -> Result<(), Ended> {
        self.counters().answers_received.add(1);
        match fate {
            AnswerFate::Relayed => {
                entry.participant.count_answer();
                self.counters().answers_relayed.add(1);
                self.gauges().answer_time.record(waited);
                Ok(())
            }
            AnswerFate::Unmatched => {
                self.counters().answers_unwanted.add(1);
                self.record_violation(entry, Violation::UnwantedAnswer, now)
            }
            AnswerFate::Malformed => {
                self.counters().answers_malformed.add(1);
                self.record_violation(entry, Violation::Malformed, now)
            }
        }
    }

    /// Records a violation. Returns an error if the connection has too many in total.
    fn record_violation(
        &self,
        entry: &mut ConnectionEntry,
        violation: Violation,
        now: Duration,
    ) -> Result<(), Ended> {
        match &*self.limiter.borrow() {
            Some(limiter) if !limiter.allow_violation(&mut entry.usage, violation, now) => {
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
                let bad = u64::from(announce.invalid_offers);
                let surplus = u64::from(announce.surplus_offers);
                counters.offers_received.add(offers + bad + surplus);
                counters.offers_malformed.add(bad);
                counters.offers_surplus.add(surplus);
                return offers;
            }
            Request::Scrape(scrape) => {
                counters.scrapes.add(1);
                let max = self.hot_settings.get().bounds.scrape_hashes_max;
                let is_full = matches!(scrape, Scrape::Swarms(hashes) if hashes.len() >= max);
                counters.scrapes_full.add(u64::from(is_full));
            }
            Request::Answer(_) | Request::InvalidAnswer => {}
        }
        0
    }

    fn count_bounded(&self, bounded: LimitHits) {
        let counters = self.counters();
        counters
            .offers_forgotten
            .add(u64::from(bounded.dropped_pending_offers));
        counters
            .offers_copied
            .add(u64::from(bounded.duplicate_offers));
        counters
            .passed_over_offers_received_per_second
            .add(u64::from(bounded.skipped_receivers));
        counters
            .passed_over_offers_received_reserved_percent
            .add(u64::from(bounded.skipped_by_reserve));
        counters
            .memberships_replaced
            .add(u64::from(bounded.ended_memberships));
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

const fn rate_failure(rate: ConnectionRate) -> Failure {
    match rate {
        ConnectionRate::Messages => Failure::MessagesTooFast,
        ConnectionRate::Offers => Failure::OffersTooFast,
        ConnectionRate::Bytes => Failure::BytesTooFast,
    }
}

fn refusal_subject(request: &Request<'_>) -> RefusalSubject {
    match request {
        Request::Announce(announce) => RefusalSubject::Announce(announce.info_hash),
        Request::Answer(answer) => RefusalSubject::Announce(answer.info_hash),
        Request::Scrape(_) => RefusalSubject::Scrape,
        Request::InvalidAnswer => RefusalSubject::Unknown,
    }
}
