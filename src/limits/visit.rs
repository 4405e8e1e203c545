//! Who a connection belongs to, as far as limits are concerned: a hash instead of an address, a number instead of an origin.
//!
//! Both in eight bytes, as every connection keeps them. The hub makes the hashes; nothing here knows an address.

use std::fmt;
use std::num::NonZeroU64;

/// Bits of the hash of an address. Two of a million addresses at once share one with a chance of one in 500; nobody
/// can choose which, as the hash has a key of this process.
const KEY_BITS: u32 = 48;

/// An address or network, as a hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(NonZeroU64);

impl Key {
    /// What addresses are counted under that come when `limits.addresses_max` are known.
    pub(crate) const OTHERS: Self = Self(NonZeroU64::MIN);

    /// From a hash that nobody outside can foresee.
    #[must_use]
    pub fn new(hash: u64) -> Self {
        let bits = hash & ((1 << KEY_BITS) - 1);
        // 1 stands for the others.
        Self(NonZeroU64::new(bits).map_or(Self::OTHERS.0, |bits| {
            bits.saturating_add(u64::from(bits.get() == 1))
        }))
    }

    /// The key whose [`fmt::Display`] is this text, if it is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let is_name = name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bits = u64::from_str_radix(name, 16).ok().filter(|_| is_name)?;
        NonZeroU64::new(bits).map(Self)
    }

    pub(super) const fn bits(self) -> u64 {
        self.0.get()
    }
}

/// For those who keep it without knowing what it is.
impl From<Key> for NonZeroU64 {
    fn from(key: Key) -> Self {
        key.0
    }
}

/// Of what one was made into.
impl From<NonZeroU64> for Key {
    fn from(bits: NonZeroU64) -> Self {
        Self(bits)
    }
}

/// Twelve hexadecimal digits, which say nothing about the address to anybody without this process's memory.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}", self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where somebody comes from: its IPv4 address, or its IPv6 network of /64 and the one of /48 around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whence {
    /// The address, or the network that one household has.
    pub own: Key,
    /// The network of a whole site.
    pub wider: Option<Key>,
    /// Who may be behind it.
    pub kind: AddressKind,
}

impl Whence {
    /// The network of the site, or the address that has none.
    #[must_use]
    pub fn group(self) -> Group {
        Group {
            key: self.wider.unwrap_or(self.own),
            kind: self.kind,
        }
    }
}

/// Who may be behind an address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AddressKind {
    /// A household, a school or a carrier on the internet.
    #[default]
    Public,
    /// Whoever a container's bridge, a NAT or a proxy stands for; `limits.private_factor` times as much is theirs.
    Private,
}

/// What has one part of the limits of a web site together: an IPv4 address or an IPv6 network of /48.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Which one.
    pub key: Key,
    /// Who may be behind it.
    pub kind: AddressKind,
}

/// Number of an origin; 0 for none that is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OriginId(pub(super) u16);

impl OriginId {
    /// Not counted.
    pub const NONE: Self = Self(0);

    /// Whether it is counted.
    #[must_use]
    pub const fn is_counted(self) -> bool {
        self.0 > 0
    }
}

/// Under what a connection is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Visit(u64);

impl Visit {
    /// Under this address and origin.
    #[must_use]
    pub fn new(address: Option<Key>, origin: OriginId) -> Self {
        Self(address.map_or(0, Key::bits) | u64::from(origin.0) << KEY_BITS)
    }

    /// `None` for one that is not counted: exempt, or without an address.
    #[must_use]
    pub fn address(self) -> Option<Key> {
        NonZeroU64::new(self.0 & ((1 << KEY_BITS) - 1)).map(Key)
    }

    /// Its origin.
    #[must_use]
    pub fn origin(self) -> OriginId {
        OriginId(u16::try_from(self.0 >> KEY_BITS).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_gives_back_its_parts() {
        for hash in [0, 1, 2, 0xffff_ffff_ffff, u64::MAX, 0x1234_5678_9abc_def0] {
            for origin in [0, 1, u16::MAX] {
                let visit = Visit::new(Some(Key::new(hash)), OriginId(origin));
                assert_eq!(visit.address(), Some(Key::new(hash)));
                assert_eq!(visit.origin(), OriginId(origin));
            }
        }
        assert_eq!(Visit::default().address(), None);
        assert!(!Visit::default().origin().is_counted());
    }

    #[test]
    fn a_key_is_found_by_its_name_and_none_is_that_of_the_others() {
        for hash in [1, 2, 0xabc, u64::MAX] {
            let key = Key::new(hash);
            assert_ne!(key, Key::OTHERS);
            assert_eq!(Key::from_name(&key.to_string()), Some(key));
        }
        for name in ["", "abc", "00000000000g", "000000000000", "+00000000001"] {
            assert_eq!(Key::from_name(name), None, "{name}");
        }
    }
}
