//! Who is behind a connection, as far as it is known when it opens.

use std::net::IpAddr;

/// Who opens a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Visitor {
    /// The true address of the client: IPv4 is never written as IPv6. `None` for who comes through a socket file and is
    /// introduced by no proxy.
    pub address: Option<IpAddr>,
    /// Whether a trusted proxy sent a header that names nobody. The address is that of the proxy then, which says nothing of
    /// the client: all such clients share the limits of one.
    pub is_unnamed: bool,
    /// The origin of the page that embeds the client, as the browser says it. Clients that are no browsers have none.
    pub origin: Option<Box<str>>,
    /// The number of the listener where it came in.
    pub listener: u16,
}

impl Visitor {
    /// The address of the client itself, where it is known.
    #[must_use]
    pub fn own_address(&self) -> Option<IpAddr> {
        self.address.filter(|_| !self.is_unnamed)
    }
}
