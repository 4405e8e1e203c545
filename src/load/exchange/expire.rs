//! Ends requests: when everything has arrived, after a timeout, or when a member involved has left.

use std::ops::Range;

use super::latencies::record;
use super::state::{Answer, GivenUp, Kind, Micros, State};
use super::{Exchange, Outbox};

/// How long offers that may be excused are awaited after the reply. Members that leave later excuse no offer. Otherwise
/// each member that leaves during the wait would excuse a tracker that drops everything.
const GRACE: Micros = 1_000_000;
/// How long the reply to `stopped` is awaited; not every tracker sends one.
const STOP_TIMEOUT: Micros = 1_000_000;

impl Exchange {
    /// Ends the member's request if everything that belongs to it has arrived.
    pub(super) fn settle(&mut self, at: usize, now: Micros, out: &mut impl Outbox) {
        let member = &mut self.members[at];
        if member
            .unit
            .as_ref()
            .is_some_and(|request| request.is_over())
        {
            self.end(at, now, out);
        }
    }

    fn end(&mut self, at: usize, now: Micros, out: &mut impl Outbox) {
        let Some(request) = self.members[at].unit.take() else {
            return;
        };
        self.under_way -= usize::from(request.is_counted);
        self.done.last = now;
        match request.kind {
            Kind::Scrape => self.done.scrapes += 1,
            _ => self.done.announces += 1,
        }
        match request.kind {
            // The second half of a wave: the member joins again.
            Kind::Stop if self.members[at].state == State::Left => {
                // Until now the tracker could choose it as a receiver, and has received all its earlier answers.
                self.members[at].gone_at = Some(now);
                self.members_gone = true;
                let offers = self.settings.offers;
                self.join(at, offers, false, now, out);
            }
            Kind::Join if self.members[at].wants_to_leave => {
                self.members[at].wants_to_leave = false;
                self.waving = self.waving.saturating_sub(1);
            }
            _ if self.members[at].wants_to_leave => self.leave(at, now, out),
            _ => {}
        }
    }

    /// Ends requests after their timeout. Called ten times a second.
    pub(in crate::load) fn tick(&mut self, now: Micros, out: &mut impl Outbox) {
        if std::mem::take(&mut self.members_gone) {
            self.excuse_answers(now, out);
        }
        let mut begun = std::mem::take(&mut self.begun);
        begun.retain(|&(at, serial)| {
            let member = &mut self.members[at];
            let request = member.unit.as_mut();
            let Some(request) = request.filter(|request| request.serial == serial) else {
                return false;
            };
            let age = now.saturating_sub(request.sent);
            let is_excused = !request.awaits_reply
                && now.saturating_sub(request.replied) > GRACE
                && request.missing() <= request.excuse(self.swarms[member.swarm].gone);
            if age > self.settings.timeout + self.settings.think.1 {
                self.lose(at, now, out);
                false
            } else if request.kind == Kind::Stop && request.awaits_reply && age > STOP_TIMEOUT {
                self.unreplied(at);
                self.end(at, now, out);
                false
            } else if is_excused && request.answers == 0 {
                let (offers, missing) = (request.offers.clone(), request.missing());
                self.give_up(offers, missing, 0);
                self.end(at, now, out);
                false
            } else {
                true
            }
        });
        // Adds the requests that started meanwhile.
        begun.append(&mut self.begun);
        self.begun = begun;
        self.forget_offers(now);
        self.go_on(now, out);
    }

    fn lose(&mut self, at: usize, now: Micros, out: &mut impl Outbox) {
        let member = &mut self.members[at];
        if let Some(request) = &mut member.unit {
            let missing = request.missing();
            let excused = missing.min(request.excuse(self.swarms[member.swarm].gone));
            match (request.awaits_reply, request.kind) {
                (false, _) | (true, Kind::Stop) => {}
                (true, Kind::Scrape) => self.tally.scrapes_lost += 1,
                (true, _) => self.tally.replies_lost += 1,
            }
            let (offers, awaits_reply) = (request.offers.clone(), request.awaits_reply);
            if awaits_reply && request.is_measured && request.kind == Kind::Announce {
                // It waited at least this long.
                record(&mut self.latencies.reply, now - request.due);
            }
            self.give_up(offers, excused, missing - excused);
            if awaits_reply {
                self.unreplied(at);
            }
        }
        self.end(at, now, out);
    }

