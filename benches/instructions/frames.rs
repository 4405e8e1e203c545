//! Frames alone: decoding and unmasking of received ones, headers of sent ones.

use std::hint::black_box;

use swarmhub::websocket::{self, Decoder, Message};

use crate::tracking::{OFFERS, announce_text, answer_text};
use crate::{Case, measured};

pub const CASES: &[Case] = &[
    ("frame in, announce with 5 offers", |times| {
        frame_in(&announce_text(1, 0..OFFERS), times)
    }),
    ("frame in, announce without offers", |times| {
        frame_in(&announce_text(1, 0..0), times)
    }),
    ("frame in, answer", |times| {
        frame_in(&answer_text(1, 2, 3), times)
    }),
    ("frame out, relayed answer", |times| {
        frame_out(&answer_text(1, 2, 3), times)
    }),
    ("frame out, 100 bytes", |times| {
        frame_out(&"x".repeat(100), times)
    }),
];

const MESSAGE_BYTES_MAX: usize = 131_072;
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Returns a text as a client sends it, in one masked frame.
fn masked(text: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    websocket::write_text(&mut frame, |out| out.extend_from_slice(text.as_bytes()));
    let header = frame.len() - text.len();
    frame[1] |= 0x80;
    frame.splice(header..header, MASK);
    let payload = frame[header + MASK.len()..].iter_mut();
    for (byte, key) in payload.zip(MASK.iter().cycle()) {
        *byte ^= key;
    }
    frame
}

fn frame_in(text: &str, times: u64) -> u64 {
    let frame = masked(text);
    let mut decoder = Decoder::default();
    for _ in 0..times {
        let mut input = frame.clone();
        let is_whole = measured(|| read(&mut decoder, &mut input, text));
        assert!(is_whole);
    }
    times
}

fn read(decoder: &mut Decoder, input: &mut [u8], text: &str) -> bool {
    let found = decoder.peek(black_box(input), MESSAGE_BYTES_MAX);
    let Ok(Some(frame)) = found else {
        return false;
    };
    let is_whole = match decoder.take(&frame, input) {
        Ok(Some(Message::Text(read))) => black_box(read).len() == text.len(),
        _ => false,
    };
    decoder.free_finished_message();
    is_whole
}

fn frame_out(text: &str, times: u64) -> u64 {
    let mut out = Vec::with_capacity(2 * text.len());
    for _ in 0..times {
        out.clear();
        measured(|| {
            websocket::write_text(&mut out, |out| {
                out.extend_from_slice(black_box(text).as_bytes());
            });
        });
    }
    times
}
