//! The announces under way, each with its reply, its offers at other members and their answers back.
//!
//! Every message is checked and counted, so that a server that drops or misdirects is not taken for a fast one. Sends
//! through the connections' writers; the closed loop hands in what comes.

mod served;

use std::collections::HashMap;
use std::rc::Rc;

use swarmhub::protocol::OfferId;

use crate::connection::{self, TEXT, Writer};
use crate::sample::{self, ANSWER_SDP_BYTES, OFFER_SDP_BYTES, SdpText};
use crate::tally::Tally;

pub const SWARM_MEMBERS: usize = 50;
/// Every fifth member is a seeder.
const SEEDER_EVERY: usize = 5;
const SWARM_SEEDERS: usize = SWARM_MEMBERS / SEEDER_EVERY;
/// Who announces next is this many places on: a prime, so that everybody's turn comes once in a round.
const STRIDE: usize = 7919;

pub struct Units {
    first_swarm: u64,
    swarms: usize,
    pub members: Vec<Member>,
    offers: HashMap<OfferId, Given>,
    offers_made: u64,
    pub offers_each: u64,
    pub to_start: usize,
    pub under_way: usize,
    turn: usize,
    pub tally: Tally,
    offer_sdp: SdpText,
    answer_sdp: SdpText,
    text: String,
    frame: Vec<u8>,
}

/// A connection.
pub struct Member {
    writer: Rc<Writer>,
    unit: Option<Unit>,
}

/// What is still missing of an announce under way.
struct Unit {
    reply: bool,
    answers: u64,
    receivers: Vec<usize>,
}

/// An offer that was sent.
struct Given {
    number: u64,
    from: usize,
    to: Option<usize>,
}

impl Units {
    pub fn new(first_swarm: u64, swarms: usize) -> Self {
        Self {
            first_swarm,
            swarms,
            members: Vec::new(),
            offers: HashMap::new(),
            offers_made: 0,
            offers_each: 0,
            to_start: 0,
            under_way: 0,
            turn: 0,
            tally: Tally::default(),
            offer_sdp: SdpText::new(OFFER_SDP_BYTES),
            answer_sdp: SdpText::new(ANSWER_SDP_BYTES),
            text: String::new(),
            frame: Vec::new(),
        }
    }

    /// Takes a connection in; returns its number.
    pub fn join(&mut self, writer: Rc<Writer>) -> usize {
        self.members.push(Member { writer, unit: None });
        self.members.len() - 1
    }

    /// Lets the next member announce.
    pub fn announce_next(&mut self) {
        let all = self.members.len();
        let free = (1..=all).map(|turns| (self.turn + turns * STRIDE) % all);
        let Some(from) = { free }.find(|&place| self.members[place].unit.is_none()) else {
            return;
        };
        (self.turn, self.to_start, self.under_way) = (from, self.to_start - 1, self.under_way + 1);
        let numbers = self.offers_made..self.offers_made + self.offers_each;
        self.offers_made = numbers.end;
        self.text.clear();
        let (swarm, left) = (self.swarm_of(from), u32::from(!self.is_seeder(from)));
        sample::announce(
            swarm,
            from as u64,
            left,
            numbers.clone(),
            &self.offer_sdp,
            &mut self.text,
        );
        for number in numbers {
            self.offers.insert(
                sample::offer_id(number),
                Given {
                    number,
                    from,
                    to: None,
                },
            );
        }
        self.members[from].unit = Some(Unit {
            reply: true,
            answers: self.offers_each,
            receivers: Vec::new(),
        });
        self.send(from);
    }

    /// Counts what is still missing as lost.
    pub fn give_up(&mut self) {
        for unit in self
            .members
            .iter_mut()
            .filter_map(|member| member.unit.take())
        {
            self.tally.lost += usize::from(unit.reply) + usize::try_from(unit.answers).unwrap_or(0);
        }
        self.under_way = 0;
        self.offers.clear();
    }

    fn send(&mut self, from: usize) {
        connection::frame(TEXT, self.text.as_bytes(), &mut self.frame);
        self.members[from].writer.send(&self.frame);
    }

    fn swarm_of(&self, member: usize) -> u64 {
        self.first_swarm + (member % self.swarms) as u64
    }

    fn is_seeder(&self, member: usize) -> bool {
        (member / self.swarms).is_multiple_of(SEEDER_EVERY)
    }
}
