//! Integration tests: the server over TCP and as a program, and the core against a model. One binary, because a second one
//! would cost a second link.
//!
//! - `accept_limits`: accept limits and bans before a byte of TLS or HTTP is read
//! - `access_lists`: access lists of info-hashes and tokens, and their reload
//! - `admin`: the admin API over TCP
//! - `alerts`: the alerts API, notifications, persistence
//! - `architecture_layers`: modules of src/ use only lower layers
//! - `base_path`: routes with and without the path prefix of a proxy
//! - `check_config`: `check-config` and the start report the same errors
//! - `client_frames`: WebSocket frames of a client; the file is src/websocket/client.rs
//! - `cluster`: several nodes: introductions, counts, answers and lost nodes
//! - `code_blocks`: every code block of the pages at `/docs`
//! - `config_reload`: SIGHUP, live settings, settings that need a restart, invalid files
//! - `connection_limits`: limits and bans of connections before a WebSocket is open
//! - `counts`: counts of swarms for clients that do not join, over the API and as a subscription
//! - `deploy`: Prometheus rules and Grafana dashboard in deploy/
//! - `docs`: docs/*.md against the code
//! - `docs_pages`: the documentation at `/docs`
//! - `full_scrape`: full scrapes, in pieces and one at a time
//! - `graceful_shutdown`: draining phases, signals, exit codes
//! - `handshake_limits`: pending handshakes, file descriptors, deadlines of slow senders
//! - `history`: statistics and history over HTTP, and across restarts
//! - `history_crashes`: the history database under kills, full disks and damaged files
//! - `http_and_upgrades`: WebSocket handshakes, origins, HTTP deadlines, pages and assets
//! - `http_announce`: announces and scrapes over HTTP, by BEP
//! - `http_announce_paths`: announces and scrapes under every URL path
//! - `http_costs`: processor time of HTTP requests, charged to their address
//! - `http_half_close`: HTTP clients that close or half-close right after a request
//! - `listeners`: roles of listeners, IPv6, socket files, sockets of systemd
//! - `live_statistics`: the live stream and the dashboard page
//! - `load_generator`: `swarmhub load` against real and faulty trackers
//! - `meet`: virtual clients that meet through the tracker's core; the files are in tests/meet, shared with the bench
//! - `metrics`: `/metrics`: values, formats, promtool, a real Prometheus
//! - `model`: the naive model of the tracking rules, for the simulation and the fuzz targets
//! - `names`: names in backticks, in pages and doc comments, against the code
//! - `openapi`: the OpenAPI document against routes and real responses
//! - `page_check`: `/api/v1/check`, which tells pages whether they would be served
//! - `page_refusals`: refusals that a page can read over a WebSocket, and their limits
//! - `process`: output, exit codes, signals, errors at the start
//! - `process_memory`: memory when many connections, handshakes or swarms end
//! - `proxies`: PROXY headers and forwarded addresses
//! - `recorded_requests`: recorded requests of browsers and torrent clients
//! - `refusal_record`: the record of refusals for the operator
//! - `response_headers`: no response header occurs twice; content types of assets
//! - `simulation`: random operations on tracker and model; fuzz bodies as property tests
//! - `sites`: sites of `tracker.groups`: proxies, reloads, broken files, the admin API
//! - `stun`: the STUN server, and what `/ice` tells pages about it
//! - `support`: servers, programs, HTTP and WebSocket clients, waiting
//! - `systemd`: `sd_notify` notifications and the unit file
//! - `threat_table`: the threat table of SECURITY.md against the code
//! - `tls`: page and tracker over TLS, certificate changes, deadlines
//! - `tracker_rules`: the tracking rules on the core, one by one
//! - `turn_streams`: the TURN relay over TCP and TLS, on the ports of the tracker
//! - `turn`: the TURN relay over UDP, and the credentials that `/ice` hands out
//! - `turn_counters`: each limit of the TURN relay is counted under its own name
//! - `turn_memory`: memory after a million requests to the TURN relay without credentials
//! - `unread_responses`: memory held for HTTP clients that do not read
//! - `virtual_clients`: models and figures of `meet`, and what matchmaking must reach
//! - `web_app`: the manifest of the sharing page, and posts that no service worker took
//! - `websocket_frames`: WebSocket frames against RFC 6455
//! - `websocket_tracker`: introductions across workers, malformed messages, expiry, shutdown

#![expect(
    clippy::too_many_lines,
    reason = "a test tells one story from its start to its end"
)]
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
mod cluster;
mod code_blocks;
mod config_reload;
mod connection_limits;
mod counts;
mod deploy;
mod docs;
mod docs_pages;
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
#[expect(dead_code, reason = "shared with the bench `meet`")]
#[path = "../meet/mod.rs"]
mod meet;
mod metrics;
mod model;
mod names;
mod openapi;
mod page_check;
mod page_refusals;
mod process;
mod process_memory;
mod proxies;
mod recorded_requests;
mod refusal_record;
mod response_headers;
mod simulation;
mod sites;
mod stun;
mod support;
mod systemd;
mod threat_table;
mod tls;
mod tracker_rules;
mod turn;
mod turn_counters;
mod turn_memory;
mod turn_streams;
mod unread_responses;
mod virtual_clients;
mod web_app;
mod websocket_frames;
mod websocket_tracker;
