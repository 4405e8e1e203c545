//! Fuzz target: any bytes as a header of the PROXY protocol.

#![no_main]

#[path = "../bodies/proxy.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::check(bytes));
