//! Helps two browsers to find a way to each other (ICE): the STUN server, the TURN relay, and what `/ice` publishes about them.
//!
//! Everything here is synchronous and without I/O: times, addresses and datagrams are arguments. A thread of its own
//! (`worker/ice_thread`) owns the UDP sockets; the HTTP module serves `/ice`.

mod binding;
mod credentials;
mod message;
mod relay;
mod stun_reachability;
mod stun_url;
mod turn_url;

pub use binding::{NoResponse, answer_binding};
pub use credentials::{Credentials, REALM, Username};
pub use message::{IntegrityKey, RequestWriter, write_send_indication};
pub use relay::{
    ByteRate, ClientTransport, FiveTuple, Ignored, PacketKind, RelayDrop, RelayPolicy,
    RelayedPacket, RequestContext, STREAM_PACKET_BYTES_MAX, StreamPacket, TurnOutcome, TurnRefusal,
    TurnRelay,
};
pub use stun_reachability::{StunReachability, StunStatus};
pub(crate) use stun_url::{StunRequester, stun_urls};
pub(crate) use turn_url::{ProxyKind, TurnRequester, stream_turn_url};

/// Bytes of the longest response of the STUN server: a header, an IPv6 address and a fingerprint.
pub const STUN_RESPONSE_BYTES_MAX: usize = 20 + 24 + 8;
