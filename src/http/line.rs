//! The transport of a connection that speaks HTTP, for as long as there are requests to serve.
//!
//! A client that does not wait for its answers closes at once, and what it said counts all the same: a `stopped` that is lost
//! lists a dead peer for half an hour. So writing never fails here. When the client has gone, what is written is dropped, and
//! what had arrived is still read to its end. `mod.rs` puts it around each stream.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are read ahead while a request waits for its turn: as much as one head may have.
const AHEAD_BYTES_MAX: usize = super::HEAD_BYTES_MAX;
/// Bytes that are read ahead at once.
const PIECE_BYTES: usize = 1024;

/// A stream, and what is known of its other end.
pub(super) struct Line<S>(Rc<Inner<S>>);

struct Inner<S> {
    stream: RefCell<S>,
    /// Read while a request waited.
    ahead: RefCell<Vec<u8>>,
    /// Nothing more can be written.
    is_gone: Cell<bool>,
    /// Nothing more will be read, but for what is ahead.
    has_ended: Cell<bool>,
}

/// What the requests of a connection may know of its other end.
pub(super) trait Far {
    /// Whether nobody reads the answers any more.
    fn is_gone(&self) -> bool;
    /// Waits until nothing more can come from there.
    fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()>;
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Line<S> {
    pub(super) fn new(stream: S) -> Self {
        Self(Rc::new(Inner {
            stream: RefCell::new(stream),
            ahead: RefCell::default(),
            is_gone: Cell::new(false),
            has_ended: Cell::new(false),
        }))
    }

    /// The other end, for those who answer.
    pub(super) fn far(&self) -> Rc<dyn Far> {
        Rc::clone(&self.0) as Rc<dyn Far>
    }

    /// The stream, and what was read ahead. `None` if somebody still has the other end, which nobody may.
    pub(super) fn into_parts(self) -> Option<(S, Vec<u8>)> {
        let inner = Rc::into_inner(self.0)?;
        Some((inner.stream.into_inner(), inner.ahead.into_inner()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Inner<S> {
    /// What becomes of a failure to write: the client has gone, and nobody is told.
    fn taken(&self, written: io::Result<usize>, length: usize) -> usize {
        written.unwrap_or_else(|error| {
            tracing::debug!(%error, "the client has gone");
            self.is_gone.set(true);
            length
        })
    }

    fn with_stream<T>(&self, act: impl FnOnce(Pin<&mut S>) -> T) -> T {
        act(Pin::new(&mut *self.stream.borrow_mut()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Far for Inner<S> {
    fn is_gone(&self) -> bool {
        self.is_gone.get()
    }

    fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut ahead = self.ahead.borrow_mut();
        while !self.has_ended.get() && ahead.len() < AHEAD_BYTES_MAX {
            let mut room = [0; PIECE_BYTES];
            let mut piece = ReadBuf::new(&mut room);
            let read = ready!(self.with_stream(|stream| stream.poll_read(cx, &mut piece)));
            self.has_ended
                .set(read.is_err() || piece.filled().is_empty());
            ahead.extend_from_slice(piece.filled());
        }
        if self.has_ended.get() {
            Poll::Ready(())
        } else {
            // Who has sent so much before its turn is still there.
            Poll::Pending
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Line<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let inner = &self.0;
        let mut ahead = inner.ahead.borrow_mut();
        if !ahead.is_empty() {
            let now = ahead.len().min(into.remaining());
            into.put_slice(ahead.get(..now).unwrap_or_default());
            ahead.drain(..now);
            return Poll::Ready(Ok(()));
        }
        if inner.has_ended.get() {
            return Poll::Ready(Ok(()));
        }
        let read = inner.with_stream(|stream| stream.poll_read(cx, into));
        if inner.is_gone.get() && !matches!(read, Poll::Ready(Ok(()))) {
            // What had arrived is read, and no more comes.
            return Poll::Ready(Ok(()));
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Line<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let inner = &self.0;
        if inner.is_gone.get() {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = ready!(inner.with_stream(|stream| stream.poll_write(cx, bytes)));
        Poll::Ready(Ok(inner.taken(written, bytes.len())))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let inner = &self.0;
        let length = pieces.iter().map(|piece| piece.len()).sum();
        if inner.is_gone.get() {
            return Poll::Ready(Ok(length));
        }
        let written = ready!(inner.with_stream(|stream| stream.poll_write_vectored(cx, pieces)));
        Poll::Ready(Ok(inner.taken(written, length)))
    }

    fn is_write_vectored(&self) -> bool {
        self.0.stream.borrow().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let inner = &self.0;
        if inner.is_gone.get() {
            return Poll::Ready(Ok(()));
        }
        let flushed = ready!(inner.with_stream(|stream| stream.poll_flush(cx)));
        inner.taken(flushed.map(|()| 0), 0);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.with_stream(|stream| stream.poll_shutdown(cx))
    }
}
