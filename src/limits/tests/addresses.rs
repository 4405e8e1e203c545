use super::super::{CachedTime, Portion, Spent};
use super::*;

struct World {
    addresses: Addresses,
    clock: CachedTime,
}

impl World {
    fn new(change: impl FnOnce(&mut config::Limits)) -> Self {
        let mut limits = config::Limits::default();
        change(&mut limits);
        let clock = CachedTime::default();
        clock.advance_to(Duration::from_secs(100));
        Self {
            addresses: Addresses::new(&limits, &config::Bans::default()),
            clock,
        }
    }

    fn wait(&self, time: Duration) {
        self.clock.advance_to(self.clock.get() + time);
    }

    fn arrive(&self, keys: Whence) -> Result<Duration, Duration> {
        self.addresses.arrive(keys, self.clock.get())
    }

    fn tidy(&self) {
        (0..self.addresses.parts()).for_each(|part| self.addresses.tidy(part, self.clock.get()));
    }
}

fn ipv4(hash: u64) -> Whence {
    Whence {
        own: Key::new(hash),
        wider: None,
        kind: AddressKind::Public,
    }
}

fn ipv6(hash: u64, wider: u64) -> Whence {
    Whence {
        own: Key::new(hash),
        wider: Some(Key::new(wider)),
        kind: AddressKind::Public,
    }
}

#[test]
fn an_address_has_so_many_connections_at_once_and_no_more() {
    let world = World::new(|limits| limits.address_connections_max = 3);
    let keys: Vec<_> = (0..5).map(|_| world.addresses.enter(ipv4(10))).collect();
    assert_eq!(keys.iter().flatten().count(), 3);
    assert!(world.addresses.enter(ipv4(11)).is_some(), "another address");
    world.addresses.leave(Key::new(10));
    assert!(world.addresses.enter(ipv4(10)).is_some());
    assert!(world.addresses.enter(ipv4(10)).is_none());
}

#[test]
fn the_networks_of_a_site_share_four_times_as_much() {
    let world = World::new(|limits| limits.address_connections_max = 3);
    let mut entered = 0;
    for network in 10..20 {
        for _ in 0..3 {
            entered += usize::from(world.addresses.enter(ipv6(network, 5)).is_some());
        }
    }
    assert_eq!(entered, 12);
    // A connection refused for its /48 is not counted in its /64 either.
    (0..3).for_each(|_| world.addresses.leave(Key::new(10)));
    assert!((0..3).all(|_| world.addresses.enter(ipv6(19, 5)).is_some()));
    assert!(world.addresses.enter(ipv6(10, 5)).is_none());
}

#[test]
fn a_school_arrives_at_once_then_new_connections_wait_and_then_are_refused() {
    let world = World::new(|_| {});
    let waits: Vec<_> = std::iter::from_fn(|| world.arrive(ipv4(10)).ok())
        .take(10_000)
        .collect();
    assert!(waits.iter().take(2_000).all(Duration::is_zero));
    // Those of the next five seconds wait.
    assert_eq!(waits.len(), 2_500);
    assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]));
    assert_eq!(waits.last(), Some(&Duration::from_secs(5)));
    let refused = world.arrive(ipv4(10)).unwrap_err();
    assert!(refused <= Duration::from_millis(10), "{refused:?}");
    assert_eq!(
        world.arrive(ipv4(11)),
        Ok(Duration::ZERO),
        "another address"
    );
    world.wait(Duration::from_secs(5));
    assert_eq!(world.arrive(ipv4(10)).map(|wait| wait.as_millis()), Ok(10));
    world.wait(Duration::from_secs(20));
    assert_eq!(world.arrive(ipv4(10)), Ok(Duration::ZERO));
}

#[test]
fn networks_that_take_turns_are_slowed_as_one_site() {
    let world = World::new(|limits| {
        limits.address_connections_burst = 10;
        limits.arrival_delay_max = Duration::ZERO;
    });
    let passed = (0..1_000).filter(|network| world.arrive(ipv6(10 + network, 5)).is_ok());
    assert_eq!(passed.count(), 40);
}

