//! Hashes addresses into the keys under which limits count. No address itself is stored.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};

use crate::limits::{AddressKind, PageKeys, RateKey, RateKeys};

/// Kinds of keys other than addresses; the kind of an address is its prefix length.
const UNIDENTIFIED_KIND: u8 = 0;
const ORIGIN_KIND: u8 = 1;
const DOMAIN_KIND: u8 = 2;

/// Hashes addresses into keys with a secret of this process, so that no outsider can compute them.
#[derive(Debug, Default)]
pub(in crate::node) struct KeyHasher(RandomState);

impl KeyHasher {
    /// Returns the keys of an address. An IPv4 address counts alone. An IPv6 address counts with its /64 network (one
    /// household or machine) and with its /48 network (one site, or one renter of addresses).
    pub(in crate::node) fn keys_of(&self, address: IpAddr) -> RateKeys {
        match address.to_canonical() {
            IpAddr::V4(address) => RateKeys {
                address: self.hash_bits(4, u128::from(address.to_bits())),
                network: None,
                kind: address_kind(address.into()),
            },
            IpAddr::V6(address) => RateKeys {
                address: self.hash_bits(64, network_bits(address, 64)),
                network: Some(self.hash_bits(48, network_bits(address, 48))),
                kind: address_kind(address.into()),
            },
        }
    }

    /// Returns the common keys of all clients that a trusted proxy did not identify.
    pub(in crate::node) fn unidentified_keys(&self) -> RateKeys {
        RateKeys {
            address: self.hash_bits(UNIDENTIFIED_KIND, 0),
            network: None,
            kind: AddressKind::Public,
        }
    }

    /// Returns the keys under which strikes and bans of an origin's pages count at an address. `origin` is `None` for
    /// all origins without an id of their own.
    pub(in crate::node) fn page_keys(&self, address: RateKey, origin: Option<&str>) -> PageKeys {
        let key = |kind: u8, name: &str| RateKey::new(self.0.hash_one((kind, address, name)));
        let origin = origin.unwrap_or_default();
        PageKeys {
            origin: key(ORIGIN_KIND, origin),
            domain: domain_of(origin).map(|domain| key(DOMAIN_KIND, domain)),
        }
    }

    fn hash_bits(&self, kind: u8, bits: u128) -> RateKey {
        RateKey::new(self.0.hash_one((kind, bits)))
    }
}

/// Returns the kind of an address. Private are RFC 1918, shared (RFC 6598), link-local and unique local addresses, as
/// they belong to a bridge, a NAT or a proxy. Loopback addresses count as public.
fn address_kind(address: IpAddr) -> AddressKind {
    let is_private = match address {
        IpAddr::V4(address) => {
            let is_shared = matches!(address.octets(), [100, second, ..] if second & 0xc0 == 64);
            address.is_private() || address.is_link_local() || is_shared
        }
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    };
    if is_private {
        AddressKind::Private
    } else {
        AddressKind::Public
    }
}

/// Returns the domain of an origin, which mostly has one owner with all ports and subdomains: the last two labels of the
/// host. It is the whole host if that is shorter or an address, and the scheme outside the web (browser extensions).
fn domain_of(origin: &str) -> Option<&str> {
    let (scheme, host) = origin.split_once("://")?;
    if !["http", "https"].contains(&scheme) {
        return Some(scheme);
    }
    if host.starts_with('[') {
        return host.split_inclusive(']').next();
    }
    let host = host.split(':').next()?;
    let mut labels = host.rsplit('.');
    let top = labels.next()?;
    let is_address = top.bytes().all(|byte| byte.is_ascii_digit());
    let length = labels.next().map(|second| second.len() + 1 + top.len());
    let length = length.filter(|_| !is_address).unwrap_or(host.len());
    host.get(host.len() - length..)
}

fn network_bits(address: Ipv6Addr, prefix: u32) -> u128 {
    address.to_bits() >> (128 - prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4_counts_by_address_and_ipv6_by_network() {
        let keys = KeyHasher::default();
        let of = |address: &str| keys.keys_of(address.parse().expect("an address"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
        assert_ne!(of("192.0.2.1").address, of("192.0.2.2").address);
        assert_eq!(of("192.0.2.1").network, None);
        let one = of("2001:db8:1:2::1");
        assert_eq!(one, of("2001:db8:1:2:ffff::9"));
        let neighbour = of("2001:db8:1:3::1");
        assert!(one.address != neighbour.address && one.network == neighbour.network);
        assert_ne!(one.network, of("2001:db8:2:2::1").network);
        assert_ne!(Some(one.address), one.network);
    }

    #[test]
    fn private_addresses_are_recognised() {
        let keys = KeyHasher::default();
        let kind = |address: &str| keys.keys_of(address.parse().expect("an address")).kind;
        for private in [
            "10.1.2.3",
            "172.17.0.1",
            "172.31.9.9",
            "192.168.0.9",
            "169.254.1.1",
            "100.64.0.1",
            "100.127.9.9",
            "::ffff:10.0.0.1",
            "fd00::1",
            "fc12::1",
            "fe80::1",
        ] {
            assert_eq!(kind(private), AddressKind::Private, "{private}");
        }
        for public in [
            "127.0.0.1",
            "::1",
            "172.32.0.1",
            "100.128.0.1",
            "100.63.0.1",
            "192.0.2.1",
            "2001:db8::1",
        ] {
            assert_eq!(kind(public), AddressKind::Public, "{public}");
        }
    }

    #[test]
    fn ports_and_subdomains_belong_to_one_domain() {
        for (origin, domain) in [
            ("https://a.b.example.org", Some("example.org")),
            ("https://a.example.org:8443", Some("example.org")),
            ("https://example.org", Some("example.org")),
            ("http://example.org:8021", Some("example.org")),
            ("https://192.0.2.1:80", Some("192.0.2.1")),
            ("http://[2001:db8::1]:8000", Some("[2001:db8::1]")),
            ("https://[2001:db8::1]", Some("[2001:db8::1]")),
            ("http://localhost:8000", Some("localhost")),
            ("chrome-extension://abc", Some("chrome-extension")),
            ("https://.", Some(".")),
            ("https://", Some("")),
            ("null", None),
            ("", None),
        ] {
            assert_eq!(domain_of(origin), domain, "{origin}");
        }
        let keys = KeyHasher::default();
        let (one, other) = (RateKey::new(7), RateKey::new(8));
        let page = |address, origin| keys.page_keys(address, Some(origin));
        let a = page(one, "https://a.example.org");
        assert_eq!(a, page(one, "https://a.example.org"));
        assert_ne!(a.origin, page(one, "https://b.example.org").origin);
        assert_eq!(a.domain, page(one, "https://b.example.org").domain);
        assert_ne!(a.domain, page(other, "https://a.example.org").domain);
        assert_eq!(a.domain, page(one, "http://example.org:81").domain);
        assert_ne!(a.origin, page(other, "https://a.example.org").origin);
    }

    #[test]
    fn keys_differ_between_processes() {
        let address = [192, 0, 2, 1].into();
        assert_ne!(
            KeyHasher::default().keys_of(address),
            KeyHasher::default().keys_of(address)
        );
    }
}
