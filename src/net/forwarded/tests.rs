use proptest::prelude::*;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn proxies(header: &str) -> TrustedProxies {
    let trusted = ["10.0.0.0/8", "fd00::/8", "unix"];
    TrustedProxies::new(&config::TrustedProxies {
        trusted: trusted.map(|word| word.parse().unwrap()).to_vec(),
        header: header.to_owned(),
        ..config::TrustedProxies::default()
    })
}

/// Returns the client behind `peer` for these header values, and whether the header is malformed.
fn client(header: &str, peer: &str, values: &[&str]) -> (String, bool) {
    let peer = (peer != "unix").then(|| ip(peer));
    let client = proxies(header).resolve_client(peer, values.iter().map(|value| value.as_bytes()));
    let address = client.address.map(|address| address.to_string());
    (
        address.unwrap_or_else(|| "unix".to_owned()),
        client.is_malformed,
    )
}

fn resolved(header: &str, values: &[&str]) -> (String, bool) {
    client(header, "10.0.0.1", values)
}

fn valid(address: &str) -> (String, bool) {
    (address.to_owned(), false)
}

fn malformed(address: &str) -> (String, bool) {
    (address.to_owned(), true)
}

#[test]
fn headers_of_untrusted_peers_are_ignored() {
    for header in ["x-forwarded-for", "forwarded", "x-real-ip"] {
        for value in ["1.2.3.4", "for=1.2.3.4", "garbage\"", ""] {
            assert_eq!(client(header, "192.0.2.9", &[value]), valid("192.0.2.9"));
            assert_eq!(
                client(header, "::ffff:192.0.2.9", &[value]),
                valid("192.0.2.9")
            );
        }
    }
    let untrusting = TrustedProxies::new(&config::TrustedProxies::default());
    let client = untrusting.resolve_client(Some(ip("10.0.0.1")), [&b"1.2.3.4"[..]].into_iter());
    assert_eq!(client.address, Some(ip("10.0.0.1")));
    assert!(!client.is_forwarded && untrusting.accepts_proxy_header(Some(ip("192.0.2.9"))));
    assert!(!proxies("forwarded").accepts_proxy_header(Some(ip("192.0.2.9"))));
}

#[test]
fn the_rightmost_untrusted_address_is_the_client() {
    let resolved = |values: &[&str]| resolved("x-forwarded-for", values);
    assert_eq!(resolved(&["203.0.113.7"]), valid("203.0.113.7"));
    // Entries of the client precede those that proxies append.
    assert_eq!(resolved(&["6.6.6.6, 203.0.113.7"]), valid("203.0.113.7"));
    assert_eq!(
        resolved(&["6.6.6.6", "203.0.113.7, 10.9.9.9"]),
        valid("203.0.113.7")
    );
    assert_eq!(
        resolved(&["203.0.113.7,10.0.0.2", "fd00::3"]),
        valid("203.0.113.7")
    );
    assert_eq!(resolved(&["garbage, 203.0.113.7"]), valid("203.0.113.7"));
    assert_eq!(resolved(&["2001:db8::1"]), valid("2001:db8::1"));
    assert_eq!(resolved(&["[2001:db8::1]:443"]), valid("2001:db8::1"));
    assert_eq!(resolved(&["\"[2001:db8::1]\""]), valid("2001:db8::1"));
    assert_eq!(resolved(&["203.0.113.7:4711"]), valid("203.0.113.7"));
    assert_eq!(resolved(&["::ffff:203.0.113.7"]), valid("203.0.113.7"));
    assert_eq!(resolved(&["::ffff:10.1.1.1"]), valid("10.1.1.1"));
    assert_eq!(resolved(&[", 203.0.113.7 ,, "]), valid("203.0.113.7"));
    assert_eq!(
        client("x-forwarded-for", "unix", &["203.0.113.7"]),
        valid("203.0.113.7")
    );
}

