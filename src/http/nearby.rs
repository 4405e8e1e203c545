//! Where other machines can open the page, for a page that was opened as `localhost`: the links that it makes work on
//! that machine only.
//!
//! Told to nobody but this machine: what addresses it has is no business of others. Used by `/ice`.

use std::net::{IpAddr, UdpSocket};

use crate::config::{Listen, Target};

/// Pages that are told at most; a machine with many containers has many addresses.
const PAGES_MAX: usize = 4;
/// Interfaces whose names begin so lead to containers and virtual machines on this machine alone.
const INNER: [&str; 6] = ["docker", "br-", "veth", "virbr", "cni", "lxc"];

/// The addresses of the page over https, the best first: browsers give the page what it needs over plain http on
/// `localhost` alone. Domains are known of certificates that ACME got; they are better than addresses then.
pub(super) fn pages(listening: &[Listen], domains: &[String]) -> Vec<String> {
    let open = |listen: &&Listen| listen.tls && !listen.proxy && listen.role.has_pages();
    let mut pages = Vec::new();
    for listen in listening.iter().filter(open) {
        let Target::Tcp(bound) = listen.target else {
            continue;
        };
        let port = match bound.port() {
            443 => String::new(),
            port => format!(":{port}"),
        };
        let hosts: Vec<String> = match bound.ip() {
            ip if ip.is_loopback() => continue,
            _ if !domains.is_empty() => domains.to_vec(),
            ip if ip.is_unspecified() => {
                let own = own_addresses().into_iter();
                own.filter(|own| ip.is_ipv6() || own.is_ipv4())
                    .map(in_address)
                    .collect()
            }
            ip => vec![in_address(ip)],
        };
        pages.extend(
            hosts
                .into_iter()
                .map(|host| format!("https://{host}{port}/")),
        );
    }
    pages.truncate(PAGES_MAX);
    pages
}

/// The addresses of this machine that others can reach: first the one it sends from, then IPv4, which is easier to read.
fn own_addresses() -> Vec<IpAddr> {
    let first = sending_address();
    let of_interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let outer = of_interfaces.into_iter().filter(|interface| {
        let is_inner = INNER.iter().any(|inner| interface.name.starts_with(inner));
        !is_inner && !interface.is_loopback() && !interface.is_link_local()
    });
    let mut addresses: Vec<IpAddr> = outer.map(|interface| interface.ip()).collect();
    addresses
        .sort_unstable_by_key(|address| (Some(*address) != first, address.is_ipv6(), *address));
    addresses.dedup();
    addresses
}

/// The address from which this machine would send to the internet, if it has a route there; nothing is sent. Of several
/// it is the one that others most likely reach.
fn sending_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    // For documentation only, so nobody is there (RFC 5737).
    socket.connect(("192.0.2.1", 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The address as it stands in the address of a page.
fn in_address(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening(places: &[&str]) -> Vec<Listen> {
        places.iter().map(|place| place.parse().unwrap()).collect()
    }

    #[test]
    fn only_https_listeners_with_pages_are_offered() {
        let places = listening(&[
            "192.0.2.7:8000",
            "tls+tracker+192.0.2.7:8443",
            "tls+proxy+192.0.2.7:8444",
            "tls+127.0.0.1:8445",
            "tls+192.0.2.7:443",
            "tls+pages+[2001:db8::7]:8446",
        ]);
        assert_eq!(
            pages(&places, &[]),
            ["https://192.0.2.7/", "https://[2001:db8::7]:8446/"]
        );
        assert_eq!(
            pages(&listening(&["tls+[::]:443"]), &["hub.example".to_owned()]),
            ["https://hub.example/"]
        );
    }

    #[test]
    fn a_listener_on_all_addresses_is_offered_under_those_of_the_machine() {
        let found = pages(&listening(&["tls+0.0.0.0:8443"]), &[]);
        assert!(found.len() <= PAGES_MAX);
        for page in found {
            assert!(page.starts_with("https://") && page.ends_with(":8443/"));
            assert!(!page.contains("127.0.0.1") && !page.contains('['), "{page}");
        }
    }
}
