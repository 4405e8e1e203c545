use proptest::prelude::*;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn proxies(header: &str) -> Proxies {
    let trusted = ["10.0.0.0/8", "fd00::/8", "unix"];
    Proxies::new(&config::Proxies {
        trusted: trusted.map(|word| word.parse().unwrap()).to_vec(),
        header: header.to_owned(),
        ..config::Proxies::default()
    })
}

/// Who is behind `peer`, by these values of the header.
fn client(header: &str, peer: &str, values: &[&str]) -> (String, bool) {
    let peer = (peer != "unix").then(|| ip(peer));
    let client = proxies(header).client(peer, values.iter().map(|value| value.as_bytes()));
    let address = client.address.map(|address| address.to_string());
    (
        address.unwrap_or_else(|| "unix".to_owned()),
        client.is_malformed,
    )
}

fn told(header: &str, values: &[&str]) -> (String, bool) {
    client(header, "10.0.0.1", values)
}

fn good(address: &str) -> (String, bool) {
    (address.to_owned(), false)
}

fn bad(address: &str) -> (String, bool) {
    (address.to_owned(), true)
}

#[test]
fn who_is_no_trusted_proxy_is_not_believed() {
    for header in ["x-forwarded-for", "forwarded", "x-real-ip"] {
        for value in ["1.2.3.4", "for=1.2.3.4", "garbage\"", ""] {
            assert_eq!(client(header, "192.0.2.9", &[value]), good("192.0.2.9"));
            assert_eq!(
                client(header, "::ffff:192.0.2.9", &[value]),
                good("192.0.2.9")
            );
        }
    }
    let nobody = Proxies::new(&config::Proxies::default());
    let client = nobody.client(Some(ip("10.0.0.1")), [&b"1.2.3.4"[..]].into_iter());
    assert_eq!(client.address, Some(ip("10.0.0.1")));
    assert!(!client.is_forwarded && nobody.may_introduce(Some(ip("192.0.2.9"))));
    assert!(!proxies("forwarded").may_introduce(Some(ip("192.0.2.9"))));
}

#[test]
fn the_rightmost_address_that_is_no_trusted_proxy_is_the_client() {
    let told = |values: &[&str]| told("x-forwarded-for", values);
    assert_eq!(told(&["203.0.113.7"]), good("203.0.113.7"));
    // What the client wrote itself stands left of what proxies append.
    assert_eq!(told(&["6.6.6.6, 203.0.113.7"]), good("203.0.113.7"));
    assert_eq!(
        told(&["6.6.6.6", "203.0.113.7, 10.9.9.9"]),
        good("203.0.113.7")
    );
    assert_eq!(
        told(&["203.0.113.7,10.0.0.2", "fd00::3"]),
        good("203.0.113.7")
    );
    assert_eq!(told(&["garbage, 203.0.113.7"]), good("203.0.113.7"));
    assert_eq!(told(&["2001:db8::1"]), good("2001:db8::1"));
    assert_eq!(told(&["[2001:db8::1]:443"]), good("2001:db8::1"));
    assert_eq!(told(&["\"[2001:db8::1]\""]), good("2001:db8::1"));
    assert_eq!(told(&["203.0.113.7:4711"]), good("203.0.113.7"));
    assert_eq!(told(&["::ffff:203.0.113.7"]), good("203.0.113.7"));
    assert_eq!(told(&["::ffff:10.1.1.1"]), good("10.1.1.1"));
    assert_eq!(told(&[", 203.0.113.7 ,, "]), good("203.0.113.7"));
    assert_eq!(
        client("x-forwarded-for", "unix", &["203.0.113.7"]),
        good("203.0.113.7")
    );
}

#[test]
fn where_the_word_of_proxies_ends_nobody_is_named() {
    let told = |values: &[&str]| told("x-forwarded-for", values);
    // Without a header it is the proxy itself, or a program beside it; a client may be one of the trusted network.
    assert_eq!(told(&[]), good("10.0.0.1"));
    assert_eq!(told(&["10.0.0.3, 10.0.0.2"]), good("10.0.0.3"));
    for value in ["", ",", " , ,", "unknown", "203.0.113.7, _hidden:80"] {
        assert_eq!(told(&[value]), bad("10.0.0.1"), "{value}");
    }
    assert_eq!(told(&["", ""]), bad("10.0.0.1"));
    assert_eq!(told(&["203.0.113.7", "garbage"]), bad("10.0.0.1"));
    assert_eq!(told(&["203.0.113.7, unknown, 10.0.0.2"]), bad("10.0.0.2"));
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
        assert_eq!(told(&[value]), bad("10.0.0.1"), "{value}");
    }
    assert_eq!(told(&["garbage, 10.0.0.2"]), bad("10.0.0.2"));
    assert_eq!(client("x-forwarded-for", "unix", &["garbage"]), bad("unix"));
}

#[test]
fn nobody_is_on_this_machine_because_another_machine_says_so() {
    for told in [
        "127.0.0.1",
        "127.8.9.10",
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "::",
    ] {
        let told = told.to_owned();
        // A client of the trusted network writes the one, its proxy appends the other.
        let chain = format!("{told}, 10.7.7.7");
        let list = |peer, value: &str| client("x-forwarded-for", peer, &[value]);
        assert_eq!(list("10.0.0.1", &chain), bad("10.7.7.7"));
        assert_eq!(list("10.0.0.1", &told), bad("10.0.0.1"));
        assert_eq!(client("x-real-ip", "fd00::1", &[&told]), bad("fd00::1"));
        let element = if told.contains(':') {
            format!("for=\"[{told}]\"")
        } else {
            format!("for={told}")
        };
        assert_eq!(
            client("forwarded", "10.0.0.1", &[&element]),
            bad("10.0.0.1"),
            "{element}"
        );
        // A proxy on this machine has clients here.
        let own = ip(&told).to_canonical().to_string();
        assert_eq!(list("unix", &told), good(&own));
        assert!(Proxies::may_tell(Some(ip("::ffff:127.0.0.1")), ip(&told)));
        assert!(Proxies::may_tell(None, ip(&told)));
        assert!(!Proxies::may_tell(Some(ip("192.0.2.1")), ip(&told)));
    }
    assert!(Proxies::may_tell(Some(ip("192.0.2.1")), ip("10.0.0.1")));
}

