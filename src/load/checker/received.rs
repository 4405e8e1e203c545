//! Checks the received messages against the sent ones.

use std::cmp::Reverse;
use std::ops::RangeInclusive;

use rand::RngExt;

use super::latencies::record_latency;
use super::state::{
    AnswerState, MemberState, Micros, OfferLookup, OfferVerdict, RequestKind, SentOffer,
};
use super::{AnswerReplyMode, Checker, MessageSink};
use crate::load::ids;
use crate::load::inbound::{self, InboundMessage, InboundRelay};
use crate::protocol::{InfoHash, OfferId, PeerId};

impl Checker {
    /// Handles a message that a member received.
    pub(in crate::load) fn receive(
        &mut self,
        at: usize,
        text: &str,
        now: Micros,
        out: &mut impl MessageSink,
    ) {
        self.received_messages += 1;
        match inbound::parse(text, &[&self.offer_sdp, &self.answer_sdp]) {
            Some(InboundMessage::Reply { info_hash, members }) => {
                self.handle_reply(at, (info_hash, members), now, out);
            }
            Some(InboundMessage::Relay(relay))
                if relay.kind == inbound::InboundRelayKind::Offer =>
            {
                self.handle_offer(at, &relay, now, out);
            }
            Some(InboundMessage::Relay(relay)) => self.handle_answer(at, &relay, now, out),
            Some(InboundMessage::Scrape { files }) => self.handle_scrape_reply(at, files, now, out),
            Some(InboundMessage::Failure { reason }) => self.handle_failure(at, reason, now, out),
            None => {
                self.tally.messages_invalid += 1;
                self.errors
                    .add(&format!("not a message of a tracker: {text:.100}"));
            }
        }
        self.start_due_requests(now, out);
    }

    fn handle_reply(
        &mut self,
        at: usize,
        (info_hash, members): (&str, u64),
        now: Micros,
        out: &mut impl MessageSink,
    ) {
        let may_be_to_answer = self.answer_reply_mode != AnswerReplyMode::NoReplies;
        let member = &mut self.members[at];
        let swarm = &mut self.swarms[member.swarm];
        if !swarm.matches(info_hash) {
            self.tally.messages_invalid += 1;
            self.errors.add("a reply for another swarm than requested");
            return;
        }
        let waiting = member
            .request
            .as_mut()
            .filter(|request| request.awaits_reply && request.kind != RequestKind::Scrape);
        let request = match waiting {
            Some(request)
                if self.answer_reply_mode == AnswerReplyMode::Replies
                    && request.replies_ahead > 0 =>
            {
                request.replies_ahead -= 1;
                member.answers_unreplied = member.answers_unreplied.saturating_sub(1);
                self.tally.replies_to_answers += 1;
                return;
            }
            Some(request) => request,
            None if may_be_to_answer && member.answers_unreplied > 0 => {
                member.answers_unreplied -= 1;
                self.tally.replies_to_answers += 1;
                return;
            }
            None => {
                self.tally.replies_duplicated += 1;
                return;
            }
        };
        request.record_reply(members, swarm.departures, now);
        self.tally.replies += 1;
        if request.is_measured {
            let histogram = match request.kind {
                RequestKind::Announce => Some(&mut self.latencies.reply),
                RequestKind::Join if request.is_counted => Some(&mut self.latencies.join),
                // Rejoins of waves and storms are reported with those instead.
                _ => None,
            };
            if let Some(histogram) = histogram {
                record_latency(histogram, now - request.due);
            }
        }
        match request.kind {
            RequestKind::Join => {
                member.state = MemberState::Joined;
                swarm.present_members += 1;
                swarm.end_change();
            }
            RequestKind::Stop => {
                member.state = MemberState::Left;
                swarm.end_change();
            }
            // Counts are predictable only while no member joins or leaves.
            _ if swarm.changes_in_flight > 0 || request.version != swarm.version => {}
            _ if members == swarm.present_members => swarm.has_uncertain_count = false,
            _ => self.tally.counts_off += u64::from(!swarm.has_uncertain_count),
        }
        self.end_if_complete(at, now, out);
    }

