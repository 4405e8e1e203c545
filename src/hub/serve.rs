//! Serves one message in five steps: admit, parse, decide, account, deliver.

use std::time::Duration;

use rand::rngs::SmallRng;

use super::connection_entry::ConnectionEntry;
use super::full_scrape::FullScrapeReply;
use super::turn::QueuedOutput;
use super::write::CONTROL_FRAME_BYTES;
use super::{Ended, Hub, HubState, Priority, entry_mut};
use crate::limits::{ConnectionRate, MessageVerdict, Violation};
use crate::protocol::{
    self, ConnectionId, Event, Failure, Refusal, RefusalSubject, Request, Scrape,
};
use crate::tracker::{AnswerFate, Outcome, Reply};
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

/// The result of serving one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServedMessage {
    /// What the connection does next.
    pub next: NextAction,
    /// The output that now waits for the connection.
    pub output: QueuedOutput,
}

impl From<Ended> for ServedMessage {
    fn from(ended: Ended) -> Self {
        Self {
            next: NextAction::Close(ended),
            output: QueuedOutput::default(),
        }
    }
}

/// Why a message is not served.
enum Rejection {
    /// The client receives a failure, and the connection mostly stays open.
    Refuse(Refusal),
    /// The connection closes.
    Close(Ended),
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

impl From<Ended> for Rejection {
    fn from(ended: Ended) -> Self {
        Self::Close(ended)
    }
}

impl Hub {
    /// Serves one message and queues its reply and relays in their outboxes. `None` is a binary message that is not
    /// UTF-8.
    pub fn receive_message(&self, id: ConnectionId, text: Option<&str>) -> ServedMessage {
        let state = &mut *self.state.borrow_mut();
        match self.serve_message(state, id, text) {
            Ok(served) => served,
            Err(Rejection::Refuse(refusal)) => self.answer_refusal(state, id, refusal),
            Err(Rejection::Close(ended)) => ended.into(),
        }
    }

    fn serve_message(
        &self,
        state: &mut HubState,
        id: ConnectionId,
        text: Option<&str>,
    ) -> Result<ServedMessage, Rejection> {
        let entry = entry_mut(&mut state.entries, id).ok_or(Ended::Lost)?;
        entry.record_input(self.time.get());
        let exceeded = self.admit(entry)?;
        let request = self.parse(text)?;
        if let Some(rate) = exceeded {
            return Err(refusal_over(rate, &request).into());
        }
        entry.first_message_awaited_since = None;
        let wait = self.admit_announce(entry, &request)?;
        let offered = self.count_request(&request, wait);
        if matches!(request, Request::Announce(_)) {
            state.interval.count_announce();
        }
        let outcome = match request {
            Request::Subscribe(info_hashes) => {
                self.subscribe(entry, &mut state.subscriptions, info_hashes)
            }
            request => self.decide(entry, request, &mut state.rng, &mut state.full_scrape),
        };
        let next = self.account(entry, &outcome, offered)?;
        if let Some(reply) = &outcome.reply {
            self.reply_to(entry, reply, &state.interval);
        }
        let output = self.queued_output(entry);
        self.deliver_relays(state, &outcome.relays);
        self.send_to_other_nodes(outcome.remote);
        Ok(ServedMessage {
            next: next.pausing_at_least(wait),
            output,
        })
    }

    /// Checks the rates of a connection before a message. Returns the rate over which the message is refused once its
    /// subject is known.
    fn admit(&self, entry: &mut ConnectionEntry) -> Result<Option<ConnectionRate>, Ended> {
        let limiter = self.limiter.borrow();
        let Some(limiter) = &*limiter else {
            return Ok(None);
        };
        match limiter.check_message(&mut entry.usage, self.time.get()) {
            MessageVerdict::Serve => Ok(None),
            MessageVerdict::Refuse(rate) => Ok(Some(rate)),
            MessageVerdict::Flood => Err(Ended::Flood),
        }
    }

