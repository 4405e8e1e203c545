//! The other wire format: announces and scrapes over HTTP (BEP 3, 7, 23, 24, 31, 48), as programs send them that are no
//! browsers.
//!
//! Reads queries and builds bencoded replies from checked parts. Knows no socket, no state and no time; the hub calls it.

mod failure;
mod ports;
mod query;
mod reply;
mod target;

use core::net::IpAddr;
use std::num::NonZeroU16;

use super::PeerId;

pub use failure::{Failure, Retry};
pub use ports::is_refused;
pub use query::{Announce, ClientKey, Form, read_announce, read_scrape};
pub use reply::{Reply, SCRAPE_FRAME, Terms, announce_reply, failure, scrape_file, scrape_reply};
pub use target::{Target, Which};

/// Where a peer takes connections, in the form in which it is told to others: its address and port, high bytes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// IPv4.
    V4([u8; 6]),
    /// IPv6.
    V6([u8; 18]),
}

impl Endpoint {
    /// An IPv4 address that is written as IPv6 counts as what it is.
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

    /// The address.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        match *self {
            Self::V4([address @ .., _, _]) => address.into(),
            Self::V6([address @ .., _, _]) => address.into(),
        }
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        match *self {
            Self::V4([.., high, low]) | Self::V6([.., high, low]) => {
                u16::from_be_bytes([high, low])
            }
        }
    }
}

/// Peers that somebody is told of, each kind of address apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peers {
    /// Those with an IPv4 address.
    pub v4: Vec<([u8; 6], PeerId)>,
    /// Those with an IPv6 address.
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
