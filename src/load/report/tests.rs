//! Tests of the three report formats, for a correct and a wrong run.

use super::*;
use crate::load::checker::{Latencies, record_latency};
use crate::load::driver::WorkerResults;
use crate::load::options::Options;
use crate::load::summary::{CounterReading, RunResults};
use crate::load::worker_pool::LoadTotals;

fn report(is_wrong: bool) -> Report {
    let mut latencies = Latencies::default();
    for micros in 1..=1000 {
        record_latency(&mut latencies.reply, micros * 10);
    }
    let tally = MessageTally {
        replies: 1000,
        answers_lost: u64::from(is_wrong) * 3,
        ..MessageTally::default()
    };
    let part = WorkerResults {
        tally,
        latencies,
        ..Default::default()
    };
    let options = Options::new(
        "ws://tracker.example/<a>"
            .parse()
            .unwrap_or_else(|_| "ws://t.example/".parse().unwrap()),
    );
    let mut report = RunResults {
        threads: 1,
        swarm_sizes: vec![50, 50],
        ..RunResults::default()
    }
    .report(&options, vec![part]);
    let sample = |second: u8| LoadSample {
        at_s: f64::from(second),
        elapsed_s: 1.0,
        announces: 100 + u64::from(second),
        sent_messages: 600,
        received_messages: 1100,
        cpu_s: Some(0.5),
        rss_bytes: Some(1e7),
    };
    report.load = Some(LoadReport {
        elapsed_s: 3.0,
        announces: 306,
        announces_per_s: 102.0,
        scrapes: 0,
        scrapes_per_s: 0.0,
        sent_messages: 1800,
        sent_messages_per_s: 600.0,
        received_messages: 3300,
        received_messages_per_s: 1100.0,
        reply_latency_us: Percentiles {
            count: 1000,
            p50: Some(5000),
            ..Percentiles::default()
        },
        answer_latency_us: Percentiles::default(),
        scrape_latency_us: Percentiles::default(),
        lateness_us: Percentiles::default(),
        unsent: 0,
        server: None,
        samples: (1..=3).map(sample).collect(),
    });
    report
}

#[test]
fn json_has_the_verdict_the_plan_and_units_in_its_keys() {
    let json: serde_json::Value = serde_json::from_str(&report(false).to_json()).unwrap();
    assert_eq!(
        (&json["correct"], &json["exit_code"]),
        (&true.into(), &0.into())
    );
    assert_eq!(json["plan"]["loop"], "open");
    assert_eq!(json["plan"]["rate_per_s"], 200.0);
    assert!(json["plan"]["under_way"].is_null());
    assert_eq!(json["load"]["reply_latency_us"]["p50"], 5000);
    assert!(
        json["load"]["answer_latency_us"]["p99"].is_null(),
        "unmeasured values are null, not 0"
    );
    assert_eq!(json["load"]["samples"].as_array().unwrap().len(), 3);
    assert_eq!(json["correctness"]["replies"], 1000);
    assert!(json["memory"].is_null());
}

#[test]
fn a_fault_is_in_every_format_and_in_the_exit_code() {
    let report = report(true);
    assert_eq!((report.correct, report.exit_code), (false, 3));
    let fault = "3 answers did not arrive";
    for text in [report.to_json(), report.to_text(), report.to_html()] {
        assert!(text.contains(fault), "{text}");
    }
    assert!(report.to_text().contains("NOT CORRECT") && report.to_html().contains("NOT CORRECT"));
}

#[test]
fn omitted_offers_differ_from_wrong_messages() {
    let options = Options::new("ws://t.example/".parse().unwrap());
    let report_of = |answers_altered| {
        let tally = MessageTally {
            offers_sent: 200,
            offers_lost: 5,
            answers_altered,
            ..MessageTally::default()
        };
        let part = WorkerResults {
            tally,
            ..Default::default()
        };
        RunResults::default().report(&options, vec![part])
    };
    let report = report_of(0);
    assert_eq!((report.correct, report.exit_code), (false, 3));
    for text in [report.to_text(), report.to_html()] {
        assert!(text.contains("NOT COMPLETE"), "{text}");
        assert!(text.contains("2.5 % of the offers"), "{text}");
        assert!(text.contains("--no-limits"), "{text}");
    }
    let report = report_of(1);
    for text in [report.to_text(), report.to_html()] {
        assert!(text.contains("NOT CORRECT"), "{text}");
    }
}

#[test]
fn the_verdict_counts_messages_that_could_not_be_judged() {
    let mut report = report(false);
    let remark = "could not be judged";
    assert!(!report.to_text().contains(remark) && !report.to_html().contains(remark));
    report.correctness.offers_excused = 4;
    report.correctness.answers_excused = 3;
    for text in [report.to_text(), report.to_html()] {
        assert!(text.contains("; 7 offers and answers could not"), "{text}");
    }
}

