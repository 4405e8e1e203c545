//! The open connections of one thread: writes frames directly to the socket where possible, and reads messages through
//! one shared buffer. Handles WebSocket frames only, not the content of messages.

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::checker::MessageSink;
use super::frame;
use super::stream::ClientStream;

const READ_BYTES: usize = 64 * 1024;
/// Free bytes that the buffer needs before a read, so that the system call is worth its cost.
const READ_ROOM_BYTES_MIN: usize = 16 * 1024;
/// Close code of a page that is left (RFC 6455, 7.4.1).
const GOING_AWAY: u16 = 1001;

/// One open connection.
#[derive(Debug)]
pub(super) struct LoadConnection {
    stream: RefCell<ClientStream>,
    /// Bytes that the kernel has not accepted yet.
    output: RefCell<Vec<u8>>,
    /// The beginning of an incomplete frame.
    partial: RefCell<Vec<u8>>,
    /// The beginning of a fragmented message.
    fragments: RefCell<Option<Vec<u8>>>,
    /// Wakes the reading task, which also writes pending output.
    waker: RefCell<Option<Waker>>,
}

/// Text that describes how a connection ended.
pub(super) type EndReason = String;

impl LoadConnection {
    pub(super) fn new(stream: ClientStream) -> Rc<Self> {
        Rc::new(Self {
            stream: RefCell::new(stream),
            output: RefCell::default(),
            partial: RefCell::default(),
            fragments: RefCell::default(),
            waker: RefCell::default(),
        })
    }

    /// Writes a frame; bytes that the kernel does not accept are queued in order. Errors surface in the next read.
    fn write(&self, bytes: &[u8]) {
        let mut out = self.output.borrow_mut();
        if !out.is_empty() {
            return out.extend_from_slice(bytes);
        }
        let mut cx = Context::from_waker(Waker::noop());
        let (written, done) = write_available(&mut self.stream.borrow_mut(), bytes, &mut cx);
        // Copies only the rest: most connections never need a buffer of their own.
        out.extend_from_slice(bytes.get(written..).unwrap_or_default());
        if !matches!(done, Poll::Ready(Ok(())))
            && let Some(waker) = &*self.waker.borrow()
        {
            waker.wake_by_ref();
        }
    }

    fn poll_write_output(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut out = self.output.borrow_mut();
        let (written, done) = write_available(&mut self.stream.borrow_mut(), &out, cx);
        if written == out.len() {
            *out = Vec::new();
        } else {
            out.drain(..written);
        }
        done
    }

    fn close(&self, is_reset: bool, masks: &MaskGenerator) {
        if is_reset {
            // Fails only if the connection has ended already.
            let _ = self.stream.borrow().reset_on_drop();
        } else {
            let mut close = Vec::new();
            frame::write(
                frame::CLOSE,
                &GOING_AWAY.to_be_bytes(),
                masks.next_mask(),
                &mut close,
            );
            self.write(&close);
        }
    }
}

