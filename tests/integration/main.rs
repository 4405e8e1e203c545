//! The server from outside: over TCP, as a program, and the core against a model of it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod access;
mod admin;
mod alerts;
mod announce;
mod churn;
#[path = "../../src/websocket/client.rs"]
mod client_frames;
mod crashes;
mod deploy;
mod docs;
mod doors;
mod frames;
mod history;
mod http;
mod layers;
mod leaving;
mod limits;
mod listeners;
mod live;
mod load;
mod metrics;
mod model;
mod process;
mod proxies;
mod reloading;
mod rules;
mod security;
mod simulation;
mod support;
mod systemd;
mod tls;
mod tracking;
