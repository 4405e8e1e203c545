//! The exchange: every request of one thread with all that has to come of it, judged message by message.
//!
//! A tracker that drops, doubles or misdirects messages is not taken for a fast one. Plain synchronous code: time, texts
//! and randomness come in as arguments, texts go out through an [`Outbox`]. The session of a thread drives it.

#![expect(
    clippy::indexing_slicing,
    reason = "members and swarms are made once and never removed; their numbers come from here, not from the tracker"
)]

mod begin;
mod expire;
mod judge;
mod latencies;
mod state;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::sdp::SdpText;
use super::tally::{Errors, Tally};
pub(super) use latencies::{Latencies, record};
pub(super) use state::Micros;
use state::{Member, Offers, Swarm};

/// Where texts go out.
pub(super) trait Outbox {
    /// Sends a text message on a member's connection.
    fn send(&mut self, member: usize, text: &str);
}

/// What the requests are like.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) offers: u64,
    pub(super) offer_bytes: usize,
    pub(super) answer_bytes: usize,
    /// Share of the received offers that are answered.
    pub(super) answers: f64,
    /// Shortest and longest time until an answer.
    pub(super) think: (Micros, Micros),
    /// Share of seeders in every swarm.
    pub(super) seeders: f64,
    /// Share of the requests that are scrapes.
    pub(super) scrapes: f64,
    /// What has not come after this time is lost.
    pub(super) timeout: Micros,
}

/// What makes the next request begin.
#[derive(Debug, Clone, Copy)]
pub(super) enum Drive {
    /// Nothing.
    Idle,
    /// Everybody joins, so many at a time.
    Join { next: usize, at_once: usize },
    /// So many under way at any time, until so many have begun.
    Closed { at_once: usize, to_begin: u64 },
    /// One whenever it is due, whatever became of those before.
    Open {
        begin: Micros,
        end: Micros,
        per_second: f64,
        next: u64,
    },
}

/// Whether the tracker replies to answers, which it may do or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// To be found out.
    Unknown,
    Replies,
    Silent,
}

/// How many requests are over.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Done {
    pub(super) announces: u64,
    pub(super) scrapes: u64,
    /// When the last one ended.
    pub(super) last: Micros,
}

#[derive(Debug)]
pub(super) struct Exchange {
    settings: Settings,
    salt: u64,
    rng: SmallRng,
    swarms: Vec<Swarm>,
    members: Vec<Member>,
    offers: Offers,
    offer_sdp: SdpText,
    answer_sdp: SdpText,
    text: String,
    /// Requests that have begun and may be under way still: member and serial number.
    begun: Vec<(usize, u64)>,
    serial: u64,
    /// Answers that wait for their think time to pass: when, and to which offer.
    thinking: BinaryHeap<Reverse<(Micros, u64)>>,
    turn: usize,
    stride: usize,
    /// Requests under way, those of waves not counted.
    under_way: usize,
    /// Answers to come, sent or still being thought about.
    answers_to_come: usize,
    waving: usize,
    members_gone: bool,
    pub(super) drive: Drive,
    pub(super) habit: Habit,
    /// Requests that are due in this time are measured.
    pub(super) measured: std::ops::Range<Micros>,
    pub(super) tally: Tally,
    pub(super) done: Done,
    pub(super) latencies: Latencies,
    pub(super) errors: Errors,
    pub(super) sent_messages: u64,
    pub(super) received_messages: u64,
}

impl Exchange {
    /// For swarms of these sizes. `first_swarm` keeps the swarms of several exchanges of a run apart, `thread` their offers.
    pub(super) fn new(
        settings: Settings,
        seed: u64,
        thread: usize,
        first_swarm: u64,
        sizes: &[usize],
    ) -> Self {
        let (mut swarms, mut members) = (Vec::new(), Vec::new());
        for (swarm, &size) in sizes.iter().enumerate() {
            swarms.push(Swarm::new(seed, first_swarm + swarm as u64));
            for place in 0..size {
                let seeds = seeds(place, settings.seeders);
                members.push(Member::new(
                    seed,
                    swarm,
                    seeds,
                    (first_swarm << 32) + members.len() as u64,
                ));
            }
        }
        let stride = coprime_stride(members.len());
        Self {
            offer_sdp: SdpText::new(settings.offer_bytes),
            answer_sdp: SdpText::new(settings.answer_bytes),
            rng: SmallRng::seed_from_u64(seed ^ first_swarm),
            salt: seed,
            offers: Offers::new(super::ids::first_offer(thread) + (first_swarm << 32)),
            settings,
            swarms,
            members,
            text: String::new(),
            begun: Vec::new(),
            serial: 0,
            thinking: BinaryHeap::new(),
            turn: 0,
            stride,
            under_way: 0,
            answers_to_come: 0,
            waving: 0,
            members_gone: false,
            drive: Drive::Idle,
            habit: Habit::Silent,
            measured: 0..0,
            tally: Tally::default(),
            done: Done::default(),
            latencies: Latencies::default(),
            errors: Errors::default(),
            sent_messages: 0,
            received_messages: 0,
        }
    }

