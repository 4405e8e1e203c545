//! Stores operator-facing details of each connection: open time, listener, network prefix and unfinished bytes.
//!
//! Sixteen bytes for each connection, stored apart from its entry, so that handling a message does not load them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::ClientInfo;
use crate::metrics::{Gauge, WorkerGauges};
pub use crate::protocol::AddressFamily as Family;

/// The details of one connection.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ConnectionDetails {
    /// When it opened, in seconds since the process started.
    opened_at_second: u32,
    /// The number of the listener.
    listener: u16,
    /// Bytes received of an unfinished message, in [`UNFINISHED_UNIT_BYTES`]s.
    unfinished_units: u16,
    pub(super) network: NetworkPrefix,
}

const _: () = assert!(size_of::<ConnectionDetails>() == 16);

/// Unit in bytes for unfinished messages, so that the longest (`connection.message_bytes_max`) fits into two bytes.
const UNFINISHED_UNIT_BYTES: usize = 256;

/// The IPv4 /24 or IPv6 /48 network of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetworkPrefix {
    family: Family,
    bytes: [u8; 6],
}

impl ConnectionDetails {
    pub(super) fn new(client: &ClientInfo, now: Duration) -> Self {
        Self {
            listener: client.listener,
            opened_at_second: u32::try_from(now.as_secs()).unwrap_or(u32::MAX),
            unfinished_units: 0,
            network: NetworkPrefix::of_address(client.address),
        }
    }

    /// Sets how many bytes of an unfinished message are stored.
    pub(super) fn set_unfinished_bytes(&mut self, bytes: usize) {
        self.unfinished_units =
            u16::try_from(bytes.div_ceil(UNFINISHED_UNIT_BYTES)).unwrap_or(u16::MAX);
    }

    /// Returns those bytes, rounded up to [`UNFINISHED_UNIT_BYTES`].
    pub(super) fn unfinished_bytes(self) -> usize {
        usize::from(self.unfinished_units) * UNFINISHED_UNIT_BYTES
    }

    /// Returns the gauges that count it: those of its address family, its listener and loopback.
    pub(super) fn gauges(self, levels: &WorkerGauges) -> impl Iterator<Item = &Gauge> {
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
        now.saturating_sub(Duration::from_secs(u64::from(self.opened_at_second)))
    }
}

impl NetworkPrefix {
    /// Returns the network of an address.
    #[must_use]
    pub fn of_address(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => Self::from_prefix(Family::Ipv4, &address.octets(), 3),
            Some(IpAddr::V6(address)) => Self::from_prefix(Family::Ipv6, &address.octets(), 6),
            None => Self::default(),
        }
    }

    /// Stores the first `length` bytes of an address, at most six.
    fn from_prefix(family: Family, address: &[u8], length: usize) -> Self {
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
    pub fn text(self) -> Option<String> {
        (self.family != Family::Unix).then(|| self.to_string())
    }
}

impl fmt::Display for NetworkPrefix {
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
    fn only_the_network_prefix_of_an_address_is_stored() {
        for (address, family, shown) in [
            ("192.0.2.77", Family::Ipv4, "192.0.2.0/24"),
            ("::ffff:192.0.2.77", Family::Ipv4, "192.0.2.0/24"),
            ("2001:db8:1:2:3::4", Family::Ipv6, "2001:db8:1::/48"),
            ("::1", Family::Ipv6, "::/48"),
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
        let details = ConnectionDetails::new(&ClientInfo::default(), Duration::from_millis(1900));
        assert_eq!(details.age(Duration::from_secs(5)), Duration::from_secs(4));
    }
}
