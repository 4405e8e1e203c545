//! Loads whose members leave and rejoin.

use std::time::Duration;

use swarmhub::load::Options;

use super::{assert_correct, options_with_storms, run_load, server};

#[test]
fn waves_and_storms_pass_without_errors() {
    let server = server();
    let report = run_load(&options_with_storms(server.address));
    assert_correct(&report);
    let counts = &report.correctness;
    assert!(
        counts.offers_relayed * 10 > counts.offers_sent * 9,
        "{counts:?}"
    );
    assert!(
        counts.answers_received * 10 > counts.answers_sent * 9,
        "{counts:?}"
    );
    // Rejoining members are counted in their storms and waves only.
    assert_eq!(
        (report.open.latency_us.count, report.join.latency_us.count),
        (30, 30)
    );
    assert!(!report.storms.is_empty() && !report.waves.is_empty());
    assert!(report.storms.iter().all(|storm| storm.back_s.is_some()));
    assert!(report.storms.iter().any(|storm| storm.closed > 0));
}

/// Regression: each thread reported its own line for the same storm.
#[test]
fn a_storm_over_several_threads_is_reported_once() {
    let server = server();
    let options = Options {
        threads: 2,
        ..options_with_storms(server.address)
    };
    let report = run_load(&options);
    assert_correct(&report);
    assert_eq!(report.own.threads, 2);
    let step = |every: Duration, at_s: f64| (at_s / every.as_secs_f64()).floor();
    let (wave, storm) = (options.wave.unwrap().every, options.storm.unwrap().every);
    let waves: Vec<_> = report
        .waves
        .iter()
        .map(|seen| step(wave, seen.at_s))
        .collect();
    let storms: Vec<_> = report
        .storms
        .iter()
        .map(|seen| step(storm, seen.at_s))
        .collect();
    for steps in [waves, storms] {
        assert!(!steps.is_empty());
        assert!(steps.is_sorted_by(|one, next| one < next), "{steps:?}");
    }
}
