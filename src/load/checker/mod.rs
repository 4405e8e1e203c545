//! Sends the requests of one thread, and checks every received message against them.
//!
//! A tracker that drops, duplicates or misdirects messages must not look fast. Plain synchronous code: time, texts and
//! randomness are arguments; texts are sent through an [`MessageSink`]. Called by the session of a thread.

#![expect(
    clippy::indexing_slicing,
    reason = "members and swarms are created once and never removed; their indices come from here, not from the tracker"
)]

mod completion;
mod latencies;
mod received;
mod requests;
mod state;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::message_tally::{ErrorCounts, MessageTally};
use super::sdp::SdpText;
pub(super) use latencies::{Latencies, record_latency};
pub(super) use requests::JoinRequest;
pub(super) use state::Micros;
use state::{LoadMember, LoadSwarm, OfferTable};

/// Sends text messages.
pub(super) trait MessageSink {
    /// Sends a text message on a member's connection.
    fn send(&mut self, member: usize, text: &str);
}

/// Settings of the requests.
#[derive(Debug, Clone)]
pub(super) struct RequestSettings {
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
    /// A message that takes longer counts as lost.
    pub(super) timeout: Micros,
}

/// When the next request starts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pacing {
    /// Never.
    Idle,
    /// All members join, with at most `at_once` joins in flight.
    Join { next: usize, at_once: usize },
    /// Closed loop: `at_once` requests in flight, until `to_begin` more have started.
    Closed { at_once: usize, to_begin: u64 },
    /// Open loop: a request starts when it is due, independent of earlier ones.
    Open {
        begin: Micros,
        end: Micros,
        per_second: f64,
        next: u64,
    },
}

/// Whether the tracker replies to answers; both modes are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerReplyMode {
    /// Not determined yet.
    Unknown,
    Replies,
    NoReplies,
}

/// Number of completed requests.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FinishedRequests {
    pub(super) announces: u64,
    pub(super) scrapes: u64,
    /// When the last one ended.
    pub(super) last: Micros,
}

#[derive(Debug)]
pub(super) struct Checker {
    settings: RequestSettings,
    salt: u64,
    rng: SmallRng,
    swarms: Vec<LoadSwarm>,
    members: Vec<LoadMember>,
    offers: OfferTable,
    offer_sdp: SdpText,
    answer_sdp: SdpText,
    text: String,
    /// Started requests that may still be in flight: member and serial number.
    started: Vec<(usize, u64)>,
    serial: u64,
    /// Answers in their think time: when they are due, and the number of the offer.
    delayed_answers: BinaryHeap<Reverse<(Micros, u64)>>,
    current_member: usize,
    stride: usize,
    /// Requests in flight, without those of waves.
    requests_in_flight: usize,
    /// Expected answers: sent, or still in their think time.
    expected_answers: usize,
    members_in_wave: usize,
    has_departures: bool,
    pub(super) pacing: Pacing,
    pub(super) answer_reply_mode: AnswerReplyMode,
    /// Requests that are due in this time are measured.
    pub(super) measured: std::ops::Range<Micros>,
    pub(super) tally: MessageTally,
    pub(super) finished: FinishedRequests,
    pub(super) latencies: Latencies,
    pub(super) errors: ErrorCounts,
    pub(super) sent_messages: u64,
    pub(super) received_messages: u64,
}

