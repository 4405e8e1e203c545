//! Names the network of a client, which is all that is stored of its address for the operator.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::protocol::AddressFamily;

/// The IPv4 /24 or IPv6 /48 network of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetworkPrefix {
    family: AddressFamily,
    bytes: [u8; 6],
}

impl NetworkPrefix {
    /// Returns the network of an address.
    #[must_use]
    pub fn of_address(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => {
                Self::from_prefix(AddressFamily::Ipv4, &address.octets(), 3)
            }
            Some(IpAddr::V6(address)) => {
                Self::from_prefix(AddressFamily::Ipv6, &address.octets(), 6)
            }
            None => Self::default(),
        }
    }

    /// Stores the first `length` bytes of an address, at most six.
    fn from_prefix(family: AddressFamily, address: &[u8], length: usize) -> Self {
        let mut bytes = [0; 6];
        for (to, from) in bytes.iter_mut().zip(address.iter().take(length)) {
            *to = *from;
        }
        Self { family, bytes }
    }

    /// Returns the address family.
    #[must_use]
    pub const fn family(self) -> AddressFamily {
        self.family
    }

    /// Returns whether it is a loopback network.
    #[must_use]
    pub fn is_loopback(self) -> bool {
        match self.family {
            AddressFamily::Ipv4 => self.bytes.starts_with(&[127]),
            // In ::/48 no other address is in use.
            AddressFamily::Ipv6 => self.bytes == [0; 6],
            AddressFamily::Unix => false,
        }
    }

    /// Returns `192.0.2.0/24` or `2001:db8:1::/48`; `None` without an address.
    #[must_use]
    pub fn text(self) -> Option<String> {
        (self.family != AddressFamily::Unix).then(|| self.to_string())
    }
}

impl fmt::Display for NetworkPrefix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.family {
            AddressFamily::Ipv4 => {
                let [a, b, c, ..] = self.bytes;
                write!(out, "{}/24", Ipv4Addr::new(a, b, c, 0))
            }
            AddressFamily::Ipv6 => {
                let mut bytes = [0; 16];
                for (to, from) in bytes.iter_mut().zip(self.bytes) {
                    *to = from;
                }
                write!(out, "{}/48", Ipv6Addr::from(bytes))
            }
            AddressFamily::Unix => out.write_str(self.family.label()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_network_prefix_of_an_address_is_stored() {
        for (address, family, shown) in [
            ("192.0.2.77", AddressFamily::Ipv4, "192.0.2.0/24"),
            ("::ffff:192.0.2.77", AddressFamily::Ipv4, "192.0.2.0/24"),
            ("2001:db8:1:2:3::4", AddressFamily::Ipv6, "2001:db8:1::/48"),
            ("::1", AddressFamily::Ipv6, "::/48"),
        ] {
            let network = NetworkPrefix::of_address(Some(address.parse().expect("an address")));
            assert_eq!(network.family(), family);
            assert_eq!(network.text().as_deref(), Some(shown));
        }
        assert_eq!(NetworkPrefix::of_address(None).text(), None);
        for (address, is_loopback) in [
            ("127.8.9.1", true),
            ("::1", true),
            ("10.0.0.1", false),
            ("fd00::1", false),
        ] {
            let network = NetworkPrefix::of_address(address.parse().ok());
            assert_eq!(network.is_loopback(), is_loopback, "{address}");
        }
        assert!(!NetworkPrefix::default().is_loopback());
    }
}
