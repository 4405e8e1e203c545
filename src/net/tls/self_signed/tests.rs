use std::time::SystemTime;

use super::*;

#[test]
fn it_is_valid_now_for_this_machine() {
    let pair = generate().unwrap();
    assert_eq!(pair.name(), "localhost");
    let now = SystemTime::now();
    assert!(pair.not_before < now && now < pair.not_after);
    let life = pair.not_after.duration_since(pair.not_before).unwrap();
    assert!(life.as_secs() < 825 * 24 * 60 * 60);
}

#[test]
fn addresses_are_the_machines_reachable_ones() {
    let addresses = addresses();
    assert!(addresses.contains(&IpAddr::from([127, 0, 0, 1])));
    assert!(
        addresses
            .iter()
            .any(|address| address.is_ipv6() && address.is_loopback())
    );
    assert!(!addresses.iter().any(is_link_local));
    assert!(addresses.is_sorted() && addresses.len() < 1000);
}

#[test]
fn invalid_host_names_are_left_out() {
    for (host, good) in [
        ("nas", true),
        ("nas.home", true),
        ("localhost", false),
        ("my nas", false),
        ("", false),
    ] {
        assert_eq!(is_dns_name(host), good, "{host}");
    }
    assert!(names().contains(&"localhost".to_owned()));
}
