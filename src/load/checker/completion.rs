//! Ends requests: when everything has arrived, after a timeout, or when a member involved has left.

use std::ops::Range;

use super::latencies::record_latency;
use super::state::{
    AnswerState, MemberState, Micros, OfferTable, OfferVerdict, PendingRequest, RequestKind,
};
use super::{Checker, JoinRequest, MessageSink};

/// How long offers that may be excused are awaited after the reply: their receiver has left, or they would cross. Members that leave later excuse no offer. Otherwise
/// each member that leaves during the wait would excuse a tracker that drops everything.
const EXCUSE_GRACE: Micros = 1_000_000;
/// How long the reply to `stopped` is awaited; not every tracker sends one.
const STOP_TIMEOUT: Micros = 1_000_000;

impl Checker {
    /// Ends the member's request if everything that belongs to it has arrived.
    pub(super) fn end_if_complete(&mut self, at: usize, now: Micros, out: &mut impl MessageSink) {
        let member = &mut self.members[at];
        if member
            .request
            .as_ref()
            .is_some_and(|request| request.is_complete())
        {
            self.end_request(at, now, out);
        }
    }

    fn end_request(&mut self, at: usize, now: Micros, out: &mut impl MessageSink) {
        let Some(request) = self.members[at].request.take() else {
            return;
        };
        self.requests_in_flight -= usize::from(request.is_counted);
        self.finished.last = now;
        match request.kind {
            RequestKind::Scrape => self.finished.scrapes += 1,
            _ => self.finished.announces += 1,
        }
        match request.kind {
            // The second half of a wave: the member joins again.
            RequestKind::Stop if self.members[at].state == MemberState::Left => {
                // Until now the tracker could choose it as a receiver, and has received all its earlier answers.
                self.members[at].left_at = Some(now);
                self.has_departures = true;
                let offers = self.settings.offers;
                self.join(
                    JoinRequest {
                        member: at,
                        offers,
                        is_counted: false,
                    },
                    now,
                    out,
                );
            }
            RequestKind::Join if self.members[at].wants_to_leave => {
                self.members[at].wants_to_leave = false;
                self.members_in_wave = self.members_in_wave.saturating_sub(1);
            }
            _ if self.members[at].wants_to_leave => self.leave(at, now, out),
            _ => {}
        }
    }

    /// Ends requests after their timeout. Called ten times a second.
    pub(in crate::load) fn tick(&mut self, now: Micros, out: &mut impl MessageSink) {
        if std::mem::take(&mut self.has_departures) {
            self.excuse_answers(now, out);
        }
        let mut begun = std::mem::take(&mut self.started);
        begun.retain(|&(at, serial)| {
            let member = &mut self.members[at];
            let request = member.request.as_mut();
            let Some(request) = request.filter(|request| request.serial == serial) else {
                return false;
            };
            let age = now.saturating_sub(request.sent_at);
            let is_excused = !request.awaits_reply
                && now.saturating_sub(request.replied_at) > EXCUSE_GRACE
                && request.missing_offers()
                    <= request.fix_excused_max(self.swarms[member.swarm].departures)
                        + crossing_offers(&self.offers, at, request);
            if age > self.settings.timeout + self.settings.think.1 {
                self.time_out(at, now, out);
                false
            } else if request.kind == RequestKind::Stop
                && request.awaits_reply
                && age > STOP_TIMEOUT
            {
                self.handle_missing_reply(at);
                self.end_request(at, now, out);
                false
            } else if is_excused && request.expected_answers == 0 {
                let (offers, missing) = (request.offers.clone(), request.missing_offers());
                self.give_up_offers(offers, missing, 0);
                self.end_request(at, now, out);
                false
            } else {
                true
            }
        });
        // Adds the requests that started meanwhile.
        begun.append(&mut self.started);
        self.started = begun;
        self.expire_offers(now);
        self.start_due_requests(now, out);
    }

    fn time_out(&mut self, at: usize, now: Micros, out: &mut impl MessageSink) {
        let member = &mut self.members[at];
        if let Some(request) = &mut member.request {
            let missing = request.missing_offers();
            let excused_max = request.fix_excused_max(self.swarms[member.swarm].departures)
                + crossing_offers(&self.offers, at, request);
            let excused = missing.min(excused_max);
            match (request.awaits_reply, request.kind) {
                (false, _) | (true, RequestKind::Stop) => {}
                (true, RequestKind::Scrape) => self.tally.scrapes_lost += 1,
                (true, _) => self.tally.replies_lost += 1,
            }
            let (offers, awaits_reply) = (request.offers.clone(), request.awaits_reply);
            if awaits_reply && request.is_measured && request.kind == RequestKind::Announce {
                // It waited at least this long.
                record_latency(&mut self.latencies.reply, now - request.due);
            }
            self.give_up_offers(offers, excused, missing - excused);
            if awaits_reply {
                self.handle_missing_reply(at);
            }
        }
        self.end_request(at, now, out);
    }

