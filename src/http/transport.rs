//! Wraps the stream of an HTTP connection so that a write error does not discard requests that have already arrived.
//!
//! A client that does not wait for its responses closes at once, and its requests count all the same: a lost `stopped`
//! would list a dead peer for half an hour. So writing never fails here. After a write error, output is dropped, and
//! input is read to its end. `serve` puts this wrapper around each stream.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Maximum size of a request head in bytes, and of the bytes that may follow it before the upgrade is answered.
pub(super) const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Maximum number of bytes read ahead while a request waits: the maximum size of one head.
const READ_AHEAD_BYTES_MAX: usize = HEAD_BYTES_MAX;
/// Bytes that one read-ahead call reads.
const READ_AHEAD_CHUNK_BYTES: usize = 1024;

/// A stream with the status of its peer.
pub(super) struct HttpTransport<S>(Rc<TransportInner<S>>);

struct TransportInner<S> {
    stream: RefCell<S>,
    /// Bytes read while a request waited.
    read_ahead: RefCell<Vec<u8>>,
    /// Whether writing has failed.
    write_failed: Cell<bool>,
    /// Whether the peer has closed its sending side; only the read-ahead bytes remain.
    read_closed: Cell<bool>,
}

/// The status of the peer, as the requests of its connection see it.
pub(super) trait PeerStatus {
    /// Returns whether responses can no longer be delivered.
    fn cannot_send(&self) -> bool;
    /// Completes when the peer has closed its sending side.
    fn poll_read_closed(&self, cx: &mut Context<'_>) -> Poll<()>;
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> HttpTransport<S> {
    pub(super) fn new(stream: S) -> Self {
        Self(Rc::new(TransportInner {
            stream: RefCell::new(stream),
            read_ahead: RefCell::default(),
            write_failed: Cell::new(false),
            read_closed: Cell::new(false),
        }))
    }

    /// Returns the status of the peer, for the request handlers.
    pub(super) fn peer_status(&self) -> Rc<dyn PeerStatus> {
        Rc::clone(&self.0) as Rc<dyn PeerStatus>
    }

    /// Returns the stream and the bytes read ahead. `None` if a peer status still exists, which is a bug.
    pub(super) fn into_parts(self) -> Option<(S, Vec<u8>)> {
        let inner = Rc::into_inner(self.0)?;
        Some((inner.stream.into_inner(), inner.read_ahead.into_inner()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TransportInner<S> {
    /// Turns a write error into success: stores that writing has failed, and reports all bytes as written.
    fn ignore_write_error(&self, written: io::Result<usize>, length: usize) -> usize {
        written.unwrap_or_else(|error| {
            tracing::debug!(%error, "HTTP write failed: output is dropped");
            self.write_failed.set(true);
            length
        })
    }

    fn with_stream<T>(&self, act: impl FnOnce(Pin<&mut S>) -> T) -> T {
        act(Pin::new(&mut *self.stream.borrow_mut()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> PeerStatus for TransportInner<S> {
    fn cannot_send(&self) -> bool {
        self.write_failed.get()
    }

    fn poll_read_closed(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut read_ahead = self.read_ahead.borrow_mut();
        while !self.read_closed.get() && read_ahead.len() < READ_AHEAD_BYTES_MAX {
            let mut bytes = [0; READ_AHEAD_CHUNK_BYTES];
            let mut buffer = ReadBuf::new(&mut bytes);
            let read = ready!(self.with_stream(|stream| stream.poll_read(cx, &mut buffer)));
            self.read_closed
                .set(read.is_err() || buffer.filled().is_empty());
            read_ahead.extend_from_slice(buffer.filled());
        }
        if self.read_closed.get() {
            Poll::Ready(())
        } else {
            // A client that has sent this much is taken to be present.
            Poll::Pending
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for HttpTransport<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let inner = &self.0;
        let mut read_ahead = inner.read_ahead.borrow_mut();
        if !read_ahead.is_empty() {
            let count = read_ahead.len().min(buffer.remaining());
            buffer.put_slice(read_ahead.get(..count).unwrap_or_default());
            read_ahead.drain(..count);
            return Poll::Ready(Ok(()));
        }
        if inner.read_closed.get() {
            return Poll::Ready(Ok(()));
        }
        let read = inner.with_stream(|stream| stream.poll_read(cx, buffer));
        if inner.write_failed.get() && !matches!(read, Poll::Ready(Ok(()))) {
            // All input has been read, and no more will arrive.
            return Poll::Ready(Ok(()));
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for HttpTransport<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let inner = &self.0;
        if inner.write_failed.get() {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = ready!(inner.with_stream(|stream| stream.poll_write(cx, bytes)));
        Poll::Ready(Ok(inner.ignore_write_error(written, bytes.len())))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let inner = &self.0;
        let length = slices.iter().map(|slice| slice.len()).sum();
        if inner.write_failed.get() {
            return Poll::Ready(Ok(length));
        }
        let written = ready!(inner.with_stream(|stream| stream.poll_write_vectored(cx, slices)));
        Poll::Ready(Ok(inner.ignore_write_error(written, length)))
    }

    fn is_write_vectored(&self) -> bool {
        self.0.stream.borrow().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let inner = &self.0;
        if inner.write_failed.get() {
            return Poll::Ready(Ok(()));
        }
        let flushed = ready!(inner.with_stream(|stream| stream.poll_flush(cx)));
        inner.ignore_write_error(flushed.map(|()| 0), 0);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.with_stream(|stream| stream.poll_shutdown(cx))
    }
}
