//! Implements a TLS stream that holds no buffers while idle, and sends accepted bytes without a further call, as the
//! connection code expects.
//!
//! All connections of a thread read into one shared buffer: a buffer per connection would be most of the memory of a
//! TLS connection. Data counts as written only when the socket has accepted it, so an outbox stays exact. The acceptor
//! creates the stream; HTTP and then the WebSocket connection use it.

use std::cell::RefCell;
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::rustls::ServerConfig;

use super::session::{SessionOutput, TlsSession};

/// Maximum bytes per read: slightly more than two records.
const READ_BYTES_MAX: usize = 36 * 1024;
/// Maximum plaintext that is encrypted before the socket has accepted it.
const WRITE_BYTES_MAX: usize = 64 * 1024;

thread_local! {
    /// The read buffer that all connections of this thread share; one connection uses it during a read.
    static READ_BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES_MAX]);
}

/// A TLS stream.
///
/// After `Pending` from a write, the caller must write the same bytes again, possibly followed by more: they are
/// already encrypted. Outboxes, hyper and `write_all` do so.
pub(crate) struct TlsStream<S> {
    io: S,
    session: TlsSession,
    /// Plaintext bytes that are encrypted but not yet reported as written.
    unreported_bytes: usize,
    is_closing: bool,
}

impl<S> TlsStream<S> {
    /// Returns the transport.
    pub(crate) const fn io(&self) -> &S {
        &self.io
    }

    /// Converts the transport, such as that of one runtime into that of another one.
    ///
    /// # Errors
    ///
    /// Those of `convert`.
    pub(crate) fn map_io<T>(
        self,
        convert: impl FnOnce(S) -> io::Result<T>,
    ) -> io::Result<TlsStream<T>> {
        Ok(TlsStream {
            io: convert(self.io)?,
            session: self.session,
            unreported_bytes: self.unreported_bytes,
            is_closing: self.is_closing,
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// Creates a stream that has not begun its handshake.
    ///
    /// # Errors
    ///
    /// No random numbers are available.
    pub(crate) fn new(io: S, config: Arc<ServerConfig>) -> io::Result<Self> {
        Ok(Self {
            io,
            session: TlsSession::new(config).map_err(io::Error::other)?,
            unreported_bytes: 0,
            is_closing: false,
        })
    }

    /// Creates a stream and performs its handshake.
    ///
    /// # Errors
    ///
    /// Those of [`Self::handshake`].
    #[cfg(any(test, feature = "echo"))]
    pub(crate) async fn accept(io: S, config: Arc<ServerConfig>) -> io::Result<Self> {
        let mut stream = Self::new(io, config)?;
        stream.handshake().await?;
        Ok(stream)
    }

    /// Performs the handshake.
    ///
    /// # Errors
    ///
    /// Errors of the transport, or a wrapped [`rustls::Error`](tokio_rustls::rustls::Error), which was sent to the
    /// client as an alert if possible.
    #[cfg(any(test, feature = "echo"))]
    pub(crate) async fn handshake(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_handshake(cx)).await
    }

    /// Returns whether a signature was made for the client.
    pub(super) fn has_signed(&self) -> bool {
        self.session.has_signed()
    }

    /// Returns whether the client ended the handshake by an encrypted alert, for which it had to compute the keys.
    pub(super) fn is_refused_with_keys(&self) -> bool {
        self.session.is_refused_with_keys()
    }

    /// Returns the negotiated ALPN protocol.
    pub(super) fn protocol(&self) -> Option<&[u8]> {
        self.session.protocol()
    }

    /// Returns whether the session was resumed by a ticket.
    pub(super) fn is_resumed(&self) -> bool {
        self.session.is_resumed()
    }

    /// Waits for the first byte that is not read yet; `None` at the end. It remains to be read.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub(crate) async fn peek(&mut self) -> io::Result<Option<u8>> {
        std::future::poll_fn(|cx| self.poll_peek(cx)).await
    }

    fn poll_peek(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<u8>>> {
        loop {
            let first = self.session.plaintext.remaining().first().copied();
            if first.is_some() || self.session.is_ended() {
                return Poll::Ready(Ok(first));
            }
            // A client that no longer reads may have sent data before.
            let _ = self.poll_send_responses(cx);
            ready!(self.poll_receive(cx, &mut ReadBuf::new(&mut [])))?;
        }
    }

    /// Returns the memory of the pending bytes in both directions.
    #[cfg(any(test, feature = "echo"))]
    pub(crate) fn buffered_bytes(&self) -> usize {
        self.session.buffered_bytes()
    }

    /// Performs a step of the handshake.
    pub(super) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let sent = self.poll_send(cx);
            if !self.session.is_handshaking() {
                // Only session tickets may be unsent, and no caller waits for them.
                return Poll::Ready(match sent {
                    Poll::Ready(sent) => sent,
                    Poll::Pending => Ok(()),
                });
            }
            ready!(sent)?;
            ready!(self.poll_receive(cx, &mut ReadBuf::new(&mut [])))?;
        }
    }

