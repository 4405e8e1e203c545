//! Client side of WebSocket frames: writes masked frames, parses the headers of unmasked ones. Uses no sockets.

use std::fmt;

pub(super) const CONTINUATION: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

/// Longest accepted message; no tracker sends a longer one.
pub(super) const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Appends one frame, masked with `mask` as required for clients.
pub(super) fn write(opcode: u8, payload: &[u8], mask: [u8; 4], out: &mut Vec<u8>) {
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
    out.extend(mask);
    let begin = out.len();
    out.extend_from_slice(payload);
    let [a, b, c, d] = mask;
    let mask_twice = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = out
        .get_mut(begin..)
        .unwrap_or_default()
        .as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ mask_twice).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= key;
    }
}

/// The parsed header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ParsedHeader {
    pub(super) is_final: bool,
    pub(super) opcode: u8,
    /// Offset of the payload.
    pub(super) payload_start: usize,
    pub(super) payload_bytes: usize,
}

/// A protocol violation in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameError {
    Masked,
    Reserved,
    TooLong,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Masked => "the tracker sent a masked frame",
            Self::Reserved => "the tracker sent a frame with reserved bits",
            Self::TooLong => "the tracker sent a message of more than 16 MiB",
        })
    }
}

/// Parses the frame header at the start of `bytes`; `None` while it is incomplete.
pub(super) fn parse_header(bytes: &[u8]) -> Result<Option<ParsedHeader>, FrameError> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    if first & 0x70 != 0 {
        return Err(FrameError::Reserved);
    }
    if second & 0x80 != 0 {
        return Err(FrameError::Masked);
    }
    let (payload_start, length) = match second {
        126 => match rest.first_chunk() {
            Some(length) => (4, u64::from(u16::from_be_bytes(*length))),
            None => return Ok(None),
        },
        127 => match rest.first_chunk() {
            Some(length) => (10, u64::from_be_bytes(*length)),
            None => return Ok(None),
        },
        short => (2, u64::from(*short)),
    };
    let payload_bytes = usize::try_from(length)
        .ok()
        .filter(|&bytes| bytes <= MESSAGE_BYTES_MAX);
    Ok(Some(ParsedHeader {
        is_final: first & 0x80 != 0,
        opcode: first & 0x0f,
        payload_start,
        payload_bytes: payload_bytes.ok_or(FrameError::TooLong)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_frame_is_read_by_another_implementation() {
        use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
        for bytes in [0_u64, 1, 7, 8, 9, 125, 126, 127, 65_535, 65_536, 70_001] {
            let payload: Vec<u8> = (0..bytes)
                .map(|index| u8::try_from(index % 251).unwrap())
                .collect();
            let mut frame = Vec::new();
            write(TEXT, &payload, [1, 2, 3, 4], &mut frame);
            let mut cursor = std::io::Cursor::new(&frame);
            let (header, length) = FrameHeader::parse(&mut cursor).unwrap().unwrap();
            assert_eq!(header.mask, Some([1, 2, 3, 4]));
            assert_eq!(length, bytes);
            let at = usize::try_from(cursor.position()).unwrap();
            let unmasked: Vec<u8> = frame[at..]
                .iter()
                .zip([1, 2, 3, 4].into_iter().cycle())
                .map(|(byte, key)| byte ^ key)
                .collect();
            assert_eq!(unmasked, payload);
        }
    }

    #[test]
    fn a_header_is_parsed_only_when_complete() {
        let long = [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0];
        for end in 0..long.len() {
            assert_eq!(parse_header(&long[..end]), Ok(None));
        }
        let read = parse_header(&long).unwrap().unwrap();
        assert_eq!(
            (read.payload_start, read.payload_bytes, read.opcode),
            (10, 65_536, TEXT)
        );
        assert_eq!(parse_header(&[0x81, 0x80]), Err(FrameError::Masked));
        assert_eq!(parse_header(&[0xc1, 0]), Err(FrameError::Reserved));
        assert_eq!(
            parse_header(&[0x81, 127, 1, 0, 0, 0, 0, 0, 0, 0]),
            Err(FrameError::TooLong)
        );
    }
}
