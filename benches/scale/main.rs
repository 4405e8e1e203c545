//! How the tracker's core goes with size, without sockets: from 10 to 1,000,000 swarms, and swarms of 10 to 100,000.
//!
//! `cargo bench --bench scale` prints tables, `-- --json` one JSON object; `-- --census` what it costs to count who the
//! members are. Measured is the decision alone, not reading
//! and writing: an announce with 5 offers, and the answer of each receiver. Every size has a process of its own, so
//! that neither caches nor memory of another are in its figures.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench, like a test, ends where its own assumptions fail, and prints what it found"
)]
#![allow(
    unreachable_pub,
    reason = "the messages are shared with the core bench"
)]

mod census;
#[expect(dead_code, reason = "shared with benches that send answers as text")]
#[path = "../sample/mod.rs"]
mod sample;
mod world;

use std::process::{Command, ExitCode};

use serde_json::{Map, Value, json};
use world::{OFFERS, World};

/// The smallest swarm in which each of five offers has a receiver.
const SMALL_SWARM: u32 = 6;
/// The best of these is the figure: other programs only ever add to it.
const REPETITIONS: usize = 25;

/// What grows: the name of a series, and the sizes it is measured at.
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
    if let ["--census-of", in_swarm] = words[..] {
        println!("{}", census::measure(in_swarm.parse().expect("a count")));
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
    let found: Map<_, _> = SERIES.into_iter().map(rows).collect();
    if words.contains(&"--json") {
        println!("{}", json!({ "offers": OFFERS, "series": found }));
    } else {
        print(&found);
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

fn print(found: &Map<String, Value>) {
    for (series, rows) in found {
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
    for in_swarm in census::SIZES {
        let row = in_own_process(&["--census-of", &in_swarm.to_string()]);
        let of = |key: &str, digits: usize| {
            let number = |place: usize| row[key][place].as_f64().unwrap_or(f64::NAN);
            let [median, least, most] = [number(0), number(1), number(2)];
            format!("{median:.digits$} ({least:.digits$}–{most:.digits$})")
        };
        println!(
            "| {in_swarm} | {} | {} | {} | {:.0} |",
            of("all", 0),
            of("locked", 2),
            of("at_once", 2),
            row["bytes"].as_f64().unwrap_or(f64::NAN) / 1_048_576.0
        );
    }
}

/// One size: so many swarms of [`SMALL_SWARM`], or one swarm with so many members.
fn measure(many_swarms: bool, count: u32) -> Value {
    let (swarms, members) = if many_swarms {
        (count, SMALL_SWARM)
    } else {
        (1, count)
    };
    let before = memory_bytes();
    let mut world = World::new(swarms, members);
    let bytes = memory_bytes().saturating_sub(before);
    world.repetition();
    let mut times: Vec<f64> = (0..REPETITIONS).map(|_| world.repetition()).collect();
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

/// Anonymous memory of this process; 0 where the system does not say.
fn memory_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Anonymous:"));
    let kibibytes = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}
