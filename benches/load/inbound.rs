//! What the server sends, taken apart strictly: any other key or type is a message that it should not send.

use serde::Deserialize;
use serde_json::value::RawValue;
use swarmhub::protocol::{InfoHash, OfferId, PeerId};

/// A message from the server.
pub enum Inbound<'a> {
    /// The reply to an announce.
    Reply {
        info_hash: InfoHash,
        complete: usize,
        incomplete: usize,
        interval: u32,
    },
    /// An offer or answer of another member, and its SDP as JSON text.
    Relay {
        kind: Kind,
        info_hash: InfoHash,
        peer_id: PeerId,
        offer_id: OfferId,
        sdp: &'a str,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Offer,
    Answer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<'a> {
    action: &'a str,
    #[serde(borrow)]
    info_hash: &'a RawValue,
    peer_id: Option<&'a RawValue>,
    offer_id: Option<&'a RawValue>,
    offer: Option<Body<'a>>,
    answer: Option<Body<'a>>,
    complete: Option<usize>,
    incomplete: Option<usize>,
    interval: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    r#type: &'a str,
    #[serde(borrow)]
    sdp: &'a RawValue,
}

impl<'a> Inbound<'a> {
    /// `None` if it is nothing that a tracker sends to a client that made no mistake.
    pub fn read(text: &'a str) -> Option<Self> {
        let fields: Fields<'a> = serde_json::from_str(text).ok()?;
        let info_hash = InfoHash::from_json(fields.info_hash.get()).ok()?;
        if fields.action != "announce" {
            return None;
        }
        let (kind, body) = match fields {
            Fields {
                peer_id: None,
                offer_id: None,
                offer: None,
                answer: None,
                ..
            } => {
                return Some(Self::Reply {
                    info_hash,
                    complete: fields.complete?,
                    incomplete: fields.incomplete?,
                    interval: fields.interval?,
                });
            }
            Fields {
                offer: Some(body),
                answer: None,
                complete: None,
                interval: None,
                ..
            } if body.r#type == "offer" => (Kind::Offer, body),
            Fields {
                offer: None,
                answer: Some(body),
                complete: None,
                interval: None,
                ..
            } if body.r#type == "answer" => (Kind::Answer, body),
            _ => return None,
        };
        Some(Self::Relay {
            kind,
            info_hash,
            peer_id: PeerId::from_json(fields.peer_id?.get()).ok()?,
            offer_id: OfferId::from_json(fields.offer_id?.get()).ok()?,
            sdp: body.sdp.get(),
        })
    }
}
