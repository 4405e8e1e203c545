//! Frames as a client sends them, the wrong ones too, for tests: made from their first byte, which has FIN, the reserved
//! bits and the opcode. Written by tungstenite, not by what is tested. Unit tests and `tests/integration` use it.

use tokio_tungstenite::tungstenite::protocol::frame::coding::OpCode;
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};

/// That of the examples of RFC 6455.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A whole frame.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    masked(first, payload, MASK)
}

/// A whole frame with this mask.
pub(crate) fn masked(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let frame = Frame::from_payload(header(first, mask), payload.to_vec().into());
    frame.format(&mut bytes).expect("a vector takes it");
    bytes
}

/// All of a frame but its payload, which has this length.
pub(crate) fn head(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let header = header(first, MASK);
    header
        .format(length, &mut bytes)
        .expect("a vector takes it");
    bytes
}

fn header(first: u8, mask: [u8; 4]) -> FrameHeader {
    FrameHeader {
        is_final: first & 0x80 != 0,
        rsv1: first & 0x40 != 0,
        rsv2: first & 0x20 != 0,
        rsv3: first & 0x10 != 0,
        opcode: OpCode::from(first & 0x0f),
        mask: Some(mask),
    }
}
