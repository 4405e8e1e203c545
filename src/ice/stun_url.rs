//! Selects the addresses of the STUN server that a page gets.
//!
//! An address literal needs no DNS and has the family of the client, so that gathering candidates ends at once: a name
//! with both families costs browsers in a home with one family seconds.

use std::net::{IpAddr, SocketAddr};

use crate::config::is_public_address;

/// The client that asks, and how it reached this server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StunRequester<'a> {
    /// The address of the client; `None` if it is not known.
    pub(crate) client: Option<IpAddr>,
    /// The address of this machine at which the connection was accepted; `None` for a Unix domain socket.
    pub(crate) local: Option<IpAddr>,
    /// Whether a proxy passed the request on. Then the connection and `Host` name the proxy's machine.
    pub(crate) is_forwarded: bool,
    /// The valid `Host` of the request.
    pub(crate) host: Option<&'a str>,
}

/// Returns the STUN URLs for a client, at most one for each address family; none if no address is known to work.
///
/// `sockets` are the bound UDP addresses, `public` the addresses or names of `ice.public_address`, `own` returns the addresses of
/// this machine's interfaces.
pub(crate) fn stun_urls(
    sockets: &[SocketAddr],
    requester: &StunRequester<'_>,
    public: &[String],
    own: impl FnOnce() -> Vec<IpAddr>,
) -> Vec<String> {
    let Some(client) = requester.client.map(|ip| ip.to_canonical()) else {
        return Vec::new();
    };
    if client.is_loopback() {
        return Vec::new();
    }
    if !public.is_empty() {
        let Some(port) = sockets.first().map(SocketAddr::port) else {
            return Vec::new();
        };
        return urls_of_public(public, client, port);
    }
    if requester.is_forwarded {
        return Vec::new();
    }
    let Some(local) = requester.local.map(|ip| ip.to_canonical()) else {
        return Vec::new();
    };
    if is_public_address(local) || !is_public_address(client) {
        let other = || {
            let same_scope = |ip: &IpAddr| is_public_address(*ip) == is_public_address(local);
            let ipv4 = own().into_iter().filter(IpAddr::is_ipv4);
            ipv4.filter(|ip| !ip.is_loopback()).find(same_scope)
        };
        let second = if local.is_ipv6() { other() } else { None };
        let addresses = [Some(local), second];
        return addresses
            .into_iter()
            .flatten()
            .filter_map(|ip| Some(literal_url(ip, port_of(sockets, ip)?)))
            .collect();
    }
    let port = port_of(sockets, local);
    port.and_then(|port| url_of_host(requester.host?, port))
        .into_iter()
        .collect()
}

/// Returns the port of the socket that receives datagrams to an address of this machine.
fn port_of(sockets: &[SocketAddr], ip: IpAddr) -> Option<u16> {
    let receives = |socket: &&SocketAddr| {
        let bound = socket.ip();
        bound == ip || bound.is_unspecified() && (bound.is_ipv6() || ip.is_ipv4())
    };
    sockets.iter().find(receives).map(SocketAddr::port)
}

/// Returns the URLs of configured addresses. A name serves both families; it is used only where no literal fits.
fn urls_of_public(public: &[String], client: IpAddr, port: u16) -> Vec<String> {
    let literals: Vec<IpAddr> = public
        .iter()
        .filter_map(|address| address.parse().ok())
        .collect();
    let fits = |ip: &&IpAddr| ip.is_ipv4() || client.is_ipv6();
    let of_family = |is_ipv4: bool| {
        let mut fitting = literals.iter().filter(fits);
        fitting.find(|ip| ip.is_ipv4() == is_ipv4)
    };
    let urls: Vec<_> = [of_family(false), of_family(true)]
        .into_iter()
        .flatten()
        .map(|ip| literal_url(*ip, port))
        .collect();
    if !urls.is_empty() {
        return urls;
    }
    let mut names = public.iter().filter(|name| name.parse::<IpAddr>().is_err());
    names
        .next()
        .map(|name| format!("stun:{name}:{port}"))
        .into_iter()
        .collect()
}

/// Returns the URL of the host in a request. Its port is that of the tracker, which the UDP port equals unless
/// something in front maps ports.
fn url_of_host(host: &str, port: u16) -> Option<String> {
    let authority: http::uri::Authority = host.parse().ok()?;
    let port = authority.port_u16().unwrap_or(port);
    let name = authority.host();
    (!name.is_empty()).then(|| format!("stun:{name}:{port}"))
}

