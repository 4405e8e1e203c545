//! Parses a tracker's messages without building a tree: returns the relevant keys, each as raw JSON.
//!
//! Accepts any key order, unknown keys and any JSON escapes, as browsers do. Has no state; `exchange` checks the
//! values.

use memchr::memchr2;

use super::sdp::SdpText;

/// A message from the tracker; ids are raw JSON strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inbound<'a> {
    /// The reply to an announce, with its number of members.
    Reply { info_hash: &'a str, members: u64 },
    /// An offer or answer of another member.
    Relay(Relay<'a>),
    /// The reply to a scrape, with the object `files`.
    Scrape { files: &'a str },
    /// A refusal, with its reason.
    Failure { reason: &'a str },
}

/// An offer or answer of another member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Relay<'a> {
    pub(super) kind: Kind,
    pub(super) info_hash: &'a str,
    pub(super) peer_id: &'a str,
    pub(super) offer_id: &'a str,
    pub(super) sdp: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Offer,
    Answer,
}

/// Parses a message; `None` if no tracker sends such a message. `sdps` are the SDPs that it probably contains.
pub(super) fn read<'a>(text: &'a str, sdps: &[&SdpText]) -> Option<Inbound<'a>> {
    let mut found = Found::default();
    let mut cursor = Cursor { rest: text, sdps };
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
    cursor.blanks();
    if !cursor.rest.is_empty() {
        return None;
    }
    found.message()
}

/// Whether a key of the object, as a raw JSON string, satisfies `is_wanted`.
pub(super) fn has_key(object: &str, is_wanted: impl Fn(&str) -> bool) -> bool {
    let mut found = false;
    let mut cursor = Cursor {
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
struct Found<'a> {
    action: &'a str,
    info_hash: Option<&'a str>,
    peer_id: Option<&'a str>,
    offer_id: Option<&'a str>,
    offer: Option<Description<'a>>,
    answer: Option<Description<'a>>,
    complete: Option<u64>,
    incomplete: Option<u64>,
    files: Option<&'a str>,
    failure: Option<&'a str>,
}

/// An offer or answer object.
#[derive(Clone, Copy)]
struct Description<'a> {
    of: &'a str,
    sdp: &'a str,
}

impl<'a> Found<'a> {
    fn message(self) -> Option<Inbound<'a>> {
        if let Some(reason) = self.failure {
            return Some(Inbound::Failure { reason });
        }
        match (self.action, self.offer, self.answer) {
            ("\"scrape\"", None, None) => Some(Inbound::Scrape { files: self.files? }),
            ("\"announce\"", Some(description), None) if description.of == "\"offer\"" => {
                self.relay(Kind::Offer, description)
            }
            ("\"announce\"", None, Some(description)) if description.of == "\"answer\"" => {
                self.relay(Kind::Answer, description)
            }
            ("\"announce\"", None, None) => Some(Inbound::Reply {
                info_hash: self.info_hash?,
                members: self.complete?.checked_add(self.incomplete?)?,
            }),
            _ => None,
        }
    }

    fn relay(self, kind: Kind, description: Description<'a>) -> Option<Inbound<'a>> {
        Some(Inbound::Relay(Relay {
            kind,
            info_hash: self.info_hash?,
            peer_id: self.peer_id?,
            offer_id: self.offer_id?,
            sdp: description.sdp,
        }))
    }
}

struct Cursor<'a, 's> {
    rest: &'a str,
    sdps: &'s [&'s SdpText],
}

impl<'a> Cursor<'a, '_> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    /// Takes the next character, which must be `wanted`.
    fn expect(&mut self, wanted: char) -> Option<()> {
        self.blanks();
        self.rest = self.rest.strip_prefix(wanted)?;
        Some(())
    }

    fn comes(&mut self, wanted: char) -> bool {
        self.expect(wanted).is_some()
    }

    /// Takes an object; `on_key` receives each key and takes its value.
    fn object(&mut self, mut on_key: impl FnMut(&'a str, &mut Self) -> Option<()>) -> Option<()> {
        self.expect('{')?;
        if self.comes('}') {
            return Some(());
        }
        loop {
            let key = self.string()?;
            self.expect(':')?;
            on_key(key, self)?;
            if self.comes('}') {
                return Some(());
            }
            self.expect(',')?;
        }
    }

    /// Takes an object with `type` and `sdp`; ignores a value of another type, such as `null`.
    fn description(&mut self, into: &mut Option<Description<'a>>) -> Option<()> {
        self.blanks();
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
            .map(|(kind, sdp)| Description { of: kind, sdp });
        Some(())
    }

    fn take(&mut self, bytes: usize) -> Option<&'a str> {
        let (taken, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        Some(taken)
    }

    /// Takes a string, including its quotes.
    fn string(&mut self) -> Option<&'a str> {
        self.blanks();
        if !self.rest.starts_with('"') {
            return None;
        }
        if let Some(end) = self.sdps.iter().find_map(|sdp| sdp.end_in(self.rest)) {
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
        self.blanks();
        match self.rest.as_bytes().first()? {
            b'"' => self.string(),
            b'{' | b'[' => self.nested(),
            _ => {
                let end = self.rest.find([',', '}', ']', ' ', '\t', '\r', '\n']);
                self.take(end.unwrap_or(self.rest.len()))
                    .filter(|word| !word.is_empty())
            }
        }
    }

    fn nested(&mut self) -> Option<&'a str> {
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

    fn parsed(text: &str) -> Option<Inbound<'_>> {
        super::read(text, &[&SdpText::new(300)])
    }

    #[test]
    fn replies_are_read_in_any_order_with_anything_beside() {
        let reply = Some(Inbound::Reply {
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
    fn relays_are_read_with_their_sdp_as_it_is_written() {
        let (sdp, mut sent) = (SdpText::new(300), String::new());
        sdp.write(9, &mut sent);
        for sdp in [sent.as_str(), r#""a\"b\\""#] {
            for kind in [Kind::Offer, Kind::Answer] {
                let name = if kind == Kind::Offer {
                    "offer"
                } else {
                    "answer"
                };
                let text = format!(
                    r#"{{"action":"announce","{name}":{{"type":"{name}","sdp":{sdp}}},"offer_id":"ö","peer_id":"p","info_hash":"\u00e4"}}"#
                );
                let expected = Relay {
                    kind,
                    info_hash: r#""\u00e4""#,
                    peer_id: "\"p\"",
                    offer_id: "\"ö\"",
                    sdp,
                };
                assert_eq!(parsed(&text), Some(Inbound::Relay(expected)));
            }
        }
    }

    #[test]
    fn failures_and_scrapes_are_read() {
        let text = r#"{"failure reason":"no","action":"announce"}"#;
        assert_eq!(parsed(text), Some(Inbound::Failure { reason: "\"no\"" }));
        let text = r#"{"action":"scrape","files":{"a":{"complete":1}}}"#;
        assert_eq!(
            parsed(text),
            Some(Inbound::Scrape {
                files: r#"{"a":{"complete":1}}"#
            })
        );
    }

    #[test]
    fn what_no_tracker_sends_is_nothing() {
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
