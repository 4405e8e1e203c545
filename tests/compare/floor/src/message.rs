//! Parses the messages of `swarmhub load` by the position of their fields, without parsing JSON. Texts of another form
//! are rejected.
//!
//! An answer begins with `{"action":"announce","info_hash":"…","peer_id":"…"`. An announce has the same after a few
//! numbers, and relayed messages begin with it: that part is copied unchanged. Identifiers are compared as JSON text.

use memchr::memmem::Finder;

const ACTION: &[u8] = br#""action":"ann"#;
const ANNOUNCE: &[u8] = br#""action":"announce","info_hash":""#;
const PEER_ID: &[u8] = br#"","peer_id":""#;
const TO_PEER_ID: &[u8] = br#","to_peer_id":""#;
const OFFERS: &[u8] = br#""offers":["#;
const SEEDER: &[u8] = br#""left":0"#;
const STOPPED: &[u8] = br#""event":"stopped""#;
const OFFER: &[u8] = br#"},{"offer"#;
/// Maximum length of an announce without its offers.
const FIELDS_BYTES_MAX: usize = 256;
const ID_BYTES: usize = 20;

/// A `peer_id`; those of the load generator need no escapes.
pub type PeerId = [u8; ID_BYTES];

pub struct Message<'a> {
    /// From `"action"` to the end of `peer_id`.
    pub head: &'a [u8],
    pub info_hash: &'a [u8],
    pub peer_id: PeerId,
    pub kind: Kind<'a>,
}

pub enum Kind<'a> {
    Announce {
        seeder: bool,
        stopped: bool,
        offers: &'a [u8],
    },
    Answer {
        to: PeerId,
        /// From the comma before `offer_id` to the end.
        tail: &'a [u8],
    },
}

/// The parser; stores the searchers of the fields, which cost more to create than to use.
pub struct Reader {
    action: Finder<'static>,
    peer_id: Finder<'static>,
    offers: Finder<'static>,
    seeder: Finder<'static>,
    stopped: Finder<'static>,
    offer: Finder<'static>,
}

impl Reader {
    pub fn new() -> Self {
        Self {
            action: Finder::new(ACTION),
            peer_id: Finder::new(PEER_ID),
            offers: Finder::new(OFFERS),
            seeder: Finder::new(SEEDER),
            stopped: Finder::new(STOPPED),
            offer: Finder::new(OFFER),
        }
    }

    pub fn read<'a>(&self, text: &'a [u8]) -> Option<Message<'a>> {
        let begin = self.action.find(beginning(text))?;
        let rest = text[begin..].strip_prefix(ANNOUNCE)?;
        let info_hash = &rest[..self.peer_id.find(beginning(rest))?];
        let rest = &rest[info_hash.len() + PEER_ID.len()..];
        let peer_id = *rest.first_chunk()?;
        let rest = rest[ID_BYTES..].strip_prefix(b"\"")?;
        let kind = match rest.strip_prefix(TO_PEER_ID) {
            Some(rest) => Kind::Answer {
                to: *rest.first_chunk()?,
                tail: rest[ID_BYTES..].strip_prefix(b"\"")?,
            },
            None => self.announce(text, rest),
        };
        Some(Message {
            head: &text[begin..text.len() - rest.len()],
            info_hash,
            peer_id,
            kind,
        })
    }

    fn announce<'a>(&self, text: &'a [u8], rest: &'a [u8]) -> Kind<'a> {
        let offers = self.offers.find(beginning(rest));
        let offers = offers.map(|place| &rest[place + OFFERS.len()..]);
        let fields = &text[..text.len() - offers.map_or(0, <[u8]>::len)];
        Kind::Announce {
            seeder: self.seeder.find(fields).is_some(),
            stopped: self.stopped.find(fields).is_some(),
            offers: offers.unwrap_or_default(),
        }
    }

    /// Removes and returns the next offer of an announce without its first brace: the end of the relayed message.
    pub fn next_offer<'a>(&self, offers: &mut &'a [u8]) -> Option<&'a [u8]> {
        let rest = offers.strip_prefix(b"{")?;
        if let Some(end) = self.offer.find(rest) {
            *offers = &rest[end + 2..];
            return Some(&rest[..=end]);
        }
        *offers = b"";
        rest.strip_suffix(b"]}")
    }
}

fn beginning(text: &[u8]) -> &[u8] {
    text.get(..FIELDS_BYTES_MAX).unwrap_or(text)
}
