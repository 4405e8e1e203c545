//! One WebSocket of the load generator: a client as cheap as can be, so that its core lasts longer than the server's.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

const READ_BYTES: usize = 16 * 1024;
const HEAD_BYTES_MAX: usize = 4096;
const REQUEST: &[u8] =
    b"GET /announce HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Connects, and upgrades.
pub async fn connect(address: SocketAddr) -> io::Result<(OwnedReadHalf, Rc<Writer>)> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(REQUEST).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 || head.len() > HEAD_BYTES_MAX {
            return Err(io::Error::other("the connection was not upgraded"));
        }
    }
    if !head.starts_with(b"HTTP/1.1 101 ") {
        let head = String::from_utf8_lossy(&head);
        return Err(io::Error::other(format!("the upgrade was refused: {head}")));
    }
    let (reader, half) = stream.into_split();
    Ok((
        reader,
        Rc::new(Writer {
            half,
            waiting: RefCell::default(),
        }),
    ))
}

/// The way to the server.
pub struct Writer {
    half: OwnedWriteHalf,
    /// What the kernel did not take at once; a task is at work while this is not empty.
    waiting: RefCell<Vec<u8>>,
}

impl Writer {
    /// Writes a frame; what does not go out now goes out later, in order. An error shows when reading.
    pub fn send(self: &Rc<Self>, frame: &[u8]) {
        if !self.waiting.borrow().is_empty() {
            self.waiting.borrow_mut().extend_from_slice(frame);
            return;
        }
        let written = self.half.try_write(frame).unwrap_or(0);
        if written < frame.len() {
            self.waiting
                .borrow_mut()
                .extend_from_slice(&frame[written..]);
            tokio::task::spawn_local(Rc::clone(self).write_rest());
        }
    }

    async fn write_rest(self: Rc<Self>) {
        while !self.waiting.borrow().is_empty() && self.half.writable().await.is_ok() {
            let mut waiting = self.waiting.borrow_mut();
            match self.half.try_write(&waiting) {
                Ok(written) => drop(waiting.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }
}

/// Makes one client frame. The masking key is zero, which costs the server as much as any other.
pub fn frame(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.push(0x80 | opcode);
    match u16::try_from(payload.len()) {
        Ok(length @ ..126) => out.push(0x80 | length.to_le_bytes()[0]),
        Ok(length) => {
            out.push(0x80 | 0x7e);
            out.extend(length.to_be_bytes());
        }
        Err(_) => {
            out.push(0x80 | 0x7f);
            out.extend((payload.len() as u64).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(payload);
}

pub const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Reads messages until the connection ends, which it should not.
pub async fn read(
    mut half: OwnedReadHalf,
    writer: Rc<Writer>,
    mut on_text: impl FnMut(&str),
) -> io::Error {
    let mut buffer = Vec::with_capacity(READ_BYTES);
    loop {
        match half.read_buf(&mut buffer).await {
            Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
            Ok(_) => {}
            Err(error) => return error,
        }
        let mut used = 0;
        while let Some((opcode, head, end)) = frame_in(&buffer[used..]) {
            let payload = &buffer[used + head..used + end];
            match (opcode, std::str::from_utf8(payload)) {
                (TEXT, Ok(text)) => on_text(text),
                (PING, _) => {
                    let mut pong = Vec::new();
                    frame(PONG, payload, &mut pong);
                    writer.send(&pong);
                }
                (CLOSE, _) => return io::Error::other("the server closed the connection"),
                _ => return io::Error::other("a frame that a tracker does not send"),
            }
            used += end;
        }
        buffer.drain(..used);
        buffer.reserve(READ_BYTES / 4);
    }
}

/// Opcode, where the payload begins, and where it ends, if all of it is there. A fragment has an opcode that nobody knows.
fn frame_in(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (head, length) = match second {
        126 => (
            4,
            usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])),
        ),
        127 => {
            let length: [u8; 8] = bytes.get(2..10)?.try_into().ok()?;
            (10, usize::try_from(u64::from_be_bytes(length)).ok()?)
        }
        short => (2, usize::from(short)),
    };
    (bytes.len() >= head + length).then_some((first ^ 0x80, head, head + length))
}
