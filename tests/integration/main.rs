//! Integration tests: the server over TCP, the program as a process, and the core against a naive model.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod accept_limits;
mod access_lists;
mod admin;
mod alerts;
mod architecture_layers;
mod base_path;
mod check_config;
#[path = "../../src/websocket/client.rs"]
mod client_frames;
mod config_reload;
mod connection_limits;
mod deploy;
mod docs;
mod full_scrape;
mod graceful_shutdown;
mod handshake_limits;
mod history;
mod history_crashes;
mod http_and_upgrades;
mod http_announce;
mod http_announce_paths;
mod http_costs;
mod http_half_close;
mod listeners;
mod live_statistics;
mod load_generator;
mod metrics;
mod model;
mod process;
mod process_memory;
mod proxies;
mod recorded_requests;
mod refusal_record;
mod response_headers;
mod simulation;
mod support;
mod systemd;
mod threat_table;
mod tls;
mod tracker_rules;
mod unread_responses;
mod websocket_frames;
mod websocket_tracker;
