//! Test support: servers in this process, the program as a process, HTTP and WebSocket clients, and waiting.
//!
//! Tests wait for events, never for a time. Every wait has a bound, and the bound starts again with each sign of progress.

pub(crate) mod bans;
pub(crate) mod certificates;
pub(crate) mod files;
pub(crate) mod http;
pub(crate) mod messages;
pub(crate) mod metrics;
#[cfg(unix)]
pub(crate) mod program;
mod server;
pub(crate) mod turn_client;
mod wait;
mod websocket;

pub(crate) use messages::{announce, answer, hex, id, offer};
pub(crate) use server::TestServer;
pub(crate) use wait::{
    LONG, PROGRESS_TIMEOUT, Patience, in_time, wait_for, wait_for_value, wait_until,
};
pub(crate) use websocket::Client;
