//! Defines the wire format of announces and scrapes over HTTP (BEP 3, 7, 23, 24, 31, 48), as sent by non-browser
//! clients.
//!
//! Reads queries and builds bencoded replies from checked parts. Uses no socket, no state and no time.
//! `http/http_tracker` and `tracker` call it.

mod failure;
mod ports;
mod query;
mod reply;
mod target;

use core::net::IpAddr;
use std::num::NonZeroU16;

use super::PeerId;

pub use failure::{HttpFailure, Retry};
pub use ports::is_port_blocked;
pub use query::{ClientKey, HttpAnnounce, PeerListFormat, parse_announce, parse_scrape};
pub use reply::{
    HttpAnnounceReply, HttpIntervals, SCRAPE_ENVELOPE, announce_reply, failure_reply, scrape_reply,
    write_scrape_entry,
};
pub use target::{HttpRequestKind, RequestTarget};

/// The address and port where a peer accepts connections, in the form sent to other peers: high bytes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// IPv4.
    V4([u8; 6]),
    /// IPv6.
    V6([u8; 18]),
}

impl Endpoint {
    /// Creates an endpoint. An IPv4-mapped IPv6 address counts as IPv4.
    #[must_use]
    pub fn new(address: IpAddr, port: NonZeroU16) -> Self {
        let [high, low] = port.get().to_be_bytes();
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                Self::V4([a, b, c, d, high, low])
            }
            IpAddr::V6(address) => {
                let mut bytes = [0; 18];
                let all = address.octets().into_iter().chain([high, low]);
                bytes.iter_mut().zip(all).for_each(|(to, byte)| *to = byte);
                Self::V6(bytes)
            }
        }
    }

    /// Returns the address.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        match *self {
            Self::V4([address @ .., _, _]) => address.into(),
            Self::V6([address @ .., _, _]) => address.into(),
        }
    }

    /// Returns the port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        match *self {
            Self::V4([.., high, low]) | Self::V6([.., high, low]) => {
                u16::from_be_bytes([high, low])
            }
        }
    }
}

/// The peers in a reply, separated by address family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peers {
    /// Peers with an IPv4 address.
    pub v4: Vec<([u8; 6], PeerId)>,
    /// Peers with an IPv6 address.
    pub v6: Vec<([u8; 18], PeerId)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_gives_back_address_and_port() {
        for (address, length) in [
            ("192.0.2.1", 6),
            ("2001:db8::1", 18),
            ("::ffff:192.0.2.1", 6),
        ] {
            let ip: IpAddr = address.parse().expect("an address");
            let endpoint = Endpoint::new(ip, NonZeroU16::new(0x1a2b).expect("a port"));
            let bytes = match endpoint {
                Endpoint::V4(bytes) => bytes.to_vec(),
                Endpoint::V6(bytes) => bytes.to_vec(),
            };
            assert_eq!(bytes.len(), length, "{address}");
            assert!(bytes.ends_with(&[0x1a, 0x2b]));
            assert_eq!(
                (endpoint.address(), endpoint.port()),
                (ip.to_canonical(), 0x1a2b)
            );
        }
    }
}
