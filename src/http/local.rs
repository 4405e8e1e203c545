//! Whether a request comes from the machine of the server itself: then it may see all statistics, as whoever is there can
//! look at the process as well.
//!
//! A proxy on this machine connects from there too, for strangers. What it says about them is read where it is trusted; where it is
//! not, its headers tell that there is one. One that passes bytes on adds nothing, and a stranger behind it can name any host. So
//! nobody over loopback is local any more once a proxy has shown itself there. A page that was made to lead here under a name of its
//! own (DNS rebinding) is told by that name.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::header::{FORWARDED, HOST, HeaderMap, VIA};
use hyper::{Request, Version};

use crate::net::address::{Client, Proxies};

/// Whether a request comes from this machine: put into its extensions by the way in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Local(pub(super) bool);

/// Whether somebody came over loopback who need not be on this machine; true for good once it was.
#[derive(Debug, Default)]
pub(super) struct Strangers(AtomicBool);

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

/// Which host was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// This machine by a name that it has for itself: an address of loopback, or `localhost`.
    ThisMachine,
    /// Another one, as strangers do.
    Other,
    /// Nothing that tells.
    Nothing,
}

impl Local {
    /// Decides it for a request of `client`, who is as `proxies` tell.
    pub(super) fn of<B>(
        request: &Request<B>,
        client: &Client,
        proxies: &Proxies,
        strangers: &Strangers,
    ) -> Self {
        let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
        if client.is_malformed || !client.address.is_some_and(is_loopback) {
            return Self(false);
        }
        let asked = asked(request.headers());
        // A trusted proxy says that its client is on this machine.
        if client.is_forwarded {
            return Self(asked == Asked::ThisMachine);
        }
        let is_passed_on = is_passed_on(request.headers(), proxies.header());
        if client.hops == 0 && (is_passed_on || asked == Asked::Other) {
            strangers.note();
        }
        // Browsers and collectors of metrics speak HTTP/1.1; proxies that add nothing often speak the older one.
        let is_new = request.version() > Version::HTTP_10;
        Self(is_new && asked == Asked::ThisMachine && !is_passed_on && !strangers.came())
    }
}

impl Strangers {
    fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn note(&self) {
        if !self.0.swap(true, Ordering::Relaxed) {
            tracing::info!(
                "requests over loopback were passed on or asked for another host; nobody there is told full metrics without a token \
                 any more. If there is a proxy, name it in proxies.trusted; else use http://localhost after a restart"
            );
        }
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

/// What `Host` names.
fn asked(headers: &HeaderMap) -> Asked {
    let mut hosts = headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str(),
        (None, _) => return Asked::Nothing,
        _ => return Asked::Other,
    };
    let Ok(host) = host else {
        return Asked::Other;
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
        (true, _) => Asked::ThisMachine,
        (false, "") => Asked::Nothing,
        (false, _) => Asked::Other,
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;
    use crate::config;

    /// A request over a connection from here or elsewhere.
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

    fn proxies(trusted: &[&str]) -> Proxies {
        Proxies::new(&config::Proxies {
            trusted: trusted.iter().map(|word| word.parse().unwrap()).collect(),
            ..config::Proxies::default()
        })
    }

    fn is_local(peer: &str, request: &Request<()>, trusted: &[&str], seen: &Strangers) -> bool {
        let proxies = proxies(trusted);
        let values = request.headers().get_all(proxies.header()).iter();
        let client = proxies.client(peer.parse().ok(), values.map(HeaderValue::as_bytes));
        Local::of(request, &client, &proxies, seen).0
    }

    #[test]
    fn who_comes_over_loopback_to_this_machine_is_local() {
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
                let seen = Strangers::default();
                assert!(is_local(peer, &request, &[], &seen), "{peer} {host}");
            }
        }
    }

    #[test]
    fn strangers_are_not_however_they_come() {
        let host = ("host", "127.0.0.1");
        for peer in ["192.0.2.1", "10.0.0.1", ""] {
            let seen = Strangers::default();
            assert!(!is_local(peer, &request(&[host]), &[], &seen), "{peer}");
            assert!(!seen.came());
        }
        for name in [
            "tracker.example",
            "192.168.0.1:8000",
            "[2001:db8::1]",
            "hub:8000",
            "x",
        ] {
            let seen = Strangers::default();
            let request = request(&[("host", name)]);
            assert!(!is_local("127.0.0.1", &request, &[], &seen), "{name}");
            assert!(seen.came(), "{name}");
        }
        for header in [
            "x-forwarded-for",
            "x-forwarded-proto",
            "forwarded",
            "via",
            "x-real-ip",
            "cf-connecting-ip",
        ] {
            let seen = Strangers::default();
            let request = request(&[host, (header, "127.0.0.1")]);
            assert!(!is_local("127.0.0.1", &request, &[], &seen), "{header}");
            assert!(seen.came(), "{header}");
        }
    }

    #[test]
    fn who_names_no_host_or_speaks_an_old_http_is_not_local() {
        for headers in [&[][..], &[("host", "")], &[("host", ":80")]] {
            let seen = Strangers::default();
            let request = request(headers);
            assert!(!is_local("127.0.0.1", &request, &[], &seen), "{headers:?}");
            assert!(!seen.came(), "{headers:?}");
        }
        let mut old = request(&[("host", "localhost")]);
        *old.version_mut() = Version::HTTP_10;
        let seen = Strangers::default();
        assert!(!is_local("127.0.0.1", &old, &[], &seen));
        assert!(!seen.came());
    }

    #[test]
    fn nobody_over_loopback_is_local_once_a_stranger_came_there() {
        let forged = request(&[("host", "localhost")]);
        let honest = request(&[("host", "tracker.example")]);
        let seen = Strangers::default();
        assert!(is_local("127.0.0.1", &forged, &[], &seen));
        assert!(!is_local("127.0.0.1", &honest, &[], &seen));
        assert!(!is_local("127.0.0.1", &forged, &[], &seen));
        assert!(!is_local("::1", &forged, &[], &seen));
    }

    #[test]
    fn a_trusted_proxy_tells_who_is_on_this_machine() {
        let (host, seen) = (("host", "localhost"), Strangers::default());
        let told = |client| request(&[host, ("x-forwarded-for", client), ("via", "1.1 x")]);
        let trusted = ["127.0.0.1"];
        assert!(is_local(
            "127.0.0.1",
            &told("127.0.0.1"),
            &["127.0.0.1"],
            &seen
        ));
        assert!(is_local("127.0.0.1", &told("::1"), &trusted, &seen));
        assert!(!is_local("127.0.0.1", &told("192.0.2.1"), &trusted, &seen));
        assert!(!is_local(
            "10.0.0.1",
            &told("127.0.0.1"),
            &["10.0.0.1"],
            &seen
        ));
        // It may pass on whatever hosts it serves.
        let served = request(&[("host", "a.example"), ("x-forwarded-for", "192.0.2.1")]);
        assert!(!is_local("127.0.0.1", &served, &trusted, &seen));
        assert!(!seen.came());
    }
}