    /// Returns the number of an offer of this thread that is still in the table; else the reason why it is not.
    fn current_offer_number(&mut self, relay: &InboundRelay<'_>) -> Result<u64, OfferLookup> {
        let id = OfferId::from_json(relay.offer_id).map_err(|_| OfferLookup::Unknown)?;
        let number = ids::offer_number(self.salt, id).ok_or(OfferLookup::Unknown)?;
        match self.offers.look_up(number) {
            OfferLookup::Current => Ok(number),
            other => Err(other),
        }
    }

    fn handle_offer(
        &mut self,
        at: usize,
        relay: &InboundRelay<'_>,
        now: Micros,
        out: &mut impl MessageSink,
    ) {
        let number = match self.current_offer_number(relay) {
            Ok(number) => number,
            Err(OfferLookup::Expired) => return self.tally.offers_duplicated += 1,
            // The swarms of other threads are different ones.
            Err(_) if self.is_of_other_thread(relay) => return self.tally.offers_wrong_swarm += 1,
            Err(_) => return self.tally.offers_unknown += 1,
        };
        let Some(&mut offer) = self.offers.get(number) else {
            return;
        };
        let (from, to) = (&self.members[offer.from], &self.members[at]);
        if from.swarm != to.swarm || !self.swarms[to.swarm].matches(relay.info_hash) {
            return self.tally.offers_wrong_swarm += 1;
        }
        let is_from = PeerId::from_json(relay.peer_id) == Ok(from.peer_id);
        let may_be_other = from.left_after(offer.sent_at);
        // A member that reconnected has a new `peer_id`, so it is not the sender any more.
        if offer.from == at && (is_from || !may_be_other) {
            return self.tally.offers_to_sender += 1;
        }
        if offer.to.is_some() {
            return self.tally.offers_duplicated += 1;
        }
        let joins = to
            .request
            .as_ref()
            .is_some_and(|request| request.kind == RequestKind::Join);
        if to.state == MemberState::Open && !joins {
            return self.tally.offers_wrong_swarm += 1;
        }
        if !(is_from || may_be_other) || !self.offer_sdp.matches(number, relay.sdp) {
            self.tally.offers_altered += 1;
        }
        self.tally.offers_repeated_receiver +=
            u64::from(self.has_other_offer_of(at, number, offer.serial));
        let is_answered = self.random_bool(self.settings.answers);
        if let Some(offer) = self.offers.get(number) {
            offer.to = Some(at);
            if is_answered {
                offer.answer = AnswerState::Delayed;
            }
        }
        if let Some(request) = self.members[offer.from]
            .request
            .as_mut()
            .filter(|request| request.serial == offer.serial)
        {
            request.relayed_offers += 1;
            request.expected_answers += u64::from(is_answered);
            self.tally.offers_relayed += 1;
        } else {
            self.count_late_offer(number, offer.serial);
        }
        if is_answered {
            self.expected_answers += 1;
            let (least, most) = self.settings.think;
            if most == 0 {
                self.send_answer(number, now, out);
            } else {
                self.delayed_answers
                    .push(Reverse((now + self.rng.random_range(least..=most), number)));
            }
        }
        self.end_if_complete(offer.from, now, out);
    }

    fn is_of_other_thread(&self, relay: &InboundRelay<'_>) -> bool {
        let id = OfferId::from_json(relay.offer_id).ok();
        id.and_then(|id| ids::offer_number(self.salt, id)).is_some()
            && InfoHash::from_json(relay.info_hash).is_ok()
    }

    /// Returns a range of numbers that contains all offers of the same announce, and some others: an announce has
    /// consecutive numbers.
    fn nearby_numbers(&self, number: u64) -> RangeInclusive<u64> {
        let offers = self.settings.offers;
        number.saturating_sub(offers)..=number.saturating_add(offers)
    }

    /// Counts an offer that arrives after the end of its announce. An excused offer becomes a relayed one; a lost offer
    /// stays lost.
    fn count_late_offer(&mut self, number: u64, serial: u64) {
        for verdict in [OfferVerdict::Excused, OfferVerdict::Lost] {
            for other in self.nearby_numbers(number) {
                let is_match = |offer: &&mut SentOffer| {
                    offer.serial == serial && offer.verdict == Some(verdict)
                };
                if let Some(offer) = self.offers.get(other).filter(is_match) {
                    offer.verdict = None;
                    if verdict == OfferVerdict::Excused {
                        self.tally.offers_excused -= 1;
                        self.tally.offers_relayed += 1;
                    }
                    return;
                }
            }
        }
        self.tally.offers_relayed += 1;
    }

