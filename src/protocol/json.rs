//! Reads JSON strings character by character, and checks SDPs without decoding them.
//!
//! Every function takes the text of one complete JSON value that `serde_json` has already accepted. So quotes are
//! paired, escapes have their digits and the text is UTF-8. `serde_json` does not check surrogates in raw text; this
//! file does.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem;
use serde_json::value::RawValue;

/// Returns the text between the quotes if the value is a string.
pub(super) fn inside_quotes(value: &str) -> Option<&str> {
    value.strip_prefix('"')?.strip_suffix('"')
}

/// Returns the decoded string; `None` if the value is not a string, or not Unicode.
pub(super) fn decode_string(value: &str) -> Option<Cow<'_, str>> {
    let text = inside_quotes(value)?;
    if text.contains('\\') {
        serde_json::from_str(value).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(text))
    }
}

/// Returns whether the value is a string equal to `ascii` when decoded.
pub(super) fn equals_ascii(value: &str, ascii: &str) -> bool {
    inside_quotes(value).is_some_and(|text| {
        text == ascii
            || text.contains('\\') && StringUnits::new(text).eq(ascii.bytes().map(u32::from))
    })
}

/// An SDP as the received raw JSON string, quotes and escapes included.
///
/// Its content is never parsed: some clients put ciphertext there (trystero). Invariant: a JSON string without lone
/// surrogates, so that strict parsers (libtorrent's) accept what is relayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sdp<'a>(&'a str);

impl<'a> Sdp<'a> {
    /// Checks the text of one JSON value. Returns `None` if it is not a string, is longer than `bytes_max` between its
    /// quotes, or contains half of a surrogate pair.
    pub(super) fn check(value: &'a str, bytes_max: usize) -> Option<Self> {
        // Few SDPs contain a \u escape, and the search for one takes a twentieth of the time to read the text.
        let has_unicode_escape = UNICODE_ESCAPE.find(value.as_bytes()).is_some();
        Self::check_scanned(value, has_unicode_escape, bytes_max)
    }

    /// Does the same as [`Self::check`] when an earlier scan has found whether there may be a `\u` escape.
    pub(super) fn check_scanned(
        value: &'a str,
        may_have_unicode_escape: bool,
        bytes_max: usize,
    ) -> Option<Self> {
        let text = inside_quotes(value)?;
        let is_valid =
            text.len() <= bytes_max && (!may_have_unicode_escape || has_paired_surrogates(text));
        is_valid.then_some(Self(value))
    }

    /// Checks bytes that another node has sent. Returns `None` if they are not one JSON string, or as `check` does.
    #[must_use]
    pub fn from_json(bytes: &'a [u8], bytes_max: usize) -> Option<Self> {
        let text = simdutf8::basic::from_utf8(bytes).ok()?;
        let value: &RawValue = serde_json::from_str(text).ok()?;
        Self::check(value.get(), bytes_max)
    }

    /// Returns the raw JSON string, quotes included.
    #[must_use]
    pub const fn as_json(&self) -> &'a str {
        self.0
    }
}

static UNICODE_ESCAPE: LazyLock<memmem::Finder<'_>> = LazyLock::new(|| memmem::Finder::new("\\u"));

fn has_paired_surrogates(text: &str) -> bool {
    let mut units = StringUnits::new(text);
    while let Some(unit) = units.next() {
        match unit {
            0xd800..=0xdbff if !matches!(units.next(), Some(0xdc00..=0xdfff)) => return false,
            0xdc00..=0xdfff => return false,
            _ => {}
        }
    }
    true
}

/// Returns the nesting depth of arrays and objects in a JSON value; 0 for a string, a number or a keyword.
pub(super) fn nesting_depth(value: &str) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in value.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Iterates over the UTF-16 units or characters of a JSON string: escapes decoded one by one, surrogates unchanged.
pub(super) struct StringUnits<'a> {
    rest: &'a [u8],
}

impl<'a> StringUnits<'a> {
    /// Iterates over the text between the quotes of a string.
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            rest: text.as_bytes(),
        }
    }
}

impl Iterator for StringUnits<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        let (unit, used) = match *self.rest {
            [] => return None,
            // First, as most ids are plain characters.
            [byte, ..] if byte.is_ascii() && byte != b'\\' => (u32::from(byte), 1),
            [b'\\', b'u', a, b, c, d, ..] => {
                let digits = [a, b, c, d].map(|digit| char::from(digit).to_digit(16).unwrap_or(0));
                (digits.iter().fold(0, |unit, digit| unit << 4 | digit), 6)
            }
            [b'\\', short, ..] => (u32::from(unescape(short)), 2),
            [lead @ 0xc0..0xe0, next, ..] => {
                (u32::from(lead & 0x1f) << 6 | u32::from(next & 0x3f), 2)
            }
            // Longer characters only need to be recognised as "above U+00FF and not a surrogate".
            [0xe0..0xf0, ..] => (0x1000, 3),
            [0xf0..=0xff, ..] => (0x1_0000, 4),
            [byte, ..] => (u32::from(byte), 1),
        };
        self.rest = self.rest.get(used..).unwrap_or_default();
        Some(unit)
    }
}

/// Returns the character for a short escape, given the byte after its backslash.
pub(super) fn unescape(short: u8) -> u8 {
    match short {
        b'b' => 0x08,
        b't' => b'\t',
        b'n' => b'\n',
        b'f' => 0x0c,
        b'r' => b'\r',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_sdp_is_accepted_exactly_when_its_text_is_unicode(units in prop::collection::vec(
            prop_oneof![0xd7f0_u16..0xe010, 0x20_u16..0x7f], 0..12)) {
            let text = units.iter().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat();
            let value = format!("\"{text}\"");
            prop_assert_eq!(Sdp::check(&value, 1000).is_some(), serde_json::from_str::<String>(&value).is_ok());
        }
    }

    #[test]
    fn an_escaped_backslash_before_u_is_not_an_escape() {
        assert!(Sdp::check(r#""a\\ud800""#, 100).is_some());
        assert!(Sdp::check(r#""a\ud800""#, 100).is_none());
        assert!(Sdp::check(r#""a\ud83d\ude00""#, 100).is_some());
    }

    #[test]
    fn an_sdp_of_another_node_is_one_json_string() {
        assert!(Sdp::from_json(br#""v=0\r\n""#, 100).is_some());
        let wrong: [&[u8]; 8] = [
            b"",
            b"\"",
            b"v=0",
            b"{}",
            b"\"a\",\"b\":\"c\"",
            b"\"a\"}",
            b"\"\xff\"",
            b"\"a\nb\"",
        ];
        for bytes in wrong {
            assert_eq!(Sdp::from_json(bytes, 100), None);
        }
        assert_eq!(Sdp::from_json(b"\"12345\"", 4), None);
    }

    #[test]
    fn an_sdp_has_a_bound_and_is_a_string() {
        assert!(Sdp::check(r#""12345""#, 5).is_some());
        assert!(Sdp::check(r#""123456""#, 5).is_none());
        assert!(Sdp::check("12", 5).is_none());
    }

    #[test]
    fn depth_counts_brackets_outside_of_strings() {
        assert_eq!(nesting_depth(r#""[[[""#), 0);
        assert_eq!(nesting_depth(r#"[{"a":[1,"\"[["]},[]]"#), 3);
    }
}
