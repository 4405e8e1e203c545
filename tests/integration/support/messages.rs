//! Messages of WebSocket clients. Swarms, peers and offers have short names, which are padded to ids.

use serde_json::{Value, json};

/// Returns an id: `name` padded to twenty characters.
pub(crate) fn id(name: &str) -> String {
    format!("{name:-<20}")
}

/// Returns a text as hexadecimal digits.
pub(crate) fn hex(text: &str) -> String {
    let digits = text.bytes().map(|byte| format!("{byte:02x}"));
    digits.collect()
}

pub(crate) fn announce(swarm: &str, peer: &str) -> Value {
    json!({"action": "announce", "info_hash": id(swarm), "peer_id": id(peer)})
}

pub(crate) fn offer(name: &str, sdp: &str) -> Value {
    json!({"offer_id": id(name), "offer": {"type": "offer", "sdp": sdp}})
}

/// Returns the answer of a peer to a relayed offer, with the ids of that message.
pub(crate) fn answer(swarm: &str, peer: &str, relayed: &Value, sdp: &str) -> Value {
    let mut message = announce(swarm, peer);
    message["to_peer_id"] = relayed["peer_id"].clone();
    message["offer_id"] = relayed["offer_id"].clone();
    message["answer"] = json!({"type": "answer", "sdp": sdp});
    message
}
