//! Integration tests: the server over TCP, the program as a process, and the core against a naive model.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod accepts;
mod access;
mod admin;
mod alerts;
mod announce;
mod announce_paths;
mod base_path;
mod browsers;
mod checking;
mod churn;
#[path = "../../src/websocket/client.rs"]
mod client_frames;
mod closing;
mod crashes;
mod deploy;
mod docs;
mod doors;
mod fields;
mod frames;
mod full_scrape;
mod history;
mod http;
mod http_costs;
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
mod refusals;
mod reloading;
mod rules;
mod security;
mod simulation;
mod support;
mod systemd;
mod tls;
mod tracking;
mod unread;
