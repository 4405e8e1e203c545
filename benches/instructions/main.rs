//! Runs fixed pieces of work whose instructions callgrind counts: `instructions CASE REPETITIONS` runs a case and
//! prints the number of repetitions. Without arguments it lists the cases. `tests/guards/check` runs it and compares
//! the counts.
//!
//! Callgrind collects only inside [`measured`], so that texts, swarms and answers can be prepared between two
//! repetitions. gungraun (formerly iai-callgrind) would need a second program of its exact version on every machine,
//! and compares with its last run instead of committed figures. Here the three lines of [`measured`] replace it.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench, like a test, panics if its own assumptions fail, and prints its results"
)]
#![allow(
    unreachable_pub,
    reason = "messages and swarms are shared with the other benches"
)]

mod frames;
mod ice;
mod messages;
mod requests;
#[path = "../sample/mod.rs"]
mod sample;
#[path = "../sample/tracking.rs"]
mod tracking;

use std::hint::black_box;
use std::process::ExitCode;

/// The name of a case and its function, which runs at least the given number of repetitions and returns their number.
type Case = (&'static str, fn(u64) -> u64);

fn main() -> ExitCode {
    let cases: Vec<Case> = [frames::CASES, messages::CASES, requests::CASES, ice::CASES].concat();
    // Cargo adds the option `--bench`.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    if arguments.is_empty() {
        for (name, _) in cases {
            println!("{name}");
        }
        return ExitCode::SUCCESS;
    }
    let case = cases.iter().find(|(name, _)| *name == arguments[0]);
    let repetitions = arguments.get(1).and_then(|number| number.parse().ok());
    let (Some((_, run)), Some(repetitions)) = (case, repetitions) else {
        println!("usage: instructions [CASE REPETITIONS]");
        return ExitCode::FAILURE;
    };
    println!("{}", run(repetitions));
    ExitCode::SUCCESS
}

/// Runs the measured work. Callgrind finds it by its name, so it must remain a separate function with its own frame.
#[inline(never)]
fn measured<R>(work: impl FnOnce() -> R) -> R {
    let result = work();
    // By reference: whether a move is a copy would depend on the compiler.
    black_box(&result);
    result
}
