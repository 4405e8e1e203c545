//! Whether a request comes from the machine of the server itself: then it may see all statistics, as whoever is there can
//! look at the process as well.
//!
//! A proxy on this machine connects from there too, for strangers. What it says about them is read where it is trusted; where it is
//! not, its headers tell that there is one. A page that was made to lead here under a name of its own (DNS rebinding) is told by
//! that name.

use std::net::{IpAddr, Ipv6Addr};

use hyper::header::{FORWARDED, HOST, HeaderMap, VIA};

/// Whether a request comes from this machine: put into its extensions by the way in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Local(pub(super) bool);

/// With what the names of other headers begin that proxies add.
const PREFIXES: [&str; 2] = ["x-forwarded-", "cf-"];
/// And those that are no list of theirs.
const NAMES: [&str; 6] = [
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "x-cluster-client-ip",
    "fastly-client-ip",
    "x-original-host",
];

impl Local {
    /// Decides it for a client with this address, which `is_named` says that a trusted proxy has told. `header` is that of
    /// `proxies.header`.
    pub(super) fn of(
        address: Option<IpAddr>,
        headers: &HeaderMap,
        header: &str,
        is_named: impl FnOnce() -> bool,
    ) -> Self {
        let is_here = address.is_some_and(|address| address.to_canonical().is_loopback());
        Self(
            is_here
                && names_this_machine(headers)
                && (!is_passed_on(headers, header) || is_named()),
        )
    }
}

/// Whether a proxy was on the way that says so.
fn is_passed_on(headers: &HeaderMap, header: &str) -> bool {
    let by_proxy = |name: &str| {
        PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.contains(&name)
    };
    [FORWARDED, VIA]
        .iter()
        .any(|name| headers.contains_key(name))
        || headers.contains_key(header)
        || headers.keys().any(|name| by_proxy(name.as_str()))
}

/// Whether the address that was asked for is one of this machine for itself: an address of loopback, `localhost`, or a name without
/// a dot, under which nobody else can have a page.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return headers.get(HOST).is_none();
    };
    let Ok(host) = host.to_str() else {
        return false;
    };
    if let Some(rest) = host.strip_prefix('[') {
        let address = rest.split(']').next().unwrap_or_default();
        return address
            .parse()
            .is_ok_and(|address: Ipv6Addr| address.to_canonical().is_loopback());
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    match name.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => !name.contains('.') || name.to_ascii_lowercase().ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn is_local(address: &str, headers: &[(&'static str, &'static str)], is_named: bool) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_static(name);
            map.append(name, HeaderValue::from_static(value));
        }
        let address = address.parse().ok();
        Local::of(address, &map, "x-told", || is_named).0
    }

    #[test]
    fn who_comes_over_loopback_to_this_machine_is_local() {
        for host in [
            "127.0.0.1:8000",
            "[::1]:8000",
            "localhost",
            "LOCALHOST:1",
            "hub:8000",
            "a.localhost",
        ] {
            for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
                assert!(
                    is_local(address, &[("host", host)], false),
                    "{address} {host}"
                );
            }
        }
        assert!(is_local("127.0.0.1", &[], false));
    }

    #[test]
    fn strangers_are_not_however_they_come() {
        let host = ("host", "127.0.0.1");
        assert!(!is_local("192.0.2.1", &[host], true));
        assert!(!is_local("10.0.0.1", &[host], true));
        // Nobody knows who is behind a socket file.
        assert!(!is_local("", &[host], true));
        for name in [
            "tracker.example",
            "192.168.0.1:8000",
            "[2001:db8::1]",
            "evil.example:8000",
        ] {
            assert!(!is_local("127.0.0.1", &[("host", name)], true), "{name}");
        }
        for header in [
            "x-forwarded-for",
            "x-forwarded-proto",
            "forwarded",
            "via",
            "x-real-ip",
            "cf-connecting-ip",
            "x-told",
        ] {
            let headers = [host, (header, "127.0.0.1")];
            assert!(!is_local("127.0.0.1", &headers, false), "{header}");
            // A proxy that is trusted says that its client is on this machine.
            assert!(is_local("127.0.0.1", &headers, true), "{header}");
        }
    }
}
