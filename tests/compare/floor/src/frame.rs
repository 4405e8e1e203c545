//! WebSocket frames: parses and unmasks client frames in place, and writes heads of server frames.

pub const TEXT: u8 = 1;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;
/// Bytes unmasked at a time, so that the compiler uses vector instructions.
const WIDE_BYTES: usize = 64;

/// A complete frame at the start of a slice.
pub struct Frame {
    /// For a fragment this is an unknown opcode.
    pub opcode: u8,
    key: [u8; 4],
    begin: usize,
    pub end: usize,
}

impl Frame {
    /// Returns `None` if the frame is incomplete.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        let (head, length) = match second & 0x7f {
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
        let key = bytes.get(head..head + 4)?.try_into().ok()?;
        let (begin, end) = (head + 4, (head + 4).checked_add(length)?);
        (bytes.len() >= end).then_some(Self {
            opcode: first ^ 0x80,
            key,
            begin,
            end,
        })
    }

    /// Unmasks the payload and returns it.
    pub fn unmask<'a>(&self, bytes: &'a mut [u8]) -> &'a [u8] {
        let payload = &mut bytes[self.begin..self.end];
        let key = u64::from(u32::from_ne_bytes(self.key));
        let wide = key << 32 | key;
        let (blocks, rest) = payload.as_chunks_mut::<WIDE_BYTES>();
        for block in blocks {
            unmask_words(block.as_chunks_mut().0, wide);
        }
        let (words, rest) = rest.as_chunks_mut();
        unmask_words(words, wide);
        for (byte, key) in rest.iter_mut().zip(wide.to_ne_bytes()) {
            *byte ^= key;
        }
        payload
    }
}

#[inline]
fn unmask_words(words: &mut [[u8; 8]], wide: u64) {
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
}

/// Appends the head of a server frame.
pub fn head(opcode: u8, length: usize, out: &mut Vec<u8>) {
    match u16::try_from(length) {
        Ok(short @ ..126) => out.extend_from_slice(&[0x80 | opcode, short.to_le_bytes()[0]]),
        Ok(length) => {
            let [high, low] = length.to_be_bytes();
            out.extend_from_slice(&[0x80 | opcode, 126, high, low]);
        }
        Err(_) => {
            out.extend_from_slice(&[0x80 | opcode, 127]);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}
