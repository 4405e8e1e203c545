//! Lists the URLs under which other machines can open the sharing page, for a page that was opened as `localhost`:
//! links made there work on that machine only.
//!
//! Only local requests receive them, because the addresses of this machine are not public. Used by `/ice`.

use std::net::{IpAddr, UdpSocket};

use crate::config::{ListenSpec, ListenTarget, Tls};

/// Maximum number of URLs; a machine with many containers has many addresses.
const PAGE_URLS_MAX: usize = 4;
/// Name prefixes of interfaces that lead only to containers and virtual machines on this machine.
const VIRTUAL_INTERFACE_PREFIXES: [&str; 6] = ["docker", "br-", "veth", "virbr", "cni", "lxc"];

/// Returns the https URLs of the page, the best first. Only https: over plain http, browsers give the page the features
/// it needs on `localhost` alone. `certified_hosts` are those of ACME certificates; if there are any,
/// they replace the addresses of this machine.
pub(super) fn page_urls(listening: &[ListenSpec], certified_hosts: &[String]) -> Vec<String> {
    let has_https_pages =
        |listen: &&ListenSpec| listen.tls && !listen.proxy && listen.role.has_pages();
    let mut urls = Vec::new();
    for listen in listening.iter().filter(has_https_pages) {
        let ListenTarget::Tcp(bound) = listen.target else {
            continue;
        };
        let port = match bound.port() {
            443 => String::new(),
            port => format!(":{port}"),
        };
        let hosts: Vec<String> = match bound.ip() {
            ip if ip.is_loopback() => continue,
            _ if !certified_hosts.is_empty() => certified_hosts.to_vec(),
            ip if ip.is_unspecified() => {
                let own = reachable_addresses().into_iter();
                own.filter(|own| ip.is_ipv6() || own.is_ipv4())
                    .map(url_host)
                    .collect()
            }
            ip => vec![url_host(ip)],
        };
        urls.extend(
            hosts
                .into_iter()
                .map(|host| format!("https://{host}{port}/")),
        );
    }
    urls.truncate(PAGE_URLS_MAX);
    urls
}

/// Returns the URL hosts for which certificates come from an ACME directory.
pub(super) fn certified_hosts(tls: &Tls) -> Vec<String> {
    let addresses = tls.acme_address.iter().copied().map(url_host);
    tls.acme_domain.iter().cloned().chain(addresses).collect()
}

/// Returns the addresses of this machine that others can reach: first the outgoing one, then IPv4, which is easier to
/// read.
fn reachable_addresses() -> Vec<IpAddr> {
    let first = outgoing_address();
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let external = interfaces.into_iter().filter(|interface| {
        let is_virtual = VIRTUAL_INTERFACE_PREFIXES
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
fn outgoing_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    // A documentation address, which no host uses (RFC 5737).
    socket.connect(("192.0.2.1", 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Returns an address in the form of a URL host.
fn url_host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_listeners(listeners: &[&str]) -> Vec<ListenSpec> {
        listeners
            .iter()
            .map(|listen| listen.parse().unwrap())
            .collect()
    }

    #[test]
    fn only_https_listeners_with_pages_are_listed() {
        let listeners = parse_listeners(&[
            "192.0.2.7:8000",
            "tls+tracker+192.0.2.7:8443",
            "tls+proxy+192.0.2.7:8444",
            "tls+127.0.0.1:8445",
            "tls+192.0.2.7:443",
            "tls+pages+[2001:db8::7]:8446",
        ]);
        assert_eq!(
            page_urls(&listeners, &[]),
            ["https://192.0.2.7/", "https://[2001:db8::7]:8446/"]
        );
        assert_eq!(
            page_urls(
                &parse_listeners(&["tls+[::]:443"]),
                &["hub.example".to_owned()]
            ),
            ["https://hub.example/"]
        );
        let tls = Tls {
            acme_domain: vec!["hub.example".to_owned()],
            acme_address: vec![[192, 0, 2, 9].into(), "2001:db8::9".parse().unwrap()],
            ..Tls::default()
        };
        assert_eq!(
            page_urls(
                &parse_listeners(&["tls+0.0.0.0:8443"]),
                &certified_hosts(&tls)
            ),
            [
                "https://hub.example:8443/",
                "https://192.0.2.9:8443/",
                "https://[2001:db8::9]:8443/"
            ]
        );
    }

    #[test]
    fn a_wildcard_listener_lists_the_addresses_of_the_machine() {
        let urls = page_urls(&parse_listeners(&["tls+0.0.0.0:8443"]), &[]);
        assert!(urls.len() <= PAGE_URLS_MAX);
        for url in urls {
            assert!(url.starts_with("https://") && url.ends_with(":8443/"));
            assert!(!url.contains("127.0.0.1") && !url.contains('['), "{url}");
        }
    }
}
