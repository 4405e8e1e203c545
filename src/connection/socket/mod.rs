//! Reads frames from one transport into the buffer shared by all connections of a worker, and closes the transport.
//!
//! Between turns a connection stores only the bytes of an unfinished message or of one that may not be served yet. It
//! has no access to the tracker; the connection drives it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use crate::hub::{Ended, ReadProgress};
use crate::websocket::{Decoder, Error, Frame, Message};

/// Maximum bytes read in one turn of a connection; then other connections have their turn.
pub(super) const READ_BYTES_PER_TURN: usize = 32 * 1024;
/// Extra charge for each non-final fragment, in bytes. Reading a frame costs as much as some hundred bytes, and an
/// empty fragment has six. A client that sends fragments of 4 KiB pays a sixteenth more.
const FRAGMENT_CHARGE_BYTES: usize = 256;
/// Longest time of a close: writing the remaining output and waiting for the client to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum bytes read and discarded after a close, so that the close frame reaches the client before a reset.
const LINGER_BYTES_MAX: usize = 1024 * 1024;

/// The stream under a WebSocket: TCP in service, an in-memory pipe in tests. It must send the bytes that it accepts
/// without a further call.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + 'static> Transport for T {}

/// One WebSocket, server side, after the handshake.
#[derive(Debug)]
pub(super) struct WebSocket<T> {
    transport: T,
    decoder: Decoder,
    /// Boxed, because it is rarely present.
    pending: Option<Box<PendingInput>>,
    /// Whether writing has failed. Bytes that the client sent before may still be unread.
    is_write_closed: bool,
}

/// Bytes read in earlier turns and not served yet: at most one message and the bytes of one turn.
#[derive(Debug)]
struct PendingInput(Vec<u8>);

/// The position of the unserved bytes of one turn, and its counts.
#[derive(Debug)]
pub(super) struct ReadTurn {
    location: InputLocation,
    /// End of the served bytes.
    served: usize,
    /// Bytes read in this turn.
    bytes_in: usize,
    /// Non-final fragments served in this turn.
    fragments: usize,
    /// Whether a message ended in this turn, so that an unfinished one began in it.
    has_ended_message: bool,
    /// Whether the turn began with an unfinished message.
    began_unfinished: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum InputLocation {
    /// In the shared buffer, from its start.
    Shared,
    /// In the connection's own buffer, where the bytes read in this turn are appended.
    Pending,
}

impl ReadTurn {
    /// Returns the number of bytes read in this turn.
    pub(super) fn bytes_in(&self) -> usize {
        self.bytes_in
    }

    /// Returns the bytes charged for this turn: those read, plus an extra charge for each non-final fragment.
    pub(super) fn bytes_charged(&self) -> usize {
        self.bytes_in + self.fragments * FRAGMENT_CHARGE_BYTES
    }

    /// Returns whether nothing was read and nothing was served.
    pub(super) fn is_idle(&self) -> bool {
        self.bytes_in == 0 && self.served == 0
    }

    /// Whether the turn began with an unfinished message.
    pub(super) fn began_unfinished(&self) -> bool {
        self.began_unfinished
    }
}

impl<T: Transport> WebSocket<T> {
    /// Creates the socket. `read_ahead` holds bytes that arrived together with the handshake.
    pub(super) fn new(transport: T, read_ahead: Vec<u8>) -> Self {
        Self {
            transport,
            decoder: Decoder::default(),
            pending: pending_input(read_ahead),
            is_write_closed: false,
        }
    }

    /// Marks the transport as not writable. The client is read to the end of what it has sent.
    pub(super) fn set_write_closed(&mut self) {
        self.is_write_closed = true;
    }

    /// Returns whether the client may still receive data, even if it has closed its sending side.
    pub(super) fn can_write(&self) -> bool {
        !self.is_write_closed
    }

    /// Begins a turn, in which this connection owns the shared buffer. [`Self::end_turn`] ends it.
    pub(super) fn begin_turn(&self) -> ReadTurn {
        ReadTurn {
            location: if self.pending.is_some() {
                InputLocation::Pending
            } else {
                InputLocation::Shared
            },
            served: 0,
            bytes_in: 0,
            fragments: 0,
            has_ended_message: false,
            began_unfinished: self.has_unfinished_input(),
        }
    }

    /// Polls for the next message. Also pending when the turn has read its maximum; the task is then woken at once.
    pub(super) fn poll_next<'a>(
        &'a mut self,
        turn: &mut ReadTurn,
        shared: &'a mut [u8],
        message_bytes_max: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Message<'a>, Ended>> {
        self.decoder.free_finished_message();
        loop {
            let frame = ready!(self.poll_frame(turn, shared, message_bytes_max, cx))?;
            if frame.ends_message() {
                let is_between = frame.is_control() && self.decoder.is_within_message();
                turn.has_ended_message |= !is_between;
                let input = self.consume_frame(turn, shared, &frame);
                let message = input
                    .0
                    .take(&frame, input.1)
                    .map_err(|error| end_reason(&error))?;
                return Poll::Ready(message.ok_or(Ended::Protocol));
            }
            turn.fragments += 1;
            let (decoder, input) = self.consume_frame(turn, shared, &frame);
            decoder
                .take(&frame, input)
                .map_err(|error| end_reason(&error))?;
        }
    }

