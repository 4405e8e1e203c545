//! Fuzz target: any bytes as operations on the TURN relay and on its model.

#![no_main]

#[path = "../bodies/relay.rs"]
mod body;

use swarmhub::ice;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::check(bytes));
