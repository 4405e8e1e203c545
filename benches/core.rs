//! How long the tracker's core takes, without sockets: reading a message, deciding, and writing what goes out.
//!
//! `cargo bench --bench core`; a filter such as `-- announce/swarm` runs a part.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench, like a test, ends where its own assumptions fail"
)]
#![allow(unreachable_pub, reason = "the messages are shared with the load run")]

mod sample;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use sample::{ANSWER_SDP_BYTES, OFFER_SDP_BYTES, SdpText};
use swarmhub::protocol::{self, Bounds, ConnectionId, Counts, Request};
use swarmhub::swarm::Ttl;
use swarmhub::tracker::{Outcome, Participant, Rules, Tracker};

/// The defaults of the configuration.
const BOUNDS: Bounds = Bounds {
    sdp_bytes_max: 32_768,
    json_depth_max: 32,
    offers_max: 20,
    scrape_hashes_max: 255,
};
const RULES: Rules = Rules {
    memberships_max: 2000,
    peer_ids_per_swarm_max: 4,
    pending_offers_max: 256,
    full_scrape: false,
    ttl: Ttl {
        membership: Duration::from_mins(6),
        pending_offer: Duration::from_mins(2),
    },
};
const SWARM: u64 = 0;
const NOW: Duration = Duration::from_secs(1);
/// Announces measured before their offers are answered, so that no more wait than in service.
const ANNOUNCES_AT_ONCE: u64 = 32;
const OFFERS: u64 = 5;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    parse(&mut criterion);
    encode(&mut criterion);
    announce(&mut criterion);
    round_trip(&mut criterion);
    criterion.final_summary();
}

fn text(write: impl FnOnce(&mut String)) -> String {
    let mut out = String::new();
    write(&mut out);
    out
}

fn announce_text(member: u64, offers: std::ops::Range<u64>) -> String {
    let sdp = SdpText::new(OFFER_SDP_BYTES);
    text(|out| sample::announce(SWARM, member, 1, offers, &sdp, out))
}

fn answer_text(member: u64, to: u64, number: u64) -> String {
    let sdp = SdpText::new(ANSWER_SDP_BYTES);
    text(|out| sample::answer(SWARM, member, &sample::peer_id(to), number, &sdp, out))
}

fn scrape_text() -> String {
    text(|out| {
        out.push_str("{\"action\":\"scrape\",\"info_hash\":");
        sample::push(out, |out| sample::info_hash(SWARM).write_json(out));
        out.push('}');
    })
}

fn read(text: &str) -> Request<'_> {
    protocol::parse(text, &BOUNDS).expect("a message as clients send it")
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    for (name, text) in [
        ("announce with 5 offers", announce_text(1, 0..OFFERS)),
        ("announce without offers", announce_text(1, 0..0)),
        ("answer", answer_text(1, 2, 3)),
        ("scrape", scrape_text()),
    ] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| read(black_box(&text))));
    }
}

fn encode(criterion: &mut Criterion) {
    let text = announce_text(1, 0..1);
    let sdp = match read(&text) {
        Request::Announce(announce) => announce.offers[0].sdp,
        other => unreachable!("an announce was read as {other:?}"),
    };
    assert!(SdpText::new(OFFER_SDP_BYTES).is(0, sdp.as_json()));
    let (info_hash, from, offer_id) = (
        sample::info_hash(SWARM),
        sample::peer_id(1),
        sample::offer_id(0),
    );
    let counts = Counts {
        complete: 10,
        incomplete: 40,
        downloaded: 3,
    };
    let mut group = criterion.benchmark_group("encode");
    let mut out = Vec::new();
    group.bench_function("announce reply", |bencher| {
        bencher.iter(|| {
            out.clear();
            protocol::announce_reply(&mut out, black_box(&info_hash), counts, 120);
        });
    });
    group.bench_function("relayed offer", |bencher| {
        bencher.iter(|| {
            out.clear();
            protocol::relayed_offer(&mut out, black_box(&info_hash), &from, &offer_id, sdp);
        });
    });
}

/// A tracker with one swarm, and the connections in it; a connection's number is its place here.
struct Swarm {
    tracker: Tracker,
    members: Vec<Participant>,
    rng: SmallRng,
}

