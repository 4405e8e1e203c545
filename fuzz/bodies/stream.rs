//! Makes a client's stream of frames, in portions, from bytes, and reads that stream with tungstenite.

use std::io::{self, Cursor, Read, Write};

use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};

/// Longest message; small, so that many messages exceed it.
pub(crate) const MESSAGE_BYTES_MAX: usize = 300;
/// Zeros after each stream. They complete a frame that was cut off, and the next header of zeros is a violation. So
/// each reader ends with an error or close, not with an incomplete stream, where readers may differ.
const PADDING: [u8; MESSAGE_BYTES_MAX + 20] = [0; MESSAGE_BYTES_MAX + 20];
/// Reason that tungstenite sets for a close with a forbidden code.
const REFUSED_CLOSE: &str = "Protocol violation";

/// A message or control frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
}

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Closed(Option<u16>),
    /// A close with code 1002, or one with a forbidden code: tungstenite reports both in the same way.
    ClosedOrProtocol,
    Protocol,
    NotUtf8,
    TooLong,
}

impl End {
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Utf8(_) => Self::NotUtf8,
            Error::Capacity(_) => Self::TooLong,
            Error::Protocol(_) => Self::Protocol,
            other => panic!("{other}"),
        }
    }
}

/// A stream, and the lengths of its portions, which repeat.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) bytes: Vec<u8>,
    pub(crate) portions: [u8; 4],
}

impl Stream {
    /// Makes a stream from any bytes: unchanged, or as instructions for mostly valid frames.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (&[how, portions @ ..], rest) = bytes.split_first_chunk::<5>()?;
        let mut stream = if how & 1 == 0 {
            rest.to_vec()
        } else {
            make_frames(rest)
        };
        // Some streams are longer than a connection reads or serves in one turn.
        stream = stream.repeat(1 + usize::from(how >> 4));
        stream.extend(PADDING);
        Some(Self {
            bytes: stream,
            portions,
        })
    }

    /// Returns the stream in its portions, some of them empty.
    pub(crate) fn cut(&self) -> Vec<&[u8]> {
        let (mut rest, mut cut) = (&self.bytes[..], Vec::new());
        for portion in self.portions.iter().cycle() {
            // With portions of 0 and 1 only, the longest streams would take too long.
            let length = usize::from(*portion).max(usize::from(cut.len() % 4 == 0) * 3);
            let (head, tail) = rest.split_at(length.min(rest.len()));
            cut.push(head);
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
        cut
    }
}

/// Makes frames: each takes a byte for its kind, one for its length, and the following bytes as payload.
fn make_frames(mut from: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some((&[kind, length], rest)) = from.split_first_chunk::<2>() {
        let first = match kind % 16 {
            0..4 => 0x81,
            4 => 0x01,
            5 | 6 => 0x00,
            7 | 8 => 0x80,
            9 => 0x82,
            10 => 0x02,
            11 | 12 => 0x89,
            13 => 0x8a,
            14 => 0x88,
            _ => kind,
        };
        let length = match length {
            0..200 => usize::from(length),
            _ => (usize::from(length) - 199) * 12,
        };
        let (payload, rest) = rest.split_at(length.min(rest.len()));
        let payload = [payload, &vec![b'a'; length - payload.len()]].concat();
        from = rest;
        let masked = if kind == 0xff { 0 } else { 0x80 };
        out.push(first);
        match (length, kind & 0x70) {
            // Longer length forms than needed are valid too.
            (0..126, 0..0x60) => out.push(masked | u8::try_from(length).expect("short")),
            (_, 0..0x70) => {
                out.push(masked | 0x7e);
                out.extend(u16::try_from(length).expect("short").to_be_bytes());
            }
            _ => {
                out.push(masked | 0x7f);
                out.extend((length as u64).to_be_bytes());
            }
        }
        let mask = [kind, !kind, 0x5a, 0];
        if masked > 0 {
            out.extend(mask);
        }
        out.extend(
            payload
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
    }
    out
}

/// Reads a stream with tungstenite until its end.
pub(crate) fn tungstenite_reads(stream: &[u8]) -> (Vec<Heard>, End) {
    let config = WebSocketConfig::default()
        .read_buffer_size(1024)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let mut socket = WebSocket::from_raw_socket(
        DiscardWrites(Cursor::new(stream)),
        Role::Server,
        Some(config),
    );
    let mut messages = Vec::new();
    loop {
        messages.push(match socket.read() {
            Ok(Message::Text(text)) => Heard::Text(text.to_string()),
            Ok(Message::Binary(bytes)) => Heard::Binary(bytes.to_vec()),
            Ok(Message::Ping(bytes)) => Heard::Ping(bytes.to_vec()),
            Ok(Message::Pong(_)) => Heard::Pong,
            Ok(Message::Close(Some(close))) if close.reason.as_str() == REFUSED_CLOSE => {
                return (messages, End::ClosedOrProtocol);
            }
            Ok(Message::Close(close)) => {
                return (messages, End::Closed(close.map(|close| close.code.into())));
            }
            Ok(Message::Frame(frame)) => unreachable!("{frame:?}"),
            Err(error) => return (messages, End::of(&error)),
        });
    }
}

/// Discards written bytes, such as pongs.
struct DiscardWrites<'a>(Cursor<&'a [u8]>);

impl Read for DiscardWrites<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read(room)
    }
}

impl Write for DiscardWrites<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
