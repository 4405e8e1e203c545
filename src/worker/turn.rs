//! Tells TURN from HTTP and TLS by the first byte of a connection, and passes TURN connections to the thread of the relay.

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::RunningWorker;
use super::accept::Accepted;
use super::ice_thread::TurnConnection;
use crate::http::ProxyHeaderClient;
use crate::net::FirstByte;
use crate::node::ClientInfo;

/// The first byte of each TURN request (RFC 8489, section 5, and the methods of RFC 8656). HTTP begins with a letter, TLS
/// with 0x16.
const TURN_FIRST_BYTE: u8 = 0;

/// What a connection turned out to be.
pub(super) enum Content {
    /// HTTP, TLS, or an end.
    Other,
    Turn,
    /// Its client sent nothing in time.
    Nothing,
}

impl RunningWorker {
    /// Looks at the first byte of a connection if it `may_be_turn`. TURN may also begin where TLS would: browsers refuse a
    /// self-signed certificate for TURN, and Firefox a `turns:` URL with an IP address.
    pub(super) async fn content_of<S: FirstByte>(
        &self,
        stream: &mut S,
        may_be_turn: bool,
    ) -> Content {
        if may_be_turn && S::CAN_DETACH {
            // Boxed, so that other connections do not carry its state.
            Box::pin(self.read_content(stream)).await
        } else {
            Content::Other
        }
    }

    /// Returns whether a connection may be one to the TURN relay: it is on, and limits can count the client.
    pub(super) fn may_be_turn<S>(&self, accepted: &Accepted<S>) -> bool {
        let serves_clients = accepted.role.has_tracker() || accepted.role.has_pages();
        self.setup.turn_connections.is_some()
            && serves_clients
            && !accepted.is_brief
            && accepted.peer.is_some()
            && accepted.proxy_header != ProxyHeaderClient::Unknown
    }

    async fn read_content(&self, stream: &mut impl FirstByte) -> Content {
        let longest = self.setup.node.settings().accept.handshake_timeout;
        let first = tokio::select! {
            first = timeout(longest, stream.first_byte()) => first,
            () = self.setup.control.drain.cancelled() => return Content::Other,
        };
        match first {
            Ok(Ok(Some(TURN_FIRST_BYTE))) => Content::Turn,
            // Reading finds the end or the error again.
            Ok(_) => Content::Other,
            Err(_) => {
                self.hub.counters().handshakes_failed.add(1);
                Content::Nothing
            }
        }
    }

    /// Passes a connection to the relay, and counts it until it ends.
    pub(super) async fn pass_to_relay<S: FirstByte>(&self, accepted: Accepted<S>) {
        let Some((relay, client)) = self.setup.turn_connections.as_ref().zip(accepted.peer) else {
            return;
        };
        let (stream, mut accepted) = accepted.take_stream();
        let client_info = ClientInfo {
            address: accepted.admission.identify(Some(client), false),
            origin: None,
            listener: accepted.listener,
        };
        if accepted.admission.admit_connection(&client_info).is_err() {
            return;
        }
        let Ok(stream) = stream.detach() else { return };
        let (open, ended) = oneshot::channel();
        let connection = TurnConnection {
            stream,
            client,
            open,
        };
        // It waits while the thread of the relay is busy. An error means that the thread has ended.
        if relay.send(connection).await.is_err() {
            return;
        }
        drop(accepted.handshake_guard.take());
        // Nothing is sent: the relay drops its end with the connection.
        let _ = ended.await;
    }
}
