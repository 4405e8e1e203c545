//! Bodies of responses: cut into pieces that are handed on as the peer takes them, and counted while they wait.
//!
//! hyper keeps the piece that it is given until it has left, so a body of megabytes in one piece waits as a whole, over TLS even
//! twice. Contents that all share (files of the pages, answers kept for a second) are marked as [`Common`] and count for nobody.

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

/// Bytes that are handed on at once.
pub(super) const PIECE_BYTES: usize = 16 * 1024;
/// Responses up to this count for nobody: with one for each connection they are bounded as those are, and a refusal can
/// always be told.
pub(super) const SMALL_BYTES: u64 = 16 * 1024;

/// Marks, in the extensions of a response, contents that are in memory once for all who get them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Common;

/// Marks, in the extensions of a response, one that has to be taken at a least pace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paced;

/// A response of contents that all share.
pub(super) fn common(response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    response.extensions_mut().insert(Common);
    response
}

/// A text that is written in pieces, so that each can go when it is taken.
#[derive(Debug, Default)]
pub(super) struct Text {
    whole: VecDeque<Bytes>,
    last: BytesMut,
    length: usize,
}

impl Text {
    /// Bytes so far.
    pub(super) const fn length(&self) -> usize {
        self.length
    }

    /// The body; `claim` counts it until it is taken.
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
            let full = std::mem::take(&mut self.last);
            if !full.is_empty() {
                self.whole.push_back(full.freeze());
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

/// A text that waits to be taken.
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
        let piece = self.pieces.pop_front();
        if let Some(piece) = &piece {
            self.claim.release(piece.len());
        }
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let bytes: usize = self.pieces.iter().map(Bytes::len).sum();
        SizeHint::with_exact(bytes as u64)
    }
}

/// Any body, cut into pieces; what waits of it is told to the connection.
pub(super) struct Cut {
    inner: Body,
    rest: Bytes,
    /// Counts it while it waits, if it is nobody else's.
    claim: Option<Claim>,
    is_common: bool,
    flow: Rc<Flow>,
}

impl Cut {
    pub(super) fn new(inner: Body, flow: &Rc<Flow>, is_common: bool, claim: Option<Claim>) -> Self {
        let cut = Self {
            inner,
            rest: Bytes::new(),
            claim,
            is_common,
            flow: Rc::clone(flow),
        };
        cut.tell();
        cut
    }

    /// Tells the connection how much waits.
    fn tell(&self) {
        let waits = match &self.claim {
            Some(claim) => claim.amount(),
            None if self.is_common => 0,
            None => usize::try_from(self.inner.size_hint().lower()).unwrap_or(0) + self.rest.len(),
        };
        self.flow.set_waits(waits);
    }

    fn piece(&mut self) -> Bytes {
        let piece = self.rest.split_to(self.rest.len().min(PIECE_BYTES));
        let is_part = !self.rest.is_empty() || piece.len() == PIECE_BYTES;
        if is_part && !self.is_common && self.claim.is_some() {
            // A part keeps the whole in memory, so it goes on as a copy.
            return Bytes::copy_from_slice(&piece);
        }
        piece
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
        let piece = self.piece();
        self.flow.hand_on(piece.len());
        self.tell();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.inner.size_hint();
        let more = self.rest.len() as u64;
        match hint.exact() {
            Some(exact) => hint.set_exact(exact + more),
            None => hint.set_lower(hint.lower() + more),
        }
        hint
    }
}