    /// Stops waiting for the missing offers of an announce, and counts them as excused or lost. Marks each of them,
    /// because it may still arrive and must not count twice.
    fn give_up(&mut self, offers: Range<u64>, excused: u64, lost: u64) {
        self.tally.offers_excused += excused;
        self.tally.offers_lost += lost;
        let excused_first = (0..excused).map(|_| GivenUp::Excused);
        let mut verdicts = excused_first.chain((0..lost).map(|_| GivenUp::Lost));
        for number in offers {
            if let Some(offer) = self.offers.get(number).filter(|offer| offer.to.is_none()) {
                offer.given_up = verdicts.next();
            }
        }
    }

    /// Updates the member and its swarm after a missing reply.
    pub(super) fn unreplied(&mut self, at: usize) {
        let member = &mut self.members[at];
        let swarm = &mut self.swarms[member.swarm];
        match member.unit.as_ref().map(|request| request.kind) {
            Some(Kind::Join) => {
                swarm.end_change();
                swarm.is_unsure = true;
            }
            Some(Kind::Stop) => {
                self.tally.stops_unreplied += 1;
                member.state = State::Left;
                swarm.end_change();
            }
            _ => member.answers_unreplied = 0,
        }
    }

    /// Removes offers that are too old, and counts their missing answers.
    fn forget_offers(&mut self, now: Micros) {
        let timeout = self.settings.timeout;
        // An answer is sent later than its offer, so it gets more time.
        let longest = timeout + self.settings.think.1 + timeout.min(GRACE);
        let Some(before) = now.checked_sub(longest) else {
            return;
        };
        while let Some(offer) = self.offers.pop_older(before) {
            if matches!(offer.answer, Answer::Sent | Answer::Thinking) {
                self.answers_to_come = self.answers_to_come.saturating_sub(1);
            }
            if offer.answer == Answer::Sent {
                if self.is_one_gone(&offer) {
                    self.tally.answers_excused += 1;
                } else {
                    self.tally.answers_lost += 1;
                }
            }
        }
    }

    fn is_one_gone(&self, offer: &super::state::Offer) -> bool {
        let has_left = |member: usize| self.members[member].went_after(offer.sent);
        has_left(offer.from) || offer.to.is_some_and(has_left)
    }

    /// Stops waiting for answers if one of the two members has left.
    fn excuse_answers(&mut self, now: Micros, out: &mut impl Outbox) {
        let members = &self.members;
        let mut excused = Vec::new();
        for offer in self
            .offers
            .iter_mut()
            .filter(|offer| offer.answer == Answer::Sent)
        {
            let has_left = |member: usize| members[member].went_after(offer.sent);
            if has_left(offer.from) || offer.to.is_some_and(has_left) {
                offer.answer = Answer::Excused;
                excused.push(*offer);
            }
        }
        self.tally.answers_excused += excused.len() as u64;
        for offer in excused {
            self.no_answer_to(&offer, now, out);
        }
    }

    /// Records that the member is connected.
    pub(in crate::load) fn opened(&mut self, at: usize) {
        let member = &mut self.members[at];
        if member.gone_at.is_some() {
            member.renew(self.salt);
        }
        member.state = State::Open;
    }

    /// Records the end of the member's connection; excuses its request in flight.
    pub(in crate::load) fn closed(&mut self, at: usize, now: Micros) {
        let member = &mut self.members[at];
        let swarm = &mut self.swarms[member.swarm];
        let before = std::mem::replace(&mut member.state, State::Closed);
        member.gone_at = Some(now);
        member.answers_unreplied = 0;
        let request = member.unit.take();
        let kind = request
            .as_ref()
            .filter(|request| request.awaits_reply)
            .map(|request| request.kind);
        if matches!(kind, Some(Kind::Join | Kind::Stop)) {
            swarm.end_change();
        }
        // A leaving member is already subtracted.
        if before == State::Joined && kind != Some(Kind::Stop) {
            swarm.present = swarm.present.saturating_sub(1);
        }
        if std::mem::take(&mut member.wants_to_leave) {
            self.waving = self.waving.saturating_sub(1);
        }
        swarm.lose_connection(now);
        self.members_gone = true;
        if let Some(request) = request {
            self.under_way -= usize::from(request.is_counted);
            let missing = request.missing();
            self.give_up(request.offers, missing, 0);
        }
    }
}