#[test]
fn forwarded_tells_of_host_and_scheme_what_trusted_proxies_say() {
    let told = |header: &str, peer: &str, values: &[&str], name: &str| {
        let (proxies, peer) = (proxies(header), Some(ip(peer)));
        let values = || values.iter().map(|value| value.as_bytes());
        let client = proxies.client(peer, values());
        proxies.told(&client, values(), name)
    };
    let one =
        ["host=evil.example;for=6.6.6.6, for=203.0.113.7;host=\"a.example:8443\";proto=https"];
    assert_eq!(
        told("forwarded", "10.0.0.1", &one, "host"),
        ["a.example:8443"]
    );
    assert_eq!(told("forwarded", "10.0.0.1", &one, "proto"), ["https"]);
    assert!(told("forwarded", "192.0.2.1", &one, "host").is_empty());
    assert!(told("x-forwarded-for", "10.0.0.1", &one, "host").is_empty());
    let two = ["for=203.0.113.7;host=a.example", "for=10.0.0.2;host=inner"];
    assert_eq!(
        told("forwarded", "10.0.0.1", &two, "host"),
        ["inner", "a.example"]
    );
}

#[test]
fn forwarded_is_read_as_rfc_7239_says() {
    let told = |values: &[&str]| told("forwarded", values);
    assert_eq!(told(&["for=203.0.113.7"]), good("203.0.113.7"));
    assert_eq!(
        told(&["For=\"[2001:db8:cafe::17]:4711\""]),
        good("2001:db8:cafe::17")
    );
    assert_eq!(
        told(&["for=6.6.6.6, for=203.0.113.7;proto=https;by=203.0.113.43"]),
        good("203.0.113.7")
    );
    assert_eq!(
        told(&[
            "proto=http; FOR = 1",
            "for=203.0.113.7 ; host=\"a,b;for=6.6.6.6\", for=10.0.0.2"
        ]),
        good("203.0.113.7")
    );
    assert_eq!(told(&["for=\"\\203.0.113.7\""]), good("203.0.113.7"));
    assert_eq!(told(&["for=\"_gazonk\""]), bad("10.0.0.1"));
    assert_eq!(told(&["for=unknown, for=10.0.0.2"]), bad("10.0.0.2"));
    // A proxy that does not say for whom.
    assert_eq!(told(&["for=203.0.113.7, proto=https"]), bad("10.0.0.1"));
    assert_eq!(told(&["proto=https"]), bad("10.0.0.1"));
    assert_eq!(told(&[""]), bad("10.0.0.1"));
    // A quote that a client leaves open does not reach what a proxy appends.
    assert_eq!(
        told(&["for=\"6.6.6.6, for=203.0.113.7"]),
        good("203.0.113.7")
    );
    assert_eq!(
        told(&["for=\"x\\, for=\"[2001:db8::1]\";host=\"a\\\"b\""]),
        good("2001:db8::1")
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
        assert_eq!(told(&[value]), bad("10.0.0.1"), "{value}");
    }
}

#[test]
fn a_header_of_ones_own_holds_one_address() {
    let told = |values: &[&str]| told("cf-connecting-ip", values);
    assert_eq!(told(&["203.0.113.7"]), good("203.0.113.7"));
    assert_eq!(told(&[" 2001:db8::1 "]), good("2001:db8::1"));
    assert_eq!(told(&[]), good("10.0.0.1"));
    assert_eq!(told(&["203.0.113.7, 203.0.113.8"]), bad("10.0.0.1"));
    assert_eq!(told(&["203.0.113.7", "203.0.113.8"]), bad("10.0.0.1"));
    assert_eq!(told(&[""]), bad("10.0.0.1"));
}

/// What clients may put into a header, quotes and commas among it.
fn anything() -> impl Strategy<Value = String> {
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

    /// The heart of the matter: whatever a client sends, it is the address that the proxy appends for it.
    #[test]
    fn no_client_can_choose_its_address(
        sent in proptest::collection::vec(anything(), 0..3), client in address(), appends: bool, further: bool,
    ) {
        let client = client.to_canonical();
        for header in ["x-forwarded-for", "forwarded"] {
            let proxies = proxies(header);
            prop_assume!(!proxies.trust(Some(client)) && Proxies::may_tell(Some(ip("10.0.0.1")), client));
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
            let seen = proxies.client(Some(ip("10.0.0.1")), values.iter().map(String::as_bytes));
            let hops = 1 + usize::from(further);
            prop_assert_eq!(seen, Client { address: Some(client), hops, is_forwarded: true, is_ignored: false, is_malformed: false });
        }
    }

    #[test]
    fn any_values_give_an_address_that_stands_there_or_the_peers(
        values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..4),
    ) {
        for header in ["x-forwarded-for", "forwarded", "x-real-ip"] {
            let seen = proxies(header).client(Some(ip("10.0.0.1")), values.iter().map(Vec::as_slice));
            prop_assert!(seen.is_forwarded || seen.address == Some(ip("10.0.0.1")));
        }
    }
}
