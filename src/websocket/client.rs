//! Builds frames as a client sends them, invalid ones too, for tests. The first byte of a frame has FIN, the reserved
//! bits and the opcode. Written by tungstenite, not by the tested code. Unit tests and `tests/integration` use it.

use tokio_tungstenite::tungstenite::protocol::frame::coding::OpCode;
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};

/// The mask of the examples in RFC 6455.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Builds a whole frame.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    masked(first, payload, MASK)
}

/// Builds a whole frame with this mask.
pub(crate) fn masked(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let frame = Frame::from_payload(header(first, mask), payload.to_vec().into());
    frame.format(&mut bytes).expect("a vector takes it");
    bytes
}

/// Builds the header of a frame with a payload of this length.
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
