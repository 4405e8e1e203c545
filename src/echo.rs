//! One connection that sends messages back, or one within TLS, over any byte stream: the fuzzer's way to the tracker's own
//! connections.
//!
//! In builds with the feature `echo` only. Starts no server; for one that echoes see `examples/echo.rs`.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_rustls::rustls::ServerConfig;

use crate::config::Config;
use crate::connection::{self, Surroundings};
use crate::hub::{Ended, Hub, Node, Visitor};
use crate::net::tls::TlsStream;

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

/// A connection within TLS, as listeners have them.
pub trait WithinTls: AsyncRead + AsyncWrite + Unpin {
    /// The memory of what waits on its way in and out, in bytes.
    fn kept_bytes(&self) -> usize;
}

impl<T: AsyncRead + AsyncWrite + Unpin> WithinTls for TlsStream<T> {
    fn kept_bytes(&self) -> usize {
        TlsStream::kept_bytes(self)
    }
}

/// Does the server's TLS handshake over this transport. Works in any runtime, or none.
///
/// # Errors
///
/// What the transport says, or what the client did against the rules of TLS.
pub async fn within_tls<T: AsyncRead + AsyncWrite + Unpin>(
    transport: T,
    config: Arc<ServerConfig>,
) -> io::Result<impl WithinTls> {
    TlsStream::accept(transport, config).await
}
