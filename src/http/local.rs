//! Decides whether a request comes from this machine. A local client may see all statistics, because it could inspect
//! the process as well.
//!
//! A proxy on this machine also connects over loopback, on behalf of remote clients. If it is trusted, its headers name
//! the client. If not, its headers reveal that it exists. A proxy that forwards plain bytes adds no header, and a
//! remote client behind it can send any `Host`. So after the first sign of a proxy no request over loopback counts as
//! local. A page whose own domain resolves to this machine (DNS rebinding) is recognised by its `Host`.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::header::{FORWARDED, HOST, HeaderMap, VIA};
use hyper::{Request, Version};

use crate::net::forwarded::{ForwardedClient, TrustedProxies};

/// Whether a request comes from this machine; stored in the extensions of the request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct IsLocal(pub(super) bool);

/// Whether a request over loopback may have come from another machine. Stays set.
#[derive(Debug, Default)]
pub(super) struct LoopbackProxyDetector(AtomicBool);

/// Name prefixes of headers that proxies add.
const PROXY_HEADER_PREFIXES: [&str; 2] = ["x-forwarded-", "cf-"];
/// Other headers that proxies add.
const PROXY_HEADERS: [&str; 6] = [
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "x-cluster-client-ip",
    "fastly-client-ip",
    "x-original-host",
];

/// The host that a request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequestedHost {
    /// This machine: a loopback address or `localhost`.
    ThisMachine,
    /// Another host, as remote clients name it.
    Other,
    /// No host.
    Missing,
}

impl IsLocal {
    /// Decides for a request of `client`, which was determined with `proxies`.
    pub(super) fn decide<B>(
        request: &Request<B>,
        client: &ForwardedClient,
        proxies: &TrustedProxies,
        detector: &LoopbackProxyDetector,
    ) -> Self {
        let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
        if client.is_malformed || !client.address.is_some_and(is_loopback) {
            return Self(false);
        }
        let host = requested_host(request.headers());
        // A trusted proxy reports a client on this machine.
        if client.is_forwarded {
            return Self(host == RequestedHost::ThisMachine);
        }
        let is_forwarded = has_proxy_headers(request.headers(), proxies.header());
        if client.trusted_hops == 0 && (is_forwarded || host == RequestedHost::Other) {
            detector.set();
        }
        // Browsers and metrics collectors use HTTP/1.1; proxies that add no header often use HTTP/1.0.
        let is_http_1_1 = request.version() > Version::HTTP_10;
        Self(
            is_http_1_1
                && host == RequestedHost::ThisMachine
                && !is_forwarded
                && !detector.is_set(),
        )
    }
}

impl LoopbackProxyDetector {
    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self) {
        if !self.0.swap(true, Ordering::Relaxed) {
            tracing::info!(
                "requests over loopback came through a proxy or named another host: full metrics over loopback now need a token. \
                 If there is a proxy, list it in proxies.trusted; otherwise restart and use http://localhost"
            );
        }
    }
}

/// Returns whether headers show that a proxy forwarded the request.
fn has_proxy_headers(headers: &HeaderMap, header: &str) -> bool {
    let is_proxy_header = |name: &str| {
        PROXY_HEADER_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
            || PROXY_HEADERS.contains(&name)
    };
    [FORWARDED, VIA]
        .iter()
        .any(|name| headers.contains_key(name))
        || headers.contains_key(header)
        || headers.keys().any(|name| is_proxy_header(name.as_str()))
}

