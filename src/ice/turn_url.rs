//! Selects the URL under which a page reaches the TURN relay over TCP or TLS, for networks that let out no UDP.
//!
//! The page has just reached this server over TCP: the same host and port serve TURN, too.

use std::net::IpAddr;

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
/// `plain_port` is the port of a listener without TLS. It is used where browsers do not trust the certificate: they would
/// refuse it for TURN even if the visitor accepted it for the page.
pub(crate) fn stream_turn_url(
    requester: &TurnRequester<'_>,
    is_trusted: bool,
    plain_port: Option<u16>,
) -> Option<String> {
    let client = requester.client?.to_canonical();
    let passes_turn = match requester.proxy {
        ProxyKind::None => true,
        ProxyKind::ProxyHeader => requester.is_tls && is_trusted,
        ProxyKind::Http => false,
    };
    if client.is_loopback() || !passes_turn {
        return None;
    }
    let authority: http::uri::Authority = requester.host?.parse().ok()?;
    let default_port = if requester.is_tls { 443 } else { 80 };
    let own_port = authority.port_u16().unwrap_or(default_port);
    let (scheme, port) = match (requester.is_tls, is_trusted) {
        (true, true) => ("turns", own_port),
        (true, false) => ("turn", plain_port?),
        (false, _) => ("turn", own_port),
    };
    let name = authority.host();
    let is_usable = !name.is_empty() && browsers_allow(port);
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
        stream_turn_url(&requester, true, None)
    }

    #[test]
    fn a_page_gets_the_host_that_it_reached() {
        let direct = |is_tls, host| url("1.1.1.1", ProxyKind::None, is_tls, host);
        for (is_tls, host, expected) in [
            (true, "a.example", "turns:a.example:443?transport=tcp"),
            (true, "a.example:8443", "turns:a.example:8443?transport=tcp"),
            (true, "9.9.9.9", "turns:9.9.9.9:443?transport=tcp"),
            (true, "[2620:fe::9]", "turns:[2620:fe::9]:443?transport=tcp"),
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
    fn an_untrusted_certificate_needs_a_port_without_tls() {
        let requester = TurnRequester {
            client: Some([1, 1, 1, 1].into()),
            proxy: ProxyKind::None,
            is_tls: true,
            host: Some("9.9.9.9:8443"),
        };
        assert_eq!(stream_turn_url(&requester, false, None), None);
        assert_eq!(
            stream_turn_url(&requester, false, Some(8000)).as_deref(),
            Some("turn:9.9.9.9:8000?transport=tcp")
        );
    }
}
