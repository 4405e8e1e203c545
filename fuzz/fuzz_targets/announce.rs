//! Any bytes as the query of an announce or scrape over HTTP.

#![no_main]

#[path = "../bodies/announce.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::check(bytes));