impl Swarm {
    fn new(members: u32) -> Self {
        let connection = |number| Participant::new(ConnectionId::new(0, number, number));
        let mut swarm = Self {
            tracker: Tracker::new(RULES),
            members: (0..members).map(connection).collect(),
            rng: SmallRng::seed_from_u64(1),
        };
        for number in 0..swarm.members.len() {
            let text = announce_text(number as u64, 0..0);
            swarm.handle(number, read(&text));
        }
        swarm
    }

    fn handle<'a>(&mut self, from: usize, request: Request<'a>) -> Outcome<'a> {
        let who = &mut self.members[from];
        self.tracker.handle(who, request, NOW, &mut self.rng)
    }
}

fn announce(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("announce with 5 offers");
    for members in [10, 1_000, 100_000] {
        let mut swarm = Swarm::new(members);
        // Spread over the swarm, so that a large one is as cold as in service.
        let senders: Vec<usize> = (0..1009)
            .map(|turn| turn * 7919 % swarm.members.len())
            .collect();
        let texts: Vec<String> = (0_u64..)
            .zip(&senders)
            .map(|(turn, &from)| announce_text(from as u64, turn * OFFERS..(turn + 1) * OFFERS))
            .collect();
        let mut turns = senders.iter().zip(&texts).cycle();
        group.bench_function(BenchmarkId::new("swarm", members), |bencher| {
            bencher.iter_custom(|times| {
                let (mut measured, mut left) = (Duration::ZERO, times);
                while left > 0 {
                    let now = left.min(ANNOUNCES_AT_ONCE);
                    let requests: Vec<_> = turns
                        .by_ref()
                        .take(usize::try_from(now).unwrap_or(1))
                        .map(|(&from, text)| (from, read(text)))
                        .collect();
                    let mut outcomes = Vec::with_capacity(requests.len());
                    let start = Instant::now();
                    for (from, request) in requests {
                        outcomes.push(swarm.handle(from, request));
                    }
                    measured += start.elapsed();
                    for outcome in &outcomes {
                        answer_all(&mut swarm, outcome);
                    }
                    left -= now;
                }
                measured
            });
        });
    }
}

/// Lets every receiver answer, which takes the offers out of the table again.
fn answer_all(swarm: &mut Swarm, outcome: &Outcome<'_>) {
    assert_eq!(
        outcome.relays.len(),
        5,
        "every offer has a receiver in a swarm of ten"
    );
    for relay in &outcome.relays {
        let answer = Request::Answer(protocol::Answer {
            info_hash: relay.info_hash,
            to_peer_id: relay.from,
            offer_id: relay.offer_id,
            sdp: relay.sdp,
        });
        let answered = swarm.handle(relay.to.connection.slot(), answer);
        assert_eq!(
            answered.relays.len(),
            1,
            "an answer goes to who made the offer"
        );
    }
}

/// One introduction from text to text: an announce with one offer, its reply and relay, the answer and its relay.
fn round_trip(criterion: &mut Criterion) {
    let (announce, answer) = (announce_text(0, 7..8), answer_text(1, 0, 7));
    let mut swarm = Swarm::new(2);
    criterion.bench_function("offer and answer, text to text", |bencher| {
        bencher.iter(|| {
            let offered = swarm.handle(0, read(black_box(&announce)));
            let offers = encoded(&offered);
            let answered = swarm.handle(1, read(black_box(&answer)));
            assert_eq!((offered.relays.len(), answered.relays.len()), (1, 1));
            (offers, encoded(&answered))
        });
    });
}

/// All messages of an outcome, as they would be put into outboxes.
fn encoded(outcome: &Outcome<'_>) -> Vec<u8> {
    use swarmhub::tracker::{RelayKind, Reply};
    let mut out = Vec::new();
    match &outcome.reply {
        Some(Reply::Announce(info_hash, counts)) => {
            protocol::announce_reply(&mut out, info_hash, *counts, 120);
        }
        None => {}
        other => unreachable!("an announce was replied to with {other:?}"),
    }
    for relay in &outcome.relays {
        let write = match relay.kind {
            RelayKind::Offer => protocol::relayed_offer,
            RelayKind::Answer => protocol::relayed_answer,
        };
        write(
            &mut out,
            &relay.info_hash,
            &relay.from,
            &relay.offer_id,
            relay.sdp,
        );
    }
    out
}
