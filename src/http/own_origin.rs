//! Decides whether an `Origin` is that of the built-in pages: the host that the request was sent to.
//!
//! Browsers send both headers truthfully. Other programs can forge both, but could omit `Origin` as well. So the origin
//! lists exclude pages of other sites, and a forged host gives no additional access. Without TLS one bypass remains: a
//! page whose own domain later resolves to this server (DNS rebinding). It gets the access of any page where no list is
//! set; `origin_denied` and a TLS listener exclude it.

use hyper::Uri;
use hyper::header::{FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue};

use crate::net::forwarded::{ForwardedClient, TrustedProxies};

/// The host requested from a proxy that forwards another one.
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// The port requested from a proxy that forwards a host without port.
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
/// The scheme of the request to a proxy.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Hosts, ports and scheme that the trusted proxies received. Entries that the client added itself come further left
/// and are not included.
#[derive(Debug, Clone, Default)]
pub(super) struct ForwardedHosts {
    hosts: Vec<String>,
    ports: Vec<String>,
    /// Whether one of them received the request over TLS.
    is_tls: bool,
}

impl ForwardedHosts {
    /// Reads the headers of the trusted proxies in front of a client; empty if there is none.
    pub(super) fn from_headers(
        client: &ForwardedClient,
        headers: &HeaderMap,
        proxies: &TrustedProxies,
    ) -> Self {
        let listed = |name: HeaderName| last_entries(headers, &name, client.trusted_hops);
        let forwarded = |name| {
            let values = headers.get_all(FORWARDED).iter();
            proxies.forwarded_values(client, values.map(HeaderValue::as_bytes), name)
        };
        let schemes = [listed(FORWARDED_PROTO), forwarded("proto")].concat();
        let is_tls = |scheme: &String| ["https", "wss"].contains(&&*scheme.to_ascii_lowercase());
        Self {
            hosts: [listed(FORWARDED_HOST), forwarded("host")].concat(),
            ports: listed(FORWARDED_PORT),
            is_tls: schemes.iter().any(is_tls),
        }
    }

    /// Returns whether one of the proxies received the request over TLS.
    pub(super) const fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Returns the host and port that the client requested; `host` is the `Host` that arrived here. The outermost proxy
    /// knows them best.
    pub(super) fn requested_authority(&self, host: &str, is_tls: bool) -> String {
        let host = self.hosts.last().map_or(host, String::as_str);
        let scheme = if is_tls { "https" } else { "http" };
        let authority = match self.ports.last() {
            Some(port) if host_name(host) == host => format!("{host}:{port}"),
            _ => host.to_owned(),
        };
        without_default_port(scheme, &authority).to_owned()
    }
}

/// Returns whether an origin is that of the built-in pages, according to the request.
pub(super) fn is_own(
    origin: &HeaderValue,
    headers: &HeaderMap,
    forwarded: &ForwardedHosts,
) -> bool {
    let Some((scheme, authority)) = origin.to_str().ok().and_then(|own| own.split_once("://"))
    else {
        return false;
    };
    if !matches!(scheme, "http" | "https") {
        return false;
    }
    // An `https` origin proves nothing here: TLS may end at a proxy further out, or at one that sends no such header.
    if scheme == "http" && forwarded.is_tls {
        return false;
    }
    let own = without_default_port(scheme, authority);
    let is_own = |host: &str| own.eq_ignore_ascii_case(without_default_port(scheme, host));
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let forwarded_hosts = forwarded.hosts.iter().map(String::as_str);
    let mut hosts = host.into_iter().chain(forwarded_hosts);
    hosts.any(|host| {
        let at_port = |port: &String| is_own(&format!("{}:{port}", host_name(host)));
        !host_name(host).is_empty() && (is_own(host) || forwarded.ports.iter().any(at_port))
    })
}

/// Returns the origin of a URL, in the form that browsers send.
pub(super) fn origin_of_url(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?;
    let authority = uri.authority()?.as_str().to_ascii_lowercase();
    Some(format!(
        "{scheme}://{}",
        without_default_port(scheme, &authority)
    ))
}

/// Returns a host without its port.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    }
}

/// Returns an authority without the default port of the scheme.
fn without_default_port<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let port = if scheme == "https" { ":443" } else { ":80" };
    authority.strip_suffix(port).unwrap_or(authority)
}

