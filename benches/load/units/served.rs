//! What comes from the server, held against what was sent.

use swarmhub::protocol::OfferId;

use super::{SWARM_MEMBERS, SWARM_SEEDERS, Units};
use crate::inbound::{Inbound, Kind};
use crate::sample;
use crate::server::INTERVAL;

impl Units {
    /// Takes in a message that came to the member `at`.
    pub fn receive(&mut self, at: usize, text: &str) {
        let (own, Some(inbound)) = (sample::info_hash(self.swarm_of(at)), Inbound::read(text))
        else {
            self.tally.wrong += 1;
            return;
        };
        let is_right = match inbound {
            Inbound::Reply {
                info_hash,
                complete,
                incomplete,
                interval,
            } => {
                self.reply(at);
                let are_right = if self.tally.units > self.members.len() {
                    // In the first round everybody has joined.
                    (complete, incomplete) == (SWARM_SEEDERS, SWARM_MEMBERS - SWARM_SEEDERS)
                } else {
                    (1..=SWARM_MEMBERS).contains(&(complete + incomplete))
                };
                info_hash == own && interval == INTERVAL && are_right
            }
            Inbound::Relay {
                kind: Kind::Offer,
                info_hash,
                peer_id,
                offer_id,
                sdp,
            } => {
                info_hash == own
                    && self.offers.get(&offer_id).is_none_or(|given| {
                        peer_id == sample::peer_id(given.from as u64)
                            && self.offer_sdp.is(given.number, sdp)
                    })
                    && self.offer(at, offer_id)
            }
            Inbound::Relay {
                kind: Kind::Answer,
                info_hash,
                peer_id,
                offer_id,
                sdp,
            } => {
                info_hash == own
                    && self.offers.get(&offer_id).is_none_or(|given| {
                        given.from == at
                            && given
                                .to
                                .is_some_and(|to| peer_id == sample::peer_id(to as u64))
                            && self.answer_sdp.is(given.number, sdp)
                    })
                    && self.answer(at, offer_id)
            }
        };
        self.tally.wrong += usize::from(!is_right);
    }

    fn reply(&mut self, at: usize) {
        match &mut self.members[at].unit {
            Some(unit) if unit.reply => {
                unit.reply = false;
                self.tally.replies += 1;
                self.close_if_done(at);
            }
            _ => self.tally.duplicated += 1,
        }
    }

    /// Answers an offer. False if this member should not have got it.
    fn offer(&mut self, at: usize, offer_id: OfferId) -> bool {
        let Some(given) = self
            .offers
            .get_mut(&offer_id)
            .filter(|given| given.to.is_none())
        else {
            self.tally.duplicated += 1;
            return true;
        };
        given.to = Some(at);
        let (from, number) = (given.from, given.number);
        let is_neighbour = from != at && self.swarm_of(from) == self.swarm_of(at);
        match &mut self.members[from].unit {
            Some(unit) if is_neighbour && !unit.receivers.contains(&at) => unit.receivers.push(at),
            _ => return false,
        }
        self.tally.offers += 1;
        self.text.clear();
        let (swarm, to) = (self.swarm_of(at), sample::peer_id(from as u64));
        sample::answer(
            swarm,
            at as u64,
            &to,
            number,
            &self.answer_sdp,
            &mut self.text,
        );
        self.send(at);
        true
    }

    fn answer(&mut self, at: usize, offer_id: OfferId) -> bool {
        let Some(unit) = self
            .offers
            .remove(&offer_id)
            .and(self.members[at].unit.as_mut())
        else {
            self.tally.duplicated += 1;
            return true;
        };
        unit.answers -= 1;
        self.tally.answers += 1;
        self.close_if_done(at);
        true
    }

    fn close_if_done(&mut self, at: usize) {
        let unit = &mut self.members[at].unit;
        if unit
            .as_ref()
            .is_some_and(|unit| !unit.reply && unit.answers == 0)
        {
            *unit = None;
            self.tally.units += 1;
            self.under_way -= 1;
            if self.to_start > 0 {
                self.announce_next();
            }
        }
    }
}
