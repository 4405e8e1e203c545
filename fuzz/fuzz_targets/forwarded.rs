//! Any bytes as what a client writes into the headers that proxies use.

#![no_main]

#[path = "../bodies/forwarded.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::check(bytes));
