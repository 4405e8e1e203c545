//! How the messages of clients reach a tracker, and what comes back.

use std::time::Duration;

use crate::meet::ids::Socket;
use crate::meet::messages::{FromTracker, Identity, ToTracker};

/// How sockets and messages reach a tracker.
pub(crate) trait Wire {
    /// Opens a socket.
    fn open(&mut self, socket: Socket, identity: Identity);

    /// Sends a message of a client.
    fn send(&mut self, socket: Socket, message: &ToTracker, now: Duration);

    /// Closes a socket.
    fn close(&mut self, socket: Socket);

    /// Called once in a second of virtual time.
    fn tick(&mut self, _now: Duration) {}

    /// Returns the next thing that has come from the tracker.
    fn receive(&mut self) -> Option<(Socket, Incoming)>;
}

/// What comes from the tracker.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Incoming {
    /// The socket is open.
    Opened,
    /// A message has left the tracker.
    Message(FromTracker),
}
