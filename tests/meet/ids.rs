//! Numbers of clients, their sockets and peer connections within one simulation.

/// A client, by the order of its creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClientId(pub(crate) usize);

/// One WebSocket of a client: it gets a new one when it reconnects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Socket {
    pub(crate) client: ClientId,
    pub(crate) serial: u32,
}

/// One `RTCPeerConnection` of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PeerConnectionId(pub(crate) usize);

/// An offer that a client received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RelayId(pub(crate) usize);