    fn parse<'a>(&self, text: Option<&'a str>) -> Result<Request<'a>, Refusal> {
        let text = text.ok_or(Refusal {
            failure: Failure::NotJson,
            subject: RefusalSubject::Unknown,
        })?;
        protocol::parse(text, &self.hot_settings.get().bounds)
    }

    /// Checks the announce limit of the origin. Returns how long reading must pause for it. A client that leaves never
    /// waits.
    fn admit_announce(
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
        let wait = self.admission.admit_announce(entry.account);
        wait.map_err(|_| Refusal {
            failure: Failure::OriginTooFast,
            subject: RefusalSubject::Announce(announce.info_hash),
        })
    }

    /// Lets the tracker decide about a request. The hub itself starts a full scrape, whose replies it sends in pieces.
    fn decide<'a>(
        &self,
        entry: &mut ConnectionEntry,
        request: Request<'a>,
        rng: &mut SmallRng,
        full_scrape: &mut Option<FullScrapeReply>,
    ) -> Outcome<'a> {
        if matches!(request, Request::Scrape(Scrape::Everything))
            && self.node.tracker().allows_full_scrape()
        {
            let started = self.start_full_scrape(entry, full_scrape);
            return Outcome {
                reply: started.err().map(Reply::Failure),
                ..Outcome::default()
            };
        }
        let now = self.time.get();
        let tracker = self.node.tracker();
        match self.node.cluster() {
            None => tracker.handle(&mut entry.participant, request, now, rng),
            Some(cluster) => self.decide_in_cluster(cluster, entry, request, rng),
        }
    }

    /// Counts an outcome and charges it to the sender. `offered` is the number of offers of the request.
    fn account(
        &self,
        entry: &mut ConnectionEntry,
        outcome: &Outcome<'_>,
        offered: u64,
    ) -> Result<NextAction, Rejection> {
        let relayed = self.count_outcome(outcome, offered);
        match outcome.answer_fate {
            Some(AnswerFate::Relayed | AnswerFate::RelayedToNode) => {
                entry.participant.count_answer();
            }
            Some(AnswerFate::Unmatched) => {
                self.record_violation(entry, Violation::UnmatchedAnswer)?;
            }
            Some(AnswerFate::Malformed) => self.record_violation(entry, Violation::Malformed)?,
            None => {}
        }
        if let Some(Reply::Failure(refusal)) = outcome.reply {
            return Err(refusal.into());
        }
        entry.participant.count_offers(relayed);
        Ok(self.charge(entry, relayed))
    }

    /// Handles a ping or pong of a client, which counts as a message. A ping is answered with its own payload.
    pub fn receive_control(&self, id: ConnectionId, ping: Option<&[u8]>) -> ServedMessage {
        let served = self.with_entry(id, |entry| {
            entry.record_input(self.time.get());
            if let Some(payload) = ping {
                let size = CONTROL_FRAME_BYTES + payload.len();
                self.push_output(entry, Priority::Required, size, |out| {
                    websocket::write_pong(out, payload);
                });
            }
            match self.admit(entry) {
                Ok(_) => ServedMessage {
                    next: self.charge(entry, 0),
                    output: self.queued_output(entry),
                },
                Err(ended) => ended.into(),
            }
        });
        served.unwrap_or_else(|| Ended::Lost.into())
    }

    /// Charges a message and its relayed offers.
    pub(super) fn charge(&self, entry: &mut ConnectionEntry, offers: usize) -> NextAction {
        let offers = u32::try_from(offers).unwrap_or(u32::MAX);
        let limiter = self.limiter.borrow();
        let pause = limiter
            .as_ref()
            .and_then(|limiter| limiter.charge_message(&mut entry.usage, offers, self.time.get()));
        match pause {
            Some(pause) => {
                self.count_pause(pause);
                NextAction::Pause(pause.time)
            }
            None => NextAction::Read,
        }
    }
}

/// Returns the refusal of a request over a rate of its connection.
fn refusal_over(rate: ConnectionRate, request: &Request<'_>) -> Refusal {
    let failure = match rate {
        ConnectionRate::Messages => Failure::MessagesTooFast,
        ConnectionRate::Offers => Failure::OffersTooFast,
        ConnectionRate::Bytes => Failure::BytesTooFast,
    };
    let subject = match request {
        Request::Announce(announce) => RefusalSubject::Announce(announce.info_hash),
        Request::Answer(answer) => RefusalSubject::Announce(answer.info_hash),
        Request::Scrape(_) | Request::Subscribe(_) => RefusalSubject::Scrape,
        Request::InvalidAnswer => RefusalSubject::Unknown,
    };
    Refusal { failure, subject }
}
