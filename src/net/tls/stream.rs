//! A connection within TLS that holds no buffers while nothing is under way, and sends what it takes without being asked
//! again, as the connections' code expects.
//!
//! rustls does the protocol, bytes in and bytes out; here they are read, kept and written. What comes is read into one
//! buffer for all connections of a thread: a buffer of its own for each would be most of what a TLS connection costs.
//! Text counts as taken only when it has left, so an outbox stays exact. The acceptor makes it; HTTP and then the
//! connection use it.

use std::cell::RefCell;
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::rustls::server::UnbufferedServerConnection;
use tokio_rustls::rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus,
};
use tokio_rustls::rustls::{Error, HandshakeKind, ServerConfig};

/// Most that is read at once: two records and a bit.
const READ_BYTES_MAX: usize = 36 * 1024;
/// Most that is encrypted before it has left.
const WRITE_BYTES_MAX: usize = 64 * 1024;
/// Most of an unfinished record, or of a handshake message in several, that is kept: what rustls allows by itself.
const SEALED_BYTES_MAX: usize = 64 * 1024;
/// What a record adds to its text at most: header, nonce, kind and tag.
const RECORD_BYTES: usize = 5 + 8 + 1 + 16;
/// More than a record with an alert takes.
const ALERT_BYTES: usize = RECORD_BYTES + 16;
const RECORD_TEXT_BYTES: usize = 16 * 1024;

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
    session: UnbufferedServerConnection,
    /// Read, and not a whole record or message yet.
    sealed: Vec<u8>,
    /// Decrypted, and more than was asked for.
    text: Pending,
    /// Encrypted, and not taken by the socket yet.
    out: Pending,
    /// Bytes that are encrypted and whose taking is not told yet.
    taken: usize,
    /// The client has said that it ends.
    is_ended: bool,
    is_closing: bool,
    /// The session has ended by an error.
    is_failed: bool,
}

/// Bytes that wait, and how many of them have gone. Emptied it keeps no memory.
#[derive(Debug, Default)]
struct Pending {
    bytes: Vec<u8>,
    gone: usize,
}

impl Pending {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.gone..).unwrap_or_default()
    }

    fn advance(&mut self, bytes: usize) {
        self.gone += bytes;
        if self.gone >= self.bytes.len() {
            *self = Self::default();
        }
    }

    /// Appends what `write` writes, which says first how much room it needs, and then how much it took.
    fn append<E>(
        &mut self,
        room: usize,
        mut write: impl FnMut(&mut [u8]) -> Result<usize, E>,
        lacks: impl Fn(&E) -> Option<usize>,
    ) -> Result<(), E> {
        let start = self.bytes.len();
        self.bytes.resize(start + room, 0);
        let written = loop {
            match write(self.bytes.get_mut(start..).unwrap_or_default()) {
                Ok(written) => break written,
                Err(error) => match lacks(&error) {
                    Some(room) if room > self.bytes.len() - start => {
                        self.bytes.resize(start + room, 0);
                    }
                    _ => {
                        self.bytes.truncate(start);
                        return Err(error);
                    }
                },
            }
        };
        self.bytes.truncate(start + written);
        Ok(())
    }
}

