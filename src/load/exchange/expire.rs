//! How requests end: all has come, it took too long, or one of those involved has gone.

use std::ops::Range;

use super::latencies::record;
use super::state::{Answer, GivenUp, Kind, Micros, State};
use super::{Exchange, Outbox};

/// How long offers that may come to nobody are waited for after the reply. Who goes later is no excuse: else a tracker
/// that drops everything would be excused by whoever leaves while its offers are waited for.
const GRACE: Micros = 1_000_000;
/// How long the reply to `stopped` is waited for, which not every tracker sends.
const STOP_TIMEOUT: Micros = 1_000_000;

impl Exchange {
    /// Ends the member's request if all that belongs to it has come.
    pub(super) fn settle(&mut self, at: usize, now: Micros, out: &mut impl Outbox) {
        let member = &mut self.members[at];
        if member.unit.as_ref().is_some_and(|unit| unit.is_over()) {
            self.end(at, now, out);
        }
    }

    fn end(&mut self, at: usize, now: Micros, out: &mut impl Outbox) {
        let Some(unit) = self.members[at].unit.take() else {
            return;
        };
        self.under_way -= usize::from(unit.is_counted);
        self.done.last = now;
        match unit.kind {
            Kind::Scrape => self.done.scrapes += 1,
            _ => self.done.announces += 1,
        }
        match unit.kind {
            // The second half of a wave: it comes back.
            Kind::Stop if self.members[at].state == State::Left => {
                // Until now somebody could be given to it as a member, and what it had answered before has come to the tracker.
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

    /// To be called ten times a second: what took too long is lost.
    pub(in crate::load) fn tick(&mut self, now: Micros, out: &mut impl Outbox) {
        if std::mem::take(&mut self.members_gone) {
            self.excuse_answers(now, out);
        }
        let mut begun = std::mem::take(&mut self.begun);
        begun.retain(|&(at, serial)| {
            let member = &mut self.members[at];
            let unit = member.unit.as_mut();
            let Some(unit) = unit.filter(|unit| unit.serial == serial) else {
                return false;
            };
            let age = now.saturating_sub(unit.sent);
            let is_excused = !unit.awaits_reply
                && now.saturating_sub(unit.replied) > GRACE
                && unit.missing() <= unit.excuse(self.swarms[member.swarm].gone);
            if age > self.settings.timeout + self.settings.think.1 {
                self.lose(at, now, out);
                false
            } else if unit.kind == Kind::Stop && unit.awaits_reply && age > STOP_TIMEOUT {
                self.unreplied(at);
                self.end(at, now, out);
                false
            } else if is_excused && unit.answers == 0 {
                let (offers, missing) = (unit.offers.clone(), unit.missing());
                self.give_up(offers, missing, 0);
                self.end(at, now, out);
                false
            } else {
                true
            }
        });
        // Requests that began meanwhile.
        begun.append(&mut self.begun);
        self.begun = begun;
        self.forget_offers(now);
        self.go_on(now, out);
    }

    fn lose(&mut self, at: usize, now: Micros, out: &mut impl Outbox) {
        let member = &mut self.members[at];
        if let Some(unit) = &mut member.unit {
            let missing = unit.missing();
            let excused = missing.min(unit.excuse(self.swarms[member.swarm].gone));
            match (unit.awaits_reply, unit.kind) {
                (false, _) | (true, Kind::Stop) => {}
                (true, Kind::Scrape) => self.tally.scrapes_lost += 1,
                (true, _) => self.tally.replies_lost += 1,
            }
            let (offers, awaits_reply) = (unit.offers.clone(), unit.awaits_reply);
            if awaits_reply && unit.is_measured && unit.kind == Kind::Announce {
                // It waited at least so long.
                record(&mut self.latencies.reply, now - unit.due);
            }
            self.give_up(offers, excused, missing - excused);
            if awaits_reply {
                self.unreplied(at);
            }
        }
        self.end(at, now, out);
    }

    /// The offers of an announce that have not come are not waited for: so many are excused and so many lost. Each is
    /// marked, as it may come after all and is not to be counted twice.
    fn give_up(&mut self, offers: Range<u64>, excused: u64, lost: u64) {
        self.tally.offers_excused += excused;
        self.tally.offers_lost += lost;
        let first = (0..excused).map(|_| GivenUp::Excused);
        let mut verdicts = first.chain((0..lost).map(|_| GivenUp::Lost));
        for number in offers {
            if let Some(offer) = self.offers.get(number).filter(|offer| offer.to.is_none()) {
                offer.given_up = verdicts.next();
            }
        }
    }

    /// What the lack of a reply means for the member and its swarm.
    pub(super) fn unreplied(&mut self, at: usize) {
        let member = &mut self.members[at];
        let swarm = &mut self.swarms[member.swarm];
        match member.unit.as_ref().map(|unit| unit.kind) {
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

    /// Judges the answers to offers that are too old, and forgets them.
    fn forget_offers(&mut self, now: Micros) {
        let timeout = self.settings.timeout;
        // An answer was sent later than its offer, so it is given more time.
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
        let went = |member: usize| self.members[member].went_after(offer.sent);
        went(offer.from) || offer.to.is_some_and(went)
    }

    /// Answers between members of whom one has gone are not waited for.
    fn excuse_answers(&mut self, now: Micros, out: &mut impl Outbox) {
        let members = &self.members;
        let mut excused = Vec::new();
        for offer in self
            .offers
            .iter_mut()
            .filter(|offer| offer.answer == Answer::Sent)
        {
            let went = |member: usize| members[member].went_after(offer.sent);
            if went(offer.from) || offer.to.is_some_and(went) {
                offer.answer = Answer::Excused;
                excused.push(*offer);
            }
        }
        self.tally.answers_excused += excused.len() as u64;
        for offer in excused {
            self.no_answer_to(&offer, now, out);
        }
    }

    /// The member is connected now.
    pub(in crate::load) fn opened(&mut self, at: usize) {
        let member = &mut self.members[at];
        if member.gone_at.is_some() {
            member.renew(self.salt);
        }
        member.state = State::Open;
    }

    /// The member's connection has ended; what it had under way is excused.
    pub(in crate::load) fn closed(&mut self, at: usize, now: Micros) {
        let member = &mut self.members[at];
        let swarm = &mut self.swarms[member.swarm];
        let before = std::mem::replace(&mut member.state, State::Closed);
        member.gone_at = Some(now);
        member.answers_unreplied = 0;
        let unit = member.unit.take();
        let kind = unit
            .as_ref()
            .filter(|unit| unit.awaits_reply)
            .map(|unit| unit.kind);
        if matches!(kind, Some(Kind::Join | Kind::Stop)) {
            swarm.end_change();
        }
        // Who leaves was taken off already.
        if before == State::Joined && kind != Some(Kind::Stop) {
            swarm.present = swarm.present.saturating_sub(1);
        }
        if std::mem::take(&mut member.wants_to_leave) {
            self.waving = self.waving.saturating_sub(1);
        }
        swarm.lose_connection(now);
        self.members_gone = true;
        if let Some(unit) = unit {
            self.under_way -= usize::from(unit.is_counted);
            let missing = unit.missing();
            self.give_up(unit.offers, missing, 0);
        }
    }
}
