//! The seeded simulation: random operations on the tracker and on a naive model, whose results must agree. Also runs
//! the bodies of the fuzz targets as property tests.
//!
//! `SIMULATION_RUNS=10000` extends it, `SIMULATION_SEED=17 SIMULATION_RUNS=1` repeats one run.

use std::path::Path;
use std::{fs, thread};

use proptest::prelude::*;
use proptest::sample::{Index, select};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::model::operation::{Operation, Setup, read_all};
use crate::model::run;

#[path = "../../fuzz/bodies/announce.rs"]
mod announce_body;
#[path = "../../fuzz/bodies/cluster.rs"]
mod cluster_body;
#[path = "../../fuzz/bodies/config.rs"]
mod config_body;
#[path = "../../fuzz/bodies/forwarded.rs"]
mod forwarded_body;
#[path = "../../fuzz/bodies/frames.rs"]
mod frames;
#[path = "../../fuzz/bodies/operations.rs"]
mod operations_body;
#[path = "../../fuzz/bodies/proxy.rs"]
mod proxy_body;
#[path = "../../fuzz/bodies/request.rs"]
mod request_body;
#[path = "../../fuzz/bodies/stream.rs"]
mod stream;

const RUNS: u64 = 200;
const OPERATIONS: usize = 2_000;

/// How many of the last operations are printed if the shortest failing list is long.
const TAIL: usize = 40;

#[test]
fn tracker_and_model_agree_in_the_simulation() {
    let first = from_environment("SIMULATION_SEED").unwrap_or(0);
    let runs = from_environment("SIMULATION_RUNS").unwrap_or(RUNS);
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                (first + thread..first + runs)
                    .step_by(usize::try_from(threads).unwrap_or(1))
                    .for_each(simulate);
            });
        }
    });
}

fn from_environment(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {value}")),
    )
}

fn simulate(seed: u64) {
    let _seed_printer = SeedPrinter(seed);
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut bytes = std::iter::repeat_with(move || rng.random::<u8>());
    let setup = Setup::read(&mut bytes).expect("bytes without end");
    let operations = read_all(&mut bytes, OPERATIONS);
    let Err(broken) = run(setup, &operations, seed) else {
        return;
    };
    let shortest = shorten(
        setup,
        &operations[..OPERATIONS.min(broken.operation + 1)],
        seed,
    );
    let why = run(setup, &shortest, seed)
        .err()
        .map_or(broken.why, |broken| broken.why);
    let tail = &shortest[shortest.len().saturating_sub(TAIL)..];
    let list: Vec<_> = tail
        .iter()
        .map(|operation| format!("  {operation:?}"))
        .collect();
    panic!(
        "after operation {} of seed {seed}: {why}\n{setup:?}\nthe last of {} operations that reproduce it:\n{}",
        broken.operation,
        shortest.len(),
        list.join("\n")
    );
}

/// Removes operations, half of them at a time and then fewer, while the rest still fails.
fn shorten(setup: Setup, operations: &[Operation], seed: u64) -> Vec<Operation> {
    let mut list = operations.to_vec();
    let mut step = list.len().div_ceil(2);
    loop {
        let before = list.len();
        let mut from = 0;
        while from < list.len() {
            let mut shorter = list.clone();
            shorter.drain(from..list.len().min(from + step));
            if run(setup, &shorter, seed).is_err() {
                list = shorter;
            } else {
                from += step;
            }
        }
        if step == 1 && list.len() == before {
            return list;
        }
        step = step.div_ceil(2);
    }
}

/// Prints the seed if the tracker panics.
struct SeedPrinter(u64);

impl Drop for SeedPrinter {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("repeat with SIMULATION_SEED={} SIMULATION_RUNS=1", self.0);
        }
    }
}

/// Returns the committed inputs of a fuzz target.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let files = fs::read_dir(folder).expect("the folder of seeds");
    let mut paths: Vec<_> = files.map(|file| file.expect("a seed").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no seeds of {target}");
    paths
        .iter()
        .map(|path| fs::read(path).expect("a readable seed"))
        .collect()
}

/// Fragments that turn a message into another or an invalid one.
const PIECES: [&str; 32] = [
    "",
    "null",
    "0",
    "-1",
    "1.5",
    "1e999",
    "true",
    "false",
    "[]",
    "{}",
    "\"\"",
    "\"0\"",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"",
    "\\",
    "\\u0061",
    "\\ud800",
    "\\udc00",
    "\u{ff}",
    "\u{100}",
    "\u{1f600}",
    "\u{0}",
    " ",
    "\"sdp\":5,",
    "\"answer\":1,",
    "\"offers\":[7],",
    "[[[[[[[[]]]]]]]]",
];