fn literal_url(ip: IpAddr, port: u16) -> String {
    format!("stun:{}", SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &[&str] = &["127.0.0.1", "::1", "10.0.0.7", "9.9.9.9", "2620:fe::9"];

    fn ip(word: &str) -> IpAddr {
        word.parse().expect("an address")
    }

    fn own() -> Vec<IpAddr> {
        HERE.iter().map(|word| ip(word)).collect()
    }

    /// Returns the URLs for a client that reached `local` under the name `host`, directly.
    fn urls(client: &str, local: &str, host: &str) -> Vec<String> {
        let requester = StunRequester {
            client: Some(ip(client)),
            local: Some(ip(local)),
            is_forwarded: false,
            host: Some(host),
        };
        let sockets = ["[::]:8000".parse().expect("an address")];
        stun_urls(&sockets, &requester, &[], own)
    }

    #[test]
    fn a_client_gets_the_literal_that_it_reached() {
        assert_eq!(
            urls("1.1.1.1", "9.9.9.9", "a.example"),
            ["stun:9.9.9.9:8000"]
        );
        assert_eq!(
            urls("::ffff:1.1.1.1", "::ffff:9.9.9.9", "a.example"),
            ["stun:9.9.9.9:8000"]
        );
        // In a local network, and in a network of documentation addresses.
        assert_eq!(
            urls("10.0.0.9", "10.0.0.7", "a.example"),
            ["stun:10.0.0.7:8000"]
        );
        assert_eq!(
            urls("203.0.113.9", "203.0.113.7", "a.example"),
            ["stun:203.0.113.7:8000"]
        );
    }

    #[test]
    fn an_ipv6_client_gets_both_families() {
        assert_eq!(
            urls("2606:4700::1", "2620:fe::9", "a.example"),
            ["stun:[2620:fe::9]:8000", "stun:9.9.9.9:8000"]
        );
        assert_eq!(
            urls("fd00::1", "fd00::7", "a.example"),
            ["stun:[fd00::7]:8000", "stun:10.0.0.7:8000"]
        );
    }

    #[test]
    fn behind_address_translation_the_host_is_used() {
        let of_host = |host| urls("1.1.1.1", "172.17.0.2", host);
        assert_eq!(of_host("a.example"), ["stun:a.example:8000"]);
        assert_eq!(of_host("a.example:443"), ["stun:a.example:443"]);
        assert_eq!(of_host("9.9.9.9:8443"), ["stun:9.9.9.9:8443"]);
        assert_eq!(of_host("[2620:fe::9]:80"), ["stun:[2620:fe::9]:80"]);
        assert_eq!(of_host(""), [""; 0]);
    }

    #[test]
    fn this_machine_and_clients_of_proxies_get_none() {
        assert_eq!(urls("127.0.0.1", "127.0.0.1", "localhost"), [""; 0]);
        assert_eq!(urls("::1", "::1", "localhost"), [""; 0]);
        let sockets = ["[::]:8000".parse().expect("an address")];
        let forwarded = StunRequester {
            client: Some(ip("1.1.1.1")),
            local: Some(ip("10.0.0.7")),
            is_forwarded: true,
            host: Some("a.example"),
        };
        assert_eq!(stun_urls(&sockets, &forwarded, &[], own), [""; 0]);
        let unknown = StunRequester {
            client: None,
            ..forwarded
        };
        assert_eq!(stun_urls(&sockets, &unknown, &[], own), [""; 0]);
        assert_eq!(
            stun_urls(&[], &forwarded, &["9.9.9.9".to_owned()], own),
            [""; 0]
        );
    }

    #[test]
    fn configured_addresses_replace_all_others() {
        let sockets = ["[::]:3478".parse().expect("an address")];
        let urls = |client, public: &[&str]| {
            let requester = StunRequester {
                client: Some(ip(client)),
                local: Some(ip("10.0.0.7")),
                is_forwarded: true,
                host: Some("proxy.example"),
            };
            let public: Vec<_> = public.iter().map(|&word| word.to_owned()).collect();
            stun_urls(&sockets, &requester, &public, own)
        };
        let both = ["9.9.9.9", "2620:fe::9"];
        assert_eq!(urls("1.1.1.1", &both), ["stun:9.9.9.9:3478"]);
        assert_eq!(
            urls("2606:4700::1", &both),
            ["stun:[2620:fe::9]:3478", "stun:9.9.9.9:3478"]
        );
        let name = ["stun.example.org"];
        assert_eq!(urls("1.1.1.1", &name), ["stun:stun.example.org:3478"]);
        // A name serves clients that no literal fits.
        let mixed = ["2620:fe::9", "stun.example.org"];
        assert_eq!(urls("1.1.1.1", &mixed), ["stun:stun.example.org:3478"]);
        assert_eq!(urls("127.0.0.1", &mixed), [""; 0]);
    }

    #[test]
    fn the_socket_must_receive_what_is_sent_to_the_address() {
        let urls = |socket: &str, client, local| {
            let requester = StunRequester {
                client: Some(ip(client)),
                local: Some(ip(local)),
                is_forwarded: false,
                host: None,
            };
            stun_urls(
                &[socket.parse().expect("an address")],
                &requester,
                &[],
                Vec::new,
            )
        };
        assert_eq!(urls("0.0.0.0:5", "1.1.1.1", "9.9.9.9"), ["stun:9.9.9.9:5"]);
        assert_eq!(urls("9.9.9.9:5", "1.1.1.1", "9.9.9.9"), ["stun:9.9.9.9:5"]);
        assert_eq!(urls("9.9.9.8:5", "1.1.1.1", "9.9.9.9"), [""; 0]);
        assert_eq!(urls("0.0.0.0:5", "2606:4700::1", "2620:fe::9"), [""; 0]);
    }
}
