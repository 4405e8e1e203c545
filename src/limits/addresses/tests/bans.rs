//! Tests bans of addresses, domains and pages.

use super::*;

#[test]
fn an_address_of_only_hostile_clients_is_banned_in_a_minute() {
    let world = TestAddresses::new(|_| {});
    let key = world.addresses.admit_connection(ipv4(10)).expect("room");
    let began = world.clock.get();
    while world
        .addresses
        .add_strike(key, world.clock.get())
        .is_empty()
    {
        world.advance(Duration::from_secs(1));
        assert!(world.clock.get() < began + Duration::from_mins(5));
    }
    let lasted = world.clock.get().saturating_sub(began);
    assert!(
        lasted >= Duration::from_secs(50) && lasted <= Duration::from_secs(80),
        "{lasted:?}"
    );
}

#[test]
fn a_school_is_never_banned_for_one_bad_client() {
    let world = TestAddresses::new(|_| {});
    for _ in 0..100 {
        world.addresses.admit_connection(ipv4(10)).expect("room");
    }
    // One client there is closed as hostile every second, for a day.
    for _ in 0..24 * 3600 {
        assert!(
            world
                .addresses
                .add_strike(RateKey::new(10), world.clock.get())
                .is_empty()
        );
        world.advance(Duration::from_secs(1));
    }
}

#[test]
fn networks_in_turn_are_banned_as_one_site() {
    let world = TestAddresses::new(|_| {});
    let mut banned = Vec::new();
    for network in 10..200 {
        let key = world
            .addresses
            .admit_connection(ipv6(network, 5))
            .expect("room");
        banned.extend(world.addresses.add_strike(key, world.clock.get()));
        world.addresses.release_connection(key);
        world.advance(Duration::from_secs(10));
    }
    assert!(!banned.is_empty());
    assert!(
        banned.iter().all(|key| *key == RateKey::new(5)),
        "{banned:?}"
    );
}

#[test]
fn a_private_address_is_banned_only_if_configured() {
    for wanted in [false, true] {
        let bans = config::Bans {
            private: wanted,
            strikes_max: 0,
            ..config::Bans::default()
        };
        let addresses = Addresses::new(AddressPolicy::new(&config::Limits::default(), &bans));
        let (key, _) = register_websocket(&addresses, private(10));
        let page = PageKeys {
            origin: RateKey::new(20),
            domain: None,
        };
        let (mut banned, mut pages) = (0, 0);
        for round in 0..10 {
            let now = Duration::from_secs(100 + 20 * round);
            banned += addresses.add_strike(key, now).len();
            pages += addresses.add_page_strike(key, page, 0, now).pages.len();
        }
        assert_eq!((banned > 0, pages > 0), (wanted, wanted));
    }
}

/// Adds strikes to pages of these origins, ten seconds apart. Returns the banned pages and addresses.
fn strike_pages(
    world: &TestAddresses,
    key: RateKey,
    pages: impl Iterator<Item = PageKeys>,
) -> (Vec<RateKey>, Vec<RateKey>) {
    let (mut banned, mut addresses) = (Vec::new(), Vec::new());
    for page in pages {
        let outcome = world
            .addresses
            .add_page_strike(key, page, 0, world.clock.get());
        banned.extend(outcome.pages);
        addresses.extend(outcome.addresses);
        world.advance(Duration::from_secs(10));
    }
    (banned, addresses)
}

fn page_of(origin: u64, domain: Option<u64>) -> PageKeys {
    PageKeys {
        origin: RateKey::new(origin),
        domain: domain.map(RateKey::new),
    }
}

#[test]
fn a_hostile_page_is_banned_but_not_its_address() {
    let world = TestAddresses::new(|_| {});
    let key = world.addresses.admit_connection(ipv4(10)).expect("room");
    let (pages, addresses) = strike_pages(&world, key, (0..360).map(|_| page_of(1000, None)));
    assert!(pages.len() > 300, "{}", pages.len());
    assert!(pages.iter().all(|key| *key == RateKey::new(1000)));
    assert_eq!(addresses, []);
}

#[test]
fn an_address_that_invents_origins_is_banned() {
    let world = TestAddresses::new(|_| {});
    let key = world.addresses.admit_connection(ipv4(10)).expect("room");
    let origins = (1000..1030).map(|origin| page_of(origin, None));
    let (pages, addresses) = strike_pages(&world, key, origins);
    assert_eq!(pages, []);
    assert_eq!(addresses.first(), Some(&RateKey::new(10)));
    // Subdomains of one domain ban that domain only.
    let other = world.addresses.admit_connection(ipv4(11)).expect("room");
    let origins = (2000..2200).map(|origin| page_of(origin, Some(50)));
    let (pages, addresses) = strike_pages(&world, other, origins);
    assert_eq!(pages.first(), Some(&RateKey::new(50)));
    assert_eq!(addresses, []);
    // Many such domains ban the address.
    let third = world.addresses.admit_connection(ipv4(12)).expect("room");
    let origins = (3000..3060).map(|origin| page_of(origin, Some(origin + 1000)));
    assert_eq!(
        strike_pages(&world, third, origins).1.first(),
        Some(&RateKey::new(12))
    );
}

#[test]
fn many_origins_at_once_count_as_one() {
    let world = TestAddresses::new(|_| {});
    let key = world.addresses.admit_connection(ipv4(10)).expect("room");
    let domains = [None, Some(50)];
    for domain in domains {
        for origin in 1000..1100 {
            let page = page_of(origin, domain.or(Some(origin + 1000)));
            let outcome = world
                .addresses
                .add_page_strike(key, page, 0, world.clock.get());
            assert_eq!(outcome, StrikeOutcome::default());
        }
    }
}

#[test]
fn a_school_is_not_banned_for_one_client_that_invents_origins() {
    let world = TestAddresses::new(|_| {});
    assert!((0..200).all(|_| world.addresses.admit_connection(ipv4(10)).is_some()));
    let origins = (1000..1180).map(|origin| page_of(origin, None));
    assert_eq!(
        strike_pages(&world, RateKey::new(10), origins),
        (vec![], vec![])
    );
}

#[test]
fn networks_in_turn_with_one_origin_are_banned_as_one_site() {
    let world = TestAddresses::new(|_| {});
    let mut banned = Vec::new();
    for own in 100..400 {
        let key = world
            .addresses
            .admit_connection(ipv6(own, 5))
            .expect("room");
        let page = page_of(own + 1000, None);
        let outcome = world
            .addresses
            .add_page_strike(key, page, 0, world.clock.get());
        banned.extend(outcome.addresses);
        world.addresses.release_connection(key);
        world.advance(Duration::from_secs(1));
    }
    assert_eq!(banned.first(), Some(&RateKey::new(5)));
}
