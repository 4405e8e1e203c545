//! Fuzz target: any bytes as messages of another node.

#![no_main]

#[path = "../bodies/cluster.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::check(bytes));
