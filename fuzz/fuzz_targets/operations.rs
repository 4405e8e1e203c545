//! Fuzz target: any bytes as operations, compared with the naive model of the integration tests.

#![no_main]

#[path = "../bodies/operations.rs"]
mod body;
#[path = "../../tests/integration/model/mod.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::check(bytes));
