//! Stores operator-facing details of each connection: open time, listener, network prefix and unfinished bytes.
//!
//! Sixteen bytes for each connection, stored apart from its entry, so that handling a message does not load them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::Visitor;
use crate::insight::{Level, Levels};
pub use crate::protocol::AddressFamily as Family;

/// The details of one connection.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Arrived {
    /// When it opened, in seconds since the process started.
    second: u32,
    /// The number of the listener.
    listener: u16,
    /// Bytes received of an unfinished message, in [`UNFINISHED_UNIT`]s.
    unfinished: u16,
    pub(super) network: Network,
}

const _: () = assert!(size_of::<Arrived>() == 16);

/// Unit in bytes for unfinished messages, so that the longest (`connection.message_bytes_max`) fits into two bytes.
const UNFINISHED_UNIT: usize = 256;

/// The IPv4 /24 or IPv6 /48 network of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Network {
    family: Family,
    bytes: [u8; 6],
}

impl Arrived {
    pub(super) fn new(client: &Visitor, now: Duration) -> Self {
        Self {
            listener: client.listener,
            second: u32::try_from(now.as_secs()).unwrap_or(u32::MAX),
            unfinished: 0,
            network: Network::of(client.address),
        }
    }

    /// Sets how many bytes of an unfinished message are stored.
    pub(super) fn set_unfinished(&mut self, bytes: usize) {
        self.unfinished = u16::try_from(bytes.div_ceil(UNFINISHED_UNIT)).unwrap_or(u16::MAX);
    }

    /// Returns those bytes, rounded up to [`UNFINISHED_UNIT`].
    pub(super) fn unfinished_bytes(self) -> usize {
        usize::from(self.unfinished) * UNFINISHED_UNIT
    }

    /// Returns the gauges that count it: those of its address family, its listener and loopback.
    pub(super) fn levels(self, levels: &Levels) -> impl Iterator<Item = &Level> {
        let family = match self.network.family {
            Family::Ipv4 => &levels.ipv4,
            Family::Ipv6 => &levels.ipv6,
            Family::Unix => &levels.unix,
        };
        let listener = levels.listeners.get(usize::from(self.listener));
        let loopback = self.network.is_loopback().then_some(&levels.loopback);
        [Some(family), listener, loopback].into_iter().flatten()
    }

    /// Returns how long it has been open, to the second.
    pub(super) fn age(self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_secs(u64::from(self.second)))
    }
}

impl Network {
    /// Returns the network of an address.
    #[must_use]
    pub fn of(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => Self::new(Family::Ipv4, &address.octets(), 3),
            Some(IpAddr::V6(address)) => Self::new(Family::Ipv6, &address.octets(), 6),
            None => Self::default(),
        }
    }

    /// Stores the first `length` bytes of an address, at most six.
    fn new(family: Family, address: &[u8], length: usize) -> Self {
        let mut bytes = [0; 6];
        for (to, from) in bytes.iter_mut().zip(address.iter().take(length)) {
            *to = *from;
        }
        Self { family, bytes }
    }

    /// Returns the address family.
    #[must_use]
    pub const fn family(self) -> Family {
        self.family
    }

    /// Returns whether it is a loopback network.
    fn is_loopback(self) -> bool {
        match self.family {
            Family::Ipv4 => self.bytes.starts_with(&[127]),
            // In ::/48 no other address is in use.
            Family::Ipv6 => self.bytes == [0; 6],
            Family::Unix => false,
        }
    }

    /// Returns `192.0.2.0/24` or `2001:db8:1::/48`; `None` without an address.
    #[must_use]
    pub fn shown(self) -> Option<String> {
        (self.family != Family::Unix).then(|| self.to_string())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.family {
            Family::Ipv4 => {
                let [a, b, c, ..] = self.bytes;
                write!(out, "{}/24", Ipv4Addr::new(a, b, c, 0))
            }
            Family::Ipv6 => {
                let mut bytes = [0; 16];
                for (to, from) in bytes.iter_mut().zip(self.bytes) {
                    *to = from;
                }
                write!(out, "{}/48", Ipv6Addr::from(bytes))
            }
            Family::Unix => out.write_str(self.family.label()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_only_its_network_is_kept() {
        for (address, family, shown) in [
            ("192.0.2.77", Family::Ipv4, "192.0.2.0/24"),
            ("::ffff:192.0.2.77", Family::Ipv4, "192.0.2.0/24"),
            ("2001:db8:1:2:3::4", Family::Ipv6, "2001:db8:1::/48"),
            ("::1", Family::Ipv6, "::/48"),
        ] {
            let network = Network::of(Some(address.parse().expect("an address")));
            assert_eq!(network.family(), family);
            assert_eq!(network.shown().as_deref(), Some(shown));
        }
        assert_eq!(Network::of(None).shown(), None);
        for (address, is_loopback) in [
            ("127.8.9.1", true),
            ("::1", true),
            ("10.0.0.1", false),
            ("fd00::1", false),
        ] {
            let network = Network::of(address.parse().ok());
            assert_eq!(network.is_loopback(), is_loopback, "{address}");
        }
        assert!(!Network::default().is_loopback());
        let details = Arrived::new(&Visitor::default(), Duration::from_millis(1900));
        assert_eq!(details.age(Duration::from_secs(5)), Duration::from_secs(4));
    }
}
