//! Requests in the tracker alone: the decision, without parsing and writing.

use crate::tracking::{self, OFFERS, Swarm, announce_text, read, scrape_text};
use crate::{Case, measured};

pub const CASES: &[Case] = &[
    ("announce with 5 offers in a swarm of 50", |times| {
        announce(50, OFFERS, times)
    }),
    ("announce with 5 offers in a swarm of 1000", |times| {
        announce(1000, OFFERS, times)
    }),
    ("announce without offers in a swarm of 50", |times| {
        announce(50, 0, times)
    }),
    ("relay answer", relay_answer),
    ("scrape", scrape),
];

/// Returns the announcing members. The distance between two is a large prime, so that every member has a turn.
fn senders(swarm: &Swarm) -> impl Iterator<Item = usize> + use<> {
    let members = swarm.members.len();
    (0..).map(move |number| number * 7919 % members)
}

/// Measures announces. Their offers are answered outside the measurement.
fn announce(members: u32, offers: u64, times: u64) -> u64 {
    let mut swarm = Swarm::new(members);
    for (number, from) in (0..times).zip(senders(&swarm)) {
        let text = announce_text(from as u64, number * offers..(number + 1) * offers);
        let request = read(&text);
        let outcome = measured(|| swarm.handle(from, request));
        if offers > 0 {
            for (from, answer) in tracking::answers(&outcome) {
                assert_eq!(swarm.handle(from, answer).relays.len(), 1);
            }
        }
    }
    times
}

/// Measures answers. The announces before them are outside the measurement.
fn relay_answer(times: u64) -> u64 {
    let mut swarm = Swarm::new(50);
    let announces = times.div_ceil(OFFERS);
    for (number, from) in (0..announces).zip(senders(&swarm)) {
        let text = announce_text(from as u64, number * OFFERS..(number + 1) * OFFERS);
        let offered = swarm.handle(from, read(&text));
        for (from, answer) in tracking::answers(&offered) {
            let answered = measured(|| swarm.handle(from, answer));
            assert_eq!(answered.relays.len(), 1);
        }
    }
    announces * OFFERS
}

fn scrape(times: u64) -> u64 {
    let mut swarm = Swarm::new(50);
    let text = scrape_text();
    for _ in 0..times {
        let request = read(&text);
        measured(|| swarm.handle(0, request));
    }
    times
}
