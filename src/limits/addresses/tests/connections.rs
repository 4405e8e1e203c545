//! Tests the limits of open and new WebSockets, and the bound on counted addresses.

use super::*;

#[test]
fn connections_of_an_address_are_bounded() {
    let world = TestAddresses::new(|limits| limits.address_connections_max = 3);
    let keys: Vec<_> = (0..5)
        .map(|_| world.addresses.admit_connection(ipv4(10)))
        .collect();
    assert_eq!(keys.iter().flatten().count(), 3);
    assert!(
        world.addresses.admit_connection(ipv4(11)).is_some(),
        "another address"
    );
    world.addresses.release_connection(RateKey::new(10));
    assert!(world.addresses.admit_connection(ipv4(10)).is_some());
    assert!(world.addresses.admit_connection(ipv4(10)).is_none());
}

#[test]
fn the_networks_of_a_site_share_four_times_the_connections() {
    let world = TestAddresses::new(|limits| limits.address_connections_max = 3);
    let mut entered = 0;
    for network in 10..20 {
        for _ in 0..3 {
            entered += usize::from(world.addresses.admit_connection(ipv6(network, 5)).is_some());
        }
    }
    assert_eq!(entered, 12);
    // A connection refused for its /48 is not counted in its /64 either.
    (0..3).for_each(|_| world.addresses.release_connection(RateKey::new(10)));
    assert!((0..3).all(|_| world.addresses.admit_connection(ipv6(19, 5)).is_some()));
    assert!(world.addresses.admit_connection(ipv6(10, 5)).is_none());
}

#[test]
fn a_burst_of_new_websockets_passes_then_waits_then_is_refused() {
    let world = TestAddresses::new(|_| {});
    let waits: Vec<_> = std::iter::from_fn(|| world.admit_upgrade(ipv4(10)).ok())
        .take(10_000)
        .collect();
    assert!(waits.iter().take(2_000).all(Duration::is_zero));
    // Those of the next five seconds wait.
    assert_eq!(waits.len(), 2_500);
    assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]));
    assert_eq!(waits.last(), Some(&Duration::from_secs(5)));
    let refused = world.admit_upgrade(ipv4(10)).unwrap_err();
    assert!(refused <= Duration::from_millis(10), "{refused:?}");
    assert_eq!(
        world.admit_upgrade(ipv4(11)),
        Ok(Duration::ZERO),
        "another address"
    );
    world.advance(Duration::from_secs(5));
    assert_eq!(
        world.admit_upgrade(ipv4(10)).map(|wait| wait.as_millis()),
        Ok(10)
    );
    world.advance(Duration::from_secs(20));
    assert_eq!(world.admit_upgrade(ipv4(10)), Ok(Duration::ZERO));
}

#[test]
fn networks_in_turn_are_slowed_as_one_site() {
    let world = TestAddresses::new(|limits| {
        limits.address_connections_burst = 10;
        limits.arrival_delay_max = Duration::ZERO;
    });
    let passed = (0..1_000).filter(|network| world.admit_upgrade(ipv6(10 + network, 5)).is_ok());
    assert_eq!(passed.count(), 40);
}

#[test]
fn an_idle_address_with_full_buckets_is_evicted() {
    let world = TestAddresses::new(|_| {});
    assert_eq!(world.admit_upgrade(ipv4(10)), Ok(Duration::ZERO));
    let key = world.addresses.admit_connection(ipv4(10)).expect("room");
    world.advance(Duration::from_mins(1));
    world.evict_idle();
    assert_eq!(world.addresses.record_count(), 1);
    world.addresses.release_connection(key);
    world.evict_idle();
    assert_eq!(world.addresses.record_count(), 0);
}