#[test]
fn an_address_is_forgotten_when_it_has_no_connections_and_full_buckets() {
    let world = World::new(|_| {});
    assert_eq!(world.arrive(ipv4(10)), Ok(Duration::ZERO));
    let key = world.addresses.enter(ipv4(10)).expect("room");
    world.wait(Duration::from_mins(1));
    world.tidy();
    assert_eq!(world.addresses.known(), 1);
    world.addresses.leave(key);
    world.tidy();
    assert_eq!(world.addresses.known(), 0);
}

#[test]
fn addresses_beyond_the_bound_share_one_bucket() {
    let world = World::new(|limits| {
        limits.addresses_max = 2;
        limits.address_connections_max = 1;
    });
    assert!(world.addresses.enter(ipv4(10)).is_some());
    assert!(world.addresses.enter(ipv4(11)).is_some());
    assert_eq!(world.addresses.enter(ipv4(12)), Some(Key::OTHERS));
    assert_eq!(world.addresses.enter(ipv6(13, 14)), None);
    assert_eq!(world.addresses.known(), 3);
    world.addresses.leave(Key::OTHERS);
    assert_eq!(world.addresses.enter(ipv6(13, 14)), Some(Key::OTHERS));
    assert!(
        world
            .addresses
            .strike(Key::OTHERS, world.clock.get())
            .is_empty()
    );
}

#[test]
fn an_address_with_nothing_but_hostile_connections_is_banned_after_a_minute() {
    let world = World::new(|_| {});
    let key = world.addresses.enter(ipv4(10)).expect("room");
    let began = world.clock.get();
    while world.addresses.strike(key, world.clock.get()).is_empty() {
        world.wait(Duration::from_secs(1));
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
    let world = World::new(|_| {});
    for _ in 0..100 {
        world.addresses.enter(ipv4(10)).expect("room");
    }
    // One client there is closed as hostile every second, for a day.
    for _ in 0..24 * 3600 {
        assert!(
            world
                .addresses
                .strike(Key::new(10), world.clock.get())
                .is_empty()
        );
        world.wait(Duration::from_secs(1));
    }
}

#[test]
fn networks_that_take_turns_are_banned_as_one_site() {
    let world = World::new(|_| {});
    let mut banned = Vec::new();
    for network in 10..200 {
        let key = world.addresses.enter(ipv6(network, 5)).expect("room");
        banned.extend(world.addresses.strike(key, world.clock.get()));
        world.addresses.leave(key);
        world.wait(Duration::from_secs(10));
    }
    assert!(!banned.is_empty());
    assert!(banned.iter().all(|key| *key == Key::new(5)), "{banned:?}");
}

#[test]
fn the_websockets_of_an_address_have_one_share_and_its_network_has_them_all() {
    let world = World::new(|_| {});
    let register = |keys| world.addresses.count(keys).1;
    let (one, same, neighbour) = (
        register(ipv6(10, 5)),
        register(ipv6(10, 5)),
        register(ipv6(11, 5)),
    );
    assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &neighbour));
    // A tenth of a thousand for one, four tenths for all.
    let may_begin = |share: &Share| share.may_begin(1_000, Portion::new(10, 4));
    one.note(0, 99);
    assert!(may_begin(&same));
    same.note(0, 1);
    assert!(!may_begin(&one) && may_begin(&neighbour));
    one.note(100, 320);
    neighbour.note(0, 79);
    assert!(may_begin(&neighbour));
    neighbour.note(79, 80);
    assert!(!may_begin(&neighbour));
    assert!(may_begin(&register(ipv6(20, 6))) && may_begin(&register(ipv4(30))));
    // When the last is released, a fresh share is created, also for the network.
    one.note(320, 0);
    neighbour.note(80, 0);
    drop((one, same, neighbour));
    (0..3).for_each(|_| world.addresses.leave(Key::new(10)));
    let (one, neighbour) = (register(ipv6(10, 5)), register(ipv6(11, 5)));
    one.note(0, 400);
    assert!(!may_begin(&neighbour));
}

#[test]
fn other_limits_hold_at_once_for_those_who_are_here_too() {
    let world = World::new(|_| {});
    assert!((0..3).all(|_| world.addresses.enter(ipv4(10)).is_some()));
    let tight = config::Limits {
        address_connections_max: 2,
        ..config::Limits::default()
    };
    world.addresses.retune(&tight, &config::Bans::default());
    assert!(world.addresses.enter(ipv4(10)).is_none());
    (0..2).for_each(|_| world.addresses.leave(Key::new(10)));
    assert!(world.addresses.enter(ipv4(10)).is_some());
}

