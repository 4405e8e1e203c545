//! Monitors HTTP connections: unsent output, write progress, incomplete requests, and the memory that they hold.
//! Decides when that closes a connection.
//!
//! A [`ConnectionMonitor`] belongs to a connection until it ends or becomes a WebSocket. [`ConnectionMonitors`] holds
//! those of one worker. This module closes no socket: the task that serves the connection waits for
//! [`ConnectionMonitor::close_requested`].

mod monitor;
mod monitored_stream;
mod worker_monitors;

pub(super) use monitor::{ConnectionMonitor, HttpCloseReason};
pub(super) use monitored_stream::MonitoredStream;
pub(super) use worker_monitors::ConnectionMonitors;

#[cfg(test)]
mod tests;