/// Fragments that turn a configuration file into another or an invalid one.
const TOML_PIECES: [&str; 24] = [
    "",
    "\n",
    "=",
    "#",
    "\"",
    "'",
    "[",
    "]",
    "[tracker]\n",
    "[limits]\n",
    "[[drain]]\n",
    "{",
    "}",
    ".",
    ",",
    "-1",
    "1e400",
    "nan",
    "0xffffffffffffffff",
    "true",
    "1979-05-27",
    "\u{1b}",
    "\u{85}",
    "\\u0000",
];

/// Fragments that turn a query into another or an invalid one.
const QUERY_PIECES: [&str; 25] = [
    "",
    "?",
    "&",
    "=",
    "%",
    "%4",
    "%zz",
    "%00",
    "%ff",
    "%26",
    "%3D",
    "+",
    "-",
    ".",
    "0",
    "65536",
    "18446744073709551616",
    "\u{e9}",
    "&info_hash=abcdefghijklmnopqrst",
    "&info_hash=",
    "&port=80",
    "&port=x",
    "&left=inf",
    "&compact=0",
    "&event=completed",
];

/// Generates texts: a seed of a target with a few places overwritten.
fn texts(target: &str, pieces: &'static [&'static str]) -> impl Strategy<Value = String> + use<> {
    let texts = seeds(target)
        .into_iter()
        .map(|seed| String::from_utf8(seed).expect("UTF-8"));
    let edit = (any::<Index>(), 0..24_usize, select(pieces));
    let edits = prop::collection::vec(edit, 0..4);
    (select(texts.collect::<Vec<_>>()), edits).prop_map(|(text, edits)| {
        let mut characters: Vec<char> = text.chars().collect();
        for (at, removed, piece) in edits {
            let from = at.index(characters.len() + 1);
            let to = characters.len().min(from + removed);
            characters.splice(from..to, piece.chars());
        }
        characters.into_iter().collect()
    })
}

/// Generates bytes: any, or a seed of the target with a few bytes overwritten, inserted or removed.
fn streams(target: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let edit = (
        any::<Index>(),
        0..3_usize,
        prop::collection::vec(any::<u8>(), 0..3),
    );
    let edits = prop::collection::vec(edit, 0..4);
    let edited = (select(seeds(target)), edits).prop_map(|(mut bytes, edits)| {
        for (at, removed, inserted) in edits {
            let from = at.index(bytes.len() + 1);
            let to = bytes.len().min(from + removed);
            bytes.splice(from..to, inserted);
        }
        bytes
    });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..500), edited]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3_000) })]

    #[test]
    fn both_parsers_agree_on_every_message(text in texts("request", &PIECES)) {
        request_body::check(text.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn tracker_and_model_agree_on_arbitrary_operations(
        bytes in prop::collection::vec(any::<u8>(), 0..2_000)
    ) {
        operations_body::check(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn frame_parsing_is_independent_of_read_boundaries(bytes in streams("frames")) {
        frames::check(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn any_file_is_a_round_trip_configuration_or_refused(
        text in texts("config", &TOML_PIECES)
    ) {
        config_body::check(text.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn both_proxy_header_parsers_find_the_same_client(bytes in streams("proxy")) {
        proxy_body::check(&bytes);
    }

    #[test]
    fn both_query_parsers_agree(text in texts("announce", &QUERY_PIECES)) {
        announce_body::check(text.as_bytes());
    }

    #[test]
    fn any_query_gets_a_response(bytes in streams("announce")) {
        announce_body::check(&bytes);
    }

    #[test]
    fn no_message_of_a_node_does_any_harm(bytes in streams("cluster")) {
        cluster_body::check(&bytes);
    }

    #[test]
    fn a_client_cannot_hide_its_address_from_a_trusted_proxy(bytes in streams("forwarded")) {
        forwarded_body::check(&bytes);
    }
}

#[test]
fn the_seeds_of_the_fuzz_targets_pass() {
    for seed in seeds("announce") {
        announce_body::check(&seed);
    }
    for seed in seeds("cluster") {
        cluster_body::check(&seed);
    }
    for seed in seeds("proxy") {
        proxy_body::check(&seed);
    }
    for seed in seeds("forwarded") {
        forwarded_body::check(&seed);
    }
    for seed in seeds("config") {
        config_body::check(&seed);
    }
    for seed in seeds("frames") {
        frames::check(&seed);
    }
    for seed in seeds("request") {
        request_body::check(&seed);
    }
    for seed in seeds("operations") {
        operations_body::check(&seed);
    }
}
