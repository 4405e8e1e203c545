//! The open connections of one thread: frames out at once where the kernel takes them, messages in through one buffer that
//! all connections share. Knows frames, and nothing of what messages say.

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::exchange::Outbox;
use super::frame;
use super::stream::Stream;

const READ_BYTES: usize = 64 * 1024;
/// So much must be free in the buffer for a read to be worth its system call.
const ROOM_BYTES_MIN: usize = 16 * 1024;
/// Normal closing of a page (RFC 6455, 7.4.1).
const GOING_AWAY: u16 = 1001;

/// One open connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: RefCell<Stream>,
    /// What the kernel did not take yet.
    out: RefCell<Vec<u8>>,
    /// The beginning of a frame whose rest has not come.
    partial: RefCell<Vec<u8>>,
    /// The beginning of a message of several frames.
    fragments: RefCell<Option<Vec<u8>>>,
    /// Wakes the task that reads, which also writes what waits.
    waker: RefCell<Option<Waker>>,
}

/// How a connection ended, in words.
pub(super) type Ended = String;

impl Wire {
    pub(super) fn new(stream: Stream) -> Rc<Self> {
        Rc::new(Self {
            stream: RefCell::new(stream),
            out: RefCell::default(),
            partial: RefCell::default(),
            fragments: RefCell::default(),
            waker: RefCell::default(),
        })
    }

    /// Writes a frame; what does not go out now goes out later, in order. An error shows when reading.
    fn write(&self, bytes: &[u8]) {
        let mut out = self.out.borrow_mut();
        if !out.is_empty() {
            return out.extend_from_slice(bytes);
        }
        let mut cx = Context::from_waker(Waker::noop());
        let (written, done) = push(&mut self.stream.borrow_mut(), bytes, &mut cx);
        // Only the rest is copied: most connections never need a buffer of their own.
        out.extend_from_slice(bytes.get(written..).unwrap_or_default());
        if !matches!(done, Poll::Ready(Ok(())))
            && let Some(waker) = &*self.waker.borrow()
        {
            waker.wake_by_ref();
        }
    }

    fn poll_out(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut out = self.out.borrow_mut();
        let (written, done) = push(&mut self.stream.borrow_mut(), &out, cx);
        if written == out.len() {
            *out = Vec::new();
        } else {
            out.drain(..written);
        }
        done
    }

    fn end(&self, is_reset: bool, masks: &Masks) {
        if is_reset {
            // Fails only for a connection that has ended already.
            let _ = self.stream.borrow().end_by_reset();
        } else {
            let mut close = Vec::new();
            frame::write(
                frame::CLOSE,
                &GOING_AWAY.to_be_bytes(),
                masks.next(),
                &mut close,
            );
            self.write(&close);
        }
    }
}

/// Writes as much as goes out now, and flushes after the last byte; returns how many bytes went.
fn push(stream: &mut Stream, bytes: &[u8], cx: &mut Context<'_>) -> (usize, Poll<io::Result<()>>) {
    let mut stream = Pin::new(stream);
    let mut written = 0;
    let done = loop {
        let rest = bytes.get(written..).unwrap_or_default();
        if rest.is_empty() {
            break stream.as_mut().poll_flush(cx);
        }
        match stream.as_mut().poll_write(cx, rest) {
            Poll::Ready(Ok(0)) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(bytes)) => written += bytes,
            Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
            Poll::Pending => break Poll::Pending,
        }
    };
    (written, done)
}

/// Masking keys: unlike each other, as those of browsers are, and cheap.
#[derive(Debug)]
struct Masks(Cell<u64>);

impl Masks {
    fn next(&self) -> [u8; 4] {
        // Xorshift.
        let mut word = self.0.get();
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        self.0.set(word);
        let [a, b, c, d, ..] = word.to_le_bytes();
        [a, b, c, d]
    }
}

/// All connections of a thread, by number of member.
#[derive(Debug)]
pub(super) struct Wires {
    all: RefCell<Vec<Option<Rc<Wire>>>>,
    frame: RefCell<Vec<u8>>,
    buffer: RefCell<Vec<u8>>,
    masks: Masks,
}

impl Wires {
    pub(super) fn new(members: usize, seed: u64) -> Self {
        Self {
            all: RefCell::new(std::iter::repeat_with(|| None).take(members).collect()),
            frame: RefCell::default(),
            buffer: RefCell::new(vec![0; READ_BYTES]),
            masks: Masks(Cell::new(seed | 1)),
        }
    }

    pub(super) fn put(&self, member: usize, wire: Rc<Wire>) {
        if let Some(place) = self.all.borrow_mut().get_mut(member) {
            *place = Some(wire);
        }
    }

    /// Takes the connection out if it is the member's still; whose it was is told once only.
    pub(super) fn take(&self, member: usize, wire: &Rc<Wire>) -> bool {
        let mut all = self.all.borrow_mut();
        let place = all.get_mut(member);
        place.is_some_and(|place| place.take_if(|there| Rc::ptr_eq(there, wire)).is_some())
    }

    /// Ends a member's connection, with a word or without. False if it has none.
    pub(super) fn end(&self, member: usize, is_reset: bool) -> bool {
        let wire = self.all.borrow_mut().get_mut(member).and_then(Option::take);
        wire.is_some_and(|wire| {
            wire.end(is_reset, &self.masks);
            true
        })
    }