#[test]
fn the_largest_address_or_network_is_found_but_not_the_sum_of_those_beyond_the_bound() {
    let world = World::new(|limits| limits.addresses_max = 4);
    assert_eq!(world.addresses.largest(), 0);
    for own in [1, 2, 3] {
        world.addresses.count(ipv6(own, 77));
    }
    assert_eq!(world.addresses.largest(), 3, "the network");
    for own in 100..200 {
        world.addresses.count(ipv4(own));
    }
    assert_eq!(world.addresses.largest(), 3);
}

#[test]
fn peers_over_http_are_counted_apart_from_connections() {
    let world = World::new(|limits| {
        limits.address_connections_max = 1;
        limits.address_http_peers_max = 2;
        limits.network_factor = 2;
    });
    let addresses = &world.addresses;
    assert!(addresses.enter(ipv4(10)).is_some());
    let (key, _) = addresses.enter_http(ipv4(10)).expect("room");
    assert!(addresses.enter_http(ipv4(10)).is_some());
    assert!(addresses.enter_http(ipv4(10)).is_none());
    assert!(addresses.enter_http(ipv4(11)).is_some(), "another address");
    addresses.leave_http(key);
    assert!(addresses.enter_http(ipv4(10)).is_some());
    assert!(addresses.enter(ipv4(10)).is_none(), "connections are full");
    // The /64 networks of a /48 together.
    let entered = (20..30).filter(|network| addresses.enter_http(ipv6(*network, 5)).is_some());
    assert_eq!(entered.count(), 4);
}

#[test]
fn an_address_with_peers_over_http_is_not_forgotten() {
    let world = World::new(|_| {});
    let (key, _) = world.addresses.enter_http(ipv4(10)).expect("room");
    world.tidy();
    assert_eq!(world.addresses.known(), 1);
    world.addresses.leave_http(key);
    world.tidy();
    assert_eq!(world.addresses.known(), 0);
}

#[test]
fn requests_over_http_are_counted_for_address_and_site_and_come_back_with_time() {
    let world = World::new(|limits| {
        limits.address_http_requests_per_second = 1;
        limits.address_http_requests_burst = 2;
        limits.network_factor = 2;
    });
    let addresses = &world.addresses;
    let at = Duration::from_secs;
    assert!((0..2).all(|_| addresses.ask(ipv4(10), at(1)).is_ok()));
    assert_eq!(addresses.ask(ipv4(10), at(1)), Err(at(1)));
    assert!(addresses.ask(ipv4(11), at(1)).is_ok());
    assert!(addresses.ask(ipv4(10), at(2)).is_ok());
    assert!(addresses.ask(ipv4(10), at(2)).is_err());
    let asked = (20..30).filter(|network| addresses.ask(ipv6(*network, 5), at(1)).is_ok());
    assert_eq!(asked.count(), 4, "a site has twice as much");
}

#[test]
fn peers_over_http_and_websockets_of_an_address_share_one_part_of_the_swarm_table() {
    let world = World::new(|_| {});
    let addresses = &world.addresses;
    let (key, over_http) = addresses.enter_http(ipv6(10, 5)).expect("room");
    let (_, of_websockets) = addresses.count(ipv6(10, 5));
    assert!(Arc::ptr_eq(&over_http, &of_websockets));
    let (neighbour, _) = addresses.enter_http(ipv6(11, 5)).expect("room");
    assert_eq!(over_http.memberships(), 1);
    drop((over_http, of_websockets));
    let (again, share) = addresses.enter_http(ipv6(10, 5)).expect("room");
    assert_eq!(share.memberships(), 2, "it is kept while somebody is there");
    for key in [key, again, neighbour] {
        addresses.leave_http(key);
    }
    assert_eq!(share.memberships(), 0);
}

