//! Tests that new connections continue with the usage of ended ones.

use super::*;

const ALL_USED: CarriedUsage = CarriedUsage {
    messages: 25.0,
    offers: 25.0,
    bytes: 8.0,
    malformed: 60.0,
    refusals: 60.0,
    points: 75.0,
};

/// Creates limits that forgive no usage.
fn without_forgiveness() -> TestAddresses {
    TestAddresses::new(|limits| limits.address_recovery_factor = 0)
}

/// Counts a connection. Returns the usage that it continues.
fn open_connection(world: &TestAddresses, keys: RateKeys) -> Option<CarriedUsage> {
    let (key, _) = register_websocket(&world.addresses, keys);
    world.addresses.take_carried_usage(key, world.clock.get())
}

fn close_connection(world: &TestAddresses, keys: RateKeys, usage: &CarriedUsage) {
    world
        .addresses
        .store_carried_usage(keys.address, usage, world.clock.get());
    world.addresses.release_connection(keys.address);
}

#[test]
fn a_new_connection_continues_an_ended_one_of_its_address() {
    let world = without_forgiveness();
    assert_eq!(open_connection(&world, ipv4(10)), None);
    close_connection(&world, ipv4(10), &ALL_USED);
    assert_eq!(open_connection(&world, ipv4(11)), None, "another address");
    assert_eq!(open_connection(&world, ipv4(10)), Some(ALL_USED));
    assert_eq!(open_connection(&world, ipv4(10)), None, "one for one");
}

#[test]
fn reconnecting_clients_have_the_usage_of_open_connections() {
    let world = without_forgiveness();
    assert!((0..1000).all(|_| open_connection(&world, ipv4(10)).is_none()));
    // Each announced two hundred torrents ten seconds ago, which has recovered, except for twenty that did more.
    for number in 0..1000 {
        if number < 20 {
            close_connection(&world, ipv4(10), &ALL_USED);
        } else {
            world.addresses.release_connection(RateKey::new(10));
        }
    }
    let in_debt = (0..1000).filter(|_| open_connection(&world, ipv4(10)).is_some());
    assert_eq!(in_debt.count(), 20);
}

#[test]
fn networks_of_a_site_in_turn_have_four_bursts() {
    let world = without_forgiveness();
    let mut fresh = 0;
    for own in 100..200 {
        fresh += usize::from(open_connection(&world, ipv6(own, 5)).is_none());
        close_connection(&world, ipv6(own, 5), &ALL_USED);
    }
    assert_eq!(fresh, 4 + 1, "the fifth finds four");
    assert_eq!(open_connection(&world, ipv6(300, 6)), None, "another site");
}

#[test]
fn usage_of_ended_connections_expires_and_then_the_address() {
    let world = without_forgiveness();
    open_connection(&world, ipv4(10));
    close_connection(&world, ipv4(10), &ALL_USED);
    world.evict_idle();
    assert_eq!(world.addresses.record_count(), 1, "kept while it counts");
    world.advance(Duration::from_mins(8));
    world.evict_idle();
    assert_eq!(world.addresses.record_count(), 0);
    assert_eq!(open_connection(&world, ipv4(10)), None);
}