#[test]
fn storms_and_waves_are_added_up_over_threads() {
    let storm = |at_s, closed, back_s| StormReport {
        at_s,
        closed,
        reset: closed / 2,
        back_s,
    };
    let wave = |left, back_s| WaveReport {
        at_s: 1.0,
        left,
        back_s,
    };
    let part = |storms: &[(u128, StormReport)], wave| WorkerResults {
        storms: storms
            .iter()
            .map(|(step, report)| ((1, *step), *report))
            .collect(),
        waves: [((1, 1), wave)].into(),
        ..WorkerResults::default()
    };
    // The first thread missed the second storm; the other one did not reconnect all in the third.
    let results = vec![
        part(
            &[
                (1, storm(5.1, 4, Some(0.5))),
                (3, storm(15.0, 4, Some(0.5))),
            ],
            wave(3, Some(0.1)),
        ),
        part(
            &[
                (1, storm(5.0, 6, Some(0.2))),
                (2, storm(10.0, 6, Some(0.2))),
                (3, storm(15.0, 6, None)),
            ],
            wave(4, Some(0.3)),
        ),
    ];
    let options = Options::new("ws://t.example/".parse().unwrap());
    let report = RunResults::default().report(&options, results);
    assert_eq!(
        report.storms,
        [
            storm(5.0, 10, Some(0.5)),
            storm(10.0, 6, Some(0.2)),
            storm(15.0, 10, None)
        ]
    );
    assert_eq!(report.waves, [wave(7, Some(0.3))]);
    assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
    assert!(report.problems[0].starts_with("1 storms or waves"));
}

#[test]
fn think_time_and_scrapes_are_named_beside_their_figures() {
    let mut report = report(false);
    let load = report.load.as_mut().unwrap();
    load.answer_latency_us = load.reply_latency_us;
    load.server = Some(CpuUsage {
        cpu_s: 1.0,
        user_s: 0.5,
        system_s: 0.5,
        waited_s: 0.0,
        cpu_share: 0.3,
        cpu_us_per_unit: 10.0,
        user_us_per_unit: 5.0,
        system_us_per_unit: 5.0,
        cpu_us_per_message: Some(1.0),
    });
    report.server = Some(ServerReport {
        pid: 1,
        name: "tracker".to_owned(),
        threads: 1,
        syscalls: Some(SyscallReport {
            seconds: 2.0,
            announces: 8,
            scrapes: 2,
            per_request: 7.5,
            by_name: [("read".to_owned(), 7.5)].into(),
        }),
    });
    let (text, page) = (report.to_text(), report.to_html());
    assert!(text.contains("CPU per announce"), "{text}");
    assert!(text.contains("7.5 per announce: read 7.5"), "{text}");
    assert!(!text.contains("think time") && !page.contains("think time"));

    report.plan.think_ms = [20.0, 200.0];
    report.plan.scrapes = 0.1;
    let (text, page) = (report.to_text(), report.to_html());
    assert!(text.contains("(incl. 20-200 ms think time)"), "{text}");
    assert!(text.contains("CPU per request"), "{text}");
    assert!(text.contains("7.5 per request: read 7.5"), "{text}");
    assert!(page.contains("offer → answer, incl. think time"), "{page}");
}

/// Regression: they were divided by announces alone, and were 0 where all requests were scrapes.
#[test]
fn system_calls_are_divided_by_announces_and_scrapes() {
    let totals = |announces, scrapes| LoadTotals {
        announces,
        scrapes,
        ..LoadTotals::default()
    };
    let window = |totals| CounterReading::now(None, totals, Vec::new());
    let calls = || [("read".to_owned(), 60), ("write".to_owned(), 20)].into();
    let begin = window(totals(100, 10));
    for (announces, scrapes) in [(40, 0), (30, 10), (0, 40)] {
        let end = window(totals(100 + announces, 10 + scrapes));
        let counted = begin.until(&end, 0).syscalls(calls());
        assert_eq!((counted.announces, counted.scrapes), (announces, scrapes));
        let each = [
            counted.per_request,
            counted.by_name["read"],
            counted.by_name["write"],
        ];
        for (calls, expected) in each.into_iter().zip([2.0_f64, 1.5, 0.5]) {
            assert!((calls - expected).abs() < 1e-9, "{each:?}");
        }
    }
}

#[test]
fn a_full_core_is_in_every_format() {
    let mut report = report(false);
    report.own.full = true;
    report
        .remarks
        .push("the load tool's own core was full".to_owned());
    for text in [report.to_json(), report.to_text(), report.to_html()] {
        assert!(text.contains("own core was full"), "{text}");
    }
}

#[test]
fn the_page_has_its_plots_and_is_self_contained() {
    let html = report(false).to_html();
    // Announces, messages, latency, CPU, memory.
    assert_eq!(html.matches("<svg ").count(), 5, "{html}");
    assert_eq!(
        html.matches("<figure>").count(),
        html.matches("</figure>").count()
    );
    for outside in [
        "http://", "https://", "src=", "href=", "url(", "@import", "<script",
    ] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert!(html.contains("prefers-color-scheme: dark"));
}

#[test]
fn percentiles_match_the_histogram() {
    let mut latencies = Latencies::default();
    for micros in 1..=1000 {
        record_latency(&mut latencies.reply, micros);
    }
    let percentiles = Percentiles::of(&latencies.reply);
    assert_eq!(
        (
            percentiles.min,
            percentiles.p50,
            percentiles.p99,
            percentiles.max
        ),
        (Some(1), Some(500), Some(990), Some(1000))
    );
    let curve = percentile_curve(&latencies.reply);
    assert!(
        curve
            .windows(2)
            .all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1)
    );
}
