//! Reads the bytes as values that a client wrote into the headers of proxies. No value may hide the client's address.

use std::net::IpAddr;

use swarmhub::config;
use swarmhub::net::forwarded::{ForwardedClient, TrustedProxies};

const HEADERS: [&str; 3] = ["x-forwarded-for", "forwarded", "x-real-ip"];
const TRUSTED: [&str; 3] = ["10.0.0.0/8", "fd00::/8", "unix"];
/// Trusted proxies; the last one connects to a socket file.
const PROXIES: [Option<&str>; 4] = [
    Some("10.0.0.1"),
    Some("fd00::1"),
    Some("::ffff:10.1.2.3"),
    None,
];
/// Clients as a trusted proxy appends them, and their addresses.
const CLIENTS: [(&str, &str); 4] = [
    ("192.0.2.9", "192.0.2.9"),
    ("192.0.2.9:8080", "192.0.2.9"),
    ("[2001:db8::9]:443", "2001:db8::9"),
    ("[::ffff:192.0.2.9]", "192.0.2.9"),
];

/// The first byte chooses header, proxy and client; the rest are the header values, one per line.
pub(crate) fn check(bytes: &[u8]) {
    let Some((&choice, text)) = bytes.split_first() else {
        return;
    };
    let choice = usize::from(choice);
    let proxies = proxies(HEADERS[choice % 3]);
    let peer = PROXIES[choice / 3 % 4].map(ip);
    let (written, client) = CLIENTS[choice / 12 % 4];
    let values: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();

    check_any(&proxies, peer, &values);
    check_untrusted(&proxies, ip(client), &values);
    check_appended(&proxies, peer, &values, written, ip(client));
}

/// Checks the rules that hold for any values.
fn check_any(proxies: &TrustedProxies, peer: Option<IpAddr>, values: &[&[u8]]) {
    let found = client(proxies, peer, values);
    let peer = peer.map(|address| address.to_canonical());
    assert_eq!(
        found.address,
        found.address.map(|address| address.to_canonical())
    );
    if found.address != peer {
        assert!(found.is_forwarded, "{found:?}");
        assert!(found.address.is_some(), "{found:?}");
    }
    // Only the proxy with the socket file runs on this machine.
    let is_loopback = found.address.is_some_and(|address| address.is_loopback());
    assert!(!is_loopback || peer.is_none(), "{found:?}");
    if found.is_malformed {
        // The last readable address belongs to a trusted proxy.
        assert!(proxies.is_trusted(found.address), "{found:?}");
    }
}

/// Checks that a peer that is not a trusted proxy counts with its own address, whatever it sends.
fn check_untrusted(proxies: &TrustedProxies, peer: IpAddr, values: &[&[u8]]) {
    let expected = ForwardedClient {
        address: Some(peer),
        trusted_hops: 0,
        is_forwarded: false,
        is_untrusted: !values.is_empty(),
        is_malformed: false,
    };
    assert_eq!(client(proxies, Some(peer), values), expected);
}

/// Checks that the address appended by a trusted proxy counts, whatever precedes it, also through a second proxy.
fn check_appended(
    proxies: &TrustedProxies,
    peer: Option<IpAddr>,
    values: &[&[u8]],
    written: &str,
    address: IpAddr,
) {
    let expected = ForwardedClient {
        address: Some(address),
        trusted_hops: 1,
        is_forwarded: true,
        is_untrusted: false,
        is_malformed: false,
    };
    let (own, second) = match proxies.header() {
        "x-forwarded-for" => (written.to_owned(), "10.9.9.9".to_owned()),
        "forwarded" => (
            format!("for=\"{written}\";proto=https"),
            "by=x;for=10.9.9.9".to_owned(),
        ),
        // The proxy replaces a header with a single address.
        _ => {
            assert_eq!(client(proxies, peer, &[written.as_bytes()]), expected);
            return;
        }
    };
    // As a separate line, and appended to the last one; also for the second proxy.
    for added in [
        vec![own.clone()],
        vec![own.clone(), second.clone()],
        vec![format!("{own}, {second}")],
    ] {
        let expected = ForwardedClient {
            trusted_hops: 1 + usize::from(added[0] != own || added.len() > 1),
            ..expected
        };
        let mut lines = values.to_vec();
        lines.extend(added.iter().map(String::as_bytes));
        assert_eq!(
            client(proxies, peer, &lines),
            expected,
            "{}",
            printable(&lines)
        );

        let mut lines = values.to_vec();
        let last = lines.pop().unwrap_or_default();
        let longer = [last, b", ", added.join(", ").as_bytes()].concat();
        lines.push(&longer);
        assert_eq!(
            client(proxies, peer, &lines),
            expected,
            "{}",
            printable(&lines)
        );
    }
}

fn printable(lines: &[&[u8]]) -> String {
    String::from_utf8_lossy(&lines.join(&b'\n'))
        .escape_debug()
        .to_string()
}

fn client(proxies: &TrustedProxies, peer: Option<IpAddr>, values: &[&[u8]]) -> ForwardedClient {
    proxies.resolve_client(peer, values.iter().copied())
}

fn proxies(header: &str) -> TrustedProxies {
    let trusted = TRUSTED
        .iter()
        .map(|network| network.parse().expect("a network"));
    TrustedProxies::new(&config::TrustedProxies {
        trusted: trusted.collect(),
        header: header.to_owned(),
        ..config::TrustedProxies::default()
    })
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}