/// Returns the last `count` entries of all headers with this name, the nearest proxy first.
fn last_entries(headers: &HeaderMap, name: &HeaderName, count: usize) -> Vec<String> {
    let values = headers.get_all(name).iter().rev();
    let entries = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.rsplit(','));
    let entries = entries.map(|entry| entry.trim().to_owned());
    entries.take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn is_own_for(
        origin: &'static str,
        headers: &[(&'static str, &'static str)],
        is_trusted: bool,
    ) -> bool {
        let hops = usize::from(is_trusted);
        is_own_behind(hops, "x-forwarded-for", origin, headers)
    }

    /// Checks an origin behind `hops` trusted proxies.
    fn is_own_behind(
        hops: usize,
        header: &str,
        origin: &'static str,
        headers: &[(&'static str, &'static str)],
    ) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        let proxies = TrustedProxies::new(&config::TrustedProxies {
            header: header.to_owned(),
            ..config::TrustedProxies::default()
        });
        let client = ForwardedClient {
            trusted_hops: hops,
            ..proxies.resolve_client(None, std::iter::empty())
        };
        let forwarded = ForwardedHosts::from_headers(&client, &map, &proxies);
        is_own(&HeaderValue::from_static(origin), &map, &forwarded)
    }

    #[test]
    fn the_own_origin_is_the_requested_host() {
        for (origin, host) in [
            ("http://tracker.example:8000", "tracker.example:8000"),
            ("https://tracker.example", "tracker.example"),
            ("https://tracker.example", "Tracker.Example:443"),
            ("http://tracker.example", "tracker.example:80"),
            ("http://[::1]:8000", "[::1]:8000"),
        ] {
            assert!(
                is_own_for(origin, &[("host", host)], false),
                "{origin} {host}"
            );
        }
        for (origin, host) in [
            ("https://other.example", "tracker.example"),
            ("https://tracker.example:8443", "tracker.example"),
            ("https://tracker.example", "tracker.example:80"),
            ("https://tracker.example", ":443"),
            ("https://tracker.example.evil", "tracker.example"),
            ("null", "null"),
            ("file://", ""),
            ("https://", ""),
            ("ftp://tracker.example", "tracker.example"),
        ] {
            assert!(
                !is_own_for(origin, &[("host", host)], true),
                "{origin} {host}"
            );
        }
        assert!(!is_own_for("https://tracker.example", &[], true));
    }

    #[test]
    fn a_trusted_proxy_reports_the_requested_host_and_scheme() {
        let inner = ("host", "127.0.0.1:8000");
        let outer = ("x-forwarded-host", "tracker.example");
        let proto = ("x-forwarded-proto", "https");
        assert!(is_own_for(
            "https://tracker.example",
            &[inner, outer, proto],
            true
        ));
        assert!(!is_own_for(
            "https://tracker.example",
            &[inner, outer, proto],
            false
        ));
        let host = ("host", "tracker.example");
        assert!(is_own_for("https://tracker.example", &[host, proto], true));
        assert!(!is_own_for("http://tracker.example", &[host, proto], true));
        // Entries that the client wrote itself come first.
        let forged = ("x-forwarded-host", "evil.example, tracker.example");
        assert!(!is_own_for("https://evil.example", &[inner, forged], true));
        assert!(is_own_for(
            "https://tracker.example",
            &[inner, forged],
            true
        ));
    }

    #[test]
    fn built_in_pages_are_recognised_behind_common_proxies() {
        let origin = "https://t.example";
        let host = ("host", "t.example");
        // TLS ends further out than the proxy that sends the header.
        for schemes in ["http", "https, http", "ws"] {
            let headers = [host, ("x-forwarded-proto", schemes)];
            assert!(is_own_for(origin, &headers, true), "{schemes}");
        }
        assert!(!is_own_for(
            "http://t.example",
            &[host, ("x-forwarded-proto", "wss")],
            true
        ));
        // The port is dropped, or sent in a header of its own.
        let origin = "https://t.example:8443";
        let port = ("x-forwarded-port", "8443");
        assert!(is_own_for(origin, &[host, port], true));
        assert!(is_own_for(origin, &[("host", "t.example:80"), port], true));
        assert!(!is_own_for(origin, &[host, port], false));
        assert!(!is_own_for("https://t.example:8444", &[host, port], true));
        let inner = ("host", "127.0.0.1:8000");
        let outer = ("x-forwarded-host", "t.example");
        assert!(is_own_for(origin, &[inner, outer, port], true));
        let ipv6 = ("host", "[2001:db8::1]");
        assert!(is_own_for(
            "https://[2001:db8::1]:8443",
            &[ipv6, port],
            true
        ));
        // The `Forwarded` header.
        let forwarded = (
            "forwarded",
            "host=evil.example, for=192.0.2.1;host=\"t.example:8443\";proto=https",
        );
        let behind =
            |hops, header, origin| is_own_behind(hops, header, origin, &[inner, forwarded]);
        assert!(behind(1, "forwarded", origin));
        assert!(!behind(1, "forwarded", "http://t.example:8443"));
        assert!(!behind(1, "forwarded", "https://evil.example"));
        assert!(!behind(0, "forwarded", origin));
        assert!(!behind(1, "x-forwarded-for", origin));
    }

    #[test]
    fn each_trusted_proxy_counts_one_list_entry() {
        let list = [
            ("host", "inner:80"),
            ("x-forwarded-host", "evil.example, t.example"),
            ("x-forwarded-host", "inner:80"),
        ];
        let own = |hops, origin| is_own_behind(hops, "x-forwarded-for", origin, &list);
        assert!(own(2, "https://t.example"));
        assert!(!own(1, "https://t.example"));
        assert!(!own(2, "https://evil.example"));
        assert!(!own(0, "https://t.example"));
    }

    #[test]
    fn a_url_has_the_origin_of_its_pages() {
        for (url, origin) in [
            (
                "https://Tracker.example/dashboard",
                "https://tracker.example",
            ),
            (
                "https://tracker.example:443/hub/",
                "https://tracker.example",
            ),
            ("http://tracker.example:8000", "http://tracker.example:8000"),
        ] {
            assert_eq!(origin_of_url(url).as_deref(), Some(origin));
        }
    }
}
