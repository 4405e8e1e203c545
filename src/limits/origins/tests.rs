use super::super::RateKey;
use super::*;

fn origins(change: impl FnOnce(&mut config::Limits)) -> Origins {
    let mut limits = config::Limits::default();
    change(&mut limits);
    Origins::new(OriginPolicy::new(&limits))
}

#[test]
fn origins_are_listed_and_new_limits_apply_to_them() {
    let mut origins = origins(|limits| limits.origins_max = 2);
    let ids = ["b", "a", "a", "c", "d"].map(|name| {
        origins
            .register_websocket(&format!("https://{name}.example"), None, None)
            .0
    });
    let listed = |origins: &Origins| {
        let list = origins.list().into_iter();
        let listed = list.map(|count| {
            let origin = count.origin.unwrap_or_else(|| "others".into());
            format!("{origin} {}", count.connections)
        });
        listed.collect::<Vec<_>>()
    };
    let three = ["others 2", "https://a.example 2", "https://b.example 1"];
    assert_eq!(listed(&origins), three);
    assert!(origins.check_upgrade("https://a.example", None).is_ok());
    let limits = config::Limits {
        origin_connections_max: Some(2),
        ..config::Limits::default()
    };
    origins.policy = OriginPolicy::new(&limits).into();
    assert!(origins.check_upgrade("https://a.example", None).is_err());
    for id in ids {
        origins.release_connection(id, None);
    }
    assert_eq!(listed(&origins), [""; 0]);
}

#[test]
fn each_origin_has_its_own_connection_limit() {
    let origins = origins(|limits| limits.origin_connections_max = Some(2));
    let (a, place) = origins.register_websocket("https://a.example", None, None);
    assert!(
        place == OriginPlacement::Own && origins.check_upgrade("https://a.example", None).is_ok()
    );
    assert_eq!(
        origins.register_websocket("https://a.example", None, None),
        (a, OriginPlacement::Own)
    );
    assert!(origins.check_upgrade("https://a.example", None).is_err());
    assert!(origins.check_upgrade("https://b.example", None).is_ok());
    origins.release_connection(a, None);
    assert!(origins.check_upgrade("https://a.example", None).is_ok());
}

#[test]
fn origins_beyond_the_bound_share_one_slot_until_others_close() {
    let origins = origins(|limits| {
        limits.origins_max = 1;
        limits.origin_connections_max = Some(1);
    });
    let (a, _) = origins.register_websocket("https://a.example", None, None);
    let (b, place) = origins.register_websocket("https://b.example", None, None);
    assert!(place == OriginPlacement::Overflow && a != b);
    assert!(
        origins.check_upgrade("https://c.example", None).is_err(),
        "the others have one place"
    );
    origins.release_connection(a, None);
    origins.evict_idle(Duration::from_secs(1));
    let (c, place) = origins.register_websocket("https://c.example", None, None);
    assert_eq!(place, OriginPlacement::Own);
    origins.release_connection(c, None);
    origins.release_connection(b, None);
    assert!(origins.check_upgrade("https://d.example", None).is_ok());
}

#[test]
fn an_overlong_origin_has_no_slot_of_its_own() {
    let origins = origins(|limits| limits.origin_connections_max = Some(1));
    let (_, place) = origins.register_websocket(&"x".repeat(ORIGIN_BYTES_MAX + 1), None, None);
    assert_eq!(place, OriginPlacement::Overflow);
}

#[test]
fn announces_of_an_origin_are_slowed_and_then_refused() {
    let origins = origins(|limits| {
        limits.origin_announces_per_second = Some(10);
        limits.origin_announces_burst = 5;
        limits.delay_max = Duration::from_secs(2);
    });
    let now = Duration::from_secs(10);
    let (id, _) = origins.register_websocket("https://a.example", None, None);
    let mut waits = Vec::new();
    while let Ok(wait) = origins.admit_announce(id, None, now) {
        waits.push(wait);
        assert!(waits.len() < 1000, "never refused");
    }
    // Five at once, and those of the next two seconds.
    assert_eq!(waits.len(), 25);
    assert!(waits.iter().take(5).all(Duration::is_zero), "{waits:?}");
    assert_eq!(waits.last(), Some(&Duration::from_secs(2)));
    let (other, _) = origins.register_websocket("https://b.example", None, None);
    assert_eq!(origins.admit_announce(other, None, now), Ok(Duration::ZERO));
    let now = Duration::from_secs(13);
    assert_eq!(origins.admit_announce(id, None, now), Ok(Duration::ZERO));
}

fn client(own: u64, wider: Option<u64>) -> (Option<RateKeys>, Option<WidestKey>) {
    let keys = RateKeys {
        address: RateKey::new(own),
        network: wider.map(RateKey::new),
        kind: AddressKind::Public,
    };
    (Some(keys), Some(keys.widest()))
}

