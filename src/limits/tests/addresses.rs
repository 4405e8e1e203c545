use super::super::{CachedTime, Portion};
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

    fn arrive(&self, whence: Whence) -> Result<Duration, Duration> {
        self.addresses.arrive(whence, self.clock.get())
    }

    fn tidy(&self) {
        (0..self.addresses.parts()).for_each(|part| self.addresses.tidy(part, self.clock.get()));
    }
}

fn ipv4(hash: u64) -> Whence {
    Whence {
        own: Key::new(hash),
        wider: None,
    }
}

fn ipv6(hash: u64, wider: u64) -> Whence {
    Whence {
        own: Key::new(hash),
        wider: Some(Key::new(wider)),
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
    // Who was turned away by the site is not counted in its network either.
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
    // Those of the next five seconds wait for their turn.
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
    // Somebody there is closed as hostile once a second, for a day.
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
    let count = |whence| world.addresses.count(whence).1;
    let (one, same, neighbour) = (count(ipv6(10, 5)), count(ipv6(10, 5)), count(ipv6(11, 5)));
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
    assert!(may_begin(&count(ipv6(20, 6))) && may_begin(&count(ipv4(30))));
    // Nothing is left of it when the last has gone, and nobody has half of an old one.
    one.note(320, 0);
    neighbour.note(80, 0);
    drop((one, same, neighbour));
    (0..3).for_each(|_| world.addresses.leave(Key::new(10)));
    let (one, neighbour) = (count(ipv6(10, 5)), count(ipv6(11, 5)));
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
    // Networks of a site together.
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
