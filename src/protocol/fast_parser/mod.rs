//! Parses messages as clients usually write them, in one pass and at a fraction of the cost of the general parser.
//!
//! It either returns exactly the result that `serde_parser` would return, or gives up: at an error, and at legal JSON that no
//! client has a reason to send. It never refuses a message. Only `request` calls it.

use super::serde_parser::{IdField, MessageFields, SdpField};
use super::{Offer, OfferId, RequestBounds, Sdp};
use super::{binary_string, json_scan};

/// Parses a whole message into empty fields. Returns `None` when it gives up; the fields are then undefined.
pub(super) fn parse_fields<'a>(
    text: &'a str,
    bounds: &RequestBounds,
    fields: &mut MessageFields<'a>,
) -> Option<()> {
    let mut reader = FastParser {
        text,
        at: 0,
        bounds,
    };
    reader.object(|reader, key| {
        match key {
            b"action" => fields.action = Some(reader.scalar()?.json),
            b"info_hash" => fields.info_hash = Some(reader.id()?),
            b"peer_id" => fields.peer_id = Some(reader.id()?),
            b"event" => fields.event = Some(reader.scalar()?.json),
            b"left" => fields.left = Some(reader.scalar()?.json),
            b"numwant" => fields.numwant = Some(reader.scalar()?.json),
            b"to_peer_id" => fields.to_peer_id = Some(reader.id()?),
            b"offer_id" => fields.offer_id = Some(reader.id()?),
            b"offers" => reader.offers(fields)?,
            b"answer" => fields.answer = reader.description()?,
            b"subscribe" => fields.subscribe = Some(reader.scalar()?.json),
            _ => drop(reader.scalar()?),
        }
        Some(())
    })?;
    reader.peek().is_none().then_some(())
}

/// A position in the text of a message. Each of its functions returns `None` to give up.
struct FastParser<'a, 'b> {
    text: &'a str,
    at: usize,
    bounds: &'b RequestBounds,
}

/// A string, a number or a keyword, as the received text.
#[derive(Clone, Copy)]
struct JsonScalar<'a> {
    json: &'a str,
    /// Whether it is a string with a `\u` escape.
    has_unicode_escape: bool,
}

impl<'a> FastParser<'a, '_> {
    /// Returns the next byte that is not white space, without consuming it.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match *self.text.as_bytes().get(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    /// Reads an object. `value` must read the value of each key.
    #[inline]
    fn object(&mut self, value: impl FnMut(&mut Self, &'a [u8]) -> Option<()>) -> Option<()> {
        self.expect(b'{')?;
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        self.object_entries(value)
    }

    /// Reads an object, starting at its first key.
    #[inline]
    fn object_entries(
        &mut self,
        mut value: impl FnMut(&mut Self, &'a [u8]) -> Option<()>,
    ) -> Option<()> {
        loop {
            let key = self.key()?;
            self.expect(b':')?;
            value(self, key)?;
            match self.next()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Returns the text of a key between its quotes. No client has a reason to use escapes in one.
    #[inline]
    fn key(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let start = self.at;
        self.at = json_scan::plain_string_end(self.text.as_bytes(), start)?;
        self.text.as_bytes().get(start..self.at - 1)
    }

    #[inline]
    fn scalar(&mut self) -> Option<JsonScalar<'a>> {
        let first = self.peek()?;
        let start = self.at;
        let mut has_unicode_escape = false;
        match first {
            b'"' => has_unicode_escape = self.string()?,
            b'-' | b'0'..=b'9' => self.integer()?,
            b't' => self.keyword("true")?,
            b'f' => self.keyword("false")?,
            b'n' => self.keyword("null")?,
            _ => return None,
        }
        let json = self.text.get(start..self.at)?;
        Some(JsonScalar {
            json,
            has_unicode_escape,
        })
    }

    /// Skips a string. Returns whether it contains a `\u` escape.
    #[inline]
    fn string(&mut self) -> Option<bool> {
        let bytes = self.text.as_bytes();
        if let Some(end) = json_scan::plain_string_end(bytes, self.at + 1) {
            self.at = end;
            return Some(false);
        }
        let end = json_scan::string_end(bytes, self.at)?;
        self.at = end.at;
        Some(end.has_unicode_escape)
    }

    /// Skips a number without fraction and exponent. These would fail as an invalid byte after a value.
    fn integer(&mut self) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let digits = rest.strip_prefix(b"-").unwrap_or(rest);
        let count = match digits.first()? {
            b'0' => 1,
            b'1'..=b'9' => digits
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count(),
            _ => return None,
        };
        self.at += rest.len() - digits.len() + count;
        Some(())
    }

    fn keyword(&mut self, word: &str) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += word.len();
        rest.starts_with(word.as_bytes()).then_some(())
    }

    fn id(&mut self) -> Option<IdField<'a>> {
        self.peek()?;
        let rest = self.text.as_bytes().get(self.at..)?;
        let Some((bytes, length)) = binary_string::leading_bytes20(rest) else {
            return Some(IdField::Raw(self.scalar()?.json));
        };
        self.at += length;
        Some(IdField::Decoded(bytes))
    }

    fn offers(&mut self, fields: &mut MessageFields<'a>) -> Option<()> {
        fields.offers.clear();
        (fields.invalid_offers, fields.surplus_offers) = (0, 0);
        if self.peek()? != b'[' {
            // anacrolix/torrent writes null.
            return self.scalar().map(drop);
        }
        self.at += 1;
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            match self.offer()? {
                Some(offer) if fields.offers.len() < self.bounds.offers_max => {
                    fields.offers.push(offer);
                }
                Some(_) => fields.surplus_offers += 1,
                None => fields.invalid_offers += 1,
            }
            match self.next()? {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Reads one item of `offers`. The inner `None` means that it is invalid.
    #[expect(
        clippy::option_option,
        reason = "the outer `None` means that this parser gives up"
    )]
    fn offer(&mut self) -> Option<Option<Offer<'a>>> {
        let (mut offer_id, mut body) = (None, SdpField::Absent);
        self.object(|reader, key| {
            match key {
                b"offer_id" => offer_id = Some(reader.id()?),
                b"offer" => body = reader.description()?,
                _ => drop(reader.scalar()?),
            }
            Some(())
        })?;
        let offer_id = offer_id.and_then(|id: IdField<'_>| id.bytes().ok());
        Some(match (offer_id.map(OfferId::new), body) {
            (Some(offer_id), SdpField::Sdp(sdp)) => Some(Offer { offer_id, sdp }),
            _ => None,
        })
    }

    /// Reads the object in `offer` or `answer`.
    fn description(&mut self) -> Option<SdpField<'a>> {
        let mut description = SdpField::Unusable;
        let value = |reader: &mut Self, key: &[u8]| {
            let value = reader.scalar()?;
            if key == b"sdp" {
                let sdp = Sdp::check_scanned(
                    value.json,
                    value.has_unicode_escape,
                    reader.bounds.sdp_bytes_max,
                );
                description = sdp.map_or(SdpField::Unusable, SdpField::Sdp);
            }
            Some(())
        };
        self.peek()?;
        let rest = self.text.as_bytes().get(self.at..)?;
        // The usual beginning; `type` is ignored.
        let after_type = rest
            .strip_prefix(b"{\"type\":\"offer\",")
            .or_else(|| rest.strip_prefix(b"{\"type\":\"answer\","));
        match after_type {
            Some(after_type) => {
                self.at += rest.len() - after_type.len();
                self.object_entries(value)?;
            }
            None => self.object(value)?,
        }
        Some(description)
    }
}

#[cfg(test)]
mod tests;
