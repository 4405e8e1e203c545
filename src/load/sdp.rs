//! The SDPs that the load sends: a template with a number in it. Writing one takes two copies, and a relayed one is
//! compared byte by byte with the sent one.

use std::fmt::Write as _;

const NUMBER_DIGITS: usize = 20;
/// Smallest size, with room for the lines that every SDP has.
pub(super) const BYTES_MIN: usize = 200;

/// An SDP as JSON text.
#[derive(Debug)]
pub(super) struct SdpText {
    prefix: String,
    suffix: String,
}

impl SdpText {
    /// Creates a text of `bytes` bytes (at least [`BYTES_MIN`]), without its quotes.
    pub(super) fn new(bytes: usize) -> Self {
        let prefix = "\"v=0\\r\\no=- ".to_owned();
        let mut suffix = " 2 IN IP4 127.0.0.1\\r\\ns=-\\r\\nt=0 0\\r\\na=group:BUNDLE 0\\r\\na=ice-options:trickle\\r\\n"
            .to_owned();
        let wanted = bytes.max(BYTES_MIN) + 1 - prefix.len() - NUMBER_DIGITS;
        for line in 0.. {
            let candidate = format!(
                "a=candidate:{} 1 udp {} 192.0.2.{} {} typ host generation 0\\r\\n",
                1_811_406_225_u32.wrapping_add(line),
                2_122_260_223_u32.wrapping_sub(line),
                line % 256,
                49_152 + line % 16_384
            );
            if suffix.len() + candidate.len() > wanted {
                break;
            }
            suffix.push_str(&candidate);
        }
        suffix.extend(std::iter::repeat_n('z', wanted - suffix.len()));
        suffix.push('"');
        Self { prefix, suffix }
    }

    /// Appends the text with this number, including its quotes.
    pub(super) fn write(&self, number: u64, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "{}{number:0NUMBER_DIGITS$}{}",
            self.prefix, self.suffix
        );
    }

    /// Returns the length of the JSON string at the start of `text` if it matches this template. Does not search for
    /// the closing quote.
    pub(super) fn matching_length(&self, text: &str) -> Option<usize> {
        let rest = text.strip_prefix(self.prefix.as_str())?;
        let after_number = rest.get(NUMBER_DIGITS..)?;
        after_number
            .starts_with(self.suffix.as_str())
            .then_some(self.prefix.len() + NUMBER_DIGITS + self.suffix.len())
    }

    /// Whether the JSON string `text` has the value that [`Self::write`] writes, with any escapes.
    pub(super) fn matches(&self, number: u64, text: &str) -> bool {
        if self.is_verbatim(number, text) {
            return true;
        }
        let mut sent = String::new();
        self.write(number, &mut sent);
        let decoded = |json: &str| serde_json::from_str::<String>(json).ok();
        decoded(text).is_some_and(|text| decoded(&sent) == Some(text))
    }

    fn is_verbatim(&self, number: u64, text: &str) -> bool {
        let inside = text
            .strip_prefix(self.prefix.as_str())
            .and_then(|text| text.strip_suffix(self.suffix.as_str()));
        inside.is_some_and(|digits| {
            digits.len() == NUMBER_DIGITS && digits.parse::<u64>() == Ok(number)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sdp_has_its_size_and_matches_with_any_json_escapes() {
        for bytes in [200, 1600, 2000, 20_000] {
            let (sdp, mut text) = (SdpText::new(bytes), String::new());
            sdp.write(5, &mut text);
            assert_eq!(text.len(), bytes + 2);
            assert!(sdp.matches(5, &text) && !sdp.matches(6, &text));
            assert_eq!(
                sdp.matching_length(&format!("{text},\"x\":1")),
                Some(text.len())
            );
            let other = text.replace("\\r", "\\u000d");
            assert!(sdp.matches(5, &other));
            assert!(!sdp.matches(5, &text.replace("BUNDLE", "BUNDLF")));
        }
    }
}
