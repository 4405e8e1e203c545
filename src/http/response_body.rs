//! Response bodies: split into chunks that are sent as the client takes them, and counted until they are sent.
//!
//! hyper keeps a chunk until it is sent, so a body of megabytes in one chunk stays in memory as a whole, twice with
//! TLS. Bodies that all clients share (page files, responses cached for a second) are marked as [`SharedBody`] and not
//! counted.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::connection_monitor::ConnectionMonitor;
use crate::limits::ResourceClaim;

/// Bytes of one chunk.
pub(super) const CHUNK_BYTES: usize = 16 * 1024;
/// Responses up to this size are not counted: there is at most one per connection, and a refusal can always be sent.
pub(super) const UNCOUNTED_BYTES_MAX: u64 = 16 * 1024;

/// Marks a response whose body is in memory once for all clients; stored in its extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct SharedBody;

/// Marks a response that the client must take at a minimum rate; stored in its extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct RateChecked;

/// Returns a response marked as [`SharedBody`].
pub(super) fn shared_response(response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    response.extensions_mut().insert(SharedBody);
    response
}

/// A text in chunks, each of which is freed once it is sent.
#[derive(Debug, Default)]
pub(super) struct ChunkedText {
    full_chunks: VecDeque<Bytes>,
    last_chunk: BytesMut,
    length: usize,
}

impl ChunkedText {
    /// Returns the length in bytes.
    pub(super) const fn length(&self) -> usize {
        self.length
    }

    /// Returns the body; `claim` counts it until it is sent.
    pub(super) fn into_body(self, claim: ResourceClaim) -> Body {
        let Self {
            full_chunks: mut whole,
            last_chunk: last,
            ..
        } = self;
        if !last.is_empty() {
            whole.push_back(last.freeze());
        }
        Body::new(ClaimedBody {
            chunks: whole,
            claim,
        })
    }
}

impl ChunkedText {
    fn append(&mut self, text: &[u8]) {
        if self.last_chunk.len() + text.len() > CHUNK_BYTES {
            let chunk = std::mem::take(&mut self.last_chunk);
            if !chunk.is_empty() {
                self.full_chunks.push_back(chunk.freeze());
            }
        }
        if self.last_chunk.capacity() == 0 {
            self.last_chunk.reserve(CHUNK_BYTES.max(text.len()));
        }
        self.last_chunk.extend_from_slice(text);
        self.length += text.len();
    }
}

impl fmt::Write for ChunkedText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.append(text.as_bytes());
        Ok(())
    }
}

impl io::Write for ChunkedText {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.append(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The body of a counted text.
struct ClaimedBody {
    chunks: VecDeque<Bytes>,
    claim: ResourceClaim,
}

impl HttpBody for ClaimedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = self.chunks.pop_front();
        if let Some(chunk) = &chunk {
            self.claim.release(chunk.len());
        }
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let bytes: usize = self.chunks.iter().map(Bytes::len).sum();
        SizeHint::with_exact(bytes as u64)
    }
}

/// Splits any body into chunks and reports its unsent bytes to the connection.
pub(super) struct ChunkedBody {
    inner: Body,
    remaining: Bytes,
    /// Counts the unsent bytes, unless the body is shared.
    claim: Option<ResourceClaim>,
    is_shared: bool,
    monitor: Rc<ConnectionMonitor>,
}

impl ChunkedBody {
    pub(super) fn new(
        inner: Body,
        flow: &Rc<ConnectionMonitor>,
        is_shared: bool,
        claim: Option<ResourceClaim>,
    ) -> Self {
        let body = Self {
            inner,
            remaining: Bytes::new(),
            claim,
            is_shared,
            monitor: Rc::clone(flow),
        };
        body.report_unsent();
        body
    }

    /// Reports the unsent bytes to the connection.
    fn report_unsent(&self) {
        let unsent = match &self.claim {
            Some(claim) => claim.amount(),
            None if self.is_shared => 0,
            None => {
                usize::try_from(self.inner.size_hint().lower()).unwrap_or(0) + self.remaining.len()
            }
        };
        self.monitor.set_unsent_bytes(unsent);
    }

    fn next_chunk(&mut self) -> Bytes {
        let chunk = self
            .remaining
            .split_to(self.remaining.len().min(CHUNK_BYTES));
        let is_part = !self.remaining.is_empty() || chunk.len() == CHUNK_BYTES;
        if is_part && !self.is_shared && self.claim.is_some() {
            // A slice would keep the whole body in memory, so it is copied.
            return Bytes::copy_from_slice(&chunk);
        }
        chunk
    }
}

impl Drop for ChunkedBody {
    fn drop(&mut self) {
        self.monitor.set_unsent_bytes(0);
        self.monitor.end_rate_check();
    }
}

impl HttpBody for ChunkedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.remaining.is_empty() {
            let frame = match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                other => return Poll::Ready(other),
            };
            match frame.into_data() {
                Ok(data) => self.remaining = data,
                Err(other) => return Poll::Ready(Some(Ok(other))),
            }
        }
        let chunk = self.next_chunk();
        self.monitor.add_sent_bytes(chunk.len());
        self.report_unsent();
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.inner.size_hint();
        let remaining = self.remaining.len() as u64;
        match hint.exact() {
            Some(exact) => hint.set_exact(exact + remaining),
            None => hint.set_lower(hint.lower() + remaining),
        }
        hint
    }
}