    /// Reads once and decrypts the complete records into `buf`; stores the rest that does not fit.
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.session.is_failed() {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        READ_BUFFER.with_borrow_mut(|input| {
            let mut read = ReadBuf::new(input);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut read))?;
            let received = read.filled_mut();
            if received.is_empty() {
                // An end without close_notify may be a truncation by a third party.
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            let result = self.session.receive(received, buf);
            Poll::Ready(result.map_err(|error| {
                // Sends the alert to the client, if that is possible at once.
                let _ = self.poll_send(cx);
                io::Error::new(io::ErrorKind::InvalidData, error)
            }))
        })
    }

    /// Sends the session's own responses to received data, as far as possible now.
    fn poll_send_responses(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        // Pending application data must be flushed by the writer; flushing it here would lose the writer's wake-up.
        if self.unreported_bytes > 0 || self.session.outgoing.remaining().is_empty() {
            return Ok(());
        }
        match self.poll_send(cx) {
            Poll::Ready(sent) => {
                // Another task may wait for a flush.
                cx.waker().wake_by_ref();
                sent
            }
            Poll::Pending => Ok(()),
        }
    }

    /// Sends the pending encrypted bytes.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.session.outgoing.remaining().is_empty() {
            let sent =
                ready!(Pin::new(&mut self.io).poll_write(cx, self.session.outgoing.remaining()))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.session.outgoing.advance(sent);
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        loop {
            let text = self.session.plaintext.remaining();
            if !text.is_empty() {
                let count = text.len().min(into.remaining());
                into.put_slice(text.get(..count).unwrap_or_default());
                self.session.plaintext.advance(count);
            }
            if into.filled().len() > before || into.remaining() == 0 || self.session.is_ended() {
                return Poll::Ready(Ok(()));
            }
            // A client that no longer reads may have sent data before.
            let answered = self.poll_send_responses(cx);
            let received = self.poll_receive(cx, into);
            if received.is_pending() {
                answered?;
            }
            ready!(received)?;
            let answered = self.poll_send_responses(cx);
            if into.filled().len() == before {
                answered?;
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.session.is_failed() || self.is_closing {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if self.unreported_bytes == 0 && !bytes.is_empty() {
            ready!(self.poll_send(cx))?;
            let chunk = bytes.get(..WRITE_BYTES_MAX).unwrap_or(bytes);
            let encrypted = self.session.queue(SessionOutput::Data(chunk));
            encrypted.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            self.unreported_bytes = chunk.len();
        }
        debug_assert!(
            self.unreported_bytes <= bytes.len(),
            "the caller must retry the same bytes"
        );
        ready!(self.poll_send(cx))?;
        Poll::Ready(Ok(mem::take(&mut self.unreported_bytes)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(cx)
    }

    /// Sends `close_notify`, then shuts the transport down.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A failed session has already sent an alert.
        if !mem::replace(&mut self.is_closing, true) && !self.session.is_failed() {
            let _ = self.session.queue(SessionOutput::Close);
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
