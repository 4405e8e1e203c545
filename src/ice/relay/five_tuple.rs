//! The name of a client: the transport and both addresses of its way to this server (RFC 8656, section 3).

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

/// The transport between a client and this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientTransport {
    /// Each datagram holds one packet.
    Udp,
    /// TCP or TLS, with a number that no other stream of this process has had. Packets are padded to four bytes.
    Stream(u64),
}

/// A client's transport and addresses. The same address must always come in the same form: an IPv4 address in IPv6 is
/// another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FiveTuple {
    /// The transport, with the number of a stream.
    pub transport: ClientTransport,
    /// The address from which the client is heard.
    pub client: SocketAddr,
    /// The address of this server that the client asked, and from which it must be answered.
    pub server: SocketAddr,
}

impl FiveTuple {
    /// Returns the number of the stream; `None` for UDP.
    #[must_use]
    pub const fn stream_number(&self) -> Option<u64> {
        match self.transport {
            ClientTransport::Udp => None,
            ClientTransport::Stream(number) => Some(number),
        }
    }
}

/// Hashes all bytes at once: field by field, the hash would be half of the work for a relayed packet.
impl Hash for FiveTuple {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let stream = match self.transport {
            ClientTransport::Udp => u64::MAX,
            ClientTransport::Stream(number) => number,
        };
        let octets = |address: &SocketAddr| match address.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
            IpAddr::V6(ip) => ip.octets(),
        };
        let words = [
            u128::from_ne_bytes(octets(&self.client)),
            u128::from_ne_bytes(octets(&self.server)),
            u128::from(stream) << 32
                | u128::from(self.client.port()) << 16
                | u128::from(self.server.port()),
        ];
        u128::hash_slice(&words, state);
    }
}