/// Returns the host that the `Host` header names.
fn requested_host(headers: &HeaderMap) -> RequestedHost {
    let mut hosts = headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str(),
        (None, _) => return RequestedHost::Missing,
        _ => return RequestedHost::Other,
    };
    let Ok(host) = host else {
        return RequestedHost::Other;
    };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_ours = match name.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    };
    match (is_ours, name.as_str()) {
        (true, _) => RequestedHost::ThisMachine,
        (false, "") => RequestedHost::Missing,
        (false, _) => RequestedHost::Other,
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;
    use crate::config;

    /// A request with these headers.
    fn request(headers: &[(&'static str, &'static str)]) -> Request<()> {
        let mut request = Request::new(());
        for (name, value) in headers {
            let name = HeaderName::from_static(name);
            request
                .headers_mut()
                .append(name, HeaderValue::from_static(value));
        }
        request
    }

    fn proxies(trusted: &[&str]) -> TrustedProxies {
        TrustedProxies::new(&config::TrustedProxies {
            trusted: trusted
                .iter()
                .map(|network| network.parse().unwrap())
                .collect(),
            ..config::TrustedProxies::default()
        })
    }

    fn is_local(
        peer: &str,
        request: &Request<()>,
        trusted: &[&str],
        detector: &LoopbackProxyDetector,
    ) -> bool {
        let proxies = proxies(trusted);
        let values = request.headers().get_all(proxies.header()).iter();
        let client = proxies.resolve_client(peer.parse().ok(), values.map(HeaderValue::as_bytes));
        IsLocal::decide(request, &client, &proxies, detector).0
    }

    #[test]
    fn a_loopback_request_to_this_machine_is_local() {
        for host in [
            "127.0.0.1:8000",
            "[::1]:8000",
            "localhost",
            "LOCALHOST:1",
            "localhost.",
            "a.localhost",
        ] {
            for peer in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
                let request = request(&[("host", host)]);
                let detector = LoopbackProxyDetector::default();
                assert!(is_local(peer, &request, &[], &detector), "{peer} {host}");
            }
        }
    }

    #[test]
    fn remote_clients_are_never_local() {
        let host = ("host", "127.0.0.1");
        for peer in ["192.0.2.1", "10.0.0.1", ""] {
            let detector = LoopbackProxyDetector::default();
            assert!(!is_local(peer, &request(&[host]), &[], &detector), "{peer}");
            assert!(!detector.is_set());
        }
        for name in [
            "tracker.example",
            "192.168.0.1:8000",
            "[2001:db8::1]",
            "hub:8000",
            "x",
        ] {
            let detector = LoopbackProxyDetector::default();
            let request = request(&[("host", name)]);
            assert!(!is_local("127.0.0.1", &request, &[], &detector), "{name}");
            assert!(detector.is_set(), "{name}");
        }
        for header in [
            "x-forwarded-for",
            "x-forwarded-proto",
            "forwarded",
            "via",
            "x-real-ip",
            "cf-connecting-ip",
        ] {
            let detector = LoopbackProxyDetector::default();
            let request = request(&[host, (header, "127.0.0.1")]);
            assert!(!is_local("127.0.0.1", &request, &[], &detector), "{header}");
            assert!(detector.is_set(), "{header}");
        }
    }

    #[test]
    fn a_request_without_host_or_with_http_1_0_is_not_local() {
        for headers in [&[][..], &[("host", "")], &[("host", ":80")]] {
            let detector = LoopbackProxyDetector::default();
            let request = request(headers);
            assert!(
                !is_local("127.0.0.1", &request, &[], &detector),
                "{headers:?}"
            );
            assert!(!detector.is_set(), "{headers:?}");
        }
        let mut old = request(&[("host", "localhost")]);
        *old.version_mut() = Version::HTTP_10;
        let detector = LoopbackProxyDetector::default();
        assert!(!is_local("127.0.0.1", &old, &[], &detector));
        assert!(!detector.is_set());
    }

    #[test]
    fn loopback_is_not_local_after_a_sign_of_a_proxy() {
        let forged = request(&[("host", "localhost")]);
        let honest = request(&[("host", "tracker.example")]);
        let detector = LoopbackProxyDetector::default();
        assert!(is_local("127.0.0.1", &forged, &[], &detector));
        assert!(!is_local("127.0.0.1", &honest, &[], &detector));
        assert!(!is_local("127.0.0.1", &forged, &[], &detector));
        assert!(!is_local("::1", &forged, &[], &detector));
    }

    #[test]
    fn a_trusted_proxy_reports_local_clients() {
        let (host, detector) = (("host", "localhost"), LoopbackProxyDetector::default());
        let forwarded = |client| request(&[host, ("x-forwarded-for", client), ("via", "1.1 x")]);
        let trusted = ["127.0.0.1"];
        assert!(is_local(
            "127.0.0.1",
            &forwarded("127.0.0.1"),
            &["127.0.0.1"],
            &detector
        ));
        assert!(is_local(
            "127.0.0.1",
            &forwarded("::1"),
            &trusted,
            &detector
        ));
        assert!(!is_local(
            "127.0.0.1",
            &forwarded("192.0.2.1"),
            &trusted,
            &detector
        ));
        assert!(!is_local(
            "10.0.0.1",
            &forwarded("127.0.0.1"),
            &["10.0.0.1"],
            &detector
        ));
        // It may forward requests for any host that it serves.
        let served = request(&[("host", "a.example"), ("x-forwarded-for", "192.0.2.1")]);
        assert!(!is_local("127.0.0.1", &served, &trusted, &detector));
        assert!(!detector.is_set());
    }
}