#[test]
fn the_networks_of_a_site_are_four_address_groups_and_an_address_is_one() {
    let world = World::new(|_| {});
    let group = |keys| world.addresses.count(keys).1.group().expect("limited");
    let of_site: std::collections::BTreeSet<_> =
        (20..1_020).map(|network| group(ipv6(network, 5))).collect();
    assert_eq!(of_site.len(), 4);
    assert_eq!(group(ipv6(20, 5)), group(ipv6(20, 5)));
    assert!(!of_site.contains(&group(ipv6(20, 6))), "another site");
    assert_eq!(group(ipv4(10)), group(ipv4(10)));
    assert_ne!(group(ipv4(10)), group(ipv4(11)));
    let (_, over_http) = world.addresses.enter_http(ipv6(20, 5)).expect("room");
    assert_eq!(over_http.group(), Some(group(ipv6(20, 5))));
}

fn private(hash: u64) -> Whence {
    Whence {
        kind: AddressKind::Private,
        ..ipv4(hash)
    }
}

/// Returns how many new TCP connections of an address are accepted in a row.
fn accepted(world: &World, keys: Whence) -> usize {
    let accept = |_: &usize| world.addresses.accept(keys, world.clock.get()).is_ok();
    (0..1_000_000).take_while(accept).count()
}

#[test]
fn a_school_of_a_thousand_is_accepted_twice_and_then_at_a_rate() {
    let world = World::new(|_| {});
    assert_eq!(accepted(&world, ipv4(10)), 14_000);
    assert_eq!(accepted(&world, ipv4(11)), 14_000, "another address");
    world.wait(Duration::from_secs(1));
    assert_eq!(accepted(&world, ipv4(10)), 200);
}

#[test]
fn new_connections_follow_the_limit_of_websockets_unless_they_have_their_own() {
    let small = |limits: &mut config::Limits| {
        limits.address_connections_per_second = 1;
        limits.address_connections_burst = 10;
    };
    assert_eq!(accepted(&World::new(small), ipv4(10)), 70);
    let own = World::new(|limits| {
        small(limits);
        limits.address_accepts_burst = Some(5);
        limits.address_accepts_per_second = Some(3);
    });
    assert_eq!(accepted(&own, ipv4(10)), 5);
    own.wait(Duration::from_secs(1));
    assert_eq!(accepted(&own, ipv4(10)), 3);
}

