//! A connection within TLS that holds no buffers while nothing is under way, and sends what it takes without being asked
//! again, as the connections' code expects.
//!
//! What comes is read into one buffer for all connections of a thread: a buffer of its own for each would be most of
//! what a TLS connection costs. Text counts as taken only when it has left, so an outbox stays exact. The acceptor makes
//! it; HTTP and then the connection use it.

use std::cell::RefCell;
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::rustls::ServerConfig;

use super::session::{Say, Session};

/// Most that is read at once: two records and a bit.
const READ_BYTES_MAX: usize = 36 * 1024;
/// Most that is encrypted before it has left.
const WRITE_BYTES_MAX: usize = 64 * 1024;

thread_local! {
    /// Where the connections of this thread read to first. One has it for the length of a read.
    static INPUT: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES_MAX]);
}

/// A connection within TLS.
///
/// Who was told that nothing can be taken now comes back with the same bytes, and perhaps more behind them: they are
/// already encrypted by then. Outboxes, hyper and `write_all` do so.
pub(crate) struct TlsStream<S> {
    io: S,
    session: Session,
    /// Bytes that are encrypted and whose taking is not told yet.
    taken: usize,
    is_closing: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// A connection that has not begun its handshake.
    ///
    /// # Errors
    ///
    /// There are no random numbers.
    pub(crate) fn new(io: S, config: Arc<ServerConfig>) -> io::Result<Self> {
        Ok(Self {
            io,
            session: Session::new(config).map_err(io::Error::other)?,
            taken: 0,
            is_closing: false,
        })
    }

    /// One whose handshake is done.
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

    /// Does the handshake.
    ///
    /// # Errors
    ///
    /// What the transport says, or a [`rustls::Error`](tokio_rustls::rustls::Error) within, of which the client has been
    /// told if it listens.
    #[cfg(any(test, feature = "echo"))]
    pub(crate) async fn handshake(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_handshake(cx)).await
    }

    /// Whether a signature was made for the client.
    pub(super) fn has_signed(&self) -> bool {
        self.session.has_signed()
    }

    /// Whether the client has ended the handshake by an alert under keys that it had to compute for it.
    pub(super) fn is_refused_with_keys(&self) -> bool {
        self.session.is_refused_with_keys()
    }

    /// The protocol that was agreed on for what is spoken within (ALPN).
    pub(super) fn protocol(&self) -> Option<&[u8]> {
        self.session.protocol()
    }

    /// Whether the client came back with a ticket.
    pub(super) fn is_resumed(&self) -> bool {
        self.session.is_resumed()
    }

    /// The memory of what waits at either side.
    #[cfg(any(test, feature = "echo"))]
    pub(crate) fn kept_bytes(&self) -> usize {
        self.session.kept_bytes()
    }

    /// Does a step of the handshake.
    pub(super) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let sent = self.poll_send(cx);
            if !self.session.is_handshaking() {
                // What has not left are tickets, which nobody waits for.
                return Poll::Ready(match sent {
                    Poll::Ready(sent) => sent,
                    Poll::Pending => Ok(()),
                });
            }
            ready!(sent)?;
            ready!(self.poll_receive(cx, &mut ReadBuf::new(&mut [])))?;
        }
    }

    /// Reads once and decrypts what is whole: into `room`, and what does not fit there is kept.
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.session.is_failed() {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        INPUT.with_borrow_mut(|input| {
            let mut read = ReadBuf::new(input);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut read))?;
            let came = read.filled_mut();
            if came.is_empty() {
                // Not said by the client itself, so it may have been cut off by anybody.
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            let received = self.session.receive(came, room);
            Poll::Ready(received.map_err(|error| {
                // The client shall hear what was wrong, if that can be sent at once.
                let _ = self.poll_send(cx);
                io::Error::new(io::ErrorKind::InvalidData, error)
            }))
        })
    }

    /// Sends what the session has to say of its own to what came, as far as that can be sent now.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        // Text that waits is for who said it to send: sent here, it would leave nothing to wake the other for.
        if self.taken > 0 || self.session.out.rest().is_empty() {
            return Ok(());
        }
        match self.poll_send(cx) {
            Poll::Ready(sent) => {
                // Somebody may be waiting for a flush.
                cx.waker().wake_by_ref();
                sent
            }
            Poll::Pending => Ok(()),
        }
    }

    /// Sends what waits to be sent.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.session.out.rest().is_empty() {
            let sent = ready!(Pin::new(&mut self.io).poll_write(cx, self.session.out.rest()))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.session.out.advance(sent);
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
            let text = self.session.text.rest();
            if !text.is_empty() {
                let now = text.len().min(into.remaining());
                into.put_slice(text.get(..now).unwrap_or_default());
                self.session.text.advance(now);
            }
            if into.filled().len() > before || into.remaining() == 0 || self.session.is_ended() {
                return Poll::Ready(Ok(()));
            }
            // A client that does not listen any more may still have said something before.
            let answered = self.poll_answer(cx);
            let received = self.poll_receive(cx, into);
            if received.is_pending() {
                answered?;
            }
            ready!(received)?;
            let answered = self.poll_answer(cx);
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
        if self.taken == 0 && !bytes.is_empty() {
            ready!(self.poll_send(cx))?;
            let piece = bytes.get(..WRITE_BYTES_MAX).unwrap_or(bytes);
            let said = self.session.say(Say::Text(piece));
            said.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            self.taken = piece.len();
        }
        debug_assert!(self.taken <= bytes.len(), "other bytes than those refused");
        ready!(self.poll_send(cx))?;
        Poll::Ready(Ok(mem::take(&mut self.taken)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(cx)
    }

    /// Tells the client that the end is meant (`close_notify`), then ends the transport.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A session that has failed has said so already.
        if !mem::replace(&mut self.is_closing, true) && !self.session.is_failed() {
            let _ = self.session.say(Say::Close);
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[path = "tests/stream.rs"]
mod tests;
