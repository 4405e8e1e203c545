//! The way of one message: limits, parsing, rules, and delivery.

use std::time::Duration;

use super::entry::Entry;
use super::{Ended, Hub, Mail, State, Worth};
use crate::limits::Admission;
use crate::protocol::{self, About, ConnectionId, Failure, Refusal, Request, Scrape};
use crate::tracker::{AnswerFate, Bounded, Relay, RelayKind, Reply};

/// What a connection does after a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It goes on reading.
    Read,
    /// It goes on reading after this time.
    Pause(Duration),
    /// It closes.
    Close(Ended),
}

impl Hub {
    /// Serves one message; the reply and the relays it causes are in their outboxes afterwards. `None` stands for
    /// a binary message that is not even UTF-8.
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
        let parsed = text
            .ok_or(not_json)
            .and_then(|text| protocol::parse(text, &self.node.bounds));
        let request = match parsed {
            Ok(request) if admission == Admission::Serve => request,
            Ok(request) => {
                let refusal = Refusal {
                    failure: Failure::TooFast,
                    about: about(&request),
                };
                return self.refuse(entry, refusal, interval, now);
            }
            Err(refusal) => return self.refuse(entry, refusal, interval, now),
        };
        self.count_request(&request);
        if matches!(request, Request::Announce(_)) {
            state.pace.count();
        }
        let outcome =
            self.node
                .tracker
                .handle(&mut entry.participant, request, now, &mut state.rng);
        match outcome.answer {
            Some(AnswerFate::Relayed) => self.counters().answers_relayed.add(1),
            Some(AnswerFate::Unwanted) => self.counters().answers_unwanted.add(1),
            Some(AnswerFate::Malformed) => self.counters().answers_malformed.add(1),
            None => {}
        }
        self.count_bounds(outcome.bounded);
        if let Some(reply) = outcome.reply {
            let text = match reply {
                Reply::Announce(info_hash, counts) => {
                    protocol::announce_reply(&info_hash, counts, interval)
                }
                Reply::Scrape(files) => protocol::scrape_reply(&files),
                Reply::Failure(refusal) => return self.refuse(entry, refusal, interval, now),
            };
            self.put(entry, Worth::Kept, text);
        }
        let offers = outcome
            .relays
            .iter()
            .filter(|relay| relay.kind == RelayKind::Offer)
            .count();
        let next = self.charge(entry, offers, now);
        self.counters().offers_relayed.add(offers as u64);
        for relay in &outcome.relays {
            self.relay(state, relay);
        }
        next
    }

    /// Takes note of a ping or pong from a client: a sign of life that counts as a message.
    pub fn receive_control(&self, id: ConnectionId) -> Next {
        let now = self.time.get();
        let served = self.with(id, |entry| {
            entry.heard(now);
            match self.admit(entry, now) {
                Admission::Serve | Admission::Refuse => self.charge(entry, 0, now),
                Admission::Flood => Next::Close(Ended::Flood),
            }
        });
        served.unwrap_or(Next::Close(Ended::Lost))
    }

    /// Takes note of bytes read in a turn; `Some` is how long nothing shall be read.
    pub fn charge_bytes(&self, id: ConnectionId, bytes: usize) -> Option<Duration> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let policy = self.node.policy.as_ref().filter(|_| bytes > 0)?;
        let pause = self.with(id, |entry| {
            let limits = entry.limits.as_mut()?;
            limits.charge_bytes(policy, &self.time, bytes, self.time.get())
        });
        let pause = pause.flatten();
        self.counters().pauses.add(u64::from(pause.is_some()));
        pause
    }

    fn admit(&self, entry: &mut Entry, now: Duration) -> Admission {
        match (&self.node.policy, &mut entry.limits) {
            (Some(policy), Some(limits)) => limits.admit(policy, &self.time, now),
            _ => Admission::Serve,
        }
    }

    fn charge(&self, entry: &mut Entry, offers: usize, now: Duration) -> Next {
        let (Some(policy), Some(limits)) = (&self.node.policy, &mut entry.limits) else {
            return Next::Read;
        };
        let offers = u32::try_from(offers).unwrap_or(u32::MAX);
        match limits.charge(policy, &self.time, offers, now) {
            Some(pause) => {
                self.counters().pauses.add(1);
                Next::Pause(pause)
            }
            None => Next::Read,
        }
    }

    /// Tells the client why its message is not served.
    fn refuse(&self, entry: &mut Entry, refusal: Refusal, interval: u32, now: Duration) -> Next {
        let counters = self.counters();
        match refusal.failure {
            Failure::Memberships => counters.failures_memberships.add(1),
            Failure::FullScrape => counters.failures_full_scrape.add(1),
            Failure::TooFast => counters.failures_too_fast.add(1),
            _ => counters.failures_malformed.add(1),
        }
        tracing::trace!(connection = %entry.uuid, failure = refusal.failure.label(), "message refused");
        self.put(entry, Worth::Kept, protocol::failure(&refusal, interval));
        if refusal.failure.is_malformed()
            && let (Some(policy), Some(limits)) = (&self.node.policy, &mut entry.limits)
            && !limits.allow_malformed(policy, &self.time)
        {
            return Next::Close(Ended::Malformed);
        }
        if refusal.failure == Failure::TooFast {
            Next::Read
        } else {
            self.charge(entry, 0, now)
        }
    }

    fn count_request(&self, request: &Request<'_>) {
        match request {
            Request::Announce(announce) => {
                self.counters().announces.add(1);
                self.counters()
                    .offers_malformed
                    .add(u64::from(announce.bad_offers));
                self.counters()
                    .offers_surplus
                    .add(u64::from(announce.surplus_offers));
            }
            Request::Scrape(scrape) => {
                self.counters().scrapes.add(1);
                let max = self.node.bounds.scrape_hashes_max;
                let is_full = matches!(scrape, Scrape::Swarms(hashes) if hashes.len() >= max);
                self.counters().scrapes_full.add(u64::from(is_full));
            }
            Request::Answer(_) | Request::BadAnswer => {}
        }
    }

    fn count_bounds(&self, bounded: Bounded) {
        let counters = self.counters();
        counters
            .offers_forgotten
            .add(u64::from(bounded.pending_offers));
        counters.offers_copied.add(u64::from(bounded.copies));
        counters
            .memberships_replaced
            .add(u64::from(bounded.peer_ids));
    }

    fn relay(&self, state: &mut State, relay: &Relay<'_>) {
        let (text, worth) = match relay.kind {
            RelayKind::Offer => (
                protocol::relayed_offer(&relay.info_hash, &relay.from, &relay.offer_id, relay.sdp),
                Worth::Offer,
            ),
            RelayKind::Answer => (
                protocol::relayed_answer(&relay.info_hash, &relay.from, &relay.offer_id, relay.sdp),
                Worth::Kept,
            ),
        };
        let to = relay.to.connection;
        if to.worker() == self.worker {
            self.hand_over(state, to, worth, text);
        } else if let Some(mailbox) = self.node.mailboxes.get(usize::from(to.worker()))
            && !mailbox.push(Mail::Message { to, worth, text })
        {
            self.counters().relays_dropped_inbox_full.add(1);
        }
    }

    /// Puts an encoded message into the outbox of a connection of this worker.
    pub(crate) fn deliver(&self, to: ConnectionId, worth: Worth, text: String) {
        self.hand_over(&mut self.state.borrow_mut(), to, worth, text);
    }

    fn hand_over(&self, state: &mut State, to: ConnectionId, worth: Worth, text: String) {
        match state
            .entries
            .get_mut(to.slot())
            .filter(|entry| entry.id == to)
        {
            Some(entry) => {
                self.put(entry, worth, text);
                entry.wake();
            }
            None => self.counters().relays_without_receiver.add(1),
        }
    }

    /// Puts a message into an outbox, and tells the swarms when that begins to fill.
    fn put(&self, entry: &mut Entry, worth: Worth, text: String) {
        let pushed = entry.outbox.push(worth, text, self.node.output_bytes_max);
        self.counters()
            .offers_dropped_output_full
            .add(u64::from(pushed.offers_dropped));
        self.counters()
            .messages_dropped_output_full
            .add(u64::from(pushed.dropped));
        if !entry.blocked && entry.outbox.bytes() > self.node.output_bytes_max / 2 {
            entry.blocked = true;
            self.node.tracker.set_blocked(&mut entry.participant, true);
        }
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
