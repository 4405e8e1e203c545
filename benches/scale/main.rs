//! Measures how the tracker's core scales, without sockets: up to 1,000,000 swarms, and up to 100,000 members a swarm.
//!
//! `cargo bench --bench scale` prints tables, `-- --json` one JSON object, `-- --census` the cost of the client census.
//! It measures the decision alone, without parsing and writing: an announce with 5 offers, and the answer of each
//! receiver. Every size runs in its own process, so that caches and memory of other sizes do not affect its figures.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench, like a test, panics if its own assumptions fail, and prints its results"
)]
#![allow(
    unreachable_pub,
    reason = "the messages are shared with the core bench"
)]

mod census;
mod populated_tracker;
#[expect(dead_code, reason = "shared with benches that send answers as text")]
#[path = "../sample/mod.rs"]
mod sample;

use std::process::{Command, ExitCode};

use populated_tracker::{OFFERS, PopulatedTracker};
use serde_json::{Map, Value, json};

/// The smallest swarm in which each of five offers has a receiver.
const SMALL_SWARM: u32 = 6;
/// The result is the best of these repetitions, because other programs can only slow them down.
const REPETITIONS: usize = 25;

/// The series: name and measured sizes.
const SERIES: [(&str, &[u32]); 2] = [
    ("swarms of 6", &[10, 100, 1_000, 10_000, 100_000, 1_000_000]),
    ("one swarm", &[10, 100, 1_000, 10_000, 100_000]),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["--size", series, count] = words[..] {
        println!(
            "{}",
            measure(series == SERIES[0].0, count.parse().expect("a count"))
        );
        return ExitCode::SUCCESS;
    }
    if let ["--census-of", swarm_size] = words[..] {
        println!("{}", census::measure(swarm_size.parse().expect("a count")));
        return ExitCode::SUCCESS;
    }
    if words.contains(&"--census") {
        print_census();
        return ExitCode::SUCCESS;
    }
    let rows = |(series, counts): (&str, &[u32])| -> (String, Value) {
        let rows: Vec<Value> = counts
            .iter()
            .map(|&count| in_own_process(&["--size", series, &count.to_string()]))
            .collect();
        (series.to_owned(), rows.into())
    };
    let results: Map<_, _> = SERIES.into_iter().map(rows).collect();
    if words.contains(&"--json") {
        println!("{}", json!({ "offers": OFFERS, "series": results }));
    } else {
        print(&results);
    }
    ExitCode::SUCCESS
}

fn in_own_process(arguments: &[&str]) -> Value {
    let program = std::env::current_exe().expect("the path of this program");
    let output = Command::new(program).args(arguments).output();
    let output = output.expect("this program again");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("a row")
}

fn print(results: &Map<String, Value>) {
    for (series, rows) in results {
        println!(
            "\n| {series} | ns per announce with {OFFERS} offers and their answers, best of {REPETITIONS} | median | bytes per member |"
        );
        println!("|---:|---:|---:|---:|");
        for row in rows.as_array().into_iter().flatten() {
            let of = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
            println!(
                "| {} | {:.0} | {:.0} | {:.0} |",
                row["count"],
                of("best_ns"),
                of("median_ns"),
                of("bytes_per_member")
            );
        }
    }
}

fn print_census() {
    println!(
        "\n| {} members, in swarms of | ms of CPU | longest lock, ms | longest without a pause, ms | MiB |",
        census::MEMBERS
    );
    println!("|---:|---:|---:|---:|---:|");
    for swarm_size in census::SIZES {
        let row = in_own_process(&["--census-of", &swarm_size.to_string()]);
        let of = |key: &str, digits: usize| {
            let number = |index: usize| row[key][index].as_f64().unwrap_or(f64::NAN);
            let [median, least, most] = [number(0), number(1), number(2)];
            format!("{median:.digits$} ({least:.digits$}–{most:.digits$})")
        };
        println!(
            "| {swarm_size} | {} | {} | {} | {:.0} |",
            of("all", 0),
            of("locked", 2),
            of("at_once", 2),
            row["bytes"].as_f64().unwrap_or(f64::NAN) / 1_048_576.0
        );
    }
}

/// Measures one size: `count` swarms of [`SMALL_SWARM`] members, or one swarm of `count` members.
fn measure(many_swarms: bool, count: u32) -> Value {
    let (swarms, members) = if many_swarms {
        (count, SMALL_SWARM)
    } else {
        (1, count)
    };
    let before = memory_bytes();
    let mut tracker = PopulatedTracker::new(swarms, members);
    let bytes = memory_bytes().saturating_sub(before);
    tracker.measure_once();
    let mut times: Vec<f64> = (0..REPETITIONS).map(|_| tracker.measure_once()).collect();
    times.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 bytes")]
    let bytes_per_member = bytes as f64 / f64::from(swarms * members);
    json!({
        "count": count,
        "best_ns": times[0],
        "median_ns": times[REPETITIONS / 2],
        "bytes_per_member": bytes_per_member,
    })
}

/// Returns the anonymous memory of this process; 0 if the system does not provide it.
fn memory_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Anonymous:"));
    let kibibytes = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}
