//! Defines the wire format: the requests of clients and the messages to them.
//!
//! Turns the text of one WebSocket message into a checked [`Request`] that borrows from it, and builds every outgoing
//! message from checked parts. Uses no socket, no state and no time. The tracker and the hub call it.

mod failure;
mod fields;
pub mod http;
mod ids;
mod json;
mod quick;
mod request;
mod response;
mod spelling;
mod strings;

pub use failure::{About, Failure, Refusal};
pub use ids::{AddressFamily, ConnectionId, InfoHash, InvalidId, OfferId, PeerId};
pub use json::Sdp;
pub use request::{
    Announce, Answer, Bounds, Event, Left, Offer, Request, Scrape, parse, parse_generally,
};
pub use response::{
    Counts, REPLY_BYTES, announce_reply, failure, relay_bytes, relayed_answer, relayed_offer,
    scrape_bytes, scrape_reply,
};