/// Returns how many connections of a page an address gets.
fn connect_until_refused(
    origins: &Origins,
    origin: &str,
    (keys, group): (Option<RateKeys>, Option<WidestKey>),
) -> usize {
    let admit = |_: &usize| {
        let has_room = origins.check_upgrade(origin, keys).is_ok();
        if has_room {
            origins.register_websocket(origin, keys, group);
        }
        has_room
    };
    (0..10_000).take_while(admit).count()
}

#[test]
fn one_address_gets_a_quarter_of_an_origins_connections() {
    let origins = origins(|limits| limits.origin_connections_max = Some(100));
    let site = "https://site.example";
    let attacker = client(10, None);
    assert_eq!(connect_until_refused(&origins, site, attacker), 25);
    assert_eq!(
        origins.check_upgrade(site, attacker.0),
        Err(OriginRefusal::Address)
    );
    // The networks of one /48 together, and clients without limits.
    assert_eq!(
        connect_until_refused(&origins, site, client(11, Some(5))),
        25
    );
    assert_eq!(
        connect_until_refused(&origins, site, client(12, Some(5))),
        0
    );
    assert_eq!(connect_until_refused(&origins, site, (None, None)), 50);
    assert_eq!(
        origins.check_upgrade(site, client(13, None).0),
        Err(OriginRefusal::Origin)
    );
    assert!(
        origins
            .check_upgrade("https://other.example", attacker.0)
            .is_ok()
    );
    let (id, _) = origins.register_websocket(site, None, None);
    origins.release_connection(id, None);
    origins.release_connection(id, attacker.1);
    assert!(origins.check_upgrade(site, attacker.0).is_ok());
    assert_eq!(origins.connections_of(id, attacker.1.expect("counted")), 24);
}

#[test]
fn a_private_address_may_use_a_whole_origin_and_any_address_one() {
    let origins = origins(|limits| limits.origin_connections_max = Some(2));
    let (keys, _) = client(10, None);
    let bridge = keys.map(|keys| RateKeys {
        kind: AddressKind::Private,
        ..keys
    });
    let group = bridge.map(RateKeys::widest);
    assert_eq!(
        connect_until_refused(&origins, "https://a.example", (bridge, group)),
        2
    );
    assert_eq!(
        connect_until_refused(&origins, "https://b.example", client(11, None)),
        1
    );
}

#[test]
fn invented_origins_of_one_address_leave_slots_for_others() {
    let origins = origins(|limits| limits.address_origins_max = 10);
    let (attacker, group) = client(10, Some(5));
    let mut entered = Vec::new();
    for number in 0..2000 {
        let invented = format!("https://{number}.example");
        entered.push(origins.register_websocket(&invented, attacker, group));
    }
    let own = entered
        .iter()
        .filter(|(_, place)| *place == OriginPlacement::Own);
    assert_eq!(own.count(), 10);
    assert_eq!(
        entered.last().map(|last| last.1),
        Some(OriginPlacement::OverflowOfAddress)
    );
    // The networks of its /48 have four times as many together.
    let of_network = (20..40).flat_map(|own| (0..10).map(move |number| (own, number)));
    let of_network = of_network.filter(|(own, number)| {
        let (keys, group) = client(*own, Some(5));
        let invented = format!("https://{own}-{number}.example");
        origins.register_websocket(&invented, keys, group).1 == OriginPlacement::Own
    });
    assert_eq!(of_network.count(), 30);
    let (other, other_group) = client(11, None);
    let (_, place) = origins.register_websocket("https://real.example", other, other_group);
    assert_eq!(place, OriginPlacement::Own);
    // It may still use known origins, and may add new ones when its own are evicted.
    let (_, place) = origins.register_websocket("https://real.example", attacker, group);
    assert_eq!(place, OriginPlacement::Own);
    for (id, _) in entered {
        origins.release_connection(id, group);
    }
    origins.evict_idle(Duration::from_secs(1));
    let (_, place) = origins.register_websocket("https://new.example", attacker, group);
    assert_eq!(place, OriginPlacement::Own);
}

#[test]
fn announces_of_one_address_leave_most_of_an_origins_limit() {
    let origins = origins(|limits| {
        limits.origin_announces_per_second = Some(100);
        limits.origin_announces_burst = 100;
        limits.delay_max = Duration::ZERO;
    });
    let now = Duration::from_secs(10);
    let (keys, attacker) = client(10, None);
    let (id, _) = origins.register_websocket("https://a.example", keys, attacker);
    let served = |group| {
        (0..1000)
            .take_while(|_| origins.admit_announce(id, group, now).is_ok())
            .count()
    };
    assert_eq!(served(attacker), 25);
    assert_eq!(served(client(11, None).1), 25);
    assert_eq!(served(None), 50);
}
