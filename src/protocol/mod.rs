//! Defines the wire format: the requests of clients and the messages to them.
//!
//! Turns the text of one WebSocket message into a checked [`Request`] that borrows from it, and builds every outgoing
//! message from checked parts. Uses no socket, no state and no time. The tracker and the hub call it.

mod binary_string;
mod failure;
mod fast_parser;
pub mod http;
mod ids;
mod json;
mod json_scan;
mod page_refusal;
mod request;
mod response;
mod serde_parser;

pub use failure::{Failure, Refusal, RefusalSubject};
pub use ids::{AddressFamily, ConnectionId, InfoHash, InvalidId, OfferId, PeerId};
pub use json::Sdp;
pub use page_refusal::{PageRefusal, write_page_refusal};
pub use request::{
    Announce, Answer, Event, Left, Offer, Request, RequestBounds, Scrape, parse, parse_with_serde,
};
pub use response::{
    Counts, REPLY_BYTES, relay_bytes, scrape_bytes, write_announce_reply, write_failure,
    write_relayed_answer, write_relayed_offer, write_scrape_reply,
};
