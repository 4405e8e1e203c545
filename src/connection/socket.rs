//! Reads frames from one transport into the buffer that all connections of a worker share, and ends the transport.
//!
//! Between turns a connection keeps only what has come of a message that is not whole, or not wanted yet. Knows no
//! tracker; the connection drives it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use crate::hub::{Ended, Progress};
use crate::websocket::{Decoder, Error, Frame, Message};

/// Most bytes read in one turn of a connection: others come in between, whatever is sent.
pub(super) const READ_BYTES_PER_TURN: usize = 32 * 1024;
/// What a piece of a message that goes on is charged beyond its bytes: reading a frame costs as much as some hundred bytes
/// do, and an empty piece has six. Who sends in pieces of 4 KiB pays a sixteenth more.
const PIECE_BYTES: usize = 256;
/// How long a close may take: writing what is left, and the client's own end of it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How much of what a client still sends is read away after a close, so that the close frame reaches it before a reset.
const LINGER_BYTES: usize = 1024 * 1024;

/// What a WebSocket runs over: TCP in service, an in-memory pipe in tests. It sends what it takes without being asked
/// again.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + 'static> Transport for T {}

/// One WebSocket, server side, after the handshake.
#[derive(Debug)]
pub(super) struct Socket<T> {
    transport: T,
    decoder: Decoder,
    /// Boxed, because mostly there is none.
    kept: Option<Box<Kept>>,
    /// Whether the client hears nothing more. What it has said before may still wait here.
    is_deaf: bool,
}

/// Read in earlier turns and not served yet: at most one message and what one turn reads.
#[derive(Debug)]
struct Kept(Vec<u8>);

/// Where the unserved bytes of this turn are.
#[derive(Debug)]
pub(super) struct Turn {
    place: Place,
    /// Up to where they are served.
    served: usize,
    /// Read in this turn.
    bytes_in: usize,
    /// Pieces of messages that go on, served in this turn.
    pieces: usize,
    /// Whether a message has ended in it, so that an unfinished one has begun in it.
    has_ended_message: bool,
    /// Whether something was kept of a message when it began.
    had_kept: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// In the shared buffer, from its start.
    Shared,
    /// In what the connection keeps, with what is read in this turn put behind it.
    Kept,
}

impl Turn {
    /// How many bytes were read in this turn.
    pub(super) fn bytes_in(&self) -> u64 {
        self.bytes_in as u64
    }

    /// How many bytes this turn counts for: those that were read, and more for each piece of a message that goes on.
    pub(super) fn bytes_charged(&self) -> usize {
        self.bytes_in + self.pieces * PIECE_BYTES
    }

    /// Whether nothing was read and nothing served.
    pub(super) fn is_idle(&self) -> bool {
        self.bytes_in == 0 && self.served == 0
    }

    /// Whether something was kept of a message when it began.
    pub(super) fn had_kept(&self) -> bool {
        self.had_kept
    }
}

impl<T: Transport> Socket<T> {
    /// `read_ahead` are bytes that came together with the handshake.
    pub(super) fn new(transport: T, read_ahead: Vec<u8>) -> Self {
        Self {
            transport,
            decoder: Decoder::default(),
            kept: keep(read_ahead),
            is_deaf: false,
        }
    }

    /// The client hears nothing more: it is read to the end of what it has said.
    pub(super) fn set_deaf(&mut self) {
        self.is_deaf = true;
    }

    /// Whether the client may still hear something, even if it says nothing more.
    pub(super) fn may_hear(&self) -> bool {
        !self.is_deaf
    }

    /// Begins a turn, in which the shared buffer is this connection's. It ends with [`Self::end_turn`].
    pub(super) fn begin_turn(&self) -> Turn {
        Turn {
            place: if self.kept.is_some() {
                Place::Kept
            } else {
                Place::Shared
            },
            served: 0,
            bytes_in: 0,
            pieces: 0,
            has_ended_message: false,
            had_kept: self.keeps(),
        }
    }

