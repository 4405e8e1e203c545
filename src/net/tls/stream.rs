//! A connection within TLS that sends what it takes without being asked again, as the connections' code expects.
//!
//! rustls takes text, encrypts it and keeps what the socket does not take; asked no more, it would keep that for ever.
//! Here text counts as taken only when it has left. Made by the acceptor; HTTP and then the connection use it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::rustls::HandshakeKind;
use tokio_rustls::server;

/// A connection within TLS.
///
/// Who was told that nothing can be taken now comes back with the same bytes, and perhaps more behind them: they are
/// already encrypted by then. Outboxes, hyper and `write_all` do so.
#[derive(Debug)]
pub(crate) struct TlsStream<S> {
    inner: server::TlsStream<S>,
    /// Bytes that are encrypted and whose taking is not told yet.
    taken: usize,
}

impl<S> TlsStream<S> {
    pub(super) fn new(inner: server::TlsStream<S>) -> Self {
        Self { inner, taken: 0 }
    }

    /// The protocol that was agreed on for what is spoken within (ALPN).
    pub(super) fn protocol(&self) -> Option<&[u8]> {
        self.inner.get_ref().1.alpn_protocol()
    }

    /// Whether the client came back with a ticket.
    pub(super) fn is_resumed(&self) -> bool {
        let kind = self.inner.get_ref().1.handshake_kind();
        kind == Some(HandshakeKind::Resumed)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.taken == 0 {
            self.taken = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
        }
        debug_assert!(self.taken <= bytes.len(), "other bytes than those refused");
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        Poll::Ready(Ok(std::mem::take(&mut self.taken)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    /// Tells the client that the end is meant (`close_notify`), then ends the transport.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
