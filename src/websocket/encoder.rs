//! Writes frames, each directly into the buffer that goes to the socket, so no message is copied.

use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// Header bytes for a payload from 126 bytes to 64 KiB, the usual size.
const TYPICAL_HEADER_BYTES: usize = 4;

/// Appends a text message; `write` appends its payload, which must be UTF-8.
pub fn write_text(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    write_frame(out, OpCode::Data(Data::Text), write);
}

/// Appends a ping without payload.
pub fn write_ping(out: &mut Vec<u8>) {
    write_frame(out, OpCode::Control(Control::Ping), |_| {});
}

/// Appends the reply to a ping.
pub fn write_pong(out: &mut Vec<u8>, payload: &[u8]) {
    write_frame(out, OpCode::Control(Control::Pong), |out| {
        out.extend_from_slice(payload);
    });
}

/// Appends a close: `None` has no code, `Some` is a code (RFC 6455, 7.4.1) and a reason of at most 123 bytes.
pub fn write_close(out: &mut Vec<u8>, code: Option<(u16, &str)>) {
    write_frame(out, OpCode::Control(Control::Close), |out| {
        if let Some((code, reason)) = code {
            out.extend_from_slice(&code.to_be_bytes());
            out.extend_from_slice(reason.as_bytes());
        }
    });
}

/// Appends one whole frame; `write` appends its payload and must not remove anything.
pub fn write_frame(out: &mut Vec<u8>, opcode: OpCode, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; TYPICAL_HEADER_BYTES]);
    let payload = out.len();
    write(out);
    let length = out.len() - payload;
    let header = FrameHeader {
        opcode,
        ..FrameHeader::default()
    };
    let header_bytes = header.len(length as u64);
    if header_bytes < TYPICAL_HEADER_BYTES {
        out.copy_within(payload.., start + header_bytes);
        out.truncate(start + header_bytes + length);
    } else if header_bytes > TYPICAL_HEADER_BYTES {
        out.resize(start + header_bytes + length, 0);
        out.copy_within(payload..payload + length, start + header_bytes);
    }
    if let Some(mut space) = out.get_mut(start..start + header_bytes) {
        // The slice has the length of the header, so the write cannot fail.
        let _ = header.format(length as u64, &mut space);
    }
}
