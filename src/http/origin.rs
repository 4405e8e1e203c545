//! Which `Origin` is that of the server's own pages: the host that the request came to.
//!
//! Browsers tell both truthfully; programs can invent both, and could leave the `Origin` out as well. So a page of another site is
//! kept out by the lists, and nobody gets in by a forged host who could not without. One way around the lists remains where there is
//! no TLS: a page that is loaded under a name of its own, and then has that name lead here (DNS rebinding). It gets what every page
//! does where there is no list; `origin_denied` and a listener with TLS keep it out.

use hyper::Uri;
use hyper::header::{FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue};

use crate::net::address::{Client, Proxies};

/// The host that a proxy was asked for, where it sends on another one.
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// The port that a proxy was asked at, where it sends on a host without one.
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
/// The scheme that a proxy was asked with.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// How the trusted proxies on the way say that they were asked. What a client has written itself stands left of that.
#[derive(Debug, Default)]
pub(super) struct Told {
    hosts: Vec<String>,
    ports: Vec<String>,
    /// Whether one of them was asked within TLS.
    is_tls: bool,
}

impl Told {
    /// By the proxies in front of a client; nothing where none is trusted.
    pub(super) fn by(client: &Client, headers: &HeaderMap, proxies: &Proxies) -> Self {
        let listed = |name: HeaderName| last(headers, &name, client.hops);
        let forwarded = |name| {
            let values = headers.get_all(FORWARDED).iter();
            proxies.told(client, values.map(HeaderValue::as_bytes), name)
        };
        let schemes = [listed(FORWARDED_PROTO), forwarded("proto")].concat();
        let is_tls = |scheme: &String| ["https", "wss"].contains(&&*scheme.to_ascii_lowercase());
        Self {
            hosts: [listed(FORWARDED_HOST), forwarded("host")].concat(),
            ports: listed(FORWARDED_PORT),
            is_tls: schemes.iter().any(is_tls),
        }
    }
}

/// Whether an origin is that of the server's own pages, as far as a request can tell.
pub(super) fn is_own(origin: &HeaderValue, headers: &HeaderMap, told: &Told) -> bool {
    let Some((scheme, authority)) = origin.to_str().ok().and_then(|own| own.split_once("://"))
    else {
        return false;
    };
    if !matches!(scheme, "http" | "https") {
        return false;
    }
    // The other way round says nothing: TLS may end further out than at the proxy that tells of `http`, or without a word.
    if scheme == "http" && told.is_tls {
        return false;
    }
    let own = without_port(scheme, authority);
    let is_own = |host: &str| own.eq_ignore_ascii_case(without_port(scheme, host));
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let told_hosts = told.hosts.iter().map(String::as_str);
    let mut hosts = host.into_iter().chain(told_hosts);
    hosts.any(|host| {
        let at_port = |port: &String| is_own(&format!("{}:{port}", name_of(host)));
        !name_of(host).is_empty() && (is_own(host) || told.ports.iter().any(at_port))
    })
}

/// The origin of an address, as browsers write it.
pub(super) fn of_url(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?;
    let authority = uri.authority()?.as_str().to_ascii_lowercase();
    Some(format!("{scheme}://{}", without_port(scheme, &authority)))
}

/// A host without its port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    }
}

/// Without the port that the scheme has anyway.
fn without_port<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let port = if scheme == "https" { ":443" } else { ":80" };
    authority.strip_suffix(port).unwrap_or(authority)
}

