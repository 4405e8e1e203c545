//! Starts requests: announces with their offers, joins, leaves, scrapes, and answers to offers.

use std::fmt::Write as _;

use rand::RngExt;

use super::latencies::record_latency;
use super::state::{AnswerState, MemberState, Micros, PendingRequest, RequestKind, SentOffer};
use super::{AnswerReplyMode, Checker, MessageSink};
use crate::load::ids;

/// Number of members that are tried to find one without a request in flight.
const TRIED_MEMBERS_MAX: usize = 256;
/// The `left` value of leechers in bytes.
const LEECHER_LEFT_BYTES: u64 = 1 << 20;

/// A member that joins its swarm.
pub(in crate::load) struct JoinRequest {
    pub(in crate::load) member: usize,
    /// Number of offers in the announce.
    pub(in crate::load) offers: u64,
    /// Whether it counts as a request in flight.
    pub(in crate::load) is_counted: bool,
}

struct NewRequest {
    kind: RequestKind,
    offers: u64,
    is_counted: bool,
}

impl Checker {
    /// Makes the next free member announce or scrape. Returns false if there is none.
    pub(super) fn start_next(
        &mut self,
        due: Micros,
        now: Micros,
        out: &mut impl MessageSink,
    ) -> bool {
        let count = self.members.len();
        for _ in 0..count.min(TRIED_MEMBERS_MAX) {
            self.current_member = (self.current_member + self.stride) % count;
            let member = &self.members[self.current_member];
            if member.has_joined() && member.request.is_none() {
                let is_scrape =
                    self.settings.scrapes > 0.0 && self.rng.random_bool(self.settings.scrapes);
                let kind = if is_scrape {
                    RequestKind::Scrape
                } else {
                    RequestKind::Announce
                };
                let request = NewRequest {
                    kind,
                    offers: if is_scrape { 0 } else { self.settings.offers },
                    is_counted: true,
                };
                self.start_request(self.current_member, request, (due, now), out);
                return true;
            }
        }
        false
    }

    /// Makes a connected member join its swarm.
    pub(in crate::load) fn join(
        &mut self,
        JoinRequest {
            member,
            offers,
            is_counted,
        }: JoinRequest,
        now: Micros,
        out: &mut impl MessageSink,
    ) {
        self.swarm_of(member).begin_change();
        let request = NewRequest {
            kind: RequestKind::Join,
            offers,
            is_counted,
        };
        self.start_request(member, request, (now, now), out);
    }

    /// Makes a member leave its swarm.
    pub(super) fn leave(&mut self, member: usize, now: Micros, out: &mut impl MessageSink) {
        let swarm = self.swarm_of(member);
        swarm.begin_change();
        swarm.present_members = swarm.present_members.saturating_sub(1);
        swarm.departures += 1;
        self.members[member].left_at = Some(now);
        let request = NewRequest {
            kind: RequestKind::Stop,
            offers: 0,
            is_counted: false,
        };
        self.start_request(member, request, (now, now), out);
    }