#[test]
fn a_failed_handshake_costs_as_much_as_ten_connections() {
    let world = World::new(|_| {});
    let now = world.clock.get();
    let mut failed = 0;
    while world.addresses.accept(ipv4(10), now).is_ok() {
        world.addresses.charge_failed_handshake(ipv4(10), now);
        failed += 1;
        assert!(failed < 10_000, "never refused");
    }
    assert_eq!(failed, 1_400);
    // This continues: a replenished token does not buy a failed handshake at the price of one connection.
    for _ in 0..10_000 {
        world.wait(Duration::from_millis(1));
        let now = world.clock.get();
        if world.addresses.accept(ipv4(10), now).is_ok() {
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
    world.wait(Duration::from_secs(11));
    assert_eq!(accepted(&world, ipv4(10)), 200);
}

#[test]
fn a_handshake_that_is_done_costs_one_and_gives_back_no_more_than_it_took() {
    let world = World::new(|_| {});
    let now = world.clock.get();
    assert_eq!(world.addresses.accept(ipv6(10, 5), now), Ok(()));
    let charge = world.addresses.charge_failed_handshake(ipv6(10, 5), now);
    world.addresses.give_back_handshake(charge, now);
    assert_eq!(accepted(&world, ipv6(10, 5)), 13_999);
    // Charges beyond the bound are not taken, so they are not refunded either.
    let charges: Vec<_> = (0..1_000)
        .map(|_| world.addresses.charge_failed_handshake(ipv6(10, 5), now))
        .collect();
    for charge in charges {
        world.addresses.give_back_handshake(charge, now);
    }
    assert_eq!(accepted(&world, ipv6(10, 5)), 0);
    world.wait(Duration::from_secs(1));
    assert_eq!(accepted(&world, ipv6(10, 5)), 200);
}

#[test]
fn networks_that_take_turns_are_accepted_as_one_site() {
    let world = World::new(|limits| limits.address_accepts_burst = Some(10));
    let now = world.clock.get();
    let passed = (0..1_000).filter(|own| world.addresses.accept(ipv6(10 + own, 5), now).is_ok());
    assert_eq!(passed.count(), 40);
}

#[test]
fn a_private_address_has_eight_times_as_much_but_not_everything() {
    let world = World::new(|limits| {
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
    assert_eq!(count(&|| addresses.enter(bridge).is_some()), 24);
    assert_eq!(count(&|| addresses.enter_http(bridge).is_some()), 16);
    assert_eq!(count(&|| addresses.ask(bridge, now).is_ok()), 40);
    assert_eq!(count(&|| addresses.accept(bridge, now).is_ok()), 48);
    assert_eq!(count(&|| addresses.arrive(bridge, now).is_ok()), 56);
    // Eight tenths of the free swarm table, where others may use one tenth.
    let (_, share) = addresses.count(bridge);
    share.note(0, 799 - share.memberships());
    assert!(share.may_begin(1_000, Portion::new(10, 4)));
    share.note(0, 1);
    assert!(!share.may_begin(1_000, Portion::new(10, 4)));
}

#[test]
fn a_private_address_is_banned_only_if_that_is_wanted() {
    for wanted in [false, true] {
        let bans = config::Bans {
            private: wanted,
            strikes_max: 0,
            ..config::Bans::default()
        };
        let addresses = Addresses::new(&config::Limits::default(), &bans);
        let (key, _) = addresses.count(private(10));
        let page = PageKeys {
            origin: Key::new(20),
            site: None,
        };
        let (mut banned, mut pages) = (0, 0);
        for round in 0..10 {
            let now = Duration::from_secs(100 + 20 * round);
            banned += addresses.strike(key, now).len();
            pages += addresses.strike_page(key, page, 0, now).pages.len();
        }
        assert_eq!((banned > 0, pages > 0), (wanted, wanted));
    }
}

#[test]
fn the_largest_private_address_is_told_apart() {
    let world = World::new(|_| {});
    (0..3).for_each(|_| drop(world.addresses.count(private(10))));
    (0..5).for_each(|_| drop(world.addresses.count(ipv4(11))));
    assert_eq!(world.addresses.largest(), 5);
    assert_eq!(world.addresses.largest_private(), 3);
}

const EMPTY: Spent = Spent {
    messages: 25.0,
    offers: 25.0,
    bytes: 8.0,
    malformed: 60.0,
    refusals: 60.0,
    points: 75.0,
};

/// Creates limits that forgive no usage.
fn strict() -> World {
    World::new(|limits| limits.address_recovery_factor = 0)
}

/// Counts a connection. Returns the usage that it continues.
fn begin(world: &World, keys: Whence) -> Option<Spent> {
    let (key, _) = world.addresses.count(keys);
    world.addresses.take_spent(key, world.clock.get())
}

fn end(world: &World, keys: Whence, usage: &Spent) {
    world
        .addresses
        .keep_spent(keys.own, usage, world.clock.get());
    world.addresses.leave(keys.own);
}

#[test]
fn a_new_connection_goes_on_where_one_of_its_address_has_ended() {
    let world = strict();
    assert_eq!(begin(&world, ipv4(10)), None);
    end(&world, ipv4(10), &EMPTY);
    assert_eq!(begin(&world, ipv4(11)), None, "another address");
    assert_eq!(begin(&world, ipv4(10)), Some(EMPTY));
    assert_eq!(begin(&world, ipv4(10)), None, "one for one");
}

#[test]
fn a_school_that_comes_back_has_what_it_would_have_had_if_it_had_stayed() {
    let world = strict();
    assert!((0..1000).all(|_| begin(&world, ipv4(10)).is_none()));
    // Each announced two hundred torrents ten seconds ago, which has recovered, except for twenty that did more.
    for number in 0..1000 {
        if number < 20 {
            end(&world, ipv4(10), &EMPTY);
        } else {
            world.addresses.leave(Key::new(10));
        }
    }
    let in_debt = (0..1000).filter(|_| begin(&world, ipv4(10)).is_some());
    assert_eq!(in_debt.count(), 20);
}

#[test]
fn networks_of_a_site_that_take_turns_have_four_bursts_and_no_more() {
    let world = strict();
    let mut fresh = 0;
    for own in 100..200 {
        fresh += usize::from(begin(&world, ipv6(own, 5)).is_none());
        end(&world, ipv6(own, 5), &EMPTY);
    }
    assert_eq!(fresh, 4 + 1, "the fifth finds four");
    assert_eq!(begin(&world, ipv6(300, 6)), None, "another site");
}

#[test]
fn what_ended_connections_used_up_is_forgotten_with_time_and_then_the_address() {
    let world = strict();
    begin(&world, ipv4(10));
    end(&world, ipv4(10), &EMPTY);
    world.tidy();
    assert_eq!(world.addresses.known(), 1, "kept while it counts");
    world.wait(Duration::from_mins(8));
    world.tidy();
    assert_eq!(world.addresses.known(), 0);
    assert_eq!(begin(&world, ipv4(10)), None);
}

/// Adds strikes to pages of these origins, ten seconds apart. Returns the banned pages and addresses.
fn strike_pages(
    world: &World,
    key: Key,
    pages: impl Iterator<Item = PageKeys>,
) -> (Vec<Key>, Vec<Key>) {
    let (mut banned, mut addresses) = (Vec::new(), Vec::new());
    for page in pages {
        let struck = world.addresses.strike_page(key, page, 0, world.clock.get());
        banned.extend(struck.pages);
        addresses.extend(struck.addresses);
        world.wait(Duration::from_secs(10));
    }
    (banned, addresses)
}

fn page_of(origin: u64, site: Option<u64>) -> PageKeys {
    PageKeys {
        origin: Key::new(origin),
        site: site.map(Key::new),
    }
}

#[test]
fn a_hostile_page_is_banned_at_an_address_and_the_address_is_not() {
    let world = World::new(|_| {});
    let key = world.addresses.enter(ipv4(10)).expect("room");
    let (pages, addresses) = strike_pages(&world, key, (0..360).map(|_| page_of(1000, None)));
    assert!(pages.len() > 300, "{}", pages.len());
    assert!(pages.iter().all(|key| *key == Key::new(1000)));
    assert_eq!(addresses, []);
}

#[test]
fn who_invents_an_origin_each_time_is_banned_as_an_address() {
    let world = World::new(|_| {});
    let key = world.addresses.enter(ipv4(10)).expect("room");
    let origins = (1000..1030).map(|origin| page_of(origin, None));
    let (pages, addresses) = strike_pages(&world, key, origins);
    assert_eq!(pages, []);
    assert_eq!(addresses.first(), Some(&Key::new(10)));
    // Subdomains of one site ban that site only.
    let other = world.addresses.enter(ipv4(11)).expect("room");
    let origins = (2000..2200).map(|origin| page_of(origin, Some(50)));
    let (pages, addresses) = strike_pages(&world, other, origins);
    assert_eq!(pages.first(), Some(&Key::new(50)));
    assert_eq!(addresses, []);
    // Many such sites ban the address.
    let third = world.addresses.enter(ipv4(12)).expect("room");
    let origins = (3000..3060).map(|origin| page_of(origin, Some(origin + 1000)));
    assert_eq!(
        strike_pages(&world, third, origins).1.first(),
        Some(&Key::new(12))
    );
}

#[test]
fn many_origins_at_once_count_as_one() {
    let world = World::new(|_| {});
    let key = world.addresses.enter(ipv4(10)).expect("room");
    let sites = [None, Some(50)];
    for site in sites {
        for origin in 1000..1100 {
            let page = page_of(origin, site.or(Some(origin + 1000)));
            let struck = world.addresses.strike_page(key, page, 0, world.clock.get());
            assert_eq!(struck, Struck::default());
        }
    }
}

#[test]
fn a_school_is_not_banned_for_a_program_that_invents_origins() {
    let world = World::new(|_| {});
    assert!((0..200).all(|_| world.addresses.enter(ipv4(10)).is_some()));
    let origins = (1000..1180).map(|origin| page_of(origin, None));
    assert_eq!(
        strike_pages(&world, Key::new(10), origins),
        (vec![], vec![])
    );
}

#[test]
fn networks_that_take_turns_under_one_origin_are_banned_as_one_site() {
    let world = World::new(|_| {});
    let mut banned = Vec::new();
    for own in 100..400 {
        let key = world.addresses.enter(ipv6(own, 5)).expect("room");
        let page = page_of(own + 1000, None);
        let struck = world.addresses.strike_page(key, page, 0, world.clock.get());
        banned.extend(struck.addresses);
        world.addresses.leave(key);
        world.wait(Duration::from_secs(1));
    }
    assert_eq!(banned.first(), Some(&Key::new(5)));
}