/// What so many proxies have added: the last entries of all headers of this name, the nearest first.
fn last(headers: &HeaderMap, name: &HeaderName, count: usize) -> Vec<String> {
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

    fn own(
        origin: &'static str,
        headers: &[(&'static str, &'static str)],
        is_trusted: bool,
    ) -> bool {
        let hops = usize::from(is_trusted);
        own_behind(hops, "x-forwarded-for", origin, headers)
    }

    /// The same behind so many trusted proxies.
    fn own_behind(
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
        let proxies = Proxies::new(&config::Proxies {
            header: header.to_owned(),
            ..config::Proxies::default()
        });
        let client = Client {
            hops,
            ..proxies.client(None, std::iter::empty())
        };
        let told = Told::by(&client, &map, &proxies);
        is_own(&HeaderValue::from_static(origin), &map, &told)
    }

    #[test]
    fn the_own_origin_is_the_host_that_was_asked_for() {
        for (origin, host) in [
            ("http://tracker.example:8000", "tracker.example:8000"),
            ("https://tracker.example", "tracker.example"),
            ("https://tracker.example", "Tracker.Example:443"),
            ("http://tracker.example", "tracker.example:80"),
            ("http://[::1]:8000", "[::1]:8000"),
        ] {
            assert!(own(origin, &[("host", host)], false), "{origin} {host}");
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
            assert!(!own(origin, &[("host", host)], true), "{origin} {host}");
        }
        assert!(!own("https://tracker.example", &[], true));
    }

    #[test]
    fn a_trusted_proxy_tells_the_host_and_scheme_that_it_was_asked_for() {
        let inner = ("host", "127.0.0.1:8000");
        let outer = ("x-forwarded-host", "tracker.example");
        let proto = ("x-forwarded-proto", "https");
        assert!(own("https://tracker.example", &[inner, outer, proto], true));
        assert!(!own(
            "https://tracker.example",
            &[inner, outer, proto],
            false
        ));
        let host = ("host", "tracker.example");
        assert!(own("https://tracker.example", &[host, proto], true));
        assert!(!own("http://tracker.example", &[host, proto], true));
        // What a client has written itself stands in front.
        let forged = ("x-forwarded-host", "evil.example, tracker.example");
        assert!(!own("https://evil.example", &[inner, forged], true));
        assert!(own("https://tracker.example", &[inner, forged], true));
    }

    #[test]
    fn the_own_page_is_known_behind_all_common_proxies() {
        let origin = "https://t.example";
        let host = ("host", "t.example");
        // TLS ends further out than at the proxy that tells.
        for schemes in ["http", "https, http", "ws"] {
            let told = [host, ("x-forwarded-proto", schemes)];
            assert!(own(origin, &told, true), "{schemes}");
        }
        assert!(!own(
            "http://t.example",
            &[host, ("x-forwarded-proto", "wss")],
            true
        ));
        // The port is dropped on the way, or told apart.
        let origin = "https://t.example:8443";
        let port = ("x-forwarded-port", "8443");
        assert!(own(origin, &[host, port], true));
        assert!(own(origin, &[("host", "t.example:80"), port], true));
        assert!(!own(origin, &[host, port], false));
        assert!(!own("https://t.example:8444", &[host, port], true));
        let inner = ("host", "127.0.0.1:8000");
        let outer = ("x-forwarded-host", "t.example");
        assert!(own(origin, &[inner, outer, port], true));
        let ipv6 = ("host", "[2001:db8::1]");
        assert!(own("https://[2001:db8::1]:8443", &[ipv6, port], true));
        // As `Forwarded` says it.
        let forwarded = (
            "forwarded",
            "host=evil.example, for=192.0.2.1;host=\"t.example:8443\";proto=https",
        );
        let behind = |hops, header, origin| own_behind(hops, header, origin, &[inner, forwarded]);
        assert!(behind(1, "forwarded", origin));
        assert!(!behind(1, "forwarded", "http://t.example:8443"));
        assert!(!behind(1, "forwarded", "https://evil.example"));
        assert!(!behind(0, "forwarded", origin));
        assert!(!behind(1, "x-forwarded-for", origin));
    }

    #[test]
    fn as_many_entries_of_a_list_count_as_there_are_trusted_proxies() {
        let list = [
            ("host", "inner:80"),
            ("x-forwarded-host", "evil.example, t.example"),
            ("x-forwarded-host", "inner:80"),
        ];
        let own = |hops, origin| own_behind(hops, "x-forwarded-for", origin, &list);
        assert!(own(2, "https://t.example"));
        assert!(!own(1, "https://t.example"));
        assert!(!own(2, "https://evil.example"));
        assert!(!own(0, "https://t.example"));
    }

    #[test]
    fn an_address_has_the_origin_of_its_pages() {
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
            assert_eq!(of_url(url).as_deref(), Some(origin));
        }
    }
}
