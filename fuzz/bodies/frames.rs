//! Compares the decoder with tungstenite's reader, and with itself for other portions of the same bytes.
//!
//! Both must return the same messages and the same end. One exception: for a frame that is too long and also violates
//! the protocol, tungstenite reports the length. The time of detection is not compared: the decoder is often earlier,
//! because tungstenite waits for the payload of a frame with a wrong header.

use swarmhub::websocket::{Decoder, Frame, Message};

use super::stream::{End, Heard, MESSAGE_BYTES_MAX, Stream, tungstenite_reads};

/// Longest frame header of a client.
const HEADER_BYTES_MAX: usize = 14;

/// Decodes the bytes as a stream of frames, and panics if the result is wrong.
pub(crate) fn check(bytes: &[u8]) {
    let Some(stream) = Stream::read(bytes) else {
        return;
    };
    let reading = decode(&[&stream.bytes]);
    let (messages, end) = tungstenite_reads(&stream.bytes);
    assert_eq!(reading.messages, messages);
    assert!(agree(&reading, end), "{reading:?}, but tungstenite {end:?}");

    assert_eq!(decode(&stream.cut()), reading);
    let by_bytes: Vec<_> = stream.bytes.chunks(1).collect();
    if by_bytes.len() < 4096 {
        assert_eq!(decode(&by_bytes), reading);
    }
}

/// Result of decoding a stream.
#[derive(Debug, PartialEq, Eq)]
struct Reading {
    messages: Vec<Heard>,
    end: Option<End>,
    /// The length in the header of the last frame.
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
    let (mut decoder, mut input, mut buffered) = (Decoder::default(), Vec::new(), 0);
    let mut reading = Reading {
        messages: Vec::new(),
        end: None,
        last_length: 0,
    };
    for portion in portions {
        input.extend_from_slice(portion);
        while let Some(frame) = next(&decoder, &input, &mut reading) {
            buffered = buffered_after(buffered, &frame, &input);
            match decoder.take(&frame, &mut input[..frame.bytes()]) {
                Ok(None) => assert!(!frame.ends_message()),
                Ok(Some(message)) => {
                    assert!(frame.ends_message());
                    record(message, &mut reading);
                }
                Err(error) => reading.end = Some(End::of(&error)),
            }
            decoder.free_finished_message();
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

/// Returns the next frame if it is complete.
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

/// Returns the buffered bytes of an unfinished message, and checks their bound.
fn buffered_after(buffered: usize, frame: &Frame, input: &[u8]) -> usize {
    let is_control = input[0] & 8 > 0;
    match (is_control, frame.ends_message()) {
        (true, _) => buffered,
        (false, true) => 0,
        (false, false) => {
            let buffered = buffered + usize::try_from(length(input)).expect("an accepted length");
            assert!(buffered <= MESSAGE_BYTES_MAX);
            buffered
        }
    }
}

/// Returns the payload length in a header.
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

fn record(message: Message<'_>, reading: &mut Reading) {
    reading.messages.push(match message {
        Message::Text(text) => Heard::Text(text.to_owned()),
        Message::Binary(bytes) => Heard::Binary(bytes.to_vec()),
        Message::Ping(bytes) => Heard::Ping(bytes.to_vec()),
        Message::Pong => Heard::Pong,
        Message::Close(code) => return reading.end = Some(End::Closed(code.map(u16::from))),
    });
}
