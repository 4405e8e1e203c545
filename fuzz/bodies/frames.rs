//! Holds the decoder against tungstenite's own reader, and against itself with the same bytes cut elsewhere.
//!
//! Both hear the same messages and end in the same way, but for one thing: of a frame that is too long and against the
//! rules as well, tungstenite says that it is too long. When they notice is not compared; the decoder is often earlier, as
//! tungstenite waits for the payload of a frame whose header is wrong already.

use swarmhub::websocket::{Decoder, Frame, Message};

use super::stream::{End, Heard, MESSAGE_BYTES_MAX, Stream, tungstenite_reads};

/// Longest header of a frame from a client.
const HEADER_BYTES_MAX: usize = 14;

/// Reads the bytes as a stream of frames, and panics if anything about that is wrong.
pub(crate) fn check(bytes: &[u8]) {
    let Some(stream) = Stream::read(bytes) else {
        return;
    };
    let whole = decode(&[&stream.bytes]);
    let (messages, end) = tungstenite_reads(&stream.bytes);
    assert_eq!(whole.messages, messages);
    assert!(agree(&whole, end), "{whole:?}, but tungstenite {end:?}");

    assert_eq!(decode(&stream.cut()), whole);
    let by_bytes: Vec<_> = stream.bytes.chunks(1).collect();
    if by_bytes.len() < 4096 {
        assert_eq!(decode(&by_bytes), whole);
    }
}

/// What the decoder makes of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Reading {
    messages: Vec<Heard>,
    end: Option<End>,
    /// The length in the header at which it ended.
    last_length: u64,
}

fn agree(ours: &Reading, theirs: End) -> bool {
    match (ours.end, theirs) {
        (Some(End::Protocol), End::TooLong) => ours.last_length > MESSAGE_BYTES_MAX as u64,
        (Some(End::Protocol | End::Closed(Some(1002))), End::ClosedOrProtocol) => true,
        (ours, theirs) => ours == Some(theirs),
    }
}

fn decode(portions: &[&[u8]]) -> Reading {
    let (mut decoder, mut input, mut held) = (Decoder::default(), Vec::new(), 0);
    let mut reading = Reading {
        messages: Vec::new(),
        end: None,
        last_length: 0,
    };
    for portion in portions {
        input.extend_from_slice(portion);
        while let Some(frame) = next(&decoder, &input, &mut reading) {
            held = held_after(held, &frame, &input);
            match decoder.take(&frame, &mut input[..frame.bytes()]) {
                Ok(None) => assert!(!frame.ends_message()),
                Ok(Some(message)) => {
                    assert!(frame.ends_message());
                    keep(message, &mut reading);
                }
                Err(error) => reading.end = Some(End::of(&error)),
            }
            decoder.tidy();
            input.drain(..frame.bytes());
            if reading.end.is_some() {
                return reading;
            }
        }
        if reading.end.is_some() {
            return reading;
        }
        assert!(input.len() < MESSAGE_BYTES_MAX + HEADER_BYTES_MAX + portion.len());
    }
    reading
}

/// The next whole frame, if it has come.
fn next(decoder: &Decoder, input: &[u8], reading: &mut Reading) -> Option<Frame> {
    match decoder.peek(input, MESSAGE_BYTES_MAX) {
        Ok(frame) => frame.filter(|frame| frame.bytes() <= input.len()),
        Err(error) => {
            reading.end = Some(End::of(&error));
            reading.last_length = length(input);
            None
        }
    }
}

/// How much is held of a message that goes on: never more than it may have.
fn held_after(held: usize, frame: &Frame, input: &[u8]) -> usize {
    let is_control = input[0] & 8 > 0;
    match (is_control, frame.ends_message()) {
        (true, _) => held,
        (false, true) => 0,
        (false, false) => {
            let held =
                held + usize::try_from(length(input)).expect("a length that was let through");
            assert!(held <= MESSAGE_BYTES_MAX);
            held
        }
    }
}

/// The length that a header announces.
fn length(input: &[u8]) -> u64 {
    let long = |range| {
        input.get(range).map(|bytes: &[u8]| {
            bytes
                .iter()
                .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
        })
    };
    match input.get(1).map(|byte| byte & 0x7f) {
        Some(126) => long(2..4).unwrap_or(0),
        Some(127) => long(2..10).unwrap_or(0),
        length => length.map_or(0, u64::from),
    }
}

fn keep(message: Message<'_>, reading: &mut Reading) {
    reading.messages.push(match message {
        Message::Text(text) => Heard::Text(text.to_owned()),
        Message::Binary(bytes) => Heard::Binary(bytes.to_vec()),
        Message::Ping(bytes) => Heard::Ping(bytes.to_vec()),
        Message::Pong => Heard::Pong,
        Message::Close(code) => return reading.end = Some(End::Closed(code.map(u16::from))),
    });
}
