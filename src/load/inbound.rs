//! Parses a tracker's messages without building a tree: returns the relevant keys, each as raw JSON.
//!
//! Accepts any key order, unknown keys and any JSON escapes, as browsers do. Has no state; `checker` checks the
//! values.

use memchr::memchr2;

use super::sdp::SdpText;

/// A message from the tracker; ids are raw JSON strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InboundMessage<'a> {
    /// The reply to an announce, with its number of members.
    Reply { info_hash: &'a str, members: u64 },
    /// An offer or answer of another member.
    Relay(InboundRelay<'a>),
    /// The reply to a scrape, with the object `files`.
    Scrape { files: &'a str },
    /// A refusal, with its reason.
    Failure { reason: &'a str },
}

/// An offer or answer of another member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InboundRelay<'a> {
    pub(super) kind: InboundRelayKind,
    pub(super) info_hash: &'a str,
    pub(super) peer_id: &'a str,
    pub(super) offer_id: &'a str,
    pub(super) sdp: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InboundRelayKind {
    Offer,
    Answer,
}

/// Parses a message; `None` if no tracker sends such a message. `sdps` are the SDPs that it probably contains.
pub(super) fn parse<'a>(text: &'a str, sdps: &[&SdpText]) -> Option<InboundMessage<'a>> {
    let mut found = ParsedFields::default();
    let mut cursor = JsonCursor { rest: text, sdps };
    cursor.object(|key, cursor| {
        match key {
            "\"action\"" => found.action = cursor.string()?,
            "\"info_hash\"" => found.info_hash = Some(cursor.value()?),
            "\"peer_id\"" => found.peer_id = Some(cursor.value()?),
            "\"offer_id\"" => found.offer_id = Some(cursor.value()?),
            "\"offer\"" => cursor.description(&mut found.offer)?,
            "\"answer\"" => cursor.description(&mut found.answer)?,
            "\"complete\"" => found.complete = cursor.value()?.parse().ok(),
            "\"incomplete\"" => found.incomplete = cursor.value()?.parse().ok(),
            "\"files\"" => found.files = Some(cursor.value()?),
            "\"failure reason\"" => found.failure = Some(cursor.value()?),
            _ => drop(cursor.value()?),
        }
        Some(())
    })?;
    cursor.skip_whitespace();
    if !cursor.rest.is_empty() {
        return None;
    }
    found.into_message()
}

/// Whether a key of the object, as a raw JSON string, satisfies `is_wanted`.
pub(super) fn has_key(object: &str, is_wanted: impl Fn(&str) -> bool) -> bool {
    let mut found = false;
    let mut cursor = JsonCursor {
        rest: object,
        sdps: &[],
    };
    let read = cursor.object(|key, cursor| {
        found |= is_wanted(key);
        cursor.value().map(drop)
    });
    read.is_some() && found
}

#[derive(Default)]
struct ParsedFields<'a> {
    action: &'a str,
    info_hash: Option<&'a str>,
    peer_id: Option<&'a str>,
    offer_id: Option<&'a str>,
    offer: Option<SessionDescription<'a>>,
    answer: Option<SessionDescription<'a>>,
    complete: Option<u64>,
    incomplete: Option<u64>,
    files: Option<&'a str>,
    failure: Option<&'a str>,
}

/// An offer or answer object.
#[derive(Clone, Copy)]
struct SessionDescription<'a> {
    kind: &'a str,
    sdp: &'a str,
}

impl<'a> ParsedFields<'a> {
    fn into_message(self) -> Option<InboundMessage<'a>> {
        if let Some(reason) = self.failure {
            return Some(InboundMessage::Failure { reason });
        }
        match (self.action, self.offer, self.answer) {
            ("\"scrape\"", None, None) => Some(InboundMessage::Scrape { files: self.files? }),
            ("\"announce\"", Some(description), None) if description.kind == "\"offer\"" => {
                self.relay(InboundRelayKind::Offer, description)
            }
            ("\"announce\"", None, Some(description)) if description.kind == "\"answer\"" => {
                self.relay(InboundRelayKind::Answer, description)
            }
            ("\"announce\"", None, None) => Some(InboundMessage::Reply {
                info_hash: self.info_hash?,
                members: self.complete?.checked_add(self.incomplete?)?,
            }),
            _ => None,
        }
    }

    fn relay(
        self,
        kind: InboundRelayKind,
        description: SessionDescription<'a>,
    ) -> Option<InboundMessage<'a>> {
        Some(InboundMessage::Relay(InboundRelay {
            kind,
            info_hash: self.info_hash?,
            peer_id: self.peer_id?,
            offer_id: self.offer_id?,
            sdp: description.sdp,
        }))
    }
}

struct JsonCursor<'a, 's> {
    rest: &'a str,
    sdps: &'s [&'s SdpText],
}

