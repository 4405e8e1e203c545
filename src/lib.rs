//! A WebTorrent tracker with in-page file sharing, in one binary and on one port.
//!
//! To embed the server, see [`Server::builder`]: a [`config::Config`] makes a [`Server`], and its [`ServerHandle`] controls
//! it while it runs. These, their errors and [`config`] are the interface of the crate; everything else may change at any
//! time. `docs/architecture.md` explains the design, `docs/glossary.md` the terms, `docs/decisions/` the reasons.
//!
//! # Crate map
//!
//! From the edge to the core. A module uses only modules below it; the table is in `docs/architecture.md`, and
//! `tests/integration/architecture_layers.rs` checks it.
//!
//! | module | contents |
//! |---|---|
//! | [`server`](Server) | binds, starts the workers, samples statistics, reloads, shuts down |
//! | `worker` | one thread: runtime, accepting, handshakes, hub, ticks |
//! | `notify` | sends alerts to receivers, with queues and retries |
//! | [`nats`] | the way to the other nodes of a cluster |
//! | `http` | HTTP up to the upgrade: pages, API, metrics, the tracker over HTTP |
//! | `echo` | echoes messages for tests; feature `echo` only |
//! | `connection` | drives one WebSocket over any stream |
//! | [`hub`] | the connections of one worker: outboxes, mailboxes, deadlines, delivery |
//! | [`node`] | what all workers share: admission, telemetry, tokens, storage, the clock |
//! | [`tracker`] | the rules: a function from a request to a reply and relays |
//! | [`swarm`] | members, pending offers, choice of receivers, the table of all swarms |
//! | [`limits`] | rates, quotas, scores, bans, memory pressure, the announce interval |
//! | [`cluster`] | other nodes: the directory of their members, offers and answers between nodes |
//! | [`net`] | listeners, PROXY headers, client addresses, TLS and ACME, the client of outgoing requests |
//! | [`ice`] | the STUN server, the TURN relay, and what pages are told about them |
//! | [`alerts`], [`history`], [`census`] | rules over the statistics; SQLite on one thread; counts of clients |
//! | [`metrics`] | counters, gauges, histograms, `/metrics` |
//! | `docs_site` | the pages of `/docs`, rendered from the texts of the repository |
//! | `memory` | memory use of the process, and its return to the system; the only unsafe code |
//! | [`load`] | the load generator behind `swarmhub load` |
//! | `procfs` | what Linux reports under `/proc` |
//! | [`config`] | settings, each declared once, and their layers |
//! | `timing` | compact times that wrap around; the arithmetic of token buckets |
//! | [`websocket`], [`protocol`] | frames; messages and identifiers |
//!
//! The core is [`protocol`], [`swarm`], [`tracker`], [`limits`], [`cluster`] and `timing`: synchronous, without tasks, clocks and sockets. The
//! program with command line and signals is in `src/bin/swarmhub`.
//!
//! # The path of a message
//!
//! `connection` reads frames and passes the text to its [`hub::Hub`]. The hub checks limits, parses with [`protocol`],
//! and calls [`tracker::Tracker::handle`]. That locks one shard of [`swarm`] and returns a [`tracker::Outcome`].
//! The hub writes the reply into the sender's outbox, and relays into the outboxes or mailboxes of their receivers.

// Hidden modules are `pub` only for the program, tests, benches and fuzz targets of this repository. With
// `--cfg internals`, rustdoc shows and checks them.
#[cfg_attr(not(internals), doc(hidden))]
pub mod alerts;
#[cfg_attr(not(internals), doc(hidden))]
pub mod census;
#[cfg_attr(not(internals), doc(hidden))]
pub mod cluster;
pub mod config;
mod connection;
mod docs_site;
#[cfg(feature = "echo")]
#[cfg_attr(not(internals), doc(hidden))]
pub mod echo;
#[cfg_attr(not(internals), doc(hidden))]
pub mod history;
mod http;
#[cfg_attr(not(internals), doc(hidden))]
pub mod hub;
#[cfg_attr(not(internals), doc(hidden))]
pub mod ice;
#[cfg_attr(not(internals), doc(hidden))]
pub mod limits;
#[cfg_attr(not(internals), doc(hidden))]
pub mod load;
mod memory;
#[cfg_attr(not(internals), doc(hidden))]
pub mod metrics;
#[cfg_attr(not(internals), doc(hidden))]
pub mod nats;
#[cfg_attr(not(internals), doc(hidden))]
pub mod net;
#[cfg_attr(not(internals), doc(hidden))]
pub mod node;
mod notify;
mod procfs;
#[cfg_attr(not(internals), doc(hidden))]
pub mod protocol;
mod server;
#[cfg_attr(not(internals), doc(hidden))]
pub mod swarm;
mod timing;
#[cfg_attr(not(internals), doc(hidden))]
pub mod tracker;
#[cfg_attr(not(internals), doc(hidden))]
pub mod websocket;
mod worker;

pub use net::tls::{AcmeCacheError, CertificateError, CertificateInfo, Certificates, TlsError};
#[doc(hidden)]
pub use server::ClusterStart;
pub use server::{
    ConfigChanges, DrainProgress, LivenessCheck, Server, ServerBuilder, ServerError, ServerHandle,
    ServerPhase,
};