#[test]
fn an_unusable_entry_ends_the_chain_as_malformed() {
    let resolved = |values: &[&str]| resolved("x-forwarded-for", values);
    // Without a header it is the proxy itself, or a program on its machine; a client may be in the trusted network.
    assert_eq!(resolved(&[]), valid("10.0.0.1"));
    assert_eq!(resolved(&["10.0.0.3, 10.0.0.2"]), valid("10.0.0.3"));
    for value in ["", ",", " , ,", "unknown", "203.0.113.7, _hidden:80"] {
        assert_eq!(resolved(&[value]), malformed("10.0.0.1"), "{value}");
    }
    assert_eq!(resolved(&["", ""]), malformed("10.0.0.1"));
    assert_eq!(resolved(&["203.0.113.7", "garbage"]), malformed("10.0.0.1"));
    assert_eq!(
        resolved(&["203.0.113.7, unknown, 10.0.0.2"]),
        malformed("10.0.0.2")
    );
    for value in [
        "garbage",
        "203.0.113.7, garbage",
        "203.0.113.7:x",
        "203.0.113.7:99999",
        "203.0.113.007",
        "[2001:db8::1",
        "[203.0.113.7]",
        "2001:db8::g",
        "\"203.0.113.7",
        "203.0.113.7\"",
        "\u{e9}",
        "_",
        "_h\u{e9}",
        "fe80::1%eth0",
    ] {
        assert_eq!(resolved(&[value]), malformed("10.0.0.1"), "{value}");
    }
    assert_eq!(resolved(&["garbage, 10.0.0.2"]), malformed("10.0.0.2"));
    assert_eq!(
        client("x-forwarded-for", "unix", &["garbage"]),
        malformed("unix")
    );
}

#[test]
fn remote_proxies_cannot_name_loopback_clients() {
    for loopback in [
        "127.0.0.1",
        "127.8.9.10",
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "::",
    ] {
        let loopback = loopback.to_owned();
        // A client in the trusted network writes the first address, its proxy appends the second.
        let chain = format!("{loopback}, 10.7.7.7");
        let list = |peer, value: &str| client("x-forwarded-for", peer, &[value]);
        assert_eq!(list("10.0.0.1", &chain), malformed("10.7.7.7"));
        assert_eq!(list("10.0.0.1", &loopback), malformed("10.0.0.1"));
        assert_eq!(
            client("x-real-ip", "fd00::1", &[&loopback]),
            malformed("fd00::1")
        );
        let element = if loopback.contains(':') {
            format!("for=\"[{loopback}]\"")
        } else {
            format!("for={loopback}")
        };
        assert_eq!(
            client("forwarded", "10.0.0.1", &[&element]),
            malformed("10.0.0.1"),
            "{element}"
        );
        // A proxy on this machine has local clients.
        let own = ip(&loopback).to_canonical().to_string();
        assert_eq!(list("unix", &loopback), valid(&own));
        assert!(TrustedProxies::is_plausible_client(
            Some(ip("::ffff:127.0.0.1")),
            ip(&loopback)
        ));
        assert!(TrustedProxies::is_plausible_client(None, ip(&loopback)));
        assert!(!TrustedProxies::is_plausible_client(
            Some(ip("192.0.2.1")),
            ip(&loopback)
        ));
    }
    assert!(TrustedProxies::is_plausible_client(
        Some(ip("192.0.2.1")),
        ip("10.0.0.1")
    ));
}

#[test]
fn forwarded_parameters_come_from_trusted_proxies_only() {
    let values_of = |header: &str, peer: &str, values: &[&str], name: &str| {
        let (proxies, peer) = (proxies(header), Some(ip(peer)));
        let values = || values.iter().map(|value| value.as_bytes());
        let client = proxies.resolve_client(peer, values());
        proxies.forwarded_values(&client, values(), name)
    };
    let one =
        ["host=evil.example;for=6.6.6.6, for=203.0.113.7;host=\"a.example:8443\";proto=https"];
    assert_eq!(
        values_of("forwarded", "10.0.0.1", &one, "host"),
        ["a.example:8443"]
    );
    assert_eq!(values_of("forwarded", "10.0.0.1", &one, "proto"), ["https"]);
    assert!(values_of("forwarded", "192.0.2.1", &one, "host").is_empty());
    assert!(values_of("x-forwarded-for", "10.0.0.1", &one, "host").is_empty());
    let two = ["for=203.0.113.7;host=a.example", "for=10.0.0.2;host=inner"];
    assert_eq!(
        values_of("forwarded", "10.0.0.1", &two, "host"),
        ["inner", "a.example"]
    );
}