#[test]
fn addresses_beyond_the_bound_share_one_record() {
    let world = TestAddresses::new(|limits| {
        limits.addresses_max = 2;
        limits.address_connections_max = 1;
    });
    assert!(world.addresses.admit_connection(ipv4(10)).is_some());
    assert!(world.addresses.admit_connection(ipv4(11)).is_some());
    assert_eq!(
        world.addresses.admit_connection(ipv4(12)),
        Some(RateKey::OVERFLOW)
    );
    assert_eq!(world.addresses.admit_connection(ipv6(13, 14)), None);
    assert_eq!(world.addresses.record_count(), 3);
    world.addresses.release_connection(RateKey::OVERFLOW);
    assert_eq!(
        world.addresses.admit_connection(ipv6(13, 14)),
        Some(RateKey::OVERFLOW)
    );
    assert!(
        world
            .addresses
            .add_strike(RateKey::OVERFLOW, world.clock.get())
            .is_empty()
    );
}

#[test]
fn new_limits_apply_to_connected_addresses() {
    let mut world = TestAddresses::new(|_| {});
    assert!((0..3).all(|_| world.addresses.admit_connection(ipv4(10)).is_some()));
    let tight = config::Limits {
        address_connections_max: 2,
        ..config::Limits::default()
    };
    world.addresses.policy = AddressPolicy::new(&tight, &config::Bans::default()).into();
    assert!(world.addresses.admit_connection(ipv4(10)).is_none());
    (0..2).for_each(|_| world.addresses.release_connection(RateKey::new(10)));
    assert!(world.addresses.admit_connection(ipv4(10)).is_some());
}

#[test]
fn the_largest_address_or_network_excludes_the_overflow_record() {
    let world = TestAddresses::new(|limits| limits.addresses_max = 4);
    assert_eq!(world.addresses.largest_connections(), 0);
    for own in [1, 2, 3] {
        register_websocket(&world.addresses, ipv6(own, 77));
    }
    assert_eq!(world.addresses.largest_connections(), 3, "the network");
    for own in 100..200 {
        register_websocket(&world.addresses, ipv4(own));
    }
    assert_eq!(world.addresses.largest_connections(), 3);
}

#[test]
fn a_private_address_has_eight_times_the_limits() {
    let world = TestAddresses::new(|limits| {
        limits.address_connections_max = 3;
        limits.address_http_peers_max = 2;
        limits.address_http_requests_burst = 5;
        limits.address_accepts_burst = Some(6);
        limits.address_connections_burst = 7;
        limits.arrival_delay_max = Duration::ZERO;
    });
    let (addresses, now) = (&world.addresses, world.clock.get());
    let bridge = private(10);
    let count = |act: &dyn Fn() -> bool| (0..1000).take_while(|_| act()).count();
    assert_eq!(count(&|| addresses.admit_connection(bridge).is_some()), 24);
    assert_eq!(count(&|| addresses.admit_http_peer(bridge).is_some()), 16);
    assert_eq!(
        count(&|| addresses.admit_http_request(bridge, now).is_ok()),
        40
    );
    assert_eq!(
        count(&|| addresses.accept_connection(bridge, now).is_ok()),
        48
    );
    assert_eq!(count(&|| addresses.admit_upgrade(bridge, now).is_ok()), 56);
    // Eight tenths of the free swarm table, where others may use one tenth.
    let share = addresses.register_websocket(bridge, bridge.address);
    share.record_change(0, 799 - share.memberships());
    assert!(share.allows_new_swarm(1_000, SwarmQuota::new(10, 4)));
    share.record_change(0, 1);
    assert!(!share.allows_new_swarm(1_000, SwarmQuota::new(10, 4)));
}

#[test]
fn the_largest_private_address_is_found_separately() {
    let world = TestAddresses::new(|_| {});
    (0..3).for_each(|_| drop(register_websocket(&world.addresses, private(10))));
    (0..5).for_each(|_| drop(register_websocket(&world.addresses, ipv4(11))));
    assert_eq!(world.addresses.largest_connections(), 5);
    assert_eq!(world.addresses.largest_private_connections(), 3);
}
