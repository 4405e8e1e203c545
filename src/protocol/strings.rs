//! Finds the end of a JSON string, and checks it on the way: most of every message is the text of SDPs.
//!
//! An SDP has `\r\n` at the end of each of its short lines, so these escapes are checked for many bytes at once like
//! all other characters; the others one by one. Never decodes; only `quick` calls it.

use wide::u8x16;

/// Where a string ends.
pub(super) struct End {
    /// The place behind its closing quote.
    pub(super) at: usize,
    /// Whether it spells a character as `\u` and a number, which may be half of a surrogate pair.
    pub(super) numbered: bool,
}

/// Reads the string whose first character is at `start`, if it is short and holds no escape, as keys and ids mostly
/// are. Gives the place behind its closing quote.
#[inline]
pub(super) fn plain_end(bytes: &[u8], start: usize) -> Option<usize> {
    for start in [start, start + LANES] {
        let rest = bytes.get(start..)?;
        let bytes = load(rest).unwrap_or_else(|| load_last(rest));
        let special = is_stop(exchanged(bytes)) | bytes.simd_eq(u8x16::splat(b'\\'));
        let special = special.to_bitmask();
        if special != 0 {
            let place = special.trailing_zeros() as usize;
            return (rest.get(place) == Some(&b'"')).then_some(start + place + 1);
        }
    }
    None
}

/// Whether these characters of a string are all ASCII, and none of them ends it, escapes or must be escaped.
#[inline]
pub(super) fn is_plain_ascii(characters: &[u8; 20]) -> bool {
    let is_other = |from| {
        let bytes = characters.get(from..).and_then(load).unwrap_or_default();
        // The highest bit of a byte tells whether it is ASCII.
        is_stop(exchanged(bytes)) | bytes.simd_eq(u8x16::splat(b'\\')) | bytes
    };
    (is_other(0) | is_other(4)).to_bitmask() == 0
}

/// Reads any string whose opening quote is at `start`. `None` if it has no end, or holds what RFC 8259 forbids: a
/// control character or a malformed escape.
pub(super) fn end(bytes: &[u8], start: usize) -> Option<End> {
    let mut numbered = false;
    // Begins with the last byte that was read, which tells whether the next one is escaped.
    let mut rest = bytes.get(start..)?;
    loop {
        let marks = marks(rest);
        if marks == 0 {
            rest = rest.get(LANES..)?;
            while let Some(window) = rest.first_chunk()
                && is_calm(window)
            {
                rest = rest.get(WINDOW_BYTES..)?;
            }
            continue;
        }
        rest = rest.get(marks.trailing_zeros() as usize..)?;
        rest = match rest {
            [b'\\', ..] => behind_escapes(rest, &mut numbered)?,
            _ => rest.get(1..)?,
        };
        match *rest {
            [b'"', ref after @ ..] => {
                let at = bytes.len() - after.len();
                return Some(End { at, numbered });
            }
            [..0x20, ..] | [] => return None,
            _ => {}
        }
    }
}

/// How many bytes are worked on at once.
const LANES: usize = 16;
/// How many bytes are looked at before anything is decided.
const WINDOW_BYTES: usize = 64;

#[inline]
fn load(bytes: &[u8]) -> Option<u8x16> {
    bytes.first_chunk().map(|bytes| u8x16::new(*bytes))
}

/// The last bytes of a text, and zeros, which nobody takes for the end of a string.
#[cold]
fn load_last(rest: &[u8]) -> u8x16 {
    let mut bytes = [0; LANES];
    for (to, from) in bytes.iter_mut().zip(rest) {
        *to = *from;
    }
    u8x16::new(bytes)
}

/// Exchanges 0x22, the quote, for 0x20, so that it stands next to the control characters; and 0x20 for 0x22.
#[inline]
fn exchanged(bytes: u8x16) -> u8x16 {
    bytes ^ u8x16::splat(2)
}

/// Which of the exchanged bytes are quotes or control characters.
#[inline]
fn is_stop(exchanged: u8x16) -> u8x16 {
    exchanged.min(u8x16::splat(0x20)).simd_eq(exchanged)
}

/// What is not zero after [`is_wrong`] where something stands behind a backslash that is neither `n` nor `r`.
#[inline]
fn escaped(before: u8x16, exchanged: u8x16) -> u8x16 {
    (exchanged - u8x16::splat(b'n' ^ 2)) & before.simd_eq(u8x16::splat(b'\\'))
}

/// Exchanged, `n` and `r` differ by 4.
#[inline]
fn is_wrong(escaped: u8x16) -> u8x16 {
    !(escaped & u8x16::splat(!4)).simd_eq(u8x16::ZERO)
}

/// Whether behind the first byte there is nothing but plain characters and line ends.
#[inline]
fn is_calm(window: &[u8; WINDOW_BYTES + 1]) -> bool {
    let (mut least, mut all_escaped) = (u8x16::MAX, u8x16::ZERO);
    for place in 0..WINDOW_BYTES / LANES {
        let lanes = |place| window.get(place..).and_then(load).unwrap_or_default();
        let exchanged = exchanged(lanes(place * LANES + 1));
        least = least.min(exchanged);
        all_escaped |= escaped(lanes(place * LANES), exchanged);
    }
    (is_stop(least) | is_wrong(all_escaped)).to_bitmask() == 0
}

/// A bit for each of the 16 bytes behind the first one that is no plain character and part of no line end.
fn marks(rest: &[u8]) -> u32 {
    let behind = rest.get(1..).unwrap_or_default();
    let bytes = load(behind).unwrap_or_else(|| load_last(behind));
    let before = load(rest).unwrap_or_else(|| load_last(rest));
    let exchanged = exchanged(bytes);
    (is_stop(exchanged) | is_wrong(escaped(before, exchanged))).to_bitmask()
}

/// The text behind the escapes that `rest` begins with.
fn behind_escapes<'a>(mut rest: &'a [u8], numbered: &mut bool) -> Option<&'a [u8]> {
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
                *numbered = true;
                rest
            }
            [b'\\', ..] => return None,
            _ => return Some(rest),
        };
    }
}

#[cfg(test)]
#[path = "strings_tests.rs"]
mod tests;
