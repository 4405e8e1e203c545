//! Selects the URL under which a page reaches the TURN relay over TCP or TLS, for networks that let out no UDP.
//!
//! The page has just reached this server over TCP: the same host and port serve TURN, too.

use std::net::{IpAddr, Ipv4Addr};

/// How a page reached this server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TurnRequester<'a> {
    /// The address of the client; `None` if it is not known.
    pub(crate) client: Option<IpAddr>,
    /// What is between the client and this server.
    pub(crate) proxy: ProxyKind,
    /// Whether this server decrypted the connection.
    pub(crate) is_tls: bool,
    /// The valid `Host` of the request.
    pub(crate) host: Option<&'a str>,
}

/// What passes the bytes of a connection on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProxyKind {
    /// Nothing.
    None,
    /// A proxy that sends a PROXY header, and passes on TLS as it is, but plain bytes perhaps only if they are HTTP.
    ProxyHeader,
    /// A reverse proxy, which speaks only HTTP.
    Http,
}

/// Returns the URL for a client, or `None` if no address is known to work.
///
/// TURN over TLS needs a name and a certificate that browsers trust: they refuse any other for TURN, even if the visitor
/// accepted it for the page, and Firefox 153 opens no connection for an IP address. Otherwise the URL is one without TLS at
/// the same port. The relayed bytes are encrypted between the browsers anyway.
pub(crate) fn stream_turn_url(requester: &TurnRequester<'_>, is_trusted: bool) -> Option<String> {
    let client = requester.client?.to_canonical();
    let authority: http::uri::Authority = requester.host?.parse().ok()?;
    let name = authority.host();
    let is_ip = name.starts_with('[') || name.parse::<Ipv4Addr>().is_ok();
    let has_tls = requester.is_tls && is_trusted && !is_ip;
    let passes_turn = match requester.proxy {
        ProxyKind::None => true,
        ProxyKind::ProxyHeader => has_tls,
        ProxyKind::Http => false,
    };
    let default_port = if requester.is_tls { 443 } else { 80 };
    let port = authority.port_u16().unwrap_or(default_port);
    let is_usable =
        !client.is_loopback() && passes_turn && !name.is_empty() && browsers_allow(port);
    let scheme = if has_tls { "turns" } else { "turn" };
    is_usable.then(|| format!("{scheme}:{name}:{port}?transport=tcp"))
}

/// Returns whether browsers connect to a TURN server at this port (libwebrtc).
const fn browsers_allow(port: u16) -> bool {
    matches!(port, 53 | 80 | 443 | 1024..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(client: &str, proxy: ProxyKind, is_tls: bool, host: &str) -> Option<String> {
        let requester = TurnRequester {
            client: Some(client.parse().expect("an address")),
            proxy,
            is_tls,
            host: Some(host),
        };
        stream_turn_url(&requester, true)
    }

    #[test]
    fn a_page_gets_the_host_that_it_reached() {
        let direct = |is_tls, host| url("1.1.1.1", ProxyKind::None, is_tls, host);
        for (is_tls, host, expected) in [
            (true, "a.example", "turns:a.example:443?transport=tcp"),
            (true, "a.example:8443", "turns:a.example:8443?transport=tcp"),
            (true, "9.9.9.9", "turn:9.9.9.9:443?transport=tcp"),
            (true, "[2620:fe::9]", "turn:[2620:fe::9]:443?transport=tcp"),
            (false, "a.example", "turn:a.example:80?transport=tcp"),
            (false, "a.example:8000", "turn:a.example:8000?transport=tcp"),
        ] {
            assert_eq!(direct(is_tls, host).as_deref(), Some(expected), "{host}");
        }
        for refused in ["a.example:81", "a b", ""] {
            assert_eq!(direct(true, refused), None, "{refused}");
        }
        assert_eq!(url("127.0.0.1", ProxyKind::None, true, "a.example"), None);
        assert_eq!(url("::1", ProxyKind::None, true, "a.example"), None);
    }

    #[test]
    fn only_proxies_that_pass_on_bytes_pass_on_turn() {
        let behind = |proxy, is_tls| url("1.1.1.1", proxy, is_tls, "a.example").is_some();
        assert!(behind(ProxyKind::ProxyHeader, true));
        assert!(!behind(ProxyKind::ProxyHeader, false));
        assert!(!behind(ProxyKind::Http, true));
        assert!(!behind(ProxyKind::Http, false));
    }

    #[test]
    fn an_untrusted_certificate_is_not_used_for_turn() {
        let requester = TurnRequester {
            client: Some([1, 1, 1, 1].into()),
            proxy: ProxyKind::None,
            is_tls: true,
            host: Some("a.example:8443"),
        };
        assert_eq!(
            stream_turn_url(&requester, false).as_deref(),
            Some("turn:a.example:8443?transport=tcp")
        );
        let behind = TurnRequester {
            proxy: ProxyKind::ProxyHeader,
            ..requester
        };
        assert_eq!(stream_turn_url(&behind, false), None);
    }
}
