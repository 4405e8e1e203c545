//! Compares a complete echo connection with tungstenite's reading of the same bytes. Covers the shared buffer, turns,
//! pauses for its own output, short writes and the close.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::{End, Heard, Stream, tungstenite_reads};

/// Lets a connection serve the stream made from the bytes, and panics if the echo is wrong. `serve` runs the connection
/// over the transport until its end; the vector holds the bytes that arrived with the handshake.
pub(crate) fn check(bytes: &[u8], serve: impl FnOnce(Wire, Vec<u8>)) {
    let Some(stream) = Stream::read(bytes) else {
        return;
    };
    let mut portions: VecDeque<Vec<u8>> = stream.cut().into_iter().map(<[u8]>::to_vec).collect();
    let read_ahead = portions.pop_front().unwrap_or_default();
    let received = Rc::new(RefCell::new(Vec::new()));
    serve(
        Wire {
            portions,
            is_ready: stream.portions[0] % 3 == 0,
            write_bytes_max: 1 + usize::from(stream.portions[1]) * 8,
            received: Rc::clone(&received),
        },
        read_ahead,
    );
    let received = received.borrow();
    let (messages, end) = tungstenite_reads(&stream.bytes);
    let expected: Vec<u8> = messages.iter().flat_map(echo).collect();
    let (echoes, last) = received.split_at(expected.len().min(received.len()));
    assert!(
        echoes == expected,
        "{messages:?}, but the echo was {echoes:x?}"
    );
    assert!(
        is_expected_end(last, end),
        "{end:?}, but it ended with {last:x?}"
    );
}

/// Returns the bytes of the echo.
fn echo(received: &Heard) -> Vec<u8> {
    let (first, payload) = match received {
        Heard::Text(text) => (0x81, text.as_bytes()),
        Heard::Binary(bytes) => (0x82, &bytes[..]),
        Heard::Ping(bytes) => (0x8a, &bytes[..]),
        Heard::Pong => return Vec::new(),
    };
    let length = match u8::try_from(payload.len()) {
        Ok(short @ 0..126) => vec![short],
        _ => [
            &[126][..],
            &u16::try_from(payload.len()).expect("a bound").to_be_bytes(),
        ]
        .concat(),
    };
    [&[first][..], &length, payload].concat()
}

/// Whether these bytes are one close frame with the expected code.
fn is_expected_end(last: &[u8], end: End) -> bool {
    let [0x88, length, close @ ..] = last else {
        return false;
    };
    let code = close.first_chunk().map(|code| u16::from_be_bytes(*code));
    let is_expected = match end {
        End::Closed(expected) => code == expected && close.len() == expected.map_or(0, |_| 2),
        End::ClosedOrProtocol | End::Protocol => code == Some(1002),
        End::NotUtf8 => code == Some(1007),
        // A frame that is too long and also violates the protocol may get either code.
        End::TooLong => matches!(code, Some(1009 | 1002)),
    };
    is_expected && usize::from(*length) == close.len()
}

/// A transport that returns one portion per read and accepts few bytes per write, with pauses between.
#[derive(Debug)]
pub(crate) struct Wire {
    portions: VecDeque<Vec<u8>>,
    /// Whether the next poll is ready; every second one is pending.
    is_ready: bool,
    write_bytes_max: usize,
    received: Rc<RefCell<Vec<u8>>>,
}

impl Wire {
    fn poll_ready(&mut self, cx: &Context<'_>) -> Poll<()> {
        self.is_ready = !self.is_ready;
        if self.is_ready {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        std::task::ready!(self.poll_ready(cx));
        while self.portions.front().is_some_and(Vec::is_empty) {
            self.portions.pop_front();
        }
        if let Some(portion) = self.portions.front_mut() {
            let taken = portion.len().min(room.remaining());
            room.put_slice(&portion[..taken]);
            portion.drain(..taken);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        std::task::ready!(self.poll_ready(cx));
        let taken = &bytes[..bytes.len().min(self.write_bytes_max)];
        self.received.borrow_mut().extend_from_slice(taken);
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