    fn send_frame(&self, wire: &Wire, opcode: u8, payload: &[u8]) {
        let frame = &mut *self.frame.borrow_mut();
        frame.clear();
        frame::write(opcode, payload, self.masks.next(), frame);
        wire.write(frame);
    }

    /// Reads until the connection ends; every text goes to `on_text`.
    pub(super) async fn read(&self, wire: &Wire, mut on_text: impl FnMut(&str)) -> Ended {
        std::future::poll_fn(|cx| self.poll_read(wire, cx, &mut on_text)).await
    }

    fn poll_read(
        &self,
        wire: &Wire,
        cx: &mut Context<'_>,
        on_text: &mut impl FnMut(&str),
    ) -> Poll<Ended> {
        {
            let mut waker = wire.waker.borrow_mut();
            if !waker
                .as_ref()
                .is_some_and(|known| known.will_wake(cx.waker()))
            {
                *waker = Some(cx.waker().clone());
            }
        }
        let may_wait = matches!(*wire.stream.borrow(), Stream::Tls(_));
        if (may_wait || !wire.out.borrow().is_empty())
            && let Poll::Ready(Err(error)) = wire.poll_out(cx)
        {
            return Poll::Ready(lost(&error));
        }
        let buffer = &mut *self.buffer.borrow_mut();
        loop {
            let kept = wire.partial.borrow().len();
            if buffer.len() < kept + ROOM_BYTES_MIN {
                buffer.resize(kept * 2 + READ_BYTES, 0);
            }
            let mut into = ReadBuf::new(buffer.get_mut(kept..).unwrap_or_default());
            let read = Pin::new(&mut *wire.stream.borrow_mut()).poll_read(cx, &mut into);
            let fresh = into.filled().len();
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(lost(&error)),
                Poll::Ready(Ok(())) if fresh == 0 => {
                    return Poll::Ready(
                        "the tracker ended the connection without a close frame".to_owned(),
                    );
                }
                Poll::Ready(Ok(())) => {}
            }
            let mut partial = wire.partial.borrow_mut();
            if let Some(front) = buffer.get_mut(..kept) {
                front.copy_from_slice(&partial);
            }
            partial.clear();
            let all = buffer.get(..kept + fresh).unwrap_or_default();
            match self.take_frames(wire, all, on_text) {
                Ok(used) => partial.extend_from_slice(all.get(used..).unwrap_or_default()),
                Err(ended) => return Poll::Ready(ended),
            }
            if partial.is_empty() && partial.capacity() > 0 {
                *partial = Vec::new();
            }
        }
    }

    /// Takes all whole frames; returns how many bytes they are.
    fn take_frames(
        &self,
        wire: &Wire,
        bytes: &[u8],
        on_text: &mut impl FnMut(&str),
    ) -> Result<usize, Ended> {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let Some(head) = frame::head(rest).map_err(|broken| broken.to_string())? else {
                return Ok(used);
            };
            let end = head.payload_at + head.payload_bytes;
            let Some(payload) = rest.get(head.payload_at..end) else {
                return Ok(used);
            };
            used += end;
            match (head.opcode, head.is_final) {
                (frame::TEXT, true) if wire.fragments.borrow().is_none() => text(payload, on_text)?,
                (frame::TEXT, false) if wire.fragments.borrow().is_none() => {
                    *wire.fragments.borrow_mut() = Some(payload.to_vec());
                }
                (frame::CONTINUATION, is_final) => continued(wire, payload, is_final, on_text)?,
                (frame::PING, true) => self.send_frame(wire, frame::PONG, payload),
                (frame::PONG, true) => {}
                (frame::CLOSE, true) => return Err(closed(payload)),
                (opcode, _) => {
                    return Err(format!(
                        "the tracker sent a frame of kind {opcode} that it should not"
                    ));
                }
            }
        }
    }
}

fn continued(
    wire: &Wire,
    payload: &[u8],
    is_final: bool,
    on_text: &mut impl FnMut(&str),
) -> Result<(), Ended> {
    let mut fragments = wire.fragments.borrow_mut();
    let Some(mut message) = fragments.take() else {
        return Err("the tracker went on with a message that it had not begun".to_owned());
    };
    message.extend_from_slice(payload);
    if message.len() > frame::MESSAGE_BYTES_MAX {
        return Err(frame::Broken::TooLong.to_string());
    }
    if is_final {
        drop(fragments);
        return text(&message, on_text);
    }
    *fragments = Some(message);
    Ok(())
}

fn text(payload: &[u8], on_text: &mut impl FnMut(&str)) -> Result<(), Ended> {
    let text = std::str::from_utf8(payload)
        .map_err(|_| "the tracker sent a text that is not UTF-8".to_owned())?;
    on_text(text);
    Ok(())
}

fn closed(payload: &[u8]) -> Ended {
    match payload.first_chunk() {
        Some(code) => {
            let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned();
            format!(
                "the tracker closed the connection: {} {reason}",
                u16::from_be_bytes(*code)
            )
        }
        None => "the tracker closed the connection without a code".to_owned(),
    }
}

fn lost(error: &io::Error) -> Ended {
    format!("the connection was lost: {error}")
}

impl Outbox for &Wires {
    fn send(&mut self, member: usize, text: &str) {
        let all = self.all.borrow();
        if let Some(Some(wire)) = all.get(member) {
            self.send_frame(wire, frame::TEXT, text.as_bytes());
        }
    }
}
