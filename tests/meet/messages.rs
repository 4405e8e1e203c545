//! Messages between clients and the tracker, without their encoding. Instead of an SDP they contain the number of the
//! peer connection that it describes.

use std::net::Ipv4Addr;
use std::time::Duration;

use swarmhub::protocol::{Event, InfoHash, Left, OfferId, PeerId};

use crate::meet::ids::PeerConnectionId;

/// The sender of the messages of a socket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) info_hash: InfoHash,
    pub(crate) peer_id: PeerId,
    pub(crate) address: Ipv4Addr,
}

/// A message from a client.
#[derive(Debug, Clone)]
pub(crate) enum ToTracker {
    Announce {
        event: Event,
        left: Left,
        offers: Vec<Offer>,
    },
    Answer {
        to: PeerId,
        offer_id: OfferId,
        sdp: PeerConnectionId,
    },
}

/// An offer of an announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) offer_id: OfferId,
    pub(crate) sdp: PeerConnectionId,
}

/// A message to a client.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FromTracker {
    /// The reply to an announce.
    Reply {
        interval: Duration,
    },
    /// The tracker refuses a request. No client of a scenario should see one.
    Failure,
    Offer(Relayed),
    Answer(Relayed),
}

/// A relayed offer or answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Relayed {
    pub(crate) from: PeerId,
    pub(crate) offer_id: OfferId,
    pub(crate) sdp: PeerConnectionId,
}
