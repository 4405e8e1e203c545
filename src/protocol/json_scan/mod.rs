//! Finds the end of a JSON string and validates it: most of every message is the text of SDPs.
//!
//! An SDP has `\r\n` at the end of each of its short lines. So these escapes are checked for many bytes at once like
//! all other characters, the others one by one. It never decodes. Only `fast_parser` calls it.

use wide::u8x16;

/// The end of a string.
pub(super) struct StringEnd {
    /// The position after its closing quote.
    pub(super) at: usize,
    /// Whether it contains a `\u` escape, which may be half of a surrogate pair.
    pub(super) has_unicode_escape: bool,
}

/// Reads the string whose first character is at `start`, if it is short and contains no escape, as most keys and ids.
/// Returns the position after its closing quote.
#[inline]
pub(super) fn plain_string_end(bytes: &[u8], start: usize) -> Option<usize> {
    for start in [start, start + LANES] {
        let rest = bytes.get(start..)?;
        let bytes = load(rest).unwrap_or_else(|| load_last(rest));
        let special =
            quote_or_control(swap_quote_and_space(bytes)) | bytes.simd_eq(u8x16::splat(b'\\'));
        let special = special.to_bitmask();
        if special != 0 {
            let index = special.trailing_zeros() as usize;
            return (rest.get(index) == Some(&b'"')).then_some(start + index + 1);
        }
    }
    None
}

/// Returns whether these characters of a string are all ASCII, and none is a quote, a backslash or a control character.
#[inline]
pub(super) fn is_plain_ascii(characters: &[u8; 20]) -> bool {
    let is_other = |from| {
        let bytes = characters.get(from..).and_then(load).unwrap_or_default();
        // The highest bit of a byte is set if it is not ASCII.
        quote_or_control(swap_quote_and_space(bytes)) | bytes.simd_eq(u8x16::splat(b'\\')) | bytes
    };
    (is_other(0) | is_other(4)).to_bitmask() == 0
}

/// Reads any string whose opening quote is at `start`. Returns `None` if it has no end, or contains what RFC 8259
/// forbids: a control character or a malformed escape.
pub(super) fn string_end(bytes: &[u8], start: usize) -> Option<StringEnd> {
    let mut has_unicode_escape = false;
    // Starts with the last byte read, which shows whether the next one is escaped.
    let mut rest = bytes.get(start..)?;
    loop {
        let marks = special_bytes_mask(rest);
        if marks == 0 {
            rest = rest.get(LANES..)?;
            while let Some(window) = rest.first_chunk()
                && is_plain_window(window)
            {
                rest = rest.get(WINDOW_BYTES..)?;
            }
            continue;
        }
        rest = rest.get(marks.trailing_zeros() as usize..)?;
        rest = match rest {
            [b'\\', ..] => skip_escapes(rest, &mut has_unicode_escape)?,
            _ => rest.get(1..)?,
        };
        match *rest {
            [b'"', ref after @ ..] => {
                let at = bytes.len() - after.len();
                return Some(StringEnd {
                    at,
                    has_unicode_escape,
                });
            }
            [0..0x20, ..] | [] => return None,
            _ => {}
        }
    }
}

/// Bytes that are processed at once.
const LANES: usize = 16;
/// Bytes that are checked before one decision.
const WINDOW_BYTES: usize = 64;

#[inline]
fn load(bytes: &[u8]) -> Option<u8x16> {
    bytes.first_chunk().map(|bytes| u8x16::new(*bytes))
}

/// Loads the last bytes of a text, padded with zeros, which never match the end of a string.
#[cold]
fn load_last(rest: &[u8]) -> u8x16 {
    let mut bytes = [0; LANES];
    for (to, from) in bytes.iter_mut().zip(rest) {
        *to = *from;
    }
    u8x16::new(bytes)
}

/// Swaps 0x22, the quote, with 0x20, so that it is next to the control characters.
#[inline]
fn swap_quote_and_space(bytes: u8x16) -> u8x16 {
    bytes ^ u8x16::splat(2)
}

/// Returns a mask of the swapped bytes that are quotes or control characters.
#[inline]
fn quote_or_control(exchanged: u8x16) -> u8x16 {
    exchanged.min(u8x16::splat(0x20)).simd_eq(exchanged)
}

/// Returns a value that [`nonzero_mask`] turns into non-zero where the byte after a backslash is neither `n` nor `r`.
#[inline]
fn escape_marks(before: u8x16, exchanged: u8x16) -> u8x16 {
    (exchanged - u8x16::splat(b'n' ^ 2)) & before.simd_eq(u8x16::splat(b'\\'))
}

/// After the swap, `n` and `r` differ by 4.
#[inline]
fn nonzero_mask(escaped: u8x16) -> u8x16 {
    !(escaped & u8x16::splat(!4)).simd_eq(u8x16::ZERO)
}

/// Returns whether the bytes after the first one are only plain characters and line ends.
#[inline]
fn is_plain_window(window: &[u8; WINDOW_BYTES + 1]) -> bool {
    let (mut least, mut all_escaped) = (u8x16::MAX, u8x16::ZERO);
    for block in 0..WINDOW_BYTES / LANES {
        let lanes = |offset| window.get(offset..).and_then(load).unwrap_or_default();
        let exchanged = swap_quote_and_space(lanes(block * LANES + 1));
        least = least.min(exchanged);
        all_escaped |= escape_marks(lanes(block * LANES), exchanged);
    }
    (quote_or_control(least) | nonzero_mask(all_escaped)).to_bitmask() == 0
}

/// Returns a bit for each of the 16 bytes after the first one that is neither a plain character nor part of a line end.
fn special_bytes_mask(rest: &[u8]) -> u32 {
    let after = rest.get(1..).unwrap_or_default();
    let bytes = load(after).unwrap_or_else(|| load_last(after));
    let before = load(rest).unwrap_or_else(|| load_last(rest));
    let exchanged = swap_quote_and_space(bytes);
    (quote_or_control(exchanged) | nonzero_mask(escape_marks(before, exchanged))).to_bitmask()
}

/// Returns the text after the escapes that `rest` begins with.
fn skip_escapes<'a>(mut rest: &'a [u8], has_unicode_escape: &mut bool) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [
                b'\\',
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                rest @ ..,
            ] => rest,
            [b'\\', b'u', a, b, c, d, rest @ ..]
                if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) =>
            {
                *has_unicode_escape = true;
                rest
            }
            [b'\\', ..] => return None,
            _ => return Some(rest),
        };
    }
}

#[cfg(test)]
mod tests;
