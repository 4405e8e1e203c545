//! One connection that sends messages back, over any byte stream: the fuzzer's way to the tracker's own connections.
//!
//! In builds with the feature `echo` only. Starts no server; for one that echoes see `examples/echo.rs`.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::config::Config;
use crate::connection::{self, Surroundings};
use crate::hub::{Ended, Hub, Node, Visitor};

/// Serves one WebSocket with these settings until it ends. `read_ahead` are bytes that came together with the
/// handshake. Works within a tokio runtime with time.
pub fn serve<T: AsyncRead + AsyncWrite + Unpin + 'static>(
    transport: T,
    read_ahead: Vec<u8>,
    config: &Config,
) -> impl Future<Output = Ended> {
    let node = Arc::new(Node::new(config, 1));
    node.echo();
    let message_bytes_max = config.connection.message_bytes_max;
    let around = Surroundings::new(Hub::new(node, 0, 0), Instant::now(), message_bytes_max);
    connection::serve(transport, read_ahead, &Visitor::default(), around)
}
