//! Loads that end early because the tracker disconnects or is silent.

use std::time::{Duration, Instant};

use swarmhub::load::{Amount, EndedEarly, LoadProgress, Options, run};

use super::{options_for, server};
use crate::support::LONG;

/// Regression: the load went on for the rest of its time without connections.
#[test]
fn a_load_ends_with_a_report_if_the_tracker_disconnects() {
    let server = server();
    let options = Options {
        amount: Amount::Time(LONG),
        ..options_for(server.address)
    };
    let start = Instant::now();
    let mut reports = 0;
    let report = run(&options, &mut |progress: &LoadProgress| {
        if progress.phase == "measuring" && progress.announces > 50 {
            server.handle.stop();
        }
        reports += 1;
    })
    .unwrap_or_else(|error| panic!("{error}"));
    assert!(start.elapsed() < LONG && reports > 1);
    assert_eq!((report.correct, report.exit_code), (false, 4));
    assert_eq!(report.ended_early, Some(EndedEarly::TrackerGone));
    let load = report.load.as_ref().expect("a partial measurement");
    assert!(
        load.announces > 0 && load.elapsed_s < LONG.as_secs_f64(),
        "{load:?}"
    );
    for text in [report.to_text(), report.to_html()] {
        assert!(text.contains("THE TRACKER IS GONE"), "{text}");
    }
    assert!(
        report
            .to_json()
            .contains("\"ended_early\":\"tracker_gone\"")
    );
}

/// As in a power failure: connections stay open without data.
#[cfg(unix)]
#[test]
fn a_load_ends_with_a_report_if_the_tracker_is_silent() {
    let program = crate::support::program::Program::start(&["--workers", "1"]);
    let options = Options {
        amount: Amount::Time(LONG),
        timeout: Duration::from_secs(2),
        ..options_for(program.address)
    };
    let since = Instant::now();
    let mut is_stopped = false;
    let report = run(&options, &mut |progress: &LoadProgress| {
        if progress.phase == "measuring" && progress.announces > 50 && !is_stopped {
            program.signal("-STOP");
            is_stopped = true;
        }
    });
    program.signal("-CONT");
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    assert!(since.elapsed() < LONG);
    assert_eq!((report.correct, report.exit_code), (false, 4));
    assert_eq!(report.ended_early, Some(EndedEarly::TrackerSilent));
    assert!(report.to_text().contains("THE TRACKER IS SILENT"));
}