    pub(super) fn member_count(&self) -> usize {
        self.members.len()
    }

    /// Whether nothing is under way and nothing is to come.
    pub(super) fn is_settled(&self) -> bool {
        self.under_way == 0 && self.answers_to_come == 0 && self.waving == 0
    }

    /// How many members have left in a wave and are not back.
    pub(super) fn waving(&self) -> usize {
        self.waving
    }

    pub(super) fn has_joined(&self, member: usize) -> bool {
        self.members[member].has_joined()
    }

    /// Begins what is to begin now.
    pub(super) fn go_on(&mut self, now: Micros, out: &mut impl Outbox) {
        match self.drive {
            Drive::Idle => {}
            Drive::Join { mut next, at_once } => {
                while self.under_way < at_once && next < self.members.len() {
                    if self.members[next].may_join() {
                        self.join(next, 0, true, now, out);
                    }
                    next += 1;
                }
                self.drive = Drive::Join { next, at_once };
            }
            Drive::Closed {
                at_once,
                mut to_begin,
            } => {
                while self.under_way < at_once && to_begin > 0 && self.begin_next(now, now, out) {
                    to_begin -= 1;
                }
                self.drive = Drive::Closed { at_once, to_begin };
            }
            Drive::Open {
                begin,
                end,
                per_second,
                mut next,
            } => {
                loop {
                    let due = due(begin, per_second, next);
                    if due > now || due >= end || !self.begin_next(due, now, out) {
                        break;
                    }
                    next += 1;
                }
                self.drive = Drive::Open {
                    begin,
                    end,
                    per_second,
                    next,
                };
            }
        }
    }

    /// Whether every request of an open loop that was due has begun.
    pub(super) fn is_on_time(&self) -> bool {
        match self.drive {
            Drive::Open {
                begin,
                end,
                per_second,
                next,
            } => due(begin, per_second, next) >= end,
            _ => true,
        }
    }

    /// Begins nothing more. Requests that were due and did not get their turn are counted with the time that they waited.
    pub(super) fn stop(&mut self, now: Micros) {
        if let Drive::Open {
            begin,
            end,
            per_second,
            next,
        } = self.drive
        {
            let mut next = next;
            while due(begin, per_second, next) < end.min(now) {
                let due = due(begin, per_second, next);
                if self.measured.contains(&due) {
                    self.latencies.unsent(now - due);
                }
                next += 1;
            }
        }
        self.drive = Drive::Idle;
    }

    /// Sends the answers whose time has come.
    pub(super) fn think(&mut self, now: Micros, out: &mut impl Outbox) {
        while let Some(&Reverse((due, number))) = self.thinking.peek() {
            if due > now {
                break;
            }
            self.thinking.pop();
            self.answer(number, now, out);
        }
    }

    /// Lets a share of the members leave and join again; returns how many.
    pub(super) fn wave(&mut self, share: f64, now: Micros, out: &mut impl Outbox) -> usize {
        let mut leaving = 0;
        for member in 0..self.members.len() {
            if self.members[member].has_joined() && self.rng.random_bool(share) {
                self.members[member].wants_to_leave = true;
                self.waving += 1;
                leaving += 1;
                if self.members[member].unit.is_none() {
                    self.leave(member, now, out);
                }
            }
        }
        leaving
    }

    /// Chooses a share of the members that have joined.
    pub(super) fn choose(&mut self, share: f64) -> Vec<usize> {
        let joined = |member: &usize| self.members[*member].has_joined();
        let joined: Vec<usize> = (0..self.members.len()).filter(joined).collect();
        joined
            .into_iter()
            .filter(|_| self.rng.random_bool(share))
            .collect()
    }

    /// With this probability.
    pub(super) fn chance(&mut self, share: f64) -> bool {
        self.rng.random_bool(share)
    }
}

/// When request number `next` is due.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of requests are below 2^52, and times are positive"
)]
pub(super) fn due(begin: Micros, per_second: f64, next: u64) -> Micros {
    begin + (next as f64 * 1e6 / per_second) as u64
}

/// Whether the member at this place is a seeder: so that any number of members has the share as nearly as can be.
#[expect(clippy::cast_precision_loss, reason = "places are far below 2^52")]
fn seeds(place: usize, share: f64) -> bool {
    ((place + 1) as f64 * share).floor() > (place as f64 * share).floor()
}

/// A step with which everybody's turn comes once in a round, far from the member before.
fn coprime_stride(members: usize) -> usize {
    let wanted = (members * 618 / 1000).max(1);
    (wanted..=wanted + members)
        .find(|&step| gcd(step, members.max(1)) == 1)
        .unwrap_or(1)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
