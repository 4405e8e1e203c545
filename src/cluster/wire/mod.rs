//! Defines what nodes send to each other: heartbeats, and batches of entries. Fixed little-endian layout, raw bytes.
//!
//! Everything is read as hostile input: each count has a bound, nothing is allocated beyond the received bytes, and no
//! input panics. A heartbeat or batch names the oldest version that can read it. Entries of unknown type are skipped, and
//! so are bytes after the known fields of an entry, so that neighbouring versions work together.

mod batch;
mod entry;
mod heartbeat;
mod list;
mod reader;

#[cfg(test)]
mod tests;

pub use batch::{BATCH_HEADER_BYTES, Batch, BatchHeader, Class, Entries, MessageSecret};
pub use entry::{Entry, OfferFlags, RegisterFlags};
pub use heartbeat::{HeartbeatMessage, LinkReport, NodeTotals};
pub use list::{HttpPeer, List, NodeRow, WireItem, WireOffer};

/// The version of this format.
pub const VERSION: u8 = 1;

/// Most nodes of a cluster, thus most rows of a vector.
pub const NODES_MAX: usize = 256;

/// Most offers of one entry: `limits.offers_per_announce_max` is at most as high.
pub const OFFERS_PER_ENTRY_MAX: usize = 1000;

/// Most peers in one list of HTTP peers.
pub const HTTP_PEERS_PER_ENTRY_MAX: usize = 512;

/// Most bytes of one heartbeat or batch: the default limit of the engine.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Why a message is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMessage {
    /// It is too long, too short, or not of this format.
    #[error("malformed message of another node")]
    Malformed,
    /// It says that this version cannot read it.
    #[error("message of a newer version")]
    Version,
    /// There is a secret, and its signature is missing or wrong.
    #[error("message without a valid signature")]
    Signature,
}
