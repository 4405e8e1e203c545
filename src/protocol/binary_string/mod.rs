//! Reads and writes 20 bytes as a JSON string of 20 code points up to U+00FF.
//!
//! Reads them from validated values and from unvalidated text. Does not depend on what they identify. `ids` and
//! `fast_parser` call it.

use super::json::{StringUnits, inside_quotes, unescape};
use super::{InvalidId, json_scan};

/// Reads 20 bytes from a JSON string of 20 code points up to U+00FF, in any legal encoding. The text is one complete
/// JSON value that `serde_json` has accepted.
pub(super) fn bytes20(value: &str) -> Result<[u8; 20], InvalidId> {
    let text = inside_quotes(value).ok_or(InvalidId::NotString)?;
    let mut bytes = [0; 20];
    let mut slots = bytes.iter_mut();
    for unit in StringUnits::new(text) {
        let byte = u8::try_from(unit).map_err(|_| InvalidId::Character)?;
        *slots.next().ok_or_else(|| wrong_length(text))? = byte;
    }
    if slots.next().is_some() {
        return Err(InvalidId::Length);
    }
    Ok(bytes)
}

fn wrong_length(text: &str) -> InvalidId {
    if text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        InvalidId::Hexadecimal
    } else {
        InvalidId::Length
    }
}

/// Reads 20 bytes from such a string at the start of unvalidated UTF-8 text. Also returns the length of the string,
/// quotes included. Returns `None` if it is not such a string, or encoded in a way that no client uses.
pub(super) fn leading_bytes20(text: &[u8]) -> Option<([u8; 20], usize)> {
    if let Some([b'"', bytes @ .., b'"']) = text.first_chunk::<22>()
        && let Some(bytes) = bytes.first_chunk()
        && json_scan::is_plain_ascii(bytes)
    {
        return Some((*bytes, 22));
    }
    let mut rest = text.strip_prefix(b"\"")?;
    let mut bytes = [0; 20];
    for slot in &mut bytes {
        let [first, second] = *rest.first_chunk()?;
        let length = *UTF8_LENGTHS.get(usize::from(first))?;
        if length == 0 {
            (*slot, rest) = leading_escape(rest)?;
            continue;
        }
        let joined = first << 6 | second & 0x3f;
        *slot = if length == 1 { first } else { joined };
        rest = rest.get(usize::from(length)..)?;
    }
    let rest = rest.strip_prefix(b"\"")?;
    Some((bytes, text.len() - rest.len()))
}

/// The length in bytes of an unescaped character of an id, by its first byte; 0 for any other first byte.
#[expect(clippy::indexing_slicing, reason = "runs in the compiler")]
const UTF8_LENGTHS: [u8; 256] = {
    let mut lengths = [0; 256];
    let mut first = 0x20;
    while first < 0x80 {
        lengths[first] = 1;
        first += 1;
    }
    lengths[b'"' as usize] = 0;
    lengths[b'\\' as usize] = 0;
    lengths[0xc2] = 2;
    lengths[0xc3] = 2;
    lengths
};

/// Returns the byte of an escape, and the text after it.
fn leading_escape(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [b'\\', b'u', b'0', b'0', high, low, rest @ ..] => {
            let digit = |character| char::from(character).to_digit(16);
            let byte = digit(*high)? << 4 | digit(*low)?;
            Some((u8::try_from(byte).ok()?, rest))
        }
        [
            b'\\',
            short @ (b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'),
            rest @ ..,
        ] => Some((unescape(*short), rest)),
        _ => None,
    }
}

/// Appends `bytes` as a JSON string: quotes, backslashes and control characters escaped, all else as UTF-8.
pub(super) fn write_bytes(bytes: &[u8; 20], out: &mut Vec<u8>) {
    let mut buffer = [0; ENCODED_BYTES_MAX];
    out.extend_from_slice(encode(bytes, &mut buffer));
}

/// Two quotes, twenty escapes of six bytes, and the unused rest of the last [`EncodedChar`].
const ENCODED_BYTES_MAX: usize = 1 + 20 * 6 + 2;

/// The encoded bytes of a character, padded with zeros, and their number in the last byte.
type EncodedChar = [u8; 8];

fn encode<'r>(bytes: &[u8; 20], buffer: &'r mut [u8; ENCODED_BYTES_MAX]) -> &'r [u8] {
    if json_scan::is_plain_ascii(bytes)
        && let Some([open, plain @ .., close]) = buffer.first_chunk_mut::<22>()
    {
        (*open, *close) = (b'"', b'"');
        plain.copy_from_slice(bytes);
        return buffer.get(..22).unwrap_or_default();
    }
    buffer[0] = b'"';
    let mut length = 1;
    for &byte in bytes {
        let encoded = ENCODED_CHARS.get(usize::from(byte)).unwrap_or(&[0; 8]);
        let slot = buffer.get_mut(length..).and_then(<[u8]>::first_chunk_mut);
        // Writes all eight at once, as that is one store. The next character overwrites the padding.
        if let Some(slot) = slot {
            *slot = *encoded;
        }
        length += usize::from(encoded[7]);
    }
    if let Some(end) = buffer.get_mut(length) {
        *end = b'"';
    }
    buffer.get(..=length).unwrap_or_default()
}

#[expect(clippy::indexing_slicing, reason = "runs in the compiler")]
const ENCODED_CHARS: [EncodedChar; 256] = {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut table = [[0; 8]; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = match byte {
            b'"' | b'\\' => [b'\\', byte, 0, 0, 0, 0, 0, 2],
            ..0x20 => {
                let (high, low) = (HEX[(byte >> 4) as usize], HEX[(byte & 15) as usize]);
                [b'\\', b'u', b'0', b'0', high, low, 0, 6]
            }
            0x20..0x80 => [byte, 0, 0, 0, 0, 0, 0, 1],
            0x80.. => [0xc0 | byte >> 6, 0x80 | byte & 0x3f, 0, 0, 0, 0, 0, 2],
        };
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

#[cfg(test)]
mod tests;
