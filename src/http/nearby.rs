//! Lists the URLs under which other machines can open the sharing page, for a page that was opened as `localhost`:
//! links made there work on that machine only.
//!
//! Only local requests receive them, because the addresses of this machine are not public. Used by `/ice`.

use std::net::{IpAddr, UdpSocket};

use crate::config::{Listen, Target};

/// Maximum number of URLs; a machine with many containers has many addresses.
const PAGES_MAX: usize = 4;
/// Name prefixes of interfaces that lead only to containers and virtual machines on this machine.
const INNER: [&str; 6] = ["docker", "br-", "veth", "virbr", "cni", "lxc"];

/// Returns the https URLs of the page, the best first. Only https: over plain http, browsers give the page the features
/// it needs on `localhost` alone. `domains` are the names of ACME certificates; if there are any, they replace
/// addresses.
pub(super) fn pages(listening: &[Listen], domains: &[String]) -> Vec<String> {
    let has_https_pages = |listen: &&Listen| listen.tls && !listen.proxy && listen.role.has_pages();
    let mut urls = Vec::new();
    for listen in listening.iter().filter(has_https_pages) {
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
        urls.extend(
            hosts
                .into_iter()
                .map(|host| format!("https://{host}{port}/")),
        );
    }
    urls.truncate(PAGES_MAX);
    urls
}

/// Returns the addresses of this machine that others can reach: first the outgoing one, then IPv4, which is easier to
/// read.
fn own_addresses() -> Vec<IpAddr> {
    let first = sending_address();
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let external = interfaces.into_iter().filter(|interface| {
        let is_virtual = INNER
            .iter()
            .any(|prefix| interface.name.starts_with(prefix));
        !is_virtual && !interface.is_loopback() && !interface.is_link_local()
    });
    let mut addresses: Vec<IpAddr> = external.map(|interface| interface.ip()).collect();
    addresses
        .sort_unstable_by_key(|address| (Some(*address) != first, address.is_ipv6(), *address));
    addresses.dedup();
    addresses
}

/// Returns the address from which this machine would send to the internet, if it has a route; nothing is sent. Of
/// several addresses, others most likely reach this one.
fn sending_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    // A documentation address, which no host uses (RFC 5737).
    socket.connect(("192.0.2.1", 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Returns an address in the form of a URL host.
fn in_address(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening(listeners: &[&str]) -> Vec<Listen> {
        listeners
            .iter()
            .map(|listen| listen.parse().unwrap())
            .collect()
    }

    #[test]
    fn only_https_listeners_with_pages_are_offered() {
        let listeners = listening(&[
            "192.0.2.7:8000",
            "tls+tracker+192.0.2.7:8443",
            "tls+proxy+192.0.2.7:8444",
            "tls+127.0.0.1:8445",
            "tls+192.0.2.7:443",
            "tls+pages+[2001:db8::7]:8446",
        ]);
        assert_eq!(
            pages(&listeners, &[]),
            ["https://192.0.2.7/", "https://[2001:db8::7]:8446/"]
        );
        assert_eq!(
            pages(&listening(&["tls+[::]:443"]), &["hub.example".to_owned()]),
            ["https://hub.example/"]
        );
    }

    #[test]
    fn a_listener_on_all_addresses_is_offered_under_those_of_the_machine() {
        let urls = pages(&listening(&["tls+0.0.0.0:8443"]), &[]);
        assert!(urls.len() <= PAGES_MAX);
        for url in urls {
            assert!(url.starts_with("https://") && url.ends_with(":8443/"));
            assert!(!url.contains("127.0.0.1") && !url.contains('['), "{url}");
        }
    }
}
