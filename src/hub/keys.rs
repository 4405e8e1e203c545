//! Hashes of addresses, under which limits count: the address itself is kept nowhere.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};

use crate::limits::{AddressKind, Key, PageKeys, Whence};

/// Kinds of keys beside those of addresses, whose kind is the length of what is hashed.
const UNNAMED: u8 = 0;
const ORIGIN: u8 = 1;
const SITE: u8 = 2;

/// Makes keys of addresses, which nobody can make who does not know the secret of this process.
#[derive(Debug, Default)]
pub(super) struct Keys(RandomState);

impl Keys {
    /// An IPv4 address counts by itself, one of IPv6 with its network of /64, which is one household or one machine, and with
    /// that of /48, which is what a site has, or somebody who rents addresses.
    pub(super) fn of(&self, address: IpAddr) -> Whence {
        match address.to_canonical() {
            IpAddr::V4(address) => Whence {
                own: self.key(4, u128::from(address.to_bits())),
                wider: None,
                kind: kind_of(address.into()),
            },
            IpAddr::V6(address) => Whence {
                own: self.key(64, network(address, 64)),
                wider: Some(self.key(48, network(address, 48))),
                kind: kind_of(address.into()),
            },
        }
    }

    /// Under what all are counted whom a trusted proxy has not named.
    pub(super) fn of_unnamed(&self) -> Whence {
        Whence {
            own: self.key(UNNAMED, 0),
            wider: None,
            kind: AddressKind::Public,
        }
    }

    /// Under what the pages of an origin count at an address, for strikes and bans; `None` for all origins without a place of
    /// their own.
    pub(super) fn page(&self, address: Key, origin: Option<&str>) -> PageKeys {
        let key = |kind: u8, name: &str| Key::new(self.0.hash_one((kind, address, name)));
        let origin = origin.unwrap_or_default();
        PageKeys {
            origin: key(ORIGIN, origin),
            site: site_of(origin).map(|site| key(SITE, site)),
        }
    }

    fn key(&self, kind: u8, bits: u128) -> Key {
        Key::new(self.0.hash_one((kind, bits)))
    }
}

/// Whether an address stands for whoever is behind a bridge, a NAT or a proxy: private (RFC 1918), shared (RFC 6598),
/// link-local, unique local. Loopback addresses are this machine.
fn kind_of(address: IpAddr) -> AddressKind {
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

/// What one owner mostly has with all ports and subdomains: the last two labels of the host of an origin, or all of a shorter one or
/// of an address. Outside of the web, such as for extensions of browsers, the scheme.
fn site_of(origin: &str) -> Option<&str> {
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
    let site = labels.next().map(|second| second.len() + 1 + top.len());
    let site = site.filter(|_| !is_address).unwrap_or(host.len());
    host.get(host.len() - site..)
}

fn network(address: Ipv6Addr, prefix: u32) -> u128 {
    address.to_bits() >> (128 - prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4_counts_whole_and_ipv6_by_its_networks() {
        let keys = Keys::default();
        let of = |address: &str| keys.of(address.parse().expect("an address"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
        assert_ne!(of("192.0.2.1").own, of("192.0.2.2").own);
        assert_eq!(of("192.0.2.1").wider, None);
        let one = of("2001:db8:1:2::1");
        assert_eq!(one, of("2001:db8:1:2:ffff::9"));
        let neighbour = of("2001:db8:1:3::1");
        assert!(one.own != neighbour.own && one.wider == neighbour.wider);
        assert_ne!(one.wider, of("2001:db8:2:2::1").wider);
        assert_ne!(Some(one.own), one.wider);
    }

    #[test]
    fn private_addresses_are_told_from_those_of_the_internet_and_this_machine() {
        let keys = Keys::default();
        let kind = |address: &str| keys.of(address.parse().expect("an address")).kind;
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
    fn ports_and_subdomains_are_of_one_site() {
        for (origin, site) in [
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
            assert_eq!(site_of(origin), site, "{origin}");
        }
        let keys = Keys::default();
        let (one, other) = (Key::new(7), Key::new(8));
        let page = |address, origin| keys.page(address, Some(origin));
        let a = page(one, "https://a.example.org");
        assert_eq!(a, page(one, "https://a.example.org"));
        assert_ne!(a.origin, page(one, "https://b.example.org").origin);
        assert_eq!(a.site, page(one, "https://b.example.org").site);
        assert_ne!(a.site, page(other, "https://a.example.org").site);
        assert_eq!(a.site, page(one, "http://example.org:81").site);
        assert_ne!(a.origin, page(other, "https://a.example.org").origin);
    }

    #[test]
    fn keys_are_those_of_one_process() {
        let address = [192, 0, 2, 1].into();
        assert_ne!(Keys::default().of(address), Keys::default().of(address));
    }
}
