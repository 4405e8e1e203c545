//! Fuzz target: any bytes as the query of an HTTP announce or scrape.

#![no_main]

#[path = "../bodies/announce.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::check(bytes));
