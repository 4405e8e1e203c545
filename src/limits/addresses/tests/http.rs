//! Tests HTTP requests and HTTP members, and the swarm quota that they share with WebSockets.

use super::*;

#[test]
fn websockets_of_an_address_share_a_quota_within_their_network() {
    let world = TestAddresses::new(|_| {});
    let register = |keys| register_websocket(&world.addresses, keys).1;
    let (one, same, neighbour) = (
        register(ipv6(10, 5)),
        register(ipv6(10, 5)),
        register(ipv6(11, 5)),
    );
    assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &neighbour));
    // A tenth of a thousand for one, four tenths for all.
    let allows_new_swarm =
        |share: &QuotaUsage| share.allows_new_swarm(1_000, SwarmQuota::new(10, 4));
    one.record_change(0, 99);
    assert!(allows_new_swarm(&same));
    same.record_change(0, 1);
    assert!(!allows_new_swarm(&one) && allows_new_swarm(&neighbour));
    one.record_change(100, 320);
    neighbour.record_change(0, 79);
    assert!(allows_new_swarm(&neighbour));
    neighbour.record_change(79, 80);
    assert!(!allows_new_swarm(&neighbour));
    assert!(allows_new_swarm(&register(ipv6(20, 6))) && allows_new_swarm(&register(ipv4(30))));
    // When the last is released, a fresh share is created, also for the network.
    one.record_change(320, 0);
    neighbour.record_change(80, 0);
    drop((one, same, neighbour));
    (0..3).for_each(|_| world.addresses.release_connection(RateKey::new(10)));
    let (one, neighbour) = (register(ipv6(10, 5)), register(ipv6(11, 5)));
    one.record_change(0, 400);
    assert!(!allows_new_swarm(&neighbour));
}

#[test]
fn http_peers_are_counted_separately_from_connections() {
    let world = TestAddresses::new(|limits| {
        limits.address_connections_max = 1;
        limits.address_http_peers_max = 2;
        limits.network_factor = 2;
    });
    let addresses = &world.addresses;
    assert!(addresses.admit_connection(ipv4(10)).is_some());
    let (key, _) = addresses.admit_http_peer(ipv4(10)).expect("room");
    assert!(addresses.admit_http_peer(ipv4(10)).is_some());
    assert!(addresses.admit_http_peer(ipv4(10)).is_none());
    assert!(
        addresses.admit_http_peer(ipv4(11)).is_some(),
        "another address"
    );
    addresses.release_http_peer(key);
    assert!(addresses.admit_http_peer(ipv4(10)).is_some());
    assert!(
        addresses.admit_connection(ipv4(10)).is_none(),
        "connections are full"
    );
    // The /64 networks of a /48 together.
    let entered = (20..30).filter(|network| addresses.admit_http_peer(ipv6(*network, 5)).is_some());
    assert_eq!(entered.count(), 4);
}

#[test]
fn an_address_with_http_peers_is_not_evicted() {
    let world = TestAddresses::new(|_| {});
    let (key, _) = world.addresses.admit_http_peer(ipv4(10)).expect("room");
    world.evict_idle();
    assert_eq!(world.addresses.record_count(), 1);
    world.addresses.release_http_peer(key);
    world.evict_idle();
    assert_eq!(world.addresses.record_count(), 0);
}

#[test]
fn http_requests_are_limited_per_address_and_site() {
    let world = TestAddresses::new(|limits| {
        limits.address_http_requests_per_second = 1;
        limits.address_http_requests_burst = 2;
        limits.network_factor = 2;
    });
    let addresses = &world.addresses;
    let at = Duration::from_secs;
    assert!((0..2).all(|_| addresses.admit_http_request(ipv4(10), at(1)).is_ok()));
    assert_eq!(addresses.admit_http_request(ipv4(10), at(1)), Err(at(1)));
    assert!(addresses.admit_http_request(ipv4(11), at(1)).is_ok());
    assert!(addresses.admit_http_request(ipv4(10), at(2)).is_ok());
    assert!(addresses.admit_http_request(ipv4(10), at(2)).is_err());
    let admitted = (20..30).filter(|network| {
        addresses
            .admit_http_request(ipv6(*network, 5), at(1))
            .is_ok()
    });
    assert_eq!(admitted.count(), 4, "a site has twice as much");
}

#[test]
fn http_peers_and_websockets_of_an_address_share_a_swarm_quota() {
    let world = TestAddresses::new(|_| {});
    let addresses = &world.addresses;
    let (key, over_http) = addresses.admit_http_peer(ipv6(10, 5)).expect("room");
    let (_, of_websockets) = register_websocket(addresses, ipv6(10, 5));
    assert!(Arc::ptr_eq(&over_http, &of_websockets));
    let (neighbour, _) = addresses.admit_http_peer(ipv6(11, 5)).expect("room");
    assert_eq!(over_http.memberships(), 1);
    drop((over_http, of_websockets));
    let (again, share) = addresses.admit_http_peer(ipv6(10, 5)).expect("room");
    assert_eq!(share.memberships(), 2, "it is kept while somebody is there");
    for key in [key, again, neighbour] {
        addresses.release_http_peer(key);
    }
    assert_eq!(share.memberships(), 0);
}

#[test]
fn a_site_has_four_address_groups_and_an_address_has_one() {
    let world = TestAddresses::new(|_| {});
    let group = |keys| {
        register_websocket(&world.addresses, keys)
            .1
            .group()
            .expect("limited")
    };
    let of_site: std::collections::BTreeSet<_> =
        (20..1_020).map(|network| group(ipv6(network, 5))).collect();
    assert_eq!(of_site.len(), 4);
    assert_eq!(group(ipv6(20, 5)), group(ipv6(20, 5)));
    assert!(!of_site.contains(&group(ipv6(20, 6))), "another site");
    assert_eq!(group(ipv4(10)), group(ipv4(10)));
    assert_ne!(group(ipv4(10)), group(ipv4(11)));
    let (_, over_http) = world.addresses.admit_http_peer(ipv6(20, 5)).expect("room");
    assert_eq!(over_http.group(), Some(group(ipv6(20, 5))));
}
