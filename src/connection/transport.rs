//! What a WebSocket runs over: TCP in service, an in-memory pipe in tests, and a layer that counts bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;

/// A byte stream that can say whether a read is worth trying: reading through tungstenite costs clearing its buffer
/// even when nothing is there.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin {
    /// Ready when there may be something to read, or an end or error to be noticed.
    ///
    /// # Errors
    ///
    /// The transport's own, when it has failed.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

impl Transport for TcpStream {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_read_ready(cx)
    }
}

/// A pipe in memory cannot tell, so reading is always tried.
impl Transport for DuplexStream {
    fn poll_readable(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// How much is read in one turn of a connection: tungstenite goes on reading as long as no message is complete, and
/// others have to come in between.
const READ_BYTES_PER_TURN: usize = 32 * 1024;

/// Counts bytes. What a transport takes tells a slow reader from a stuck one; what it gives is limited in each turn, and
/// in the long run by the hub.
#[derive(Debug)]
pub(super) struct Counted<T> {
    inner: T,
    bytes_out: u64,
    /// Read in this turn.
    bytes_in: usize,
}

impl<T: Transport> Counted<T> {
    pub(super) fn new(inner: T) -> Self {
        Self {
            inner,
            bytes_out: 0,
            bytes_in: 0,
        }
    }

    pub(super) fn bytes_out(&self) -> u64 {
        self.bytes_out
    }

    /// Ends a turn: gives how many bytes were read in it.
    pub(super) fn take_bytes_in(&mut self) -> usize {
        std::mem::take(&mut self.bytes_in)
    }

    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.poll_readable(cx)
    }
}

impl<T: Transport> AsyncRead for Counted<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.bytes_in >= READ_BYTES_PER_TURN {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        self.bytes_in += buf.filled().len() - before;
        read
    }
}

impl<T: Transport> AsyncWrite for Counted<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let taken = ready!(Pin::new(&mut self.inner).poll_write(cx, buf))?;
        self.bytes_out += taken as u64;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
