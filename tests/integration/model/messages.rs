//! Writes the messages of the operations as clients do.

use std::fmt::Write;

use swarmhub::protocol::{InfoHash, OfferId, PeerId};

use super::operation::{Left, Numwant, OfferItem};

/// The two ways in which clients encode an id in JSON.
#[derive(Clone, Copy)]
pub(super) struct IdEncoding {
    /// Every character as an escape.
    pub(super) escaped: bool,
}

impl IdEncoding {
    fn id(self, bytes: &[u8; 20]) -> String {
        let mut text = String::from('"');
        for &byte in bytes {
            if self.escaped || byte < 0x20 || byte == b'"' || byte == b'\\' {
                // Writing to a string does not fail.
                let _ = write!(text, "\\u{byte:04X}");
            } else {
                text.push(char::from(byte));
            }
        }
        text.push('"');
        text
    }

    pub(super) fn announce(
        self,
        (info_hash, peer_id): (InfoHash, PeerId),
        (event, left, (numwant, _)): (Option<&str>, Left, Numwant),
        offers: &[(OfferItem, String)],
    ) -> String {
        let mut text = format!(
            r#"{{"action":"announce","info_hash":{},"peer_id":{}"#,
            self.id(info_hash.as_bytes()),
            self.id(peer_id.as_bytes())
        );
        for (key, value) in [("event", event), ("left", left.0), ("numwant", numwant)] {
            if let Some(value) = value {
                let _ = write!(text, r#","{key}":{value}"#);
            }
        }
        let items: Vec<_> = offers
            .iter()
            .map(|(offer, sdp)| match offer {
                OfferItem::Invalid(bad) => (*bad).to_owned(),
                OfferItem::Valid(offer_id) => format!(
                    r#"{{"offer_id":{},"offer":{{"type":"offer","sdp":{sdp}}}}}"#,
                    self.id(offer_id.as_bytes())
                ),
            })
            .collect();
        let _ = write!(text, r#","offers":[{}]}}"#, items.join(","));
        text
    }

    pub(super) fn answer(
        self,
        (info_hash, peer_id): (InfoHash, PeerId),
        to_peer_id: PeerId,
        offer_id: OfferId,
        sdp: &str,
    ) -> String {
        format!(
            r#"{{"action":"announce","info_hash":{},"peer_id":{},"to_peer_id":{},"offer_id":{},"answer":{{"type":"answer","sdp":{sdp}}}}}"#,
            self.id(info_hash.as_bytes()),
            self.id(peer_id.as_bytes()),
            self.id(to_peer_id.as_bytes()),
            self.id(offer_id.as_bytes())
        )
    }

    pub(super) fn scrape(self, hashes: Option<&[Option<InfoHash>]>) -> String {
        let Some(hashes) = hashes else {
            return r#"{"action":"scrape"}"#.to_owned();
        };
        let items: Vec<_> = hashes
            .iter()
            .map(|hash| {
                hash.map_or_else(|| "\"no hash\"".to_owned(), |hash| self.id(hash.as_bytes()))
            })
            .collect();
        format!(r#"{{"action":"scrape","info_hash":[{}]}}"#, items.join(","))
    }
}