    /// Stops waiting for the missing offers of an announce, and counts them as excused or lost. Marks each of them,
    /// because it may still arrive and must not count twice.
    fn give_up_offers(&mut self, offers: Range<u64>, excused: u64, lost: u64) {
        self.tally.offers_excused += excused;
        self.tally.offers_lost += lost;
        let excused_first = (0..excused).map(|_| OfferVerdict::Excused);
        let mut verdicts = excused_first.chain((0..lost).map(|_| OfferVerdict::Lost));
        for number in offers {
            if let Some(offer) = self.offers.get(number).filter(|offer| offer.to.is_none()) {
                offer.verdict = verdicts.next();
            }
        }
    }

    /// Updates the member and its swarm after a missing reply.
    pub(super) fn handle_missing_reply(&mut self, at: usize) {
        let member = &mut self.members[at];
        let swarm = &mut self.swarms[member.swarm];
        match member.request.as_ref().map(|request| request.kind) {
            Some(RequestKind::Join) => {
                swarm.end_change();
                swarm.has_uncertain_count = true;
            }
            Some(RequestKind::Stop) => {
                self.tally.stops_unreplied += 1;
                member.state = MemberState::Left;
                swarm.end_change();
            }
            _ => member.answers_unreplied = 0,
        }
    }

    /// Removes offers that are too old, and counts their missing answers.
    fn expire_offers(&mut self, now: Micros) {
        let timeout = self.settings.timeout;
        // An answer is sent later than its offer, so it gets more time.
        let longest = timeout + self.settings.think.1 + timeout.min(EXCUSE_GRACE);
        let Some(before) = now.checked_sub(longest) else {
            return;
        };
        while let Some(offer) = self.offers.pop_sent_before(before) {
            if matches!(offer.answer, AnswerState::Sent | AnswerState::Delayed) {
                self.expected_answers = self.expected_answers.saturating_sub(1);
            }
            if offer.answer == AnswerState::Sent {
                if self.has_party_left(&offer) {
                    self.tally.answers_excused += 1;
                } else {
                    self.tally.answers_lost += 1;
                }
            }
        }
    }

    fn has_party_left(&self, offer: &super::state::SentOffer) -> bool {
        let has_left = |member: usize| self.members[member].left_after(offer.sent_at);
        has_left(offer.from) || offer.to.is_some_and(has_left)
    }

    /// Stops waiting for answers if one of the two members has left.
    fn excuse_answers(&mut self, now: Micros, out: &mut impl MessageSink) {
        let members = &self.members;
        let mut excused = Vec::new();
        for offer in self
            .offers
            .iter_mut()
            .filter(|offer| offer.answer == AnswerState::Sent)
        {
            let has_left = |member: usize| members[member].left_after(offer.sent_at);
            if has_left(offer.from) || offer.to.is_some_and(has_left) {
                offer.answer = AnswerState::Excused;
                excused.push(*offer);
            }
        }
        self.tally.answers_excused += excused.len() as u64;
        for offer in excused {
            self.stop_expecting_answer(&offer, now, out);
        }
    }

    /// Records that the member is connected.
    pub(in crate::load) fn connection_opened(&mut self, at: usize) {
        let member = &mut self.members[at];
        if member.left_at.is_some() {
            member.renew_peer_id(self.salt);
        }
        member.state = MemberState::Open;
    }

    /// Records the end of the member's connection; excuses its request in flight.
    pub(in crate::load) fn connection_closed(&mut self, at: usize, now: Micros) {
        let member = &mut self.members[at];
        let swarm = &mut self.swarms[member.swarm];
        let before = std::mem::replace(&mut member.state, MemberState::Closed);
        member.left_at = Some(now);
        member.answers_unreplied = 0;
        let request = member.request.take();
        let kind = request
            .as_ref()
            .filter(|request| request.awaits_reply)
            .map(|request| request.kind);
        if matches!(kind, Some(RequestKind::Join | RequestKind::Stop)) {
            swarm.end_change();
        }
        // A leaving member is already subtracted.
        if before == MemberState::Joined && kind != Some(RequestKind::Stop) {
            swarm.present_members = swarm.present_members.saturating_sub(1);
        }
        if std::mem::take(&mut member.wants_to_leave) {
            self.members_in_wave = self.members_in_wave.saturating_sub(1);
        }
        swarm.record_disconnect(now);
        self.has_departures = true;
        if let Some(request) = request {
            self.requests_in_flight -= usize::from(request.is_counted);
            let missing = request.missing_offers();
            self.give_up_offers(request.offers, missing, 0);
        }
    }
}

/// Returns how many offers of a request a tracker may withhold: those for which only members are left whose own offers would
/// cross.
fn crossing_offers(offers: &OfferTable, at: usize, request: &PendingRequest) -> u64 {
    let crossing = offers.crossing_members(at, request);
    let free = request.others.saturating_sub(crossing);
    request.expected_offers.saturating_sub(free)
}