    /// Whether this member received another offer of the same announce.
    fn has_other_offer_of(&mut self, at: usize, number: u64, serial: u64) -> bool {
        self.nearby_numbers(number).any(|other| {
            self.offers
                .get(other)
                .is_some_and(|offer| offer.serial == serial && offer.to == Some(at))
        })
    }

    fn handle_answer(
        &mut self,
        at: usize,
        relay: &InboundRelay<'_>,
        now: Micros,
        out: &mut impl MessageSink,
    ) {
        let number = match self.current_offer_number(relay) {
            Ok(number) => number,
            Err(OfferLookup::Expired) => return self.tally.answers_duplicated += 1,
            Err(_) if self.is_of_other_thread(relay) => {
                return self.tally.answers_wrong_member += 1;
            }
            Err(_) => return self.tally.answers_unknown += 1,
        };
        let Some(&mut offer) = self.offers.get(number) else {
            return;
        };
        if offer.from != at {
            return self.tally.answers_wrong_member += 1;
        }
        match (offer.answer, offer.to) {
            (AnswerState::Received, _) => self.tally.answers_duplicated += 1,
            (AnswerState::Sent | AnswerState::Excused, Some(to)) => {
                let to = &self.members[to];
                let is_from = to.left_after(offer.sent_at)
                    || PeerId::from_json(relay.peer_id) == Ok(to.peer_id);
                let is_right = is_from
                    && self.swarms[to.swarm].matches(relay.info_hash)
                    && self.answer_sdp.matches(number, relay.sdp);
                self.tally.answers_altered += u64::from(!is_right);
                self.tally.answers_received += 1;
                if offer.is_measured {
                    record_latency(&mut self.latencies.answer, now - offer.due);
                }
                if let Some(stored) = self.offers.get(number) {
                    stored.answer = AnswerState::Received;
                }
                if offer.answer == AnswerState::Sent {
                    self.stop_expecting_answer(&offer, now, out);
                } else {
                    self.tally.answers_excused -= 1;
                }
            }
            _ => self.tally.answers_unknown += 1,
        }
    }

    /// Stops waiting for the answer to this offer.
    pub(super) fn stop_expecting_answer(
        &mut self,
        offer: &SentOffer,
        now: Micros,
        out: &mut impl MessageSink,
    ) {
        self.expected_answers = self.expected_answers.saturating_sub(1);
        if let Some(request) = self.members[offer.from]
            .request
            .as_mut()
            .filter(|request| request.serial == offer.serial)
        {
            request.expected_answers = request.expected_answers.saturating_sub(1);
            self.end_if_complete(offer.from, now, out);
        }
    }

    fn handle_scrape_reply(
        &mut self,
        at: usize,
        files: &str,
        now: Micros,
        out: &mut impl MessageSink,
    ) {
        let member = &mut self.members[at];
        let request = member
            .request
            .as_mut()
            .filter(|request| request.awaits_reply && request.kind == RequestKind::Scrape);
        let Some(request) = request else {
            return self.tally.scrapes_wrong += 1;
        };
        request.awaits_reply = false;
        self.tally.scrapes_replied += 1;
        if request.is_measured {
            record_latency(&mut self.latencies.scrape, now - request.due);
        }
        let swarm = &self.swarms[member.swarm];
        self.tally.scrapes_wrong += u64::from(!inbound::has_key(files, |key| swarm.matches(key)));
        self.end_if_complete(at, now, out);
    }

    /// Handles a failure message; it ends the member's request in flight.
    fn handle_failure(&mut self, at: usize, reason: &str, now: Micros, out: &mut impl MessageSink) {
        self.tally.failures += 1;
        let reason = serde_json::from_str(reason).unwrap_or_else(|_| reason.to_owned());
        self.errors.add(&format!("the tracker refused: {reason}"));
        if let Some(request) = &mut self.members[at].request {
            request.expected_offers = 0;
            if std::mem::take(&mut request.awaits_reply) {
                self.handle_missing_reply(at);
            }
            self.end_if_complete(at, now, out);
        }
    }
}
