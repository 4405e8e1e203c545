//! What the worker hands over for each accepted connection, and what it gets back.

use std::net::IpAddr;
use std::time::Duration;

use crate::config::ListenerRole;
use crate::limits::RefusalMessageClaim;
use crate::node::{ClientInfo, ConnectionAdmission, ConnectionPermit};
use crate::protocol::PageRefusal;

/// The settings `connection.handshake_timeout`, `connection.http_timeout` and `connection.stuck_after`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HttpTimeouts {
    /// Limit for reading the head of a request.
    pub(crate) read_head: Duration,
    /// Limit for the whole connection, unless it becomes a WebSocket.
    pub(crate) connection: Duration,
    /// Limit until the client takes the next byte of a response.
    pub(crate) send_blocked: Duration,
}

/// The client of a connection according to its PROXY header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProxyHeaderClient {
    /// There was no header, or it described the proxy itself.
    Absent,
    /// The header named the client.
    Named,
    /// The header carried an address that its sender cannot know to be the client's.
    Unknown,
}

/// An accepted connection and the facts that its listener supplies.
#[derive(Debug)]
pub(crate) struct AcceptedConnection<S, H> {
    pub(crate) stream: S,
    /// The peer address, or the address in its PROXY header; `None` for a Unix socket.
    pub(crate) peer: Option<IpAddr>,
    /// The address of this machine that the client connected to; `None` for a Unix socket.
    pub(crate) local: Option<IpAddr>,
    /// The client according to the PROXY header.
    pub(crate) proxy_header: ProxyHeaderClient,
    /// What its listener serves.
    pub(crate) role: ListenerRole,
    /// The index of its listener.
    pub(crate) listener: u16,
    /// Whether it uses TLS.
    pub(crate) is_tls: bool,
    /// Whether it is served only briefly, because there is no room or its client is banned: requests are answered, but
    /// it cannot become a WebSocket.
    pub(crate) is_brief: bool,
    /// Its admission, which was asked at its accept.
    pub(crate) admission: ConnectionAdmission,
    /// Dropped when its first request has been read completely.
    pub(crate) handshake_guard: H,
}

impl<S, H> AcceptedConnection<S, H> {
    /// Takes the stream out, to be replaced [`with_stream`](AcceptedConnection::with_stream) by one that encrypts it.
    pub(crate) fn take_stream(self) -> (S, AcceptedConnection<(), H>) {
        self.replace_stream(())
    }

    /// Returns the connection with another stream.
    pub(crate) fn with_stream<T>(self, stream: T) -> AcceptedConnection<T, H> {
        self.replace_stream(stream).1
    }

    /// Returns the former stream, and the connection with the new one.
    fn replace_stream<T>(self, stream: T) -> (S, AcceptedConnection<T, H>) {
        let connection = AcceptedConnection {
            stream,
            peer: self.peer,
            local: self.local,
            proxy_header: self.proxy_header,
            role: self.role,
            listener: self.listener,
            is_tls: self.is_tls,
            is_brief: self.is_brief,
            admission: self.admission,
            handshake_guard: self.handshake_guard,
        };
        (self.stream, connection)
    }
}

/// A connection that has become a WebSocket.
#[derive(Debug)]
pub(crate) struct Upgraded<S> {
    /// The connection.
    pub(crate) stream: S,
    /// Bytes that were read after the request.
    pub(crate) read_ahead: Vec<u8>,
    /// The client that requested the upgrade.
    pub(crate) client_info: ClientInfo,
    /// Counts the connection; its client is that of `client_info`.
    pub(crate) permit: ConnectionPermit,
    /// Set if it is not to be served: its page is only told why.
    pub(crate) refusal: Option<RefusedPage>,
}

/// Why a page is refused, and the claim for the message that tells it.
#[derive(Debug)]
pub(crate) struct RefusedPage {
    pub(crate) reason: PageRefusal,
    /// Dropped when the connection ends.
    pub(crate) claim: RefusalMessageClaim,
}
