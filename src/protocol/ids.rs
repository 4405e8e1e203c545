//! Defines the identifiers of the protocol: 20 raw bytes each, written in JSON as 20 code points from U+0000 to U+00FF.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::binary_string;

/// Why a JSON value is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidId {
    /// The value is not a JSON string.
    NotString,
    /// The string is 40 hexadecimal digits: the client did not convert them to 20 bytes.
    Hexadecimal,
    /// The string has fewer or more than 20 characters.
    Length,
    /// A character is not a byte: above U+00FF, or half of a surrogate pair.
    Character,
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name([u8; 20]);

        /// Omits the length that the hash of an array begins with: it is the same for all.
        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                state.write(&self.0);
            }
        }

        impl $name {
            /// Wraps the 20 raw bytes.
            #[must_use]
            pub const fn new(bytes: [u8; 20]) -> Self {
                Self(bytes)
            }

            /// Returns the 20 raw bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 20] {
                &self.0
            }

            /// Reads the identifier from the text of one JSON value.
            ///
            /// # Errors
            ///
            /// [`InvalidId`] if the value is not a string of exactly 20 code points, each at most U+00FF.
            pub fn from_json(value: &str) -> Result<Self, InvalidId> {
                binary_string::bytes20(value).map(Self)
            }

            /// Appends the identifier as a JSON string, quotes included.
            pub fn write_json(&self, out: &mut Vec<u8>) {
                binary_string::write_bytes(&self.0, out);
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        /// Forty hexadecimal digits.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    };
}

identifier! {
    /// The identifier of a swarm: all members share the same content.
    InfoHash
}
identifier! {
    /// The identifier of a member in a swarm. Chosen by the client; any client may choose the same.
    PeerId
}
identifier! {
    /// The identifier of an offer. Chosen by the offering client and returned with the answer.
    OfferId
}

/// The address family of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AddressFamily {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// None: the connection came through a socket file, and no proxy has named an address.
    #[default]
    Unix,
}

impl AddressFamily {
    /// Returns its name in logs and in the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Unix => "unix",
        }
    }
}

/// The identifier of one connection of this process: its worker, its slot there and a serial number, so that the id of
/// a closed connection is not reused. It also contains the address family, so that members can be counted by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// Most workers that ids can distinguish.
    pub const WORKERS_MAX: usize = 1 << 8;
    /// Most connections at once on one worker that ids can distinguish.
    pub const SLOTS_MAX: usize = 1 << 24;
    /// Step between serial numbers of connections. It leaves the bits below free.
    pub const SERIAL_STEP: u32 = 4;
    const FAMILY: u64 = 3;

    /// No connection: its address family does not exist.
    pub const NONE: Self = Self(u64::MAX);

    /// Builds an id. `slot` must be below [`Self::SLOTS_MAX`].
    #[must_use]
    pub const fn new(worker: u8, slot: u32, serial: u32) -> Self {
        Self((worker as u64) << 56 | ((slot & 0x00ff_ffff) as u64) << 32 | serial as u64)
    }

    /// Returns the id with this address family, which takes the two lowest bits of the serial number.
    #[must_use]
    pub const fn with_family(self, family: AddressFamily) -> Self {
        let family = match family {
            AddressFamily::Unix => 0,
            AddressFamily::Ipv4 => 1,
            AddressFamily::Ipv6 => 2,
        };
        Self(self.0 & !Self::FAMILY | family)
    }

    /// Returns the family of the connection's address.
    #[must_use]
    pub const fn family(self) -> AddressFamily {
        match self.0 & Self::FAMILY {
            1 => AddressFamily::Ipv4,
            2 => AddressFamily::Ipv6,
            _ => AddressFamily::Unix,
        }
    }

    /// Returns the whole id as a number.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// Creates the id with this number.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Returns the worker that owns the connection.
    #[must_use]
    pub const fn worker(self) -> u8 {
        (self.0 >> 56) as u8
    }

    /// Returns the connection's slot on its worker.
    #[must_use]
    pub const fn slot(self) -> usize {
        (self.0 >> 32) as usize & (Self::SLOTS_MAX - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_id_gives_back_its_parts() {
        let id = ConnectionId::new(255, 0x00ff_fffe, u32::MAX);
        assert_eq!((id.worker(), id.slot()), (255, 0x00ff_fffe));
        assert_ne!(id, ConnectionId::new(255, 0x00ff_fffe, 0));
        assert_eq!(id, ConnectionId::from_bits(id.to_bits()));
        let (first, second) = (ConnectionId::new(0, 1, 0), ConnectionId::new(0, 1, 4));
        for family in [
            AddressFamily::Ipv4,
            AddressFamily::Ipv6,
            AddressFamily::Unix,
        ] {
            let id = first.with_family(family);
            assert_eq!((id.family(), id.slot()), (family, 1));
            assert_ne!(id, second.with_family(family));
        }
    }
}
