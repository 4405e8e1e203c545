//! Fuzz target: any bytes as values that a client writes into the headers of proxies.

#![no_main]

#[path = "../bodies/forwarded.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::check(bytes));