#[test]
fn forwarded_is_parsed_as_in_rfc_7239() {
    let resolved = |values: &[&str]| resolved("forwarded", values);
    assert_eq!(resolved(&["for=203.0.113.7"]), valid("203.0.113.7"));
    assert_eq!(
        resolved(&["For=\"[2001:db8:cafe::17]:4711\""]),
        valid("2001:db8:cafe::17")
    );
    assert_eq!(
        resolved(&["for=6.6.6.6, for=203.0.113.7;proto=https;by=203.0.113.43"]),
        valid("203.0.113.7")
    );
    assert_eq!(
        resolved(&[
            "proto=http; FOR = 1",
            "for=203.0.113.7 ; host=\"a,b;for=6.6.6.6\", for=10.0.0.2"
        ]),
        valid("203.0.113.7")
    );
    assert_eq!(resolved(&["for=\"\\203.0.113.7\""]), valid("203.0.113.7"));
    assert_eq!(resolved(&["for=\"_gazonk\""]), malformed("10.0.0.1"));
    assert_eq!(
        resolved(&["for=unknown, for=10.0.0.2"]),
        malformed("10.0.0.2")
    );
    // A proxy that does not name the client.
    assert_eq!(
        resolved(&["for=203.0.113.7, proto=https"]),
        malformed("10.0.0.1")
    );
    assert_eq!(resolved(&["proto=https"]), malformed("10.0.0.1"));
    assert_eq!(resolved(&[""]), malformed("10.0.0.1"));
    // An unclosed quote of a client does not extend into what a proxy appends.
    assert_eq!(
        resolved(&["for=\"6.6.6.6, for=203.0.113.7"]),
        valid("203.0.113.7")
    );
    assert_eq!(
        resolved(&["for=\"x\\, for=\"[2001:db8::1]\";host=\"a\\\"b\""]),
        valid("2001:db8::1")
    );
    for value in [
        "203.0.113.7",
        "for=203.0.113.7;for=203.0.113.8",
        "for=\"203.0.113.7",
        "for=203.0.113.7;x",
        "for=",
        "for",
        "for=\"a\"b\"",
        "for=\"203.0.113.7\\\"",
    ] {
        assert_eq!(resolved(&[value]), malformed("10.0.0.1"), "{value}");
    }
}

#[test]
fn a_custom_header_contains_one_address() {
    let resolved = |values: &[&str]| resolved("cf-connecting-ip", values);
    assert_eq!(resolved(&["203.0.113.7"]), valid("203.0.113.7"));
    assert_eq!(resolved(&[" 2001:db8::1 "]), valid("2001:db8::1"));
    assert_eq!(resolved(&[]), valid("10.0.0.1"));
    assert_eq!(
        resolved(&["203.0.113.7, 203.0.113.8"]),
        malformed("10.0.0.1")
    );
    assert_eq!(
        resolved(&["203.0.113.7", "203.0.113.8"]),
        malformed("10.0.0.1")
    );
    assert_eq!(resolved(&[""]), malformed("10.0.0.1"));
}

/// Generates header values of a client, including quotes and commas.
fn header_value() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            Just("for=".to_owned()),
            Just("\"".to_owned()),
            Just("\\".to_owned()),
            Just(",".to_owned()),
            Just(";".to_owned()),
            Just("10.0.0.2".to_owned()),
            Just("[fd00::1]:80".to_owned()),
            "[ -~\\t]{0,4}",
        ],
        0..12,
    )
    .prop_map(|parts| parts.concat())
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::from(bits.to_be_bytes())),
        any::<u128>().prop_map(|bits| IpAddr::from(bits.to_be_bytes()))
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The central property: whatever a client sends, the result is the address that the proxy appends.
    #[test]
    fn no_client_can_choose_its_address(
        sent in proptest::collection::vec(header_value(), 0..3), client in address(), appends: bool, further: bool,
    ) {
        let client = client.to_canonical();
        for header in ["x-forwarded-for", "forwarded"] {
            let proxies = proxies(header);
            prop_assume!(!proxies.is_trusted(Some(client)) && TrustedProxies::is_plausible_client(Some(ip("10.0.0.1")), client));
            let mut own = match (header, client) {
                ("forwarded", IpAddr::V6(address)) => format!("for=\"[{address}]:4711\";host=\"a,b\\\"\""),
                ("forwarded", IpAddr::V4(_)) => format!("proto=https;for={client}"),
                _ => client.to_string(),
            };
            if further {
                own += if header == "forwarded" { ", for=10.0.0.2" } else { ", 10.0.0.2" };
            }
            let mut values = sent.clone();
            match values.last_mut() {
                Some(last) if appends => last.extend([", ", own.as_str()]),
                _ => values.push(own),
            }
            let seen = proxies.resolve_client(Some(ip("10.0.0.1")), values.iter().map(String::as_bytes));
            let trusted_hops = 1 + usize::from(further);
            prop_assert_eq!(seen, ForwardedClient { address: Some(client), trusted_hops, is_forwarded: true, is_untrusted: false, is_malformed: false });
        }
    }

    #[test]
    fn any_values_give_a_listed_address_or_the_peers(
        values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..4),
    ) {
        for header in ["x-forwarded-for", "forwarded", "x-real-ip"] {
            let seen = proxies(header).resolve_client(Some(ip("10.0.0.1")), values.iter().map(Vec::as_slice));
            prop_assert!(seen.is_forwarded || seen.address == Some(ip("10.0.0.1")));
        }
    }
}
