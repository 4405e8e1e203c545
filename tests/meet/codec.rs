//! Writes and reads the messages of clients as JSON, for trackers behind sockets. An SDP contains the number of the peer connection that it
//! describes.

use std::time::Duration;

use serde_json::{Value, json};
use swarmhub::protocol::{Event, Left, OfferId, PeerId};

use crate::meet::ids::PeerConnectionId;
use crate::meet::messages::{FromTracker, Identity, Offer, Relayed, ToTracker};

/// What a torrent of 16 MiB has left at the beginning.
const BYTES_LEFT: u32 = 16 << 20;

/// Returns the text of a message.
pub(crate) fn encode(identity: &Identity, message: &ToTracker) -> String {
    let mut text = json!({
        "action": "announce",
        "info_hash": text(identity.info_hash.as_bytes()),
        "peer_id": text(identity.peer_id.as_bytes()),
    });
    match message {
        ToTracker::Announce {
            event,
            left,
            offers,
        } => {
            text["numwant"] = offers.len().into();
            text["offers"] = offers.iter().map(offer).collect();
            match left {
                Left::Nothing => text["left"] = 0.into(),
                Left::Something => text["left"] = BYTES_LEFT.into(),
                Left::Unknown => {}
            }
            match event {
                Event::Started => text["event"] = "started".into(),
                Event::Completed => text["event"] = "completed".into(),
                Event::Stopped | Event::Paused | Event::Update => {}
            }
        }
        ToTracker::Answer { to, offer_id, sdp } => {
            text["to_peer_id"] = self::text(to.as_bytes()).into();
            text["offer_id"] = self::text(offer_id.as_bytes()).into();
            text["answer"] = description("answer", *sdp);
        }
    }
    text.to_string()
}

/// Reads a message. `None` if it concerns no client.
pub(crate) fn decode(text: &str) -> Option<FromTracker> {
    let message: Value = serde_json::from_str(text).ok()?;
    if !message["failure reason"].is_null() {
        return Some(FromTracker::Failure);
    }
    let relayed = |kind: &str| {
        let sdp = message[kind]["sdp"].as_str()?;
        Some(Relayed {
            from: PeerId::from_json(&message["peer_id"].to_string()).ok()?,
            offer_id: OfferId::from_json(&message["offer_id"].to_string()).ok()?,
            sdp: PeerConnectionId(sdp.parse().ok()?),
        })
    };
    let reply = || {
        let interval = Duration::from_secs(message["interval"].as_u64()?);
        Some(FromTracker::Reply { interval })
    };
    let offer = relayed("offer").map(FromTracker::Offer);
    offer
        .or_else(|| relayed("answer").map(FromTracker::Answer))
        .or_else(reply)
}

fn offer(offer: &Offer) -> Value {
    json!({
        "offer_id": text(offer.offer_id.as_bytes()),
        "offer": description("offer", offer.sdp),
    })
}

fn description(kind: &str, sdp: PeerConnectionId) -> Value {
    json!({ "type": kind, "sdp": sdp.0.to_string() })
}

/// Returns an identifier as text: all are letters, digits and hyphens.
fn text(bytes: &[u8; 20]) -> String {
    bytes.iter().copied().map(char::from).collect()
}
