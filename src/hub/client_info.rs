//! Describes the client of a new connection.

use std::net::IpAddr;

/// The client of a connection, as far as it is known at its open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientInfo {
    /// The true address of the client; IPv4 is never written as IPv6. `None` for a Unix socket without an address from
    /// a proxy.
    pub address: Option<IpAddr>,
    /// Whether a trusted proxy sent a header without a client address. Then `address` is that of the proxy, and all
    /// such clients share the limits of one.
    pub is_unidentified: bool,
    /// The origin of the page that embeds the client, from the browser. Non-browser clients have none.
    pub origin: Option<Box<str>>,
    /// The number of the listener that accepted it.
    pub listener: u16,
}

impl ClientInfo {
    /// Returns the address of the client itself, if known.
    #[must_use]
    pub fn client_address(&self) -> Option<IpAddr> {
        self.address.filter(|_| !self.is_unidentified)
    }
}
