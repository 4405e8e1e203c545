//! Fixed pieces of work whose instructions callgrind counts: `instructions CASE REPETITIONS` does one of them so often
//! and prints how often it was done. Without arguments it names the cases. `tests/guards/check` runs it and judges.
//!
//! Only what happens inside of [`measured`] counts: callgrind is told to collect there and nowhere else, so texts,
//! swarms and answers can be made ready between two repetitions. The same with gungraun (once iai-callgrind) would need a
//! second program of exactly its version installed on every machine, and would keep its figures of the last run where
//! we want committed ones; all that is left of it here are the three lines of [`measured`].

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench, like a test, ends where its own assumptions fail, and prints what it found"
)]
#![allow(
    unreachable_pub,
    reason = "messages and swarms are shared with the other benches"
)]

mod frames;
mod messages;
mod requests;
#[path = "../sample/mod.rs"]
mod sample;
#[path = "../sample/tracking.rs"]
mod tracking;

use std::hint::black_box;
use std::process::ExitCode;

/// Does its work at least so often as asked for, and returns how often.
type Case = (&'static str, fn(u64) -> u64);

fn main() -> ExitCode {
    let cases: Vec<Case> = [frames::CASES, messages::CASES, requests::CASES].concat();
    // Cargo adds an option of its own.
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

/// The work that counts. Its name is what callgrind goes by, so it stays a function, and keeps a frame of its own.
#[inline(never)]
fn measured<R>(work: impl FnOnce() -> R) -> R {
    let result = work();
    // By reference: whether a move is a copy would be up to the compiler.
    black_box(&result);
    result
}
