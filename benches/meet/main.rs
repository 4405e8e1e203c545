//! Measures how fast virtual clients meet, and at whose expense: with the tracker's core in virtual time, or with any
//! tracker over WebSockets. `tests/meet/README.md` describes clients, assumptions and scenarios.
//!
//! `cargo bench --bench meet -- --scenario S2,S3 --seeds 5`; `--help` lists the options.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench, like a test, panics if its own assumptions fail, and prints its results"
)]

#[path = "../../tests/meet/mod.rs"]
mod meet;
mod options;
mod report;
mod sockets;

use std::process::ExitCode;

use meet::matchmaking::name_of;
use meet::scenarios::Scenario;
use options::{Options, Target, USAGE};
use report::Run;

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            println!("{problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if options.lists {
        for scenario in meet::scenarios::all() {
            println!("{:4} {}", scenario.name, scenario.about);
        }
        return ExitCode::SUCCESS;
    }
    let mut runs = Vec::new();
    for scenario in &options.scenarios {
        for seed in 1..=options.seeds {
            run(scenario, seed, &options.target, &mut runs);
        }
    }
    report::print(&runs);
    match options.json.map(|path| report::write_json(&runs, &path)) {
        Some(Err(error)) => {
            println!("the JSON file: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Runs a scenario with each tracker.
fn run(scenario: &'static Scenario, seed: u64, target: &Target, runs: &mut Vec<Run>) {
    match target {
        Target::Core(ways) => {
            for matchmaking in ways {
                runs.push(Run {
                    scenario: scenario.name,
                    tracker: name_of(*matchmaking).to_owned(),
                    seed,
                    lag: None,
                    measures: meet::run(scenario, *matchmaking, seed),
                });
            }
        }
        Target::Url { url, scale } => {
            let scale = scale.unwrap_or(scenario.scale);
            let (measures, lag) = sockets::run(scenario, url, scale, seed);
            println!("{} #{seed}, {scale} times faster: {lag}", scenario.name);
            runs.push(Run {
                scenario: scenario.name,
                tracker: url.clone(),
                seed,
                lag: Some(lag),
                measures,
            });
        }
    }
}
