//! Defines what a page is told whose WebSocket is refused: a message, then a close code with the same text.
//!
//! Browsers hide the response to a refused handshake from the page. So the server opens the WebSocket, says why, and
//! closes it.

/// Why the WebSocket of a page is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageRefusal {
    /// Pages of its origin may not use the tracker (`origin`, `origin_denied`).
    Origin,
    /// The tracker needs a token (`access.tokens_file`), and the address has none.
    TokenMissing,
    /// The token in the address is not valid.
    TokenWrong,
}

impl PageRefusal {
    /// All reasons.
    pub const ALL: [Self; 3] = [Self::Origin, Self::TokenMissing, Self::TokenWrong];

    /// Returns the close code, from those for private use (RFC 6455, 7.4.2).
    #[must_use]
    pub const fn close_code(self) -> u16 {
        match self {
            Self::Origin => 4001,
            Self::TokenMissing => 4002,
            Self::TokenWrong => 4003,
        }
    }

    /// Returns the text for the developer of the page: at most 123 bytes, as it is also the reason of the close, and
    /// without characters that JSON escapes.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Origin => {
                "Pages of this origin may not use this tracker: its operator can allow the origin"
            }
            Self::TokenMissing => {
                "This tracker needs a token: connect to /TOKEN or /announce?token=TOKEN"
            }
            Self::TokenWrong => "The token is not valid on this tracker: ask its operator for one",
        }
    }
}

/// Writes the message. `failure reason` is where clients look for the text of a failure. The reference client shows only
/// the `action` of a message whose action it does not know, in a warning, so the text stands there as well. An announce
/// would need the info-hash of a torrent, which is not known yet.
pub fn write_page_refusal(out: &mut Vec<u8>, refusal: PageRefusal) {
    let text = refusal.text().as_bytes();
    out.extend_from_slice(b"{\"action\":\"");
    out.extend_from_slice(text);
    out.extend_from_slice(b"\",\"failure reason\":\"");
    out.extend_from_slice(text);
    out.extend_from_slice(b"\"}");
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn each_page_refusal_has_its_own_code_and_a_short_text() {
        let mut codes = PageRefusal::ALL.map(PageRefusal::close_code).to_vec();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes, [4001, 4002, 4003]);
        for refusal in PageRefusal::ALL {
            let text = refusal.text();
            assert!(text.len() <= 123, "{text}");
            let mut written = Vec::new();
            write_page_refusal(&mut written, refusal);
            let message: Value = serde_json::from_slice(&written).unwrap();
            assert_eq!(message, json!({"action": text, "failure reason": text}));
        }
    }
}
