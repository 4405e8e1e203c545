//! Tests the limit of new TCP connections, and the cost of TLS handshakes.

use super::*;

#[test]
fn a_burst_of_tcp_connections_passes_then_a_rate_applies() {
    let world = TestAddresses::new(|_| {});
    assert_eq!(accepted(&world, ipv4(10)), 14_000);
    assert_eq!(accepted(&world, ipv4(11)), 14_000, "another address");
    world.advance(Duration::from_secs(1));
    assert_eq!(accepted(&world, ipv4(10)), 200);
}

#[test]
fn accept_limits_follow_those_of_websockets_unless_set() {
    let small = |limits: &mut config::Limits| {
        limits.address_connections_per_second = 1;
        limits.address_connections_burst = 10;
    };
    assert_eq!(accepted(&TestAddresses::new(small), ipv4(10)), 70);
    let own = TestAddresses::new(|limits| {
        small(limits);
        limits.address_accepts_burst = Some(5);
        limits.address_accepts_per_second = Some(3);
    });
    assert_eq!(accepted(&own, ipv4(10)), 5);
    own.advance(Duration::from_secs(1));
    assert_eq!(accepted(&own, ipv4(10)), 3);
}

#[test]
fn a_failed_handshake_costs_as_much_as_ten_connections() {
    let world = TestAddresses::new(|_| {});
    let now = world.clock.get();
    let mut failed = 0;
    while world.addresses.accept_connection(ipv4(10), now).is_ok() {
        world.addresses.charge_failed_handshake(ipv4(10), now);
        failed += 1;
        assert!(failed < 10_000, "never refused");
    }
    assert_eq!(failed, 1_400);
    // This continues: a replenished token does not buy a failed handshake at the price of one connection.
    for _ in 0..10_000 {
        world.advance(Duration::from_millis(1));
        let now = world.clock.get();
        if world.addresses.accept_connection(ipv4(10), now).is_ok() {
            world.addresses.charge_failed_handshake(ipv4(10), now);
            failed += 1;
        }
    }
    assert!((1_590..=1_601).contains(&failed), "{failed}");
    // Others at the address are blocked for at most ten seconds, whatever the debt.
    for _ in 0..10_000 {
        world
            .addresses
            .charge_failed_handshake(ipv4(10), world.clock.get());
    }
    world.advance(Duration::from_secs(11));
    assert_eq!(accepted(&world, ipv4(10)), 200);
}

#[test]
fn a_completed_handshake_costs_one_and_refunds_only_its_charge() {
    let world = TestAddresses::new(|_| {});
    let now = world.clock.get();
    assert_eq!(world.addresses.accept_connection(ipv6(10, 5), now), Ok(()));
    let charge = world.addresses.charge_failed_handshake(ipv6(10, 5), now);
    world.addresses.refund_handshake(charge, now);
    assert_eq!(accepted(&world, ipv6(10, 5)), 13_999);
    // Charges beyond the bound are not taken, so they are not refunded either.
    let charges: Vec<_> = (0..1_000)
        .map(|_| world.addresses.charge_failed_handshake(ipv6(10, 5), now))
        .collect();
    for charge in charges {
        world.addresses.refund_handshake(charge, now);
    }
    assert_eq!(accepted(&world, ipv6(10, 5)), 0);
    world.advance(Duration::from_secs(1));
    assert_eq!(accepted(&world, ipv6(10, 5)), 200);
}

#[test]
fn networks_in_turn_are_accepted_as_one_site() {
    let world = TestAddresses::new(|limits| limits.address_accepts_burst = Some(10));
    let now = world.clock.get();
    let passed = (0..1_000).filter(|own| {
        world
            .addresses
            .accept_connection(ipv6(10 + own, 5), now)
            .is_ok()
    });
    assert_eq!(passed.count(), 40);
}