impl<'a> JsonCursor<'a, '_> {
    fn skip_whitespace(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    /// Takes the next character, which must be `wanted`.
    fn expect(&mut self, wanted: char) -> Option<()> {
        self.skip_whitespace();
        self.rest = self.rest.strip_prefix(wanted)?;
        Some(())
    }

    fn skip_if(&mut self, wanted: char) -> bool {
        self.expect(wanted).is_some()
    }

    /// Takes an object; `on_key` receives each key and takes its value.
    fn object(&mut self, mut on_key: impl FnMut(&'a str, &mut Self) -> Option<()>) -> Option<()> {
        self.expect('{')?;
        if self.skip_if('}') {
            return Some(());
        }
        loop {
            let key = self.string()?;
            self.expect(':')?;
            on_key(key, self)?;
            if self.skip_if('}') {
                return Some(());
            }
            self.expect(',')?;
        }
    }

    /// Takes an object with `type` and `sdp`; ignores a value of another type, such as `null`.
    fn description(&mut self, into: &mut Option<SessionDescription<'a>>) -> Option<()> {
        self.skip_whitespace();
        if !self.rest.starts_with('{') {
            return self.value().map(drop);
        }
        let (mut kind, mut sdp) = (None, None);
        self.object(|key, cursor| {
            match key {
                "\"type\"" => kind = Some(cursor.value()?),
                "\"sdp\"" => sdp = Some(cursor.value()?),
                _ => drop(cursor.value()?),
            }
            Some(())
        })?;
        *into = kind
            .zip(sdp)
            .map(|(kind, sdp)| SessionDescription { kind, sdp });
        Some(())
    }

    fn take(&mut self, bytes: usize) -> Option<&'a str> {
        let (taken, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        Some(taken)
    }

    /// Takes a string, including its quotes.
    fn string(&mut self) -> Option<&'a str> {
        self.skip_whitespace();
        if !self.rest.starts_with('"') {
            return None;
        }
        if let Some(end) = self
            .sdps
            .iter()
            .find_map(|sdp| sdp.matching_length(self.rest))
        {
            return self.take(end);
        }
        let (bytes, mut at) = (self.rest.as_bytes(), 1);
        loop {
            at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
            if bytes.get(at) == Some(&b'"') {
                return self.take(at + 1);
            }
            at += 2;
        }
    }

    /// Takes a value of any type as raw text.
    fn value(&mut self) -> Option<&'a str> {
        self.skip_whitespace();
        match self.rest.as_bytes().first()? {
            b'"' => self.string(),
            b'{' | b'[' => self.container(),
            _ => {
                let end = self.rest.find([',', '}', ']', ' ', '\t', '\r', '\n']);
                self.take(end.unwrap_or(self.rest.len()))
                    .filter(|word| !word.is_empty())
            }
        }
    }

    fn container(&mut self) -> Option<&'a str> {
        let (whole, mut depth) = (self.rest, 0_usize);
        loop {
            match self.rest.as_bytes().first()? {
                b'"' => drop(self.string()?),
                bracket => {
                    match bracket {
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => depth = depth.checked_sub(1)?,
                        _ => {}
                    }
                    // Characters of several bytes occur only inside strings.
                    self.take(1)?;
                    if depth == 0 {
                        return whole.get(..whole.len() - self.rest.len());
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<InboundMessage<'_>> {
        super::parse(text, &[&SdpText::new(300)])
    }

    #[test]
    fn replies_are_read_in_any_key_order_with_unknown_keys() {
        let reply = Some(InboundMessage::Reply {
            info_hash: "\"x\"",
            members: 7,
        });
        for text in [
            r#"{"action":"announce","info_hash":"x","complete":3,"incomplete":4,"interval":120}"#,
            r#" { "interval" : 120 , "incomplete" : 4 , "complete" : 3 , "info_hash" : "x" , "action" : "announce" } "#,
            r#"{"peers":[{"a":"}]\""},[]],"incomplete":4,"complete":3,"info_hash":"x","action":"announce","offer":null}"#,
        ] {
            assert_eq!(parsed(text), reply, "{text}");
        }
    }

    #[test]
    fn relays_are_read_with_their_sdp_unchanged() {
        let (sdp, mut sent) = (SdpText::new(300), String::new());
        sdp.write(9, &mut sent);
        for sdp in [sent.as_str(), r#""a\"b\\""#] {
            for kind in [InboundRelayKind::Offer, InboundRelayKind::Answer] {
                let name = if kind == InboundRelayKind::Offer {
                    "offer"
                } else {
                    "answer"
                };
                let text = format!(
                    r#"{{"action":"announce","{name}":{{"type":"{name}","sdp":{sdp}}},"offer_id":"ö","peer_id":"p","info_hash":"\u00e4"}}"#
                );
                let expected = InboundRelay {
                    kind,
                    info_hash: r#""\u00e4""#,
                    peer_id: "\"p\"",
                    offer_id: "\"ö\"",
                    sdp,
                };
                assert_eq!(parsed(&text), Some(InboundMessage::Relay(expected)));
            }
        }
    }

    #[test]
    fn failures_and_scrape_replies_are_read() {
        let text = r#"{"failure reason":"no","action":"announce"}"#;
        assert_eq!(
            parsed(text),
            Some(InboundMessage::Failure { reason: "\"no\"" })
        );
        let text = r#"{"action":"scrape","files":{"a":{"complete":1}}}"#;
        assert_eq!(
            parsed(text),
            Some(InboundMessage::Scrape {
                files: r#"{"a":{"complete":1}}"#
            })
        );
    }

    #[test]
    fn messages_that_no_tracker_sends_are_rejected() {
        for text in [
            "",
            "[]",
            "null",
            "{",
            r#"{"action""#,
            r#"{"action":"announce"}"#,
            r#"{"action":"announce"} x"#,
            r#"{"action":"announce","info_hash":"x","complete":1}"#,
            r#"{"action":"scrape"}"#,
            r#"{"a":]}"#,
            r#"{"action":"announce","info_hash":"x","peer_id":"p","offer_id":"o","offer":{"type":"answer","sdp":"s"}}"#,
            r#"{"action":"announce","info_hash":"x","peer_id":"p","offer":{"type":"offer","sdp":"s"}}"#,
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
