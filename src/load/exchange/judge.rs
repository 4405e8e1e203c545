//! Checks the received messages against the sent ones.

use std::cmp::Reverse;
use std::ops::RangeInclusive;

use rand::RngExt;

use super::latencies::record;
use super::state::{Answer, GivenUp, Kind, Known, Micros, Offer, State};
use super::{Exchange, Habit, Outbox};
use crate::load::ids;
use crate::load::inbound::{self, Inbound, Relay};
use crate::protocol::{InfoHash, OfferId, PeerId};

impl Exchange {
    /// Handles a message that a member received.
    pub(in crate::load) fn receive(
        &mut self,
        at: usize,
        text: &str,
        now: Micros,
        out: &mut impl Outbox,
    ) {
        self.received_messages += 1;
        match inbound::read(text, &[&self.offer_sdp, &self.answer_sdp]) {
            Some(Inbound::Reply { info_hash, members }) => {
                self.reply(at, info_hash, members, now, out);
            }
            Some(Inbound::Relay(relay)) if relay.kind == inbound::Kind::Offer => {
                self.offer(at, &relay, now, out);
            }
            Some(Inbound::Relay(relay)) => self.answered(at, &relay, now, out),
            Some(Inbound::Scrape { files }) => self.scraped(at, files, now, out),
            Some(Inbound::Failure { reason }) => self.refused(at, reason, now, out),
            None => {
                self.tally.messages_invalid += 1;
                self.errors
                    .add(&format!("not a message of a tracker: {text:.100}"));
            }
        }
        self.go_on(now, out);
    }