    /// The next message. Pending also when the turn has read its share; it goes on then at once.
    pub(super) fn poll_next<'a>(
        &'a mut self,
        turn: &mut Turn,
        shared: &'a mut [u8],
        message_bytes_max: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Message<'a>, Ended>> {
        self.decoder.tidy();
        loop {
            let frame = ready!(self.poll_frame(turn, shared, message_bytes_max, cx))?;
            if frame.ends_message() {
                let is_between = frame.is_control() && self.decoder.is_within_message();
                turn.has_ended_message |= !is_between;
                let input = self.take(turn, shared, &frame);
                let message = input
                    .0
                    .take(&frame, input.1)
                    .map_err(|error| ended(&error))?;
                return Poll::Ready(message.ok_or(Ended::Protocol));
            }
            turn.pieces += 1;
            let (decoder, input) = self.take(turn, shared, &frame);
            decoder.take(&frame, input).map_err(|error| ended(&error))?;
        }
    }

    /// Counts a frame as served, and gives what it takes to read it.
    fn take<'a>(
        &'a mut self,
        turn: &mut Turn,
        shared: &'a mut [u8],
        frame: &Frame,
    ) -> (&'a mut Decoder, &'a mut [u8]) {
        let start = turn.served;
        turn.served += frame.bytes();
        let input = match turn.place {
            Place::Shared => shared,
            Place::Kept => self
                .kept
                .as_mut()
                .map_or(&mut [][..], |kept| &mut kept.0[..]),
        };
        let input = input.get_mut(start..turn.served).unwrap_or_default();
        (&mut self.decoder, input)
    }

    /// Reads until a whole frame is there.
    fn poll_frame(
        &mut self,
        turn: &mut Turn,
        shared: &mut [u8],
        message_bytes_max: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Frame, Ended>> {
        loop {
            let input = match turn.place {
                Place::Shared => shared.get(turn.served..turn.bytes_in),
                Place::Kept => self
                    .kept
                    .as_ref()
                    .and_then(|kept| kept.0.get(turn.served..)),
            };
            let input = input.unwrap_or_default();
            let frame = self.decoder.peek(input, message_bytes_max);
            if let Some(frame) = frame.map_err(|error| ended(&error))?
                && frame.bytes() <= input.len()
            {
                return Poll::Ready(Ok(frame));
            }
            ready!(self.poll_read(turn, shared, cx))?;
        }
    }

    fn poll_read(
        &mut self,
        turn: &mut Turn,
        shared: &mut [u8],
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Ended>> {
        let room = shared.get_mut(turn.bytes_in..).unwrap_or_default();
        if room.is_empty() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut room = ReadBuf::new(room);
        let read = match Pin::new(&mut self.transport).poll_read(cx, &mut room) {
            // All that it said is served.
            Poll::Pending if self.is_deaf => return Poll::Ready(Err(Ended::Lost)),
            read => ready!(read),
        };
        if read.is_err() {
            self.set_deaf();
            return Poll::Ready(Err(Ended::Lost));
        }
        let bytes = room.filled();
        if bytes.is_empty() {
            return Poll::Ready(Err(Ended::Lost));
        }
        turn.bytes_in += bytes.len();
        if turn.place == Place::Kept
            && let Some(kept) = &mut self.kept
        {
            kept.0.extend_from_slice(bytes);
        }
        Poll::Ready(Ok(()))
    }

    /// Ends a turn: keeps what is not served yet, and no room beside it.
    pub(super) fn end_turn(&mut self, turn: &Turn, shared: &[u8]) {
        self.decoder.tidy();
        if turn.place == Place::Shared {
            if turn.served < turn.bytes_in {
                let rest = shared.get(turn.served..turn.bytes_in);
                self.kept = keep(rest.unwrap_or_default().to_vec());
            }
        } else if turn.served > 0 {
            // Into room of its own size: one byte of the next frame shall not hold that of a long message.
            let kept = self.kept.take();
            self.kept = kept.and_then(|mut kept| keep(kept.0.split_off(turn.served)));
        }
    }

    fn keeps(&self) -> bool {
        self.kept.is_some() || self.decoder.is_within_message()
    }

    /// Bytes of memory that are kept of a message that is not whole, or not wanted yet.
    pub(super) fn kept_bytes(&self) -> usize {
        let kept = self.kept.as_ref().map_or(0, |kept| kept.0.capacity());
        kept + self.decoder.kept_bytes()
    }

    /// Where reading stands after [`Self::end_turn`].
    pub(super) fn progress(&self, turn: &Turn) -> Progress {
        if !self.keeps() {
            Progress::Rest
        } else if turn.has_ended_message {
            Progress::Begun
        } else {
            Progress::GoesOn
        }
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write(cx, bytes)
    }

    /// Ends the transport in order within `CLOSE_TIMEOUT`, after writing the last words.
    pub(super) async fn close(mut self, last_words: Vec<u8>) {
        // It may be closed because it holds too much.
        self.kept = None;
        self.decoder = Decoder::default();
        // Whether the other side still listens is not known, and nothing depends on it.
        let _ = timeout(CLOSE_TIMEOUT, async {
            let _ = self.transport.write_all(&last_words).await;
            let _ = self.transport.shutdown().await;
            self.linger().await;
        })
        .await;
    }

    /// Reads away what the client still sends until it ends the transport too.
    async fn linger(&mut self) {
        let (mut rest, mut scrap) = (LINGER_BYTES, [0; 1024]);
        while let Ok(read @ 1..) = self.transport.read(&mut scrap).await {
            rest = rest.saturating_sub(read);
            if rest == 0 {
                break;
            }
        }
    }
}

fn keep(bytes: Vec<u8>) -> Option<Box<Kept>> {
    (!bytes.is_empty()).then(|| Box::new(Kept(bytes)))
}

fn ended(error: &Error) -> Ended {
    match error {
        Error::Utf8(_) => Ended::NotUtf8,
        Error::Capacity(_) => Ended::TooLong,
        _ => Ended::Protocol,
    }
}

#[cfg(test)]
#[path = "tests/keeping.rs"]
mod tests;
