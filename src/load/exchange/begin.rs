//! Starts requests: announces with their offers, joins, leaves, scrapes, and answers to offers.

use std::fmt::Write as _;

use rand::RngExt;

use super::latencies::record;
use super::state::{Answer, Kind, Micros, Offer, State, Unit};
use super::{Exchange, Habit, Outbox};
use crate::load::ids;

/// Number of members that are tried to find one without a request in flight.
const LOOKED_AT_MAX: usize = 256;
/// The `left` value of leechers in bytes.
const LEFT: u64 = 1 << 20;

impl Exchange {
    /// Makes the next free member announce or scrape. Returns false if there is none.
    pub(super) fn begin_next(&mut self, due: Micros, now: Micros, out: &mut impl Outbox) -> bool {
        let count = self.members.len();
        for _ in 0..count.min(LOOKED_AT_MAX) {
            self.turn = (self.turn + self.stride) % count;
            let member = &self.members[self.turn];
            if member.has_joined() && member.unit.is_none() {
                let is_scrape =
                    self.settings.scrapes > 0.0 && self.rng.random_bool(self.settings.scrapes);
                let kind = if is_scrape {
                    Kind::Scrape
                } else {
                    Kind::Announce
                };
                let offers = if is_scrape { 0 } else { self.settings.offers };
                self.begin(self.turn, kind, offers, (due, now), true, out);
                return true;
            }
        }
        false
    }

    /// Makes a connected member join its swarm.
    pub(in crate::load) fn join(
        &mut self,
        member: usize,
        offers: u64,
        is_counted: bool,
        now: Micros,
        out: &mut impl Outbox,
    ) {
        self.swarm_of(member).begin_change();
        self.begin(member, Kind::Join, offers, (now, now), is_counted, out);
    }

    /// Makes a member leave its swarm.
    pub(super) fn leave(&mut self, member: usize, now: Micros, out: &mut impl Outbox) {
        let swarm = self.swarm_of(member);
        swarm.begin_change();
        swarm.present = swarm.present.saturating_sub(1);
        swarm.gone += 1;
        self.members[member].gone_at = Some(now);
        self.begin(member, Kind::Stop, 0, (now, now), false, out);
    }

    fn begin(
        &mut self,
        member: usize,
        kind: Kind,
        offers: u64,
        (due, now): (Micros, Micros),
        is_counted: bool,
        out: &mut impl Outbox,
    ) {
        self.serial += 1;
        let (first, is_measured) = (self.offers.next_number(), self.measured.contains(&due));
        for _ in 0..offers {
            self.offers.push(Offer {
                from: member,
                serial: self.serial,
                due,
                sent: now,
                is_measured,
                to: None,
                given_up: None,
                answer: Answer::None,
            });
        }
        let sender = &self.members[member];
        let swarm = &mut self.swarms[sender.swarm];
        let others = swarm
            .present
            .saturating_sub(u64::from(sender.state == State::Joined));
        let request = Unit {
            kind,
            serial: self.serial,
            due,
            sent: now,
            awaits_reply: true,
            is_measured,
            is_counted,
            offers: first..first + offers,
            expected: offers.min(others),
            relayed: 0,
            answers: 0,
            replies_ahead: sender.answers_unreplied,
            version: swarm.version,
            others,
            ghosts: swarm.ghosts(now) + swarm.changing,
            gone_before: swarm.gone,
            replied: now,
            excused_max: None,
        };
        self.members[member].unit = Some(Box::new(request));
        self.under_way += usize::from(is_counted);
        self.begun.push((member, self.serial));
        if is_measured && matches!(kind, Kind::Announce | Kind::Scrape) {
            record(&mut self.latencies.lateness, now - due);
        }
        self.text.clear();
        if kind == Kind::Scrape {
            self.tally.scrapes_sent += 1;
            let json = &self.swarms[self.members[member].swarm].json;
            // Writing to a string cannot fail.
            let _ = write!(
                self.text,
                "{{\"action\":\"scrape\",\"info_hash\":[{json}]}}"
            );
        } else {
            self.tally.announces_sent += 1;
            self.tally.offers_sent += offers;
            self.write_announce(member, kind, first, offers);
        }
        self.sent_messages += 1;
        out.send(member, &self.text);
    }

    /// Writes an announce, with the keys in the order of the reference client.
    fn write_announce(&mut self, member: usize, kind: Kind, first: u64, offers: u64) {
        let text = &mut self.text;
        let sender = &self.members[member];
        let left = if sender.seeds { 0 } else { LEFT };
        let _ = write!(
            text,
            "{{\"numwant\":{offers},\"uploaded\":0,\"downloaded\":0,\"left\":{left}"
        );
        text.push_str(match kind {
            Kind::Join => ",\"event\":\"started\"",
            Kind::Stop => ",\"event\":\"stopped\"",
            Kind::Announce | Kind::Scrape => "",
        });
        text.push_str(",\"action\":\"announce\",\"info_hash\":");
        text.push_str(&self.swarms[sender.swarm].json);
        text.push_str(",\"peer_id\":");
        ids::write(sender.peer_id.as_bytes(), text);
        text.push_str(",\"offers\":[");
        for number in first..first + offers {
            text.push_str(if number > first { "," } else { "" });
            text.push_str("{\"offer\":{\"type\":\"offer\",\"sdp\":");
            self.offer_sdp.write(number, text);
            text.push_str("},\"offer_id\":");
            ids::write(ids::offer_id(self.salt, number).as_bytes(), text);
            text.push('}');
        }
        text.push_str("]}");
    }

    /// Answers an offer if its receiver is still a member.
    pub(super) fn answer(&mut self, number: u64, now: Micros, out: &mut impl Outbox) {
        let Some(offer) = self.offers.get(number) else {
            return;
        };
        let Some(to) = offer.to.filter(|_| offer.answer == Answer::Thinking) else {
            return;
        };
        let receiver = &self.members[to];
        if !receiver.is_member() || receiver.went_after(offer.sent) {
            offer.answer = Answer::None;
            let offer = *offer;
            self.no_answer_to(&offer, now, out);
            return;
        }
        offer.answer = Answer::Sent;
        let from = offer.from;
        if self.habit != Habit::Silent {
            self.members[to].answers_unreplied += 1;
        }
        self.tally.answers_sent += 1;
        let text = &mut self.text;
        text.clear();
        text.push_str("{\"action\":\"announce\",\"info_hash\":");
        text.push_str(&self.swarms[self.members[to].swarm].json);
        text.push_str(",\"peer_id\":");
        ids::write(self.members[to].peer_id.as_bytes(), text);
        text.push_str(",\"to_peer_id\":");
        ids::write(self.members[from].peer_id.as_bytes(), text);
        text.push_str(",\"offer_id\":");
        ids::write(ids::offer_id(self.salt, number).as_bytes(), text);
        text.push_str(",\"answer\":{\"type\":\"answer\",\"sdp\":");
        self.answer_sdp.write(number, text);
        text.push_str("}}");
        self.sent_messages += 1;
        out.send(to, &self.text);
    }

    pub(super) fn swarm_of(&mut self, member: usize) -> &mut super::state::Swarm {
        &mut self.swarms[self.members[member].swarm]
    }
}
