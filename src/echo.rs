//! Runs one echoing connection, or one TLS connection, over any byte stream, so that the fuzzer reaches the tracker's
//! connections.
//!
//! Only in builds with the feature `echo`. Starts no server; for an echoing server see `examples/echo.rs`.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_rustls::rustls::ServerConfig;

use crate::config::Config;
use crate::connection::{self, WorkerContext};
use crate::hub::{Ended, Hub, Mailboxes};
use crate::net::tls::TlsStream;
use crate::node::{ClientInfo, Node};

/// Serves one WebSocket with these settings until it ends. `read_ahead` holds bytes that arrived together with the
/// handshake. Needs a tokio runtime with time.
#[expect(clippy::expect_used, reason = "a new node has no connections")]
pub fn serve<T: AsyncRead + AsyncWrite + Unpin + 'static>(
    transport: T,
    read_ahead: Vec<u8>,
    config: &Config,
) -> impl Future<Output = Ended> {
    let node = Arc::new(Node::new(config, 1));
    node.echo();
    let message_bytes_max = config.connection.message_bytes_max;
    let mailboxes = Mailboxes::new(config, 1, node.telemetry());
    let hub = Hub::new(node, mailboxes, 0, 0);
    let client_info = ClientInfo::default();
    let permit = hub.admission().admit_connection(&client_info);
    let permit = permit.expect("a new node has room");
    let context = WorkerContext::new(hub, Instant::now(), message_bytes_max);
    connection::serve(transport, read_ahead, (&client_info, permit), context)
}

/// A server-side TLS connection, as used by listeners.
pub trait ServerTlsStream: AsyncRead + AsyncWrite + Unpin {
    /// Returns the memory in bytes of buffered input and output.
    fn buffered_bytes(&self) -> usize;
}

impl<T: AsyncRead + AsyncWrite + Unpin> ServerTlsStream for TlsStream<T> {
    fn buffered_bytes(&self) -> usize {
        TlsStream::buffered_bytes(self)
    }
}

/// Runs the server's TLS handshake over this transport. Works in any runtime, or without one.
///
/// # Errors
///
/// The error of the transport, or the client's TLS protocol violation.
pub async fn accept_tls<T: AsyncRead + AsyncWrite + Unpin>(
    transport: T,
    config: Arc<ServerConfig>,
) -> io::Result<impl ServerTlsStream> {
    TlsStream::accept(transport, config).await
}
