//! Times the tracker's core without sockets: parsing a message, deciding, and writing the output. Also times the check
//! of all alert rules.
//!
//! Run it with `cargo bench --bench core`; a filter such as `-- announce/swarm` runs a part.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench, like a test, panics if its own assumptions fail"
)]
#![allow(unreachable_pub, reason = "the messages are shared with the load run")]

mod sample;
#[path = "sample/tracking.rs"]
mod tracking;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use sample::{OFFER_SDP_BYTES, SdpText};
use swarmhub::alerts::{AlertRule, Alerts, RULES_MAX};
use swarmhub::metrics::Statistics;
use swarmhub::protocol::{self, Counts, Request};
use swarmhub::tracker::Outcome;
use tracking::{OFFERS, SWARM, Swarm, announce_text, answer_text, read, scrape_text};

/// Announces measured before their offers are answered, so that no more offers are pending than in production.
const ANNOUNCES_PER_BATCH: u64 = 32;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    parse(&mut criterion);
    encode(&mut criterion);
    announce(&mut criterion);
    round_trip(&mut criterion);
    alerts(&mut criterion);
    criterion.final_summary();
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
            protocol::write_announce_reply(&mut out, black_box(&info_hash), counts, 120);
        });
    });
    group.bench_function("relayed offer", |bencher| {
        bencher.iter(|| {
            out.clear();
            protocol::write_relayed_offer(&mut out, black_box(&info_hash), &from, &offer_id, sdp);
        });
    });
}

fn announce(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("announce with 5 offers");
    for members in [10, 1_000, 100_000] {
        let mut swarm = Swarm::new(members);
        // Spread over the swarm, so that a large swarm is as cold in the caches as in production.
        let senders: Vec<usize> = (0..1009)
            .map(|number| number * 7919 % swarm.members.len())
            .collect();
        let texts: Vec<String> = (0_u64..)
            .zip(&senders)
            .map(|(number, &from)| {
                announce_text(from as u64, number * OFFERS..(number + 1) * OFFERS)
            })
            .collect();
        let mut announces = senders.iter().zip(&texts).cycle();
        group.bench_function(BenchmarkId::new("swarm", members), |bencher| {
            bencher.iter_custom(|times| {
                let (mut measured, mut left) = (Duration::ZERO, times);
                while left > 0 {
                    let batch = left.min(ANNOUNCES_PER_BATCH);
                    let requests: Vec<_> = announces
                        .by_ref()
                        .take(usize::try_from(batch).unwrap_or(1))
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
                    left -= batch;
                }
                measured
            });
        });
    }
}

/// Makes every receiver answer.
fn answer_all(swarm: &mut Swarm, outcome: &Outcome<'_>) {
    for (from, answer) in tracking::answers(outcome) {
        let answered = swarm.handle(from, answer);
        assert_eq!(
            answered.relays.len(),
            1,
            "an answer goes to the offering member"
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

/// The check of all rules that the server makes once a second: with the default rules, and with the maximum number.
fn alerts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("check alert rules");
    for rules in [0, RULES_MAX] {
        let mut alerts = Alerts::default();
        let pattern = alerts
            .rule("offers_not_answered")
            .expect("a default rule")
            .clone();
        let names = (alerts.rule_views().len()..rules).map(|number| format!("own_{number}"));
        for name in names {
            let rule = AlertRule {
                name,
                ..pattern.clone()
            };
            alerts.put_rule(rule).expect("a valid rule");
        }
        let mut statistics = Statistics::default();
        statistics.at += Duration::from_hours(1);
        let rules = alerts.rule_views().len();
        group.bench_function(BenchmarkId::from_parameter(rules), |bencher| {
            bencher.iter(|| {
                statistics.at += Duration::from_secs(1);
                statistics.gauges.uptime += 1.0;
                statistics.counters.offers_relayed += 1000;
                statistics.counters.answers_relayed += 500;
                let look = alerts.evaluate(black_box(&statistics));
                (look, alerts.due_reminders(14_400.0))
            });
        });
    }
}

/// Returns all messages of an outcome, as they would be written into outboxes.
fn encoded(outcome: &Outcome<'_>) -> Vec<u8> {
    use swarmhub::tracker::{RelayKind, Reply};
    let mut out = Vec::new();
    match &outcome.reply {
        Some(Reply::Announce(info_hash, counts, _)) => {
            protocol::write_announce_reply(&mut out, info_hash, *counts, 120);
        }
        None => {}
        other => unreachable!("an announce was replied to with {other:?}"),
    }
    for relay in &outcome.relays {
        let write = match relay.kind {
            RelayKind::Offer => protocol::write_relayed_offer,
            RelayKind::Answer => protocol::write_relayed_answer,
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
