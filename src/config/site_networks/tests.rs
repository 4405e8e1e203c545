//! Tests the file of `tracker.groups`: its lines, its bounds, and the longest prefix.

use std::fmt::Write as _;

use super::*;

const BOUNDS: ListBounds = ListBounds {
    entries: NETWORKS_MAX,
    bytes: u64::MAX - 1,
};

fn parse(text: &[u8]) -> Result<SiteNetworks, (Option<usize>, Problem)> {
    SiteNetworks::parse(text, BOUNDS)
}

/// The name of the site of an address.
fn site<'a>(sites: &'a SiteNetworks, address: &str) -> Option<&'a str> {
    let index = sites.find(address.parse().expect("an address"))?;
    Some(&sites.names()[usize::from(index)])
}

#[test]
fn a_file_has_comments_a_header_and_quoted_names() {
    let text = "\u{feff}# sites\r\n\r\nNetwork, Site\r\n\
                10.20.0.0/16,Berlin\r\n  2001:db8:1::/48 , \"Köln, Süd\"\n192.0.2.1,Berlin\n192.0.2.1,Berlin";
    let sites = parse(text.as_bytes()).expect("sites");
    let names: Vec<&str> = sites.names().iter().map(|name| &**name).collect();
    assert_eq!(names, ["Berlin", "Köln, Süd"]);
    assert_eq!(sites.site_indexes().len(), 3);
    assert_eq!(site(&sites, "10.20.255.1"), Some("Berlin"));
    assert_eq!(site(&sites, "2001:db8:1:2::3"), Some("Köln, Süd"));
    assert_eq!(site(&sites, "192.0.2.1"), Some("Berlin"));
    assert_eq!(site(&sites, "192.0.2.2"), None);
    assert_eq!(parse(b"# none\n").expect("sites"), SiteNetworks::default());
}

#[test]
fn a_header_counts_only_on_the_first_line() {
    assert!(parse(b"network,site\n").is_ok());
    let (line, problem) = parse(b"10.0.0.0/8,a\nnetwork,site\n").expect_err("refused");
    assert_eq!(line, Some(2));
    assert_eq!(problem.what, "this is not a network");
}

#[test]
fn the_longest_prefix_decides() {
    let text = "10.0.0.0/8,company\n10.1.0.0/16,Berlin\n10.1.2.0/24,library\n10.1.2.3,desk\n\
                0.0.0.0/0,elsewhere\nfd00::/8,company\nfd00:1::/32,Berlin\nfd00:1::1,desk\n";
    let sites = parse(text.as_bytes()).expect("sites");
    for (address, name) in [
        ("10.1.2.3", Some("desk")),
        ("10.1.2.4", Some("library")),
        ("10.1.3.1", Some("Berlin")),
        ("10.2.0.0", Some("company")),
        ("9.255.255.255", Some("elsewhere")),
        ("::ffff:10.1.2.4", Some("library")),
        ("fd00:1::1", Some("desk")),
        ("fd00:1::2", Some("Berlin")),
        ("fd12::1", Some("company")),
        ("2001:db8::1", None),
        // Of the same bits as 10.1.2.3, but IPv6.
        ("a01:203::", None),
    ] {
        assert_eq!(site(&sites, address), name, "{address}");
    }
    assert_eq!(sites.ipv4_lengths, [32, 24, 16, 8, 0]);
    assert_eq!(sites.ipv6_lengths, [128, 32, 8]);
}

/// Compares with a search of all networks.
#[test]
fn the_lookup_agrees_with_a_search_of_all_networks() {
    let mut networks: Vec<(IpNet, usize)> = Vec::new();
    let mut text = String::new();
    for bits in 0..64_u8 {
        for length in [26, 28, 29, 31, 32] {
            let block = IpNet::new([192, 0, 2, bits].into(), length).expect("a network");
            // Some networks are missing, so that shorter ones match.
            if block == block.trunc() && (bits ^ length).is_multiple_of(3) {
                writeln!(text, "{block},{}", networks.len()).expect("written");
                networks.push((block, networks.len()));
            }
        }
    }
    let sites = parse(text.as_bytes()).expect("sites");
    for bits in 0..=255 {
        let address = IpAddr::from([192, 0, 2, bits]);
        let all = networks
            .iter()
            .filter(|(network, _)| network.contains(&address));
        let longest = all.max_by_key(|(network, _)| network.prefix_len());
        let expected = longest.map(|(_, number)| number.to_string());
        assert_eq!(
            site(&sites, &address.to_string()),
            expected.as_deref(),
            "{address}"
        );
    }
}

#[test]
fn a_mistake_is_reported_with_its_line_and_a_remedy() {
    let long = format!("10.0.0.0/8,{}", "ü".repeat(SITE_NAME_CHARS_MAX + 1));
    for (line, what, remedy) in [
        ("10.0.0.0/33,a", "not a network", "such as"),
        ("example.org,a", "not a network", "such as"),
        ("unix,a", "not a network", "such as"),
        (",a", "not a network", "such as"),
        ("10.0.0.1/8,a", "host bits set", "10.0.0.0/8"),
        ("::ffff:10.0.0.0/104,a", "IPv4 written as IPv6", "IPv4"),
        ("10.0.0.0/8,", "no name", "after the comma"),
        ("10.0.0.0/8", "no comma", "NETWORK,SITE"),
        ("10.0.0.0/8,a\tb", "control characters", "name of a place"),
        (&long, "65 characters, more than 64", "shorter"),
        ("192.0.2.0/24,other", "another site", "remove one"),
    ] {
        let text = format!("# sites\n192.0.2.0/24,known\n{line}\n");
        let (number, problem) = parse(text.as_bytes()).expect_err(line);
        assert_eq!(number, Some(3), "{line}");
        assert!(problem.what.contains(what), "{line}: {problem:?}");
        assert!(problem.remedy.contains(remedy), "{line}: {problem:?}");
    }
    let longest = format!("10.0.0.0/8,{}", "ü".repeat(SITE_NAME_CHARS_MAX));
    assert!(parse(longest.as_bytes()).is_ok());
    let (number, problem) = parse(b"10.0.0.0/8,K\xf6ln").expect_err("Latin-1");
    assert_eq!(
        (number, &*problem.remedy),
        (Some(1), "save the file as UTF-8")
    );
}

/// A file with `count` networks of one address, each with a site of its own if `has_sites`.
fn many_networks(count: usize, has_sites: bool) -> String {
    let mut text = String::new();
    for number in 0..u32::try_from(count).expect("few") {
        let address = std::net::Ipv4Addr::from(number);
        let site = if has_sites { number } else { 0 };
        writeln!(text, "{address},{site}").expect("written");
    }
    text
}

#[test]
fn networks_and_sites_are_bounded() {
    let sites = parse(many_networks(NETWORKS_MAX, false).as_bytes()).expect("sites");
    assert_eq!(
        (sites.names().len(), sites.site_indexes().len()),
        (1, NETWORKS_MAX)
    );
    let (line, problem) =
        parse(many_networks(NETWORKS_MAX + 1, false).as_bytes()).expect_err("too many");
    assert_eq!(line, Some(NETWORKS_MAX + 1));
    assert_eq!(problem.what, "more than 100000 entries");

    let sites = parse(many_networks(SITES_MAX, true).as_bytes()).expect("sites");
    assert_eq!(site(&sites, "0.0.255.254"), Some("65534"));
    let (line, problem) =
        parse(many_networks(SITES_MAX + 1, true).as_bytes()).expect_err("too many");
    assert_eq!(line, Some(SITES_MAX + 1));
    assert_eq!(problem.what, "more than 65535 sites");
}