/// What is to be said when the session lets us.
#[derive(Debug, Clone, Copy)]
enum Say<'a> {
    Nothing,
    Text(&'a [u8]),
    /// That we end (`close_notify`).
    Close,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// Does the handshake.
    ///
    /// # Errors
    ///
    /// What the transport says, or a [`rustls::Error`](Error) within, of which the client has been told if it listens.
    pub(super) async fn accept(io: S, config: Arc<ServerConfig>) -> io::Result<Self> {
        let session = UnbufferedServerConnection::new(config).map_err(io::Error::other)?;
        let mut stream = Self {
            io,
            session,
            sealed: Vec::new(),
            text: Pending::default(),
            out: Pending::default(),
            taken: 0,
            is_ended: false,
            is_closing: false,
            is_failed: false,
        };
        std::future::poll_fn(|cx| stream.poll_handshake(cx)).await?;
        Ok(stream)
    }

    /// The protocol that was agreed on for what is spoken within (ALPN).
    pub(super) fn protocol(&self) -> Option<&[u8]> {
        self.session.alpn_protocol()
    }

    /// Whether the client came back with a ticket.
    pub(super) fn is_resumed(&self) -> bool {
        self.session.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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

    /// Reads once and decrypts what is whole: into `room`, and what does not fit there into `text`.
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_failed {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        INPUT.with_borrow_mut(|input| {
            let mut read = ReadBuf::new(input);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut read))?;
            let bytes = read.filled_mut();
            if bytes.is_empty() {
                // Not said by the client itself, so it may have been cut off by anybody.
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            let sealed = mem::take(&mut self.sealed);
            let done = if sealed.is_empty() {
                let opened = self.open(bytes, room);
                opened.map(|opened| bytes.get(opened..).unwrap_or_default().to_vec())
            } else {
                let mut sealed = sealed;
                sealed.extend_from_slice(bytes);
                let opened = self.open(&mut sealed, room);
                // Into room of its own size.
                opened.map(|opened| sealed.split_off(opened.min(sealed.len())))
            };
            match done {
                Ok(rest) if rest.len() <= SEALED_BYTES_MAX => {
                    self.sealed = rest;
                    Poll::Ready(Ok(()))
                }
                Ok(_) => Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
                Err(error) => {
                    self.is_failed = true;
                    // The client shall hear what was wrong, if that can be sent at once.
                    let _ = self.poll_send(cx);
                    Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)))
                }
            }
        })
    }

    /// Decrypts what is whole at the front of `sealed`; gives how much that was.
    fn open(&mut self, sealed: &mut [u8], room: &mut ReadBuf<'_>) -> Result<usize, Error> {
        self.drive(sealed, room, Say::Nothing)
    }

    /// Says something, with what is kept beside it: the session remembers how far into that it has looked, and panics
    /// if it is gone.
    fn say(&mut self, say: Say<'_>) -> Result<(), Error> {
        let mut sealed = mem::take(&mut self.sealed);
        let opened = self.drive(&mut sealed, &mut ReadBuf::new(&mut []), say)?;
        if opened > 0 {
            sealed = sealed.split_off(opened.min(sealed.len()));
        }
        self.sealed = sealed;
        Ok(())
    }

    /// Lets the session take what has come, and say what it and we have to say. After an error it must not be asked again.
    fn drive(
        &mut self,
        sealed: &mut [u8],
        room: &mut ReadBuf<'_>,
        say: Say<'_>,
    ) -> Result<usize, Error> {
        let (mut opened, mut failed) = (0, None);
        loop {
            let rest = sealed.get_mut(opened..).unwrap_or_default();
            let UnbufferedStatus { discard, state } = self.session.process_tls_records(rest);
            let is_done = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        opened += record.discard;
                        let (now, later) = record
                            .payload
                            .split_at(record.payload.len().min(room.remaining()));
                        room.put_slice(now);
                        self.text.bytes.extend_from_slice(later);
                    }
                    false
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    let encoded = self
                        .out
                        .append(0, |room| data.encode(room), lacks_to_encode);
                    encoded.map_err(|error| Error::General(error.to_string()))?;
                    // The alert was what was left to say.
                    failed.is_some()
                }
                Ok(ConnectionState::TransmitTlsData(sent)) => {
                    // It waits in `out`, which is sent before anything that is said later.
                    sent.done();
                    false
                }
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    match say {
                        Say::Nothing => {}
                        Say::Text(text) => {
                            let records = text.len().div_ceil(RECORD_TEXT_BYTES);
                            let size = text.len() + records * RECORD_BYTES;
                            let encrypt = |room: &mut [u8]| traffic.encrypt(text, room);
                            let encrypted = self.out.append(size, encrypt, lacks_to_encrypt);
                            encrypted.map_err(|error| Error::General(error.to_string()))?;
                        }
                        Say::Close => {
                            let close = |room: &mut [u8]| traffic.queue_close_notify(room);
                            let closed = self.out.append(ALERT_BYTES, close, lacks_to_encrypt);
                            closed.map_err(|error| Error::General(error.to_string()))?;
                        }
                    }
                    true
                }
                Ok(ConnectionState::PeerClosed) => {
                    self.is_ended = true;
                    false
                }
                Ok(ConnectionState::BlockedHandshake | ConnectionState::Closed) => true,
                // Early data is not accepted, so there is none.
                Ok(_) => return Err(Error::HandshakeNotComplete),
                Err(error) if failed.is_some() => return Err(error),
                Err(error) => {
                    // Once more, for the alert about it.
                    failed = Some(error);
                    false
                }
            };
            opened += discard;
            if is_done {
                return failed.map_or(Ok(opened), Err);
            }
        }
    }

    /// Sends what the session has to say of its own to what came, as far as that can be sent now.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        // Text that waits is for who said it to send: sent here, it would leave nothing to wake the other for.
        if self.taken > 0 || self.out.rest().is_empty() {
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
        while !self.out.rest().is_empty() {
            let sent = ready!(Pin::new(&mut self.io).poll_write(cx, self.out.rest()))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.advance(sent);
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }
}

fn lacks_to_encode(error: &EncodeError) -> Option<usize> {
    match error {
        EncodeError::InsufficientSize(InsufficientSizeError { required_size }) => {
            Some(*required_size)
        }
        EncodeError::AlreadyEncoded => None,
    }
}

fn lacks_to_encrypt(error: &EncryptError) -> Option<usize> {
    match error {
        EncryptError::InsufficientSize(InsufficientSizeError { required_size }) => {
            Some(*required_size)
        }
        EncryptError::EncryptExhausted => None,
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
            let text = self.text.rest();
            if !text.is_empty() {
                let now = text.len().min(into.remaining());
                into.put_slice(text.get(..now).unwrap_or_default());
                self.text.advance(now);
            }
            if into.filled().len() > before || into.remaining() == 0 || self.is_ended {
                return Poll::Ready(Ok(()));
            }
            self.poll_answer(cx)?;
            ready!(self.poll_receive(cx, into))?;
            self.poll_answer(cx)?;
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_failed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if self.taken == 0 && !bytes.is_empty() {
            ready!(self.poll_send(cx))?;
            let piece = bytes.get(..WRITE_BYTES_MAX).unwrap_or(bytes);
            self.say(Say::Text(piece)).map_err(|error| {
                self.is_failed = true;
                io::Error::new(io::ErrorKind::InvalidData, error)
            })?;
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
        if !mem::replace(&mut self.is_closing, true) && !self.is_failed {
            let _ = self.say(Say::Close);
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[path = "tests/stream.rs"]
mod tests;
