//! The server from outside: over TCP, as a program, and the core against a model of it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod churn;
mod docs;
mod doors;
mod frames;
mod http;
mod layers;
mod listeners;
mod load;
mod model;
mod process;
mod proxies;
mod rules;
mod simulation;
mod support;
mod tls;
mod tracking;