    fn start_request(
        &mut self,
        member: usize,
        NewRequest {
            kind,
            offers,
            is_counted,
        }: NewRequest,
        (due, now): (Micros, Micros),
        out: &mut impl MessageSink,
    ) {
        self.serial += 1;
        let (first, is_measured) = (self.offers.next_number(), self.measured.contains(&due));
        for _ in 0..offers {
            self.offers.push(SentOffer {
                from: member,
                serial: self.serial,
                due,
                sent_at: now,
                is_measured,
                to: None,
                answered_at: None,
                verdict: None,
                answer: AnswerState::None,
            });
        }
        let sender = &self.members[member];
        let swarm = &mut self.swarms[sender.swarm];
        let others = swarm
            .present_members
            .saturating_sub(u64::from(sender.state == MemberState::Joined));
        let request = PendingRequest {
            kind,
            serial: self.serial,
            due,
            sent_at: now,
            awaits_reply: true,
            is_measured,
            is_counted,
            offers: first..first + offers,
            expected_offers: offers.min(others),
            relayed_offers: 0,
            expected_answers: 0,
            replies_ahead: sender.answers_unreplied,
            version: swarm.version,
            others,
            stale_members: swarm.stale_members(now) + swarm.changes_in_flight,
            departures_before: swarm.departures,
            replied_at: now,
            excused_max: None,
        };
        self.members[member].request = Some(Box::new(request));
        self.requests_in_flight += usize::from(is_counted);
        self.started.push((member, self.serial));
        if is_measured && matches!(kind, RequestKind::Announce | RequestKind::Scrape) {
            record_latency(&mut self.latencies.lateness, now - due);
        }
        self.text.clear();
        if kind == RequestKind::Scrape {
            self.tally.scrapes_sent += 1;
            let json = &self.swarms[self.members[member].swarm].info_hash_json;
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
    fn write_announce(&mut self, member: usize, kind: RequestKind, first: u64, offers: u64) {
        let text = &mut self.text;
        let sender = &self.members[member];
        let left = if sender.is_seeder {
            0
        } else {
            LEECHER_LEFT_BYTES
        };
        let _ = write!(
            text,
            "{{\"numwant\":{offers},\"uploaded\":0,\"downloaded\":0,\"left\":{left}"
        );
        text.push_str(match kind {
            RequestKind::Join => ",\"event\":\"started\"",
            RequestKind::Stop => ",\"event\":\"stopped\"",
            RequestKind::Announce | RequestKind::Scrape => "",
        });
        text.push_str(",\"action\":\"announce\",\"info_hash\":");
        text.push_str(&self.swarms[sender.swarm].info_hash_json);
        text.push_str(",\"peer_id\":");
        ids::write_json(sender.peer_id.as_bytes(), text);
        text.push_str(",\"offers\":[");
        for number in first..first + offers {
            text.push_str(if number > first { "," } else { "" });
            text.push_str("{\"offer\":{\"type\":\"offer\",\"sdp\":");
            self.offer_sdp.write(number, text);
            text.push_str("},\"offer_id\":");
            ids::write_json(ids::offer_id(self.salt, number).as_bytes(), text);
            text.push('}');
        }
        text.push_str("]}");
    }

    /// Answers an offer if its receiver is still a member.
    pub(super) fn send_answer(&mut self, number: u64, now: Micros, out: &mut impl MessageSink) {
        let Some(offer) = self.offers.get(number) else {
            return;
        };
        let Some(to) = offer.to.filter(|_| offer.answer == AnswerState::Delayed) else {
            return;
        };
        let receiver = &self.members[to];
        if !receiver.is_member() || receiver.left_after(offer.sent_at) {
            offer.answer = AnswerState::None;
            let offer = *offer;
            self.stop_expecting_answer(&offer, now, out);
            return;
        }
        offer.answer = AnswerState::Sent;
        offer.answered_at = Some(now);
        let from = offer.from;
        if self.answer_reply_mode != AnswerReplyMode::NoReplies {
            self.members[to].answers_unreplied += 1;
        }
        self.tally.answers_sent += 1;
        let text = &mut self.text;
        text.clear();
        text.push_str("{\"action\":\"announce\",\"info_hash\":");
        text.push_str(&self.swarms[self.members[to].swarm].info_hash_json);
        text.push_str(",\"peer_id\":");
        ids::write_json(self.members[to].peer_id.as_bytes(), text);
        text.push_str(",\"to_peer_id\":");
        ids::write_json(self.members[from].peer_id.as_bytes(), text);
        text.push_str(",\"offer_id\":");
        ids::write_json(ids::offer_id(self.salt, number).as_bytes(), text);
        text.push_str(",\"answer\":{\"type\":\"answer\",\"sdp\":");
        self.answer_sdp.write(number, text);
        text.push_str("}}");
        self.sent_messages += 1;
        out.send(to, &self.text);
    }

    pub(super) fn swarm_of(&mut self, member: usize) -> &mut super::state::LoadSwarm {
        &mut self.swarms[self.members[member].swarm]
    }
}