    /// Counts a frame as served, and returns the decoder and the frame's bytes.
    fn consume_frame<'a>(
        &'a mut self,
        turn: &mut ReadTurn,
        shared: &'a mut [u8],
        frame: &Frame,
    ) -> (&'a mut Decoder, &'a mut [u8]) {
        let start = turn.served;
        turn.served += frame.bytes();
        let input = match turn.location {
            InputLocation::Shared => shared,
            InputLocation::Pending => self
                .pending
                .as_mut()
                .map_or(&mut [][..], |kept| &mut kept.0[..]),
        };
        let input = input.get_mut(start..turn.served).unwrap_or_default();
        (&mut self.decoder, input)
    }

    /// Reads until a whole frame is available.
    fn poll_frame(
        &mut self,
        turn: &mut ReadTurn,
        shared: &mut [u8],
        message_bytes_max: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Frame, Ended>> {
        loop {
            let input = match turn.location {
                InputLocation::Shared => shared.get(turn.served..turn.bytes_in),
                InputLocation::Pending => self
                    .pending
                    .as_ref()
                    .and_then(|kept| kept.0.get(turn.served..)),
            };
            let input = input.unwrap_or_default();
            let frame = self.decoder.peek(input, message_bytes_max);
            if let Some(frame) = frame.map_err(|error| end_reason(&error))?
                && frame.bytes() <= input.len()
            {
                return Poll::Ready(Ok(frame));
            }
            ready!(self.poll_read(turn, shared, cx))?;
        }
    }

    fn poll_read(
        &mut self,
        turn: &mut ReadTurn,
        shared: &mut [u8],
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Ended>> {
        let buffer = shared.get_mut(turn.bytes_in..).unwrap_or_default();
        if buffer.is_empty() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut buffer = ReadBuf::new(buffer);
        let read = match Pin::new(&mut self.transport).poll_read(cx, &mut buffer) {
            // All bytes that the client sent are served.
            Poll::Pending if self.is_write_closed => return Poll::Ready(Err(Ended::Lost)),
            read => ready!(read),
        };
        if read.is_err() {
            self.set_write_closed();
            return Poll::Ready(Err(Ended::Lost));
        }
        let bytes = buffer.filled();
        if bytes.is_empty() {
            return Poll::Ready(Err(Ended::Lost));
        }
        turn.bytes_in += bytes.len();
        if turn.location == InputLocation::Pending
            && let Some(kept) = &mut self.pending
        {
            kept.0.extend_from_slice(bytes);
        }
        Poll::Ready(Ok(()))
    }

    /// Ends a turn: stores the unserved bytes, without spare capacity.
    pub(super) fn end_turn(&mut self, turn: &ReadTurn, shared: &[u8]) {
        self.decoder.free_finished_message();
        if turn.location == InputLocation::Shared {
            if turn.served < turn.bytes_in {
                let rest = shared.get(turn.served..turn.bytes_in);
                self.pending = pending_input(rest.unwrap_or_default().to_vec());
            }
        } else if turn.served > 0 {
            // Copies into a buffer of exact size: one byte of the next frame must not keep the buffer of a long
            // message.
            let kept = self.pending.take();
            self.pending = kept.and_then(|mut kept| pending_input(kept.0.split_off(turn.served)));
        }
    }

    fn has_unfinished_input(&self) -> bool {
        self.pending.is_some() || self.decoder.is_within_message()
    }

    /// Returns the memory in bytes held for an unfinished message or one that may not be served yet.
    pub(super) fn pending_bytes(&self) -> usize {
        let kept = self.pending.as_ref().map_or(0, |kept| kept.0.capacity());
        kept + self.decoder.buffered_bytes()
    }

    /// Returns the read progress after [`Self::end_turn`].
    pub(super) fn progress(&self, turn: &ReadTurn) -> ReadProgress {
        if !self.has_unfinished_input() {
            ReadProgress::BetweenMessages
        } else if turn.has_ended_message {
            ReadProgress::Started
        } else {
            ReadProgress::Continued
        }
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write(cx, bytes)
    }

    /// Writes the remaining output and closes the transport in order, within `CLOSE_TIMEOUT`.
    pub(super) async fn close(mut self, final_output: Vec<u8>) {
        // The connection may be closed because it holds too much memory.
        self.pending = None;
        self.decoder = Decoder::default();
        // Errors are ignored: the client may be unreachable, and nothing depends on the result.
        let _ = timeout(CLOSE_TIMEOUT, async {
            let _ = self.transport.write_all(&final_output).await;
            let _ = self.transport.shutdown().await;
            self.linger().await;
        })
        .await;
    }

    /// Reads and discards what the client still sends until it closes the transport too.
    async fn linger(&mut self) {
        let (mut bytes_left, mut buffer) = (LINGER_BYTES_MAX, [0; 1024]);
        while let Ok(read @ 1..) = self.transport.read(&mut buffer).await {
            bytes_left = bytes_left.saturating_sub(read);
            if bytes_left == 0 {
                break;
            }
        }
    }
}

fn pending_input(bytes: Vec<u8>) -> Option<Box<PendingInput>> {
    (!bytes.is_empty()).then(|| Box::new(PendingInput(bytes)))
}

fn end_reason(error: &Error) -> Ended {
    match error {
        Error::Utf8(_) => Ended::NotUtf8,
        Error::Capacity(_) => Ended::TooLong,
        _ => Ended::Protocol,
    }
}

#[cfg(test)]
mod tests;
