//! `swarmhub load` as a program: output, exit codes, signals, reports.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::faulty_trackers::{every_sixtieth, faulty_proxy};
use super::{closed_port, server};
use crate::support::program::{Finished, Process, command, run};

/// A small load with a JSON report.
const SMALL: &str = "--connections 20 --swarm-size 10 --warmup 0 --json";

/// Returns the command of a load. `flags` are separated by spaces.
fn load_command(address: SocketAddr, flags: &str) -> Command {
    let url = format!("ws://{address}/");
    let mut command = command(&["load", &url]);
    command.args(SMALL.split(' ')).args(flags.split(' '));
    command
}

fn json_of(finished: &Finished) -> serde_json::Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

#[track_caller]
fn assert_whole_page(path: &Path) -> String {
    let page = std::fs::read_to_string(path).unwrap();
    assert!(page.ends_with("</html>\n"), "{page}");
    page
}

#[tokio::test]
async fn the_program_prints_only_json_and_exits_with_the_result() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let load = async |address: SocketAddr, timeout: &str| {
        let flags = format!("--announces 60 --timeout {timeout} --html");
        run(load_command(address, &flags).arg(&page)).await
    };
    let finished = load(server.address, "300").await;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let json = json_of(&finished);
    assert_eq!(
        (&json["correct"], &json["load"]["announces"]),
        (&true.into(), &60.into())
    );
    assert!(finished.stderr.contains("correct: no message"));
    assert_whole_page(&page);

    let drops = every_sixtieth("\"answer\":", |_| Vec::new());
    let bad = faulty_proxy(server.address, drops);
    assert_eq!(load(bad, "0.2").await.code, Some(3));
    let finished = load(closed_port(), "0.2").await;
    assert_eq!((finished.code, &*finished.stdout), (Some(1), ""));
    // A load that could not run keeps the previous page.
    assert_whole_page(&page);
}

#[tokio::test]
async fn an_interrupted_load_writes_a_partial_report() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    for (signal, code, ended) in [("-INT", 130, "interrupted"), ("-TERM", 143, "terminated")] {
        let page = folder.path().join(format!("{ended}.html"));
        let mut command = load_command(server.address, "--duration 600 --timeout 300 --html");
        let process = Process::spawn(command.arg(&page));
        // The first line of a phase has no rate; later lines have one.
        process.wait_for_log("announces/s", 1).await;
        process.signal(signal);
        let finished = process.end().await;
        assert_eq!(finished.code, Some(code), "{finished:?}");
        let reason = "the load ended early: interrupted";
        assert!(finished.stderr.contains(reason), "{finished:?}");
        let json = json_of(&finished);
        assert_eq!(
            (&json["ended_early"], &json["correct"]),
            (&ended.into(), &true.into()),
            "{json}"
        );
        assert!(json["load"]["announces"].as_u64().unwrap() > 0, "{json}");
        assert!(assert_whole_page(&page).contains("ended early"));
    }
}

#[tokio::test]
async fn an_unwritable_report_page_is_detected_before_the_load() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("no-such-folder").join("report.html");
    // Had the load begun, the error would be that of the closed port.
    let finished = run(load_command(closed_port(), "--html").arg(page)).await;
    assert_eq!((finished.code, &*finished.stdout), (Some(1), ""));
    let error = finished.stderr;
    let names_page = error.contains("cannot write") && error.contains("report.html");
    assert!(names_page, "{error}");
}

/// Regression: a missing strace discarded all measurements.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn without_strace_everything_else_is_measured() {
    let server = server();
    let empty = tempfile::tempdir().unwrap();
    let pid = std::process::id().to_string();
    let flags = format!("--announces 60 --timeout 300 --syscalls --server-pid {pid}");
    let mut command = load_command(server.address, &flags);
    let finished = run(command.env("PATH", empty.path())).await;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let json = json_of(&finished);
    assert_eq!(json["load"]["announces"], 60);
    assert!(json["server"]["syscalls"].is_null());
    let remarks = json["remarks"].to_string();
    assert!(remarks.contains("strace cannot be started"), "{remarks}");
}
