//! Hashes of addresses, under which limits count: the address itself is kept nowhere.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};

use crate::limits::{Key, Whence};

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
            },
            IpAddr::V6(address) => Whence {
                own: self.key(64, network(address, 64)),
                wider: Some(self.key(48, network(address, 48))),
            },
        }
    }

    fn key(&self, kind: u8, bits: u128) -> Key {
        Key::new(self.0.hash_one((kind, bits)))
    }
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
    fn keys_are_those_of_one_process() {
        let address = [192, 0, 2, 1].into();
        assert_ne!(Keys::default().of(address), Keys::default().of(address));
    }
}