/// Writes as much as the stream accepts, and flushes after the last byte. Returns the number of written bytes.
fn write_available(
    stream: &mut ClientStream,
    bytes: &[u8],
    cx: &mut Context<'_>,
) -> (usize, Poll<io::Result<()>>) {
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

/// Generates masking keys: different ones, as browsers do, and cheaply.
#[derive(Debug)]
struct MaskGenerator(Cell<u64>);

impl MaskGenerator {
    fn next_mask(&self) -> [u8; 4] {
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

/// All connections of a thread, indexed by member.
#[derive(Debug)]
pub(super) struct LoadConnections {
    by_member: RefCell<Vec<Option<Rc<LoadConnection>>>>,
    frame_buffer: RefCell<Vec<u8>>,
    read_buffer: RefCell<Vec<u8>>,
    masks: MaskGenerator,
}

impl LoadConnections {
    pub(super) fn new(members: usize, seed: u64) -> Self {
        Self {
            by_member: RefCell::new(std::iter::repeat_with(|| None).take(members).collect()),
            frame_buffer: RefCell::default(),
            read_buffer: RefCell::new(vec![0; READ_BYTES]),
            masks: MaskGenerator(Cell::new(seed | 1)),
        }
    }

    pub(super) fn insert(&self, member: usize, connection: Rc<LoadConnection>) {
        if let Some(slot) = self.by_member.borrow_mut().get_mut(member) {
            *slot = Some(connection);
        }
    }

    /// Removes the connection if the member still has it. Returns true only the first time.
    pub(super) fn remove(&self, member: usize, connection: &Rc<LoadConnection>) -> bool {
        let mut all = self.by_member.borrow_mut();
        let slot = all.get_mut(member);
        slot.is_some_and(|slot| {
            slot.take_if(|current| Rc::ptr_eq(current, connection))
                .is_some()
        })
    }

    /// Closes a member's connection, with a close frame or with RST. Returns false if it has none.
    pub(super) fn close(&self, member: usize, is_reset: bool) -> bool {
        let connection = self
            .by_member
            .borrow_mut()
            .get_mut(member)
            .and_then(Option::take);
        connection.is_some_and(|connection| {
            connection.close(is_reset, &self.masks);
            true
        })
    }

    fn send_frame(&self, connection: &LoadConnection, opcode: u8, payload: &[u8]) {
        let frame = &mut *self.frame_buffer.borrow_mut();
        frame.clear();
        frame::write(opcode, payload, self.masks.next_mask(), frame);
        connection.write(frame);
    }

    /// Reads until the connection ends, and passes every text message to `on_text`.
    pub(super) async fn read(
        &self,
        connection: &LoadConnection,
        mut on_text: impl FnMut(&str),
    ) -> EndReason {
        std::future::poll_fn(|cx| self.poll_read(connection, cx, &mut on_text)).await
    }

    fn poll_read(
        &self,
        connection: &LoadConnection,
        cx: &mut Context<'_>,
        on_text: &mut impl FnMut(&str),
    ) -> Poll<EndReason> {
        {
            let mut waker = connection.waker.borrow_mut();
            if !waker
                .as_ref()
                .is_some_and(|stored| stored.will_wake(cx.waker()))
            {
                *waker = Some(cx.waker().clone());
            }
        }
        let may_buffer = matches!(*connection.stream.borrow(), ClientStream::Tls(_));
        if (may_buffer || !connection.output.borrow().is_empty())
            && let Poll::Ready(Err(error)) = connection.poll_write_output(cx)
        {
            return Poll::Ready(loss_reason(&error));
        }
        let buffer = &mut *self.read_buffer.borrow_mut();
        loop {
            let partial_bytes = connection.partial.borrow().len();
            if buffer.len() < partial_bytes + READ_ROOM_BYTES_MIN {
                buffer.resize(partial_bytes * 2 + READ_BYTES, 0);
            }
            let mut into = ReadBuf::new(buffer.get_mut(partial_bytes..).unwrap_or_default());
            let read = Pin::new(&mut *connection.stream.borrow_mut()).poll_read(cx, &mut into);
            let read_bytes = into.filled().len();
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(loss_reason(&error)),
                Poll::Ready(Ok(())) if read_bytes == 0 => {
                    return Poll::Ready(
                        "the tracker ended the connection without a close frame".to_owned(),
                    );
                }
                Poll::Ready(Ok(())) => {}
            }
            let mut partial = connection.partial.borrow_mut();
            if let Some(front) = buffer.get_mut(..partial_bytes) {
                front.copy_from_slice(&partial);
            }
            partial.clear();
            let input = buffer.get(..partial_bytes + read_bytes).unwrap_or_default();
            match self.take_frames(connection, input, on_text) {
                Ok(used) => partial.extend_from_slice(input.get(used..).unwrap_or_default()),
                Err(reason) => return Poll::Ready(reason),
            }
            if partial.is_empty() && partial.capacity() > 0 {
                *partial = Vec::new();
            }
        }
    }

    /// Handles all complete frames; returns their number of bytes.
    fn take_frames(
        &self,
        connection: &LoadConnection,
        bytes: &[u8],
        on_text: &mut impl FnMut(&str),
    ) -> Result<usize, EndReason> {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let Some(header) = frame::parse_header(rest).map_err(|error| error.to_string())? else {
                return Ok(used);
            };
            let end = header.payload_start + header.payload_bytes;
            let Some(payload) = rest.get(header.payload_start..end) else {
                return Ok(used);
            };
            used += end;
            match (header.opcode, header.is_final) {
                (frame::TEXT, true) if connection.fragments.borrow().is_none() => {
                    deliver_text(payload, on_text)?;
                }
                (frame::TEXT, false) if connection.fragments.borrow().is_none() => {
                    *connection.fragments.borrow_mut() = Some(payload.to_vec());
                }
                (frame::CONTINUATION, is_final) => {
                    take_fragment(connection, payload, is_final, on_text)?;
                }
                (frame::PING, true) => self.send_frame(connection, frame::PONG, payload),
                (frame::PONG, true) => {}
                (frame::CLOSE, true) => return Err(close_reason(payload)),
                (opcode, _) => {
                    return Err(format!(
                        "the tracker sent an unexpected frame with opcode {opcode}"
                    ));
                }
            }
        }
    }
}

fn take_fragment(
    connection: &LoadConnection,
    payload: &[u8],
    is_final: bool,
    on_text: &mut impl FnMut(&str),
) -> Result<(), EndReason> {
    let mut fragments = connection.fragments.borrow_mut();
    let Some(mut message) = fragments.take() else {
        return Err("the tracker continued a message that it had not started".to_owned());
    };
    message.extend_from_slice(payload);
    if message.len() > frame::MESSAGE_BYTES_MAX {
        return Err(frame::FrameError::TooLong.to_string());
    }
    if is_final {
        drop(fragments);
        return deliver_text(&message, on_text);
    }
    *fragments = Some(message);
    Ok(())
}

fn deliver_text(payload: &[u8], on_text: &mut impl FnMut(&str)) -> Result<(), EndReason> {
    let text = std::str::from_utf8(payload)
        .map_err(|_| "the tracker sent a text message that is not UTF-8".to_owned())?;
    on_text(text);
    Ok(())
}

fn close_reason(payload: &[u8]) -> EndReason {
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

fn loss_reason(error: &io::Error) -> EndReason {
    format!("the connection was lost: {error}")
}

impl MessageSink for &LoadConnections {
    fn send(&mut self, member: usize, text: &str) {
        let all = self.by_member.borrow();
        if let Some(Some(connection)) = all.get(member) {
            self.send_frame(connection, frame::TEXT, text.as_bytes());
        }
    }
}