    fn reply(
        &mut self,
        at: usize,
        info_hash: &str,
        members: u64,
        now: Micros,
        out: &mut impl Outbox,
    ) {
        let may_be_to_answer = self.habit != Habit::Silent;
        let member = &mut self.members[at];
        let swarm = &mut self.swarms[member.swarm];
        if !swarm.is(info_hash) {
            self.tally.messages_invalid += 1;
            self.errors.add("a reply for another swarm than requested");
            return;
        }
        let waiting = member
            .unit
            .as_mut()
            .filter(|request| request.awaits_reply && request.kind != Kind::Scrape);
        let request = match waiting {
            Some(request) if self.habit == Habit::Replies && request.replies_ahead > 0 => {
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
        request.replied(members, swarm.gone, now);
        self.tally.replies += 1;
        if request.is_measured {
            let histogram = match request.kind {
                Kind::Announce => Some(&mut self.latencies.reply),
                Kind::Join if request.is_counted => Some(&mut self.latencies.join),
                // Rejoins of waves and storms are reported with those instead.
                _ => None,
            };
            if let Some(histogram) = histogram {
                record(histogram, now - request.due);
            }
        }
        match request.kind {
            Kind::Join => {
                member.state = State::Joined;
                swarm.present += 1;
                swarm.end_change();
            }
            Kind::Stop => {
                member.state = State::Left;
                swarm.end_change();
            }
            // Counts are predictable only while no member joins or leaves.
            _ if swarm.changing > 0 || request.version != swarm.version => {}
            _ if members == swarm.present => swarm.is_unsure = false,
            _ => self.tally.counts_off += u64::from(!swarm.is_unsure),
        }
        self.settle(at, now, out);
    }

    /// Returns the number of an offer of this thread that is still in the table; else the reason why it is not.
    fn known(&mut self, relay: &Relay<'_>) -> Result<u64, Known> {
        let id = OfferId::from_json(relay.offer_id).map_err(|_| Known::Never)?;
        let number = ids::offer_number(self.salt, id).ok_or(Known::Never)?;
        match self.offers.knows(number) {
            Known::Now => Ok(number),
            other => Err(other),
        }
    }

    fn offer(&mut self, at: usize, relay: &Relay<'_>, now: Micros, out: &mut impl Outbox) {
        let number = match self.known(relay) {
            Ok(number) => number,
            Err(Known::Over) => return self.tally.offers_duplicated += 1,
            // The swarms of other threads are different ones.
            Err(_) if self.is_of_other_thread(relay) => return self.tally.offers_wrong_swarm += 1,
            Err(_) => return self.tally.offers_unknown += 1,
        };
        let Some(&mut offer) = self.offers.get(number) else {
            return;
        };
        let (from, to) = (&self.members[offer.from], &self.members[at]);
        if from.swarm != to.swarm || !self.swarms[to.swarm].is(relay.info_hash) {
            return self.tally.offers_wrong_swarm += 1;
        }
        let is_from = PeerId::from_json(relay.peer_id) == Ok(from.peer_id);
        let may_be_other = from.went_after(offer.sent);
        // A member that reconnected has a new `peer_id`, so it is not the sender any more.
        if offer.from == at && (is_from || !may_be_other) {
            return self.tally.offers_to_sender += 1;
        }
        if offer.to.is_some() {
            return self.tally.offers_duplicated += 1;
        }
        let joins = to
            .unit
            .as_ref()
            .is_some_and(|request| request.kind == Kind::Join);
        if to.state == State::Open && !joins {
            return self.tally.offers_wrong_swarm += 1;
        }
        if !(is_from || may_be_other) || !self.offer_sdp.is(number, relay.sdp) {
            self.tally.offers_altered += 1;
        }
        self.tally.offers_repeated_receiver +=
            u64::from(self.has_another_of(at, number, offer.serial));
        let is_answered = self.chance(self.settings.answers);
        if let Some(offer) = self.offers.get(number) {
            offer.to = Some(at);
            if is_answered {
                offer.answer = Answer::Thinking;
            }
        }
        if let Some(request) = self.members[offer.from]
            .unit
            .as_mut()
            .filter(|request| request.serial == offer.serial)
        {
            request.relayed += 1;
            request.answers += u64::from(is_answered);
            self.tally.offers_relayed += 1;
        } else {
            self.came_late(number, offer.serial);
        }
        if is_answered {
            self.answers_to_come += 1;
            let (least, most) = self.settings.think;
            if most == 0 {
                self.answer(number, now, out);
            } else {
                self.thinking
                    .push(Reverse((now + self.rng.random_range(least..=most), number)));
            }
        }
        self.settle(offer.from, now, out);
    }

    fn is_of_other_thread(&self, relay: &Relay<'_>) -> bool {
        let id = OfferId::from_json(relay.offer_id).ok();
        id.and_then(|id| ids::offer_number(self.salt, id)).is_some()
            && InfoHash::from_json(relay.info_hash).is_ok()
    }

    /// Returns a range of numbers that contains all offers of the same announce, and some others: an announce has
    /// consecutive numbers.
    fn neighbours(&self, number: u64) -> RangeInclusive<u64> {
        let offers = self.settings.offers;
        number.saturating_sub(offers)..=number.saturating_add(offers)
    }

    /// Counts an offer that arrives after the end of its announce. An excused offer becomes a relayed one; a lost offer
    /// stays lost.
    fn came_late(&mut self, number: u64, serial: u64) {
        for verdict in [GivenUp::Excused, GivenUp::Lost] {
            for other in self.neighbours(number) {
                let is_match =
                    |offer: &&mut Offer| offer.serial == serial && offer.given_up == Some(verdict);
                if let Some(offer) = self.offers.get(other).filter(is_match) {
                    offer.given_up = None;
                    if verdict == GivenUp::Excused {
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
    fn has_another_of(&mut self, at: usize, number: u64, serial: u64) -> bool {
        self.neighbours(number).any(|other| {
            self.offers
                .get(other)
                .is_some_and(|offer| offer.serial == serial && offer.to == Some(at))
        })
    }

    fn answered(&mut self, at: usize, relay: &Relay<'_>, now: Micros, out: &mut impl Outbox) {
        let number = match self.known(relay) {
            Ok(number) => number,
            Err(Known::Over) => return self.tally.answers_duplicated += 1,
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
            (Answer::Received, _) => self.tally.answers_duplicated += 1,
            (Answer::Sent | Answer::Excused, Some(to)) => {
                let to = &self.members[to];
                let is_from =
                    to.went_after(offer.sent) || PeerId::from_json(relay.peer_id) == Ok(to.peer_id);
                let is_right = is_from
                    && self.swarms[to.swarm].is(relay.info_hash)
                    && self.answer_sdp.is(number, relay.sdp);
                self.tally.answers_altered += u64::from(!is_right);
                self.tally.answers_received += 1;
                if offer.is_measured {
                    record(&mut self.latencies.answer, now - offer.due);
                }
                if let Some(stored) = self.offers.get(number) {
                    stored.answer = Answer::Received;
                }
                if offer.answer == Answer::Sent {
                    self.no_answer_to(&offer, now, out);
                } else {
                    self.tally.answers_excused -= 1;
                }
            }
            _ => self.tally.answers_unknown += 1,
        }
    }

    /// Stops waiting for the answer to this offer.
    pub(super) fn no_answer_to(&mut self, offer: &Offer, now: Micros, out: &mut impl Outbox) {
        self.answers_to_come = self.answers_to_come.saturating_sub(1);
        if let Some(request) = self.members[offer.from]
            .unit
            .as_mut()
            .filter(|request| request.serial == offer.serial)
        {
            request.answers = request.answers.saturating_sub(1);
            self.settle(offer.from, now, out);
        }
    }

    fn scraped(&mut self, at: usize, files: &str, now: Micros, out: &mut impl Outbox) {
        let member = &mut self.members[at];
        let request = member
            .unit
            .as_mut()
            .filter(|request| request.awaits_reply && request.kind == Kind::Scrape);
        let Some(request) = request else {
            return self.tally.scrapes_wrong += 1;
        };
        request.awaits_reply = false;
        self.tally.scrapes_replied += 1;
        if request.is_measured {
            record(&mut self.latencies.scrape, now - request.due);
        }
        let swarm = &self.swarms[member.swarm];
        self.tally.scrapes_wrong += u64::from(!inbound::has_key(files, |key| swarm.is(key)));
        self.settle(at, now, out);
    }

    /// Handles a failure message; it ends the member's request in flight.
    fn refused(&mut self, at: usize, reason: &str, now: Micros, out: &mut impl Outbox) {
        self.tally.failures += 1;
        let reason = serde_json::from_str(reason).unwrap_or_else(|_| reason.to_owned());
        self.errors.add(&format!("the tracker refused: {reason}"));
        if let Some(request) = &mut self.members[at].unit {
            request.expected = 0;
            if std::mem::take(&mut request.awaits_reply) {
                self.unreplied(at);
            }
            self.settle(at, now, out);
        }
    }
}
