//! What a trystero page knows about another one.

use crate::meet::ids::PeerConnectionId;

/// Another page.
#[derive(Debug, Default)]
pub(super) struct Peer {
    pub(super) connected: Option<PeerConnectionId>,
    pub(super) answering: Option<Answering>,
    /// Own offers that it has answered, and that are not connected yet.
    pub(super) offering: Vec<PeerConnectionId>,
}

impl Peer {
    /// Returns whether a connection that is being opened leads to it.
    pub(super) fn has_attempt(&self, connection: PeerConnectionId) -> bool {
        self.answering == Some(Answering::Connection(connection))
            || self.offering.contains(&connection)
    }

    /// Removes a connection that has ended.
    pub(super) fn forget(&mut self, connection: PeerConnectionId) {
        self.offering.retain(|offering| *offering != connection);
        if self.answering == Some(Answering::Connection(connection)) {
            self.answering = None;
        }
        if self.connected == Some(connection) {
            self.connected = None;
        }
    }
}

/// Why further offers of a peer are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answering {
    /// Its offer was answered.
    Connection(PeerConnectionId),
    /// Its offer could not be read.
    BrokenOffer,
}
