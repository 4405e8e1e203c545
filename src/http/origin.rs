//! Which `Origin` is that of the server's own pages: the host that the request came to.
//!
//! Browsers tell both truthfully; programs can invent both, and could leave the `Origin` out as well. So a page of another site is
//! kept out by the lists, and nobody gets in by a forged host who could not without. One way around the lists remains where there is
//! no TLS: a page that is loaded under a name of its own, and then has that name lead here (DNS rebinding). It gets what every page
//! does where there is no list; `origin_denied` and a listener with TLS keep it out.

use hyper::Uri;
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};

/// The host that a proxy was asked for, where it sends on another one.
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// The scheme that a proxy was asked with.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Whether an origin is that of the server's own pages, as far as a request can tell. `is_trusted` says whether its sender is a proxy
/// that is believed about the host and scheme that it was asked for.
pub(super) fn is_own(origin: &HeaderValue, headers: &HeaderMap, is_trusted: bool) -> bool {
    let Some((scheme, authority)) = origin.to_str().ok().and_then(|own| own.split_once("://"))
    else {
        return false;
    };
    if !matches!(scheme, "http" | "https") {
        return false;
    }
    // Without a word of a proxy the scheme is not known: TLS may end in front of this server.
    let told = last(headers, &FORWARDED_PROTO).filter(|_| is_trusted);
    if told.is_some_and(|told| !same_scheme(told, scheme)) {
        return false;
    }
    let forwarded = last(headers, &FORWARDED_HOST).filter(|_| is_trusted);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let hosts = [host, forwarded].into_iter().flatten();
    hosts
        .map(|host| without_port(scheme, host))
        .any(|host| !host.is_empty() && host.eq_ignore_ascii_case(without_port(scheme, authority)))
}

/// The origin of an address, as browsers write it.
pub(super) fn of_url(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?;
    let authority = uri.authority()?.as_str().to_ascii_lowercase();
    Some(format!("{scheme}://{}", without_port(scheme, &authority)))
}

/// `wss` and `https` are the same for who tells of a WebSocket.
fn same_scheme(told: &str, scheme: &str) -> bool {
    match told.to_ascii_lowercase().as_str() {
        "https" | "wss" => scheme == "https",
        "http" | "ws" => scheme == "http",
        _ => false,
    }
}

/// Without the port that the scheme has anyway.
fn without_port<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let port = if scheme == "https" { ":443" } else { ":80" };
    authority.strip_suffix(port).unwrap_or(authority)
}

/// What the nearest proxy has added: the last entry of the last header of this name.
fn last<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    value.rsplit(',').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(
        origin: &'static str,
        headers: &[(&'static str, &'static str)],
        is_trusted: bool,
    ) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        is_own(&HeaderValue::from_static(origin), &map, is_trusted)
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
