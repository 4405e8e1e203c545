//! Makes requests to the core from messages. No JSON: only the SDP needs the parser, because nothing else can create one.

use swarmhub::protocol::{self, Announce, Answer, OfferId, Request, RequestBounds, Sdp};

use crate::meet::ids::PeerConnectionId;
use crate::meet::messages::{Identity, Offer, ToTracker};

/// Returns the request that a message is.
pub(crate) fn request<'a>(identity: Identity, message: &ToTracker, sdp: Sdp<'a>) -> Request<'a> {
    let info_hash = identity.info_hash;
    match message {
        ToTracker::Announce {
            event,
            left,
            offers,
        } => Request::Announce(Announce {
            info_hash,
            peer_id: identity.peer_id,
            event: *event,
            left: *left,
            offers: offers
                .iter()
                .map(|offer| protocol::Offer {
                    offer_id: offer.offer_id,
                    sdp,
                })
                .collect(),
            invalid_offers: 0,
            surplus_offers: 0,
        }),
        ToTracker::Answer { to, offer_id, .. } => Request::Answer(Answer {
            info_hash,
            to_peer_id: *to,
            offer_id: *offer_id,
            sdp,
        }),
    }
}

/// Returns the peer connection that a relay of this message describes.
pub(crate) fn sdp_of(message: &ToTracker, offer_id: OfferId) -> Option<PeerConnectionId> {
    match message {
        ToTracker::Announce { offers, .. } => {
            let is_meant = |offer: &&Offer| offer.offer_id == offer_id;
            offers.iter().find(is_meant).map(|offer| offer.sdp)
        }
        ToTracker::Answer { sdp, .. } => Some(*sdp),
    }
}

/// Returns an SDP, which only the parser can create. The tracker does not read it.
pub(crate) fn any_sdp() -> Sdp<'static> {
    const ANNOUNCE: &str = r#"{"action":"announce","info_hash":"aaaaaaaaaaaaaaaaaaaa","peer_id":"bbbbbbbbbbbbbbbbbbbb","offers":[{"offer_id":"cccccccccccccccccccc","offer":{"type":"offer","sdp":"v=0"}}]}"#;
    let bounds = RequestBounds {
        sdp_bytes_max: 100,
        json_depth_max: 10,
        offers_max: 1,
        scrape_hashes_max: 1,
    };
    match protocol::parse(ANNOUNCE, &bounds) {
        Ok(Request::Announce(announce)) => announce.offers[0].sdp,
        other => unreachable!("a valid announce was read as {other:?}"),
    }
}