impl Checker {
    /// Creates the members for swarms of these sizes. In a run with several exchanges, `first_swarm` makes their swarms
    /// distinct, and `thread` their offers.
    pub(super) fn new(
        settings: RequestSettings,
        seed: u64,
        thread: usize,
        first_swarm: u64,
        sizes: &[usize],
    ) -> Self {
        let (mut swarms, mut members) = (Vec::new(), Vec::new());
        for (swarm, &size) in sizes.iter().enumerate() {
            swarms.push(LoadSwarm::new(seed, first_swarm + swarm as u64));
            for index in 0..size {
                let is_seeder = is_seeder(index, settings.seeders);
                members.push(LoadMember::new(
                    seed,
                    swarm,
                    is_seeder,
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
            offers: OfferTable::new(super::ids::first_offer_number(thread) + (first_swarm << 32)),
            settings,
            swarms,
            members,
            text: String::new(),
            started: Vec::new(),
            serial: 0,
            delayed_answers: BinaryHeap::new(),
            current_member: 0,
            stride,
            requests_in_flight: 0,
            expected_answers: 0,
            members_in_wave: 0,
            has_departures: false,
            pacing: Pacing::Idle,
            answer_reply_mode: AnswerReplyMode::NoReplies,
            measured: 0..0,
            tally: MessageTally::default(),
            finished: FinishedRequests::default(),
            latencies: Latencies::default(),
            errors: ErrorCounts::default(),
            sent_messages: 0,
            received_messages: 0,
        }
    }

    pub(super) fn member_count(&self) -> usize {
        self.members.len()
    }

    /// Whether no request is in flight and no message is expected.
    pub(super) fn is_settled(&self) -> bool {
        self.requests_in_flight == 0 && self.expected_answers == 0 && self.members_in_wave == 0
    }

    /// Returns the number of members that left in a wave and are not back.
    pub(super) fn members_in_wave(&self) -> usize {
        self.members_in_wave
    }

    pub(super) fn has_joined(&self, member: usize) -> bool {
        self.members[member].has_joined()
    }

    /// Starts the requests that are due.
    pub(super) fn start_due_requests(&mut self, now: Micros, out: &mut impl MessageSink) {
        match self.pacing {
            Pacing::Idle => {}
            Pacing::Join { mut next, at_once } => {
                while self.requests_in_flight < at_once && next < self.members.len() {
                    if self.members[next].may_join() {
                        self.join(
                            JoinRequest {
                                member: next,
                                offers: 0,
                                is_counted: true,
                            },
                            now,
                            out,
                        );
                    }
                    next += 1;
                }
                self.pacing = Pacing::Join { next, at_once };
            }
            Pacing::Closed {
                at_once,
                mut to_begin,
            } => {
                while self.requests_in_flight < at_once
                    && to_begin > 0
                    && self.start_next(now, now, out)
                {
                    to_begin -= 1;
                }
                self.pacing = Pacing::Closed { at_once, to_begin };
            }
            Pacing::Open {
                begin,
                end,
                per_second,
                mut next,
            } => {
                loop {
                    let due = due(begin, per_second, next);
                    if due > now || due >= end || !self.start_next(due, now, out) {
                        break;
                    }
                    next += 1;
                }
                self.pacing = Pacing::Open {
                    begin,
                    end,
                    per_second,
                    next,
                };
            }
        }
    }

    /// Whether all requests of the open loop have started.
    pub(super) fn has_started_all(&self) -> bool {
        match self.pacing {
            Pacing::Open {
                begin,
                end,
                per_second,
                next,
            } => due(begin, per_second, next) >= end,
            _ => true,
        }
    }

    /// Starts no more requests. Requests that were due but did not start are recorded with their waiting time.
    pub(super) fn stop(&mut self, now: Micros) {
        if let Pacing::Open {
            begin,
            end,
            per_second,
            next,
        } = self.pacing
        {
            let mut next = next;
            while due(begin, per_second, next) < end.min(now) {
                let due = due(begin, per_second, next);
                if self.measured.contains(&due) {
                    self.latencies.record_unsent(now - due);
                }
                next += 1;
            }
        }
        self.pacing = Pacing::Idle;
    }

    /// Sends the answers that are due.
    pub(super) fn send_due_answers(&mut self, now: Micros, out: &mut impl MessageSink) {
        while let Some(&Reverse((due, number))) = self.delayed_answers.peek() {
            if due > now {
                break;
            }
            self.delayed_answers.pop();
            self.send_answer(number, now, out);
        }
    }

    /// Makes a share of the members leave and join again; returns their number.
    pub(super) fn start_wave(
        &mut self,
        share: f64,
        now: Micros,
        out: &mut impl MessageSink,
    ) -> usize {
        let mut chosen = 0;
        for member in 0..self.members.len() {
            if self.members[member].has_joined() && self.rng.random_bool(share) {
                self.members[member].wants_to_leave = true;
                self.members_in_wave += 1;
                chosen += 1;
                if self.members[member].request.is_none() {
                    self.leave(member, now, out);
                }
            }
        }
        chosen
    }

    /// Chooses a random share of the members that have joined.
    pub(super) fn choose_members(&mut self, share: f64) -> Vec<usize> {
        let joined = |member: &usize| self.members[*member].has_joined();
        let joined: Vec<usize> = (0..self.members.len()).filter(joined).collect();
        joined
            .into_iter()
            .filter(|_| self.rng.random_bool(share))
            .collect()
    }

    /// Returns true with this probability.
    pub(super) fn random_bool(&mut self, share: f64) -> bool {
        self.rng.random_bool(share)
    }
}

/// Returns when request number `next` is due.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of requests are below 2^52, and times are positive"
)]
pub(super) fn due(begin: Micros, per_second: f64, next: u64) -> Micros {
    begin + (next as f64 * 1e6 / per_second) as u64
}

/// Whether the member at this index of a swarm is a seeder. Any number of members has the share as exactly as possible.
#[expect(clippy::cast_precision_loss, reason = "indices are far below 2^52")]
fn is_seeder(index: usize, share: f64) -> bool {
    ((index + 1) as f64 * share).floor() > (index as f64 * share).floor()
}

/// Returns a step that visits every member once a round, far from the previous one.
fn coprime_stride(members: usize) -> usize {
    let wanted = (members * 618 / 1000).max(1);
    (wanted..=wanted + members)
        .find(|&step| gcd(step, members.max(1)) == 1)
        .unwrap_or(1)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
