use super::super::{CachedTime, CarriedUsage, SwarmQuota};
use super::*;

struct TestAddresses {
    addresses: Addresses,
    clock: CachedTime,
}

impl TestAddresses {
    fn new(change: impl FnOnce(&mut config::Limits)) -> Self {
        let mut limits = config::Limits::default();
        change(&mut limits);
        let clock = CachedTime::default();
        clock.advance_to(Duration::from_secs(100));
        Self {
            addresses: Addresses::new(AddressPolicy::new(&limits, &config::Bans::default())),
            clock,
        }
    }

    fn advance(&self, time: Duration) {
        self.clock.advance_to(self.clock.get() + time);
    }

    fn admit_upgrade(&self, keys: RateKeys) -> Result<Duration, Duration> {
        self.addresses.admit_upgrade(keys, self.clock.get())
    }

    fn evict_idle(&self) {
        (0..self.addresses.shard_count())
            .for_each(|part| self.addresses.evict_idle(part, self.clock.get()));
    }
}

fn ipv4(hash: u64) -> RateKeys {
    RateKeys {
        address: RateKey::new(hash),
        network: None,
        kind: AddressKind::Public,
    }
}

fn ipv6(hash: u64, wider: u64) -> RateKeys {
    RateKeys {
        address: RateKey::new(hash),
        network: Some(RateKey::new(wider)),
        kind: AddressKind::Public,
    }
}

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
fn websockets_of_an_address_share_a_quota_within_their_network() {
    let world = TestAddresses::new(|_| {});
    let register = |keys| world.addresses.register_websocket(keys).1;
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
        world.addresses.register_websocket(ipv6(own, 77));
    }
    assert_eq!(world.addresses.largest_connections(), 3, "the network");
    for own in 100..200 {
        world.addresses.register_websocket(ipv4(own));
    }
    assert_eq!(world.addresses.largest_connections(), 3);
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
    let (_, of_websockets) = addresses.register_websocket(ipv6(10, 5));
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
        world
            .addresses
            .register_websocket(keys)
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

fn private(hash: u64) -> RateKeys {
    RateKeys {
        kind: AddressKind::Private,
        ..ipv4(hash)
    }
}

/// Returns how many new TCP connections of an address are accepted in a row.
fn accepted(world: &TestAddresses, keys: RateKeys) -> usize {
    let accept = |_: &usize| {
        world
            .addresses
            .accept_connection(keys, world.clock.get())
            .is_ok()
    };
    (0..1_000_000).take_while(accept).count()
}

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
    let (_, share) = addresses.register_websocket(bridge);
    share.record_change(0, 799 - share.memberships());
    assert!(share.allows_new_swarm(1_000, SwarmQuota::new(10, 4)));
    share.record_change(0, 1);
    assert!(!share.allows_new_swarm(1_000, SwarmQuota::new(10, 4)));
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
        let (key, _) = addresses.register_websocket(private(10));
        let page = PageKeys {
            origin: RateKey::new(20),
            site: None,
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

#[test]
fn the_largest_private_address_is_found_separately() {
    let world = TestAddresses::new(|_| {});
    (0..3).for_each(|_| drop(world.addresses.register_websocket(private(10))));
    (0..5).for_each(|_| drop(world.addresses.register_websocket(ipv4(11))));
    assert_eq!(world.addresses.largest_connections(), 5);
    assert_eq!(world.addresses.largest_private_connections(), 3);
}

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
    let (key, _) = world.addresses.register_websocket(keys);
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

/// Adds strikes to pages of these origins, ten seconds apart. Returns the banned pages and addresses.
fn strike_pages(
    world: &TestAddresses,
    key: RateKey,
    pages: impl Iterator<Item = PageKeys>,
) -> (Vec<RateKey>, Vec<RateKey>) {
    let (mut banned, mut addresses) = (Vec::new(), Vec::new());
    for page in pages {
        let struck = world
            .addresses
            .add_page_strike(key, page, 0, world.clock.get());
        banned.extend(struck.pages);
        addresses.extend(struck.addresses);
        world.advance(Duration::from_secs(10));
    }
    (banned, addresses)
}

fn page_of(origin: u64, site: Option<u64>) -> PageKeys {
    PageKeys {
        origin: RateKey::new(origin),
        site: site.map(RateKey::new),
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
    // Subdomains of one site ban that site only.
    let other = world.addresses.admit_connection(ipv4(11)).expect("room");
    let origins = (2000..2200).map(|origin| page_of(origin, Some(50)));
    let (pages, addresses) = strike_pages(&world, other, origins);
    assert_eq!(pages.first(), Some(&RateKey::new(50)));
    assert_eq!(addresses, []);
    // Many such sites ban the address.
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
    let sites = [None, Some(50)];
    for site in sites {
        for origin in 1000..1100 {
            let page = page_of(origin, site.or(Some(origin + 1000)));
            let struck = world
                .addresses
                .add_page_strike(key, page, 0, world.clock.get());
            assert_eq!(struck, StrikeOutcome::default());
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
        let struck = world
            .addresses
            .add_page_strike(key, page, 0, world.clock.get());
        banned.extend(struck.addresses);
        world.addresses.release_connection(key);
        world.advance(Duration::from_secs(1));
    }
    assert_eq!(banned.first(), Some(&RateKey::new(5)));
}
