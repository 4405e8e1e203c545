//! The address of a client and the keys under which limits count it.

use std::net::IpAddr;

use crate::limits::RateKeys;

/// The address of a client with its rate-limit keys. The keys are hashed once, by its
/// [`ConnectionAdmission`](super::ConnectionAdmission), and carried along with the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClientAddress {
    ip: Option<IpAddr>,
    is_unidentified: bool,
    keys: Option<RateKeys>,
}

impl ClientAddress {
    pub(super) const fn new(
        ip: Option<IpAddr>,
        is_unidentified: bool,
        keys: Option<RateKeys>,
    ) -> Self {
        Self {
            ip,
            is_unidentified,
            keys,
        }
    }

    /// Returns the address of the client, or of the trusted proxy that did not identify it. IPv4 is never written as
    /// IPv6. `None` for a Unix socket without an address from a proxy.
    #[must_use]
    pub const fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// Returns the address of the client itself, if known.
    #[must_use]
    pub fn own_ip(&self) -> Option<IpAddr> {
        self.ip.filter(|_| !self.is_unidentified)
    }

    /// Returns whether a trusted proxy sent a header without a client address. All such clients share the limits of
    /// one.
    #[must_use]
    pub const fn is_unidentified(&self) -> bool {
        self.is_unidentified
    }

    pub(super) fn is_of(&self, ip: Option<IpAddr>, is_unidentified: bool) -> bool {
        self.ip == ip && self.is_unidentified == is_unidentified
    }

    /// Returns the rate-limit keys; `None` if no limit of addresses applies.
    #[must_use]
    pub const fn keys(&self) -> Option<RateKeys> {
        self.keys
    }
}
