//! Defines the keys under which limits count connections: a hash instead of an address, an id instead of an origin.
//!
//! Both fit into eight bytes, because every connection stores them. `node/admission/key_hasher` computes the
//! hashes; this module handles no addresses.

use std::fmt;
use std::num::NonZeroU64;

/// Bits of the hash of an address. Among a million addresses the chance that any two share one is 1 in 500. No outsider
/// can cause a collision, because the hash has a key of this process.
const KEY_BITS: u32 = 48;

/// The hash of an address, a network, or an origin at an address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RateKey(NonZeroU64);

impl RateKey {
    /// The overflow key: addresses beyond `limits.addresses_max` are counted under it.
    pub(crate) const OVERFLOW: Self = Self(NonZeroU64::MIN);

    /// Creates a key from a hash that no outsider can predict.
    #[must_use]
    pub fn new(hash: u64) -> Self {
        let bits = hash & ((1 << KEY_BITS) - 1);
        // 1 is the overflow key.
        Self(NonZeroU64::new(bits).map_or(Self::OVERFLOW.0, |bits| {
            bits.saturating_add(u64::from(bits.get() == 1))
        }))
    }

    /// Parses the [`fmt::Display`] form of a key.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let is_name = name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bits = u64::from_str_radix(name, 16).ok().filter(|_| is_name)?;
        NonZeroU64::new(bits).map(Self)
    }

    pub(super) const fn bits(self) -> u64 {
        self.0.get()
    }
}

/// For modules that store it as an opaque number.
impl From<RateKey> for NonZeroU64 {
    fn from(key: RateKey) -> Self {
        key.0
    }
}

/// The inverse conversion.
impl From<NonZeroU64> for RateKey {
    fn from(bits: NonZeroU64) -> Self {
        Self(bits)
    }
}

/// Twelve hexadecimal digits, which reveal nothing about the address without the memory of this process.
impl fmt::Display for RateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}", self.0)
    }
}

impl fmt::Debug for RateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The rate-limit keys of a client: its IPv4 address, or its IPv6 /64 network and the /48 around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateKeys {
    /// The IPv4 address, or the /64 network of one household.
    pub address: RateKey,
    /// The /48 network of a whole site.
    pub network: Option<RateKey>,
    /// The kind of the address.
    pub kind: AddressKind,
}

impl RateKeys {
    /// Returns whether a key is that of the address or of its network.
    #[must_use]
    pub fn contain(self, key: RateKey) -> bool {
        self.address == key || self.network == Some(key)
    }

    /// Returns the key of the /48 network, or of the IPv4 address.
    #[must_use]
    pub fn widest(self) -> WidestKey {
        WidestKey {
            key: self.network.unwrap_or(self.address),
            kind: self.kind,
        }
    }
}

/// The kind of an address, by who may share it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AddressKind {
    /// A household, a school or a carrier on the internet.
    #[default]
    Public,
    /// The clients behind a container's bridge, a NAT or a proxy; they get `limits.private_factor` times the limits.
    Private,
}

/// An IPv4 address or IPv6 /48 network, whose connections share one part of an origin's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WidestKey {
    /// Its key.
    pub key: RateKey,
    /// The kind of the address.
    pub kind: AddressKind,
}

/// The id of an origin; 0 if it is not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OriginId(pub(super) u16);

impl OriginId {
    /// Not counted.
    pub const NONE: Self = Self(0);

    /// Returns whether it is counted.
    #[must_use]
    pub const fn is_counted(self) -> bool {
        self.0 > 0
    }
}

/// The address key and the origin under which a connection is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct AccountKey(u64);

impl AccountKey {
    /// Combines an address key and an origin.
    #[must_use]
    pub fn new(address: Option<RateKey>, origin: OriginId) -> Self {
        Self(address.map_or(0, RateKey::bits) | u64::from(origin.0) << KEY_BITS)
    }

    /// Returns the address key; `None` for a connection that is exempt or has no address.
    #[must_use]
    pub fn address(self) -> Option<RateKey> {
        NonZeroU64::new(self.0 & ((1 << KEY_BITS) - 1)).map(RateKey)
    }

    /// Returns the origin.
    #[must_use]
    pub fn origin(self) -> OriginId {
        OriginId(u16::try_from(self.0 >> KEY_BITS).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_key_returns_its_parts() {
        for hash in [0, 1, 2, 0xffff_ffff_ffff, u64::MAX, 0x1234_5678_9abc_def0] {
            for origin in [0, 1, u16::MAX] {
                let visit = AccountKey::new(Some(RateKey::new(hash)), OriginId(origin));
                assert_eq!(visit.address(), Some(RateKey::new(hash)));
                assert_eq!(visit.origin(), OriginId(origin));
            }
        }
        assert_eq!(AccountKey::default().address(), None);
        assert!(!AccountKey::default().origin().is_counted());
    }

    #[test]
    fn a_key_is_parsed_from_its_text_and_none_is_the_overflow_key() {
        for hash in [1, 2, 0xabc, u64::MAX] {
            let key = RateKey::new(hash);
            assert_ne!(key, RateKey::OVERFLOW);
            assert_eq!(RateKey::parse(&key.to_string()), Some(key));
        }
        for name in ["", "abc", "00000000000g", "000000000000", "+00000000001"] {
            assert_eq!(RateKey::parse(name), None, "{name}");
        }
    }
}
