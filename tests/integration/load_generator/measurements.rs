//! Paces, amounts and threads of a load, and what the report measures.

#![expect(clippy::print_stdout, reason = "prints the reason of a skipped test")]

use std::time::Duration;

use swarmhub::load::{Amount, LoadProgress, Loop, Options, SwarmSize, ThinkTime, run};

use super::{assert_correct, options_for, run_load, server};
use crate::support::TestServer;

#[test]
fn a_closed_loop_counts_every_message() {
    let server = server();
    let mut options = options_for(server.address);
    options.server_pid = cfg!(target_os = "linux").then(std::process::id);
    let (mut phases, mut measuring) = (Vec::new(), Duration::ZERO);
    let mut record_phase = |progress: &LoadProgress| {
        phases.push(progress.phase);
        if progress.phase == "measuring" {
            measuring = progress.elapsed;
        }
    };
    let report = run(&options, &mut record_phase).unwrap();
    assert_correct(&report);
    let load = report.load.as_ref().unwrap();
    // After the last announce the load keeps reading for a tenth of a second, which is not counted. Progress is
    // reported a few times in it.
    assert!(
        load.elapsed_s > 0.0 && load.elapsed_s + 0.05 < measuring.as_secs_f64(),
        "{} {measuring:?}",
        load.elapsed_s
    );
    assert_eq!(
        (
            load.announces,
            load.reply_latency_us.count,
            load.answer_latency_us.count
        ),
        (100, 100, 500)
    );
    assert_eq!((load.sent_messages, load.received_messages), (600, 1100));
    assert_eq!((report.open.units, report.join.units), (30, 30));
    let counts = &report.correctness;
    assert_eq!(counts.offers_sent, counts.offers_relayed);
    assert_eq!(counts.answers_sent, counts.answers_received);
    assert_eq!(counts.counts_off, 0);
    for phase in ["connecting", "joining", "measuring", "closing"] {
        assert!(phases.contains(&phase), "{phases:?}");
    }
    if cfg!(target_os = "linux") {
        assert!(load.server.unwrap().cpu_us_per_unit > 0.0);
        assert!(report.memory.unwrap().fresh.pss_bytes > 0.0);
    } else {
        println!("skipped: CPU time and memory are read on Linux only");
    }
}

#[test]
fn an_open_loop_keeps_its_rate_with_scrapes_and_think_time() {
    let server = server();
    let report = run_load(&Options {
        pace: Some(Loop::Open { per_second: 200.0 }),
        scrapes: 0.3,
        answers: 0.5,
        swarm_size: SwarmSize::Zipf {
            largest: 12,
            exponent: 1.0,
        },
        threads: 2,
        think: "1-20".parse::<ThinkTime>().unwrap(),
        ..options_for(server.address)
    });
    assert_correct(&report);
    let load = report.load.unwrap();
    assert_eq!(load.announces + load.scrapes + load.unsent, 100);
    assert!(load.scrapes > 0);
    assert!(
        load.elapsed_s >= 0.48,
        "100 requests at 200 a second take half a second: {}",
        load.elapsed_s
    );
    assert_eq!(report.own.threads, 2);
}

/// All offers of the warm-up, which begins at once, go to the few members of one swarm. Offers that cross are excused.
#[test]
fn a_load_of_few_connections_is_served_completely() {
    for connections in [3, 5, 10] {
        let server = TestServer::start(|_| {});
        let report = run_load(&Options {
            connections,
            warmup: Duration::ZERO,
            amount: Amount::Time(Duration::from_millis(500)),
            ..Options::new(format!("ws://{}/", server.address).parse().unwrap())
        });
        assert_correct(&report);
    }
}

/// Both programs without flags must not report a faulty tracker.
#[test]
fn default_limits_serve_the_default_load_completely() {
    let server = TestServer::start(|_| {});
    let report = run_load(&Options {
        connections: 60,
        swarm_size: SwarmSize::Fixed(20),
        warmup: Duration::ZERO,
        amount: Amount::Time(Duration::from_secs(2)),
        ..Options::new(format!("ws://{}/", server.address).parse().unwrap())
    });
    assert_correct(&report);
    assert_eq!(report.plan.rate_per_s, Some(60.0));
    let counts = &report.correctness;
    assert_eq!(counts.offers_sent, counts.offers_relayed);
}

#[test]
fn a_load_over_the_limits_of_the_tracker_is_not_complete() {
    let server = TestServer::start(|config| {
        config.limits.offers_received_per_second = 1;
        config.limits.offers_received_burst = 1;
    });
    // All members offer at once: 50 offers, of which each member may receive one.
    let report = run_load(&Options {
        connections: 10,
        pace: Some(Loop::Closed { under_way: 10 }),
        amount: Amount::Time(Duration::from_secs(1)),
        timeout: Duration::from_secs(4),
        ..options_for(server.address)
    });
    let text = report.to_text();
    assert_eq!((report.correct, report.exit_code), (false, 3));
    assert!(
        text.contains("\nNOT COMPLETE: all received messages were right"),
        "{text}"
    );
    assert!(text.contains("--no-limits"), "{text}");
}

/// Regression: the plots over time were empty if the number of requests was given.
#[test]
fn a_load_with_a_request_count_has_samples_over_time() {
    let server = server();
    for pace in [
        Loop::Closed { under_way: 8 },
        Loop::Open { per_second: 500.0 },
    ] {
        let report = run_load(&Options {
            amount: Amount::Requests(400),
            pace: Some(pace),
            ..options_for(server.address)
        });
        assert_correct(&report);
        let load = report.load.as_ref().unwrap();
        let samples = &load.samples;
        assert!((2..=101).contains(&samples.len()), "{samples:?}");
        assert!(samples.iter().all(|sample| sample.elapsed_s > 0.0));
        let announces: u64 = samples.iter().map(|sample| sample.announces).sum();
        assert_eq!(announces, load.announces);
        let last = samples.last().unwrap().at_s;
        assert!((last - load.elapsed_s).abs() < 1e-9, "{last}");
        let page = report.to_html();
        assert!(page.contains("aria-label=\"Announces a second\""));
    }
}

/// A swarm belongs to one thread, so 30 connections in swarms of 10 are 10 and 20 of two threads.
#[test]
fn requests_are_distributed_exactly_over_the_threads() {
    let server = server();
    let closed = |under_way| Loop::Closed { under_way };
    for (pace, under_way) in [
        (closed(1), Some(1)),
        (closed(8), Some(8)),
        // A member has at most one request in flight.
        (closed(64), Some(30)),
        (Loop::Open { per_second: 700.0 }, None),
    ] {
        let report = run_load(&Options {
            pace: Some(pace),
            threads: 2,
            ..options_for(server.address)
        });
        assert_correct(&report);
        let load = report.load.unwrap();
        assert_eq!(load.announces + load.unsent, 100, "{pace:?}");
        assert_eq!(report.plan.under_way, under_way);
    }
}

#[test]
fn a_load_can_consist_of_connections_only() {
    let server = server();
    let mut options = options_for(server.address);
    options.amount = Amount::Time(Duration::ZERO);
    if cfg!(target_os = "linux") {
        options.sources = vec!["127.0.0.2".parse().unwrap(), "127.0.0.3".parse().unwrap()];
    } else {
        println!("skipped: other addresses of loopback are usable on Linux only");
    }
    let report = run_load(&options);
    assert_correct(&report);
    assert!(report.load.is_none());
    assert_eq!(report.close.connections, 30);
}
