//! Response bodies: split into chunks that are sent as the client takes them, and counted until they are sent.
//!
//! hyper keeps a chunk until it is sent, so a body of megabytes in one chunk stays in memory as a whole, twice with
//! TLS. Bodies that all clients share (page files, responses cached for a second) are marked as [`Common`] and not
//! counted.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::flow::Flow;
use crate::limits::Claim;

/// Bytes of one chunk.
pub(super) const PIECE_BYTES: usize = 16 * 1024;
/// Responses up to this size are not counted: there is at most one per connection, and a refusal can always be sent.
pub(super) const SMALL_BYTES: u64 = 16 * 1024;

/// Marks a response whose body is in memory once for all clients; stored in its extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Common;

/// Marks a response that the client must take at a minimum rate; stored in its extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paced;

/// Returns a response marked as [`Common`].
pub(super) fn common(response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    response.extensions_mut().insert(Common);
    response
}

/// A text in chunks, each of which is freed once it is sent.
#[derive(Debug, Default)]
pub(super) struct Text {
    whole: VecDeque<Bytes>,
    last: BytesMut,
    length: usize,
}

impl Text {
    /// Returns the length in bytes.
    pub(super) const fn length(&self) -> usize {
        self.length
    }

    /// Returns the body; `claim` counts it until it is sent.
    pub(super) fn into_body(self, claim: Claim) -> Body {
        let Self {
            mut whole, last, ..
        } = self;
        if !last.is_empty() {
            whole.push_back(last.freeze());
        }
        Body::new(Waiting {
            pieces: whole,
            claim,
        })
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.last.len() + text.len() > PIECE_BYTES {
            let chunk = std::mem::take(&mut self.last);
            if !chunk.is_empty() {
                self.whole.push_back(chunk.freeze());
            }
        }
        if self.last.capacity() == 0 {
            self.last.reserve(PIECE_BYTES.max(text.len()));
        }
        self.last.extend_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }
}

/// The body of a counted text.
struct Waiting {
    pieces: VecDeque<Bytes>,
    claim: Claim,
}

impl HttpBody for Waiting {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = self.pieces.pop_front();
        if let Some(chunk) = &chunk {
            self.claim.release(chunk.len());
        }
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let bytes: usize = self.pieces.iter().map(Bytes::len).sum();
        SizeHint::with_exact(bytes as u64)
    }
}

/// Splits any body into chunks and reports its unsent bytes to the connection.
pub(super) struct Cut {
    inner: Body,
    rest: Bytes,
    /// Counts the unsent bytes, unless the body is shared.
    claim: Option<Claim>,
    is_common: bool,
    flow: Rc<Flow>,
}

impl Cut {
    pub(super) fn new(inner: Body, flow: &Rc<Flow>, is_common: bool, claim: Option<Claim>) -> Self {
        let body = Self {
            inner,
            rest: Bytes::new(),
            claim,
            is_common,
            flow: Rc::clone(flow),
        };
        body.tell();
        body
    }

    /// Reports the unsent bytes to the connection.
    fn tell(&self) {
        let unsent = match &self.claim {
            Some(claim) => claim.amount(),
            None if self.is_common => 0,
            None => usize::try_from(self.inner.size_hint().lower()).unwrap_or(0) + self.rest.len(),
        };
        self.flow.set_waits(unsent);
    }

    fn piece(&mut self) -> Bytes {
        let chunk = self.rest.split_to(self.rest.len().min(PIECE_BYTES));
        let is_part = !self.rest.is_empty() || chunk.len() == PIECE_BYTES;
        if is_part && !self.is_common && self.claim.is_some() {
            // A slice would keep the whole body in memory, so it is copied.
            return Bytes::copy_from_slice(&chunk);
        }
        chunk
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        self.flow.set_waits(0);
        self.flow.end_pace();
    }
}

impl HttpBody for Cut {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                other => return Poll::Ready(other),
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(other) => return Poll::Ready(Some(Ok(other))),
            }
        }
        let chunk = self.piece();
        self.flow.hand_on(chunk.len());
        self.tell();
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.inner.size_hint();
        let remaining = self.rest.len() as u64;
        match hint.exact() {
            Some(exact) => hint.set_exact(exact + remaining),
            None => hint.set_lower(hint.lower() + remaining),
        }
        hint
    }
}
