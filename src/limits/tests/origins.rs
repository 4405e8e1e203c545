use super::super::Key;
use super::*;

fn origins(change: impl FnOnce(&mut config::Limits)) -> Origins {
    let mut limits = config::Limits::default();
    change(&mut limits);
    Origins::new(&limits)
}

#[test]
fn sites_are_listed_also_without_a_limit_and_a_limit_holds_for_those_that_are_here() {
    let origins = origins(|limits| limits.origins_max = 2);
    let ids = ["b", "a", "a", "c", "d"].map(|name| {
        origins
            .enter(&format!("https://{name}.example"), None, None)
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
    assert!(origins.room("https://a.example", None).is_ok());
    origins.retune(&config::Limits {
        origin_connections_max: Some(2),
        ..config::Limits::default()
    });
    assert!(origins.room("https://a.example", None).is_err());
    for id in ids {
        origins.leave(id, None);
    }
    assert_eq!(listed(&origins), [""; 0]);
}

#[test]
fn each_origin_has_its_own_room() {
    let origins = origins(|limits| limits.origin_connections_max = Some(2));
    let (a, place) = origins.enter("https://a.example", None, None);
    assert!(place == Place::Own && origins.room("https://a.example", None).is_ok());
    assert_eq!(
        origins.enter("https://a.example", None, None),
        (a, Place::Own)
    );
    assert!(origins.room("https://a.example", None).is_err());
    assert!(origins.room("https://b.example", None).is_ok());
    origins.leave(a, None);
    assert!(origins.room("https://a.example", None).is_ok());
}

#[test]
fn origins_beyond_the_bound_share_one_place_until_others_are_gone() {
    let origins = origins(|limits| {
        limits.origins_max = 1;
        limits.origin_connections_max = Some(1);
    });
    let (a, _) = origins.enter("https://a.example", None, None);
    let (b, place) = origins.enter("https://b.example", None, None);
    assert!(place == Place::Shared && a != b);
    assert!(
        origins.room("https://c.example", None).is_err(),
        "the others have one place"
    );
    origins.leave(a, None);
    origins.tidy(Duration::from_secs(1));
    let (c, place) = origins.enter("https://c.example", None, None);
    assert_eq!(place, Place::Own);
    origins.leave(c, None);
    origins.leave(b, None);
    assert!(origins.room("https://d.example", None).is_ok());
}

#[test]
fn what_is_no_origin_has_no_place_of_its_own() {
    let origins = origins(|limits| limits.origin_connections_max = Some(1));
    let (_, place) = origins.enter(&"x".repeat(ORIGIN_BYTES_MAX + 1), None, None);
    assert_eq!(place, Place::Shared);
}

#[test]
fn announces_of_an_origin_are_slowed_and_then_refused() {
    let origins = origins(|limits| {
        limits.origin_announces_per_second = Some(10);
        limits.origin_announces_burst = 5;
        limits.delay_max = Duration::from_secs(2);
    });
    let now = Duration::from_secs(10);
    let (id, _) = origins.enter("https://a.example", None, None);
    let mut waits = Vec::new();
    while let Ok(wait) = origins.announce(id, None, now) {
        waits.push(wait);
        assert!(waits.len() < 1000, "never refused");
    }
    // Five at once, and those of the next two seconds.
    assert_eq!(waits.len(), 25);
    assert!(waits.iter().take(5).all(Duration::is_zero), "{waits:?}");
    assert_eq!(waits.last(), Some(&Duration::from_secs(2)));
    let (other, _) = origins.enter("https://b.example", None, None);
    assert_eq!(origins.announce(other, None, now), Ok(Duration::ZERO));
    let now = Duration::from_secs(13);
    assert_eq!(origins.announce(id, None, now), Ok(Duration::ZERO));
}

fn from(own: u64, wider: Option<u64>) -> (Option<Whence>, Option<Group>) {
    let keys = Whence {
        own: Key::new(own),
        wider: wider.map(Key::new),
        kind: AddressKind::Public,
    };
    (Some(keys), Some(keys.group()))
}

/// Returns how many connections of a page an address gets.
fn fill(origins: &Origins, origin: &str, (keys, group): (Option<Whence>, Option<Group>)) -> usize {
    let admit = |_: &usize| {
        let has_room = origins.room(origin, keys).is_ok();
        if has_room {
            origins.enter(origin, keys, group);
        }
        has_room
    };
    (0..10_000).take_while(admit).count()
}

#[test]
fn one_address_gets_a_quarter_of_the_room_of_a_site() {
    let origins = origins(|limits| limits.origin_connections_max = Some(100));
    let site = "https://site.example";
    let attacker = from(10, None);
    assert_eq!(fill(&origins, site, attacker), 25);
    assert_eq!(origins.room(site, attacker.0), Err(OriginFull::Address));
    // The networks of one /48 together, and clients without limits.
    assert_eq!(fill(&origins, site, from(11, Some(5))), 25);
    assert_eq!(fill(&origins, site, from(12, Some(5))), 0);
    assert_eq!(fill(&origins, site, (None, None)), 50);
    assert_eq!(
        origins.room(site, from(13, None).0),
        Err(OriginFull::Origin)
    );
    assert!(origins.room("https://other.example", attacker.0).is_ok());
    let (id, _) = origins.enter(site, None, None);
    origins.leave(id, None);
    origins.leave(id, attacker.1);
    assert!(origins.room(site, attacker.0).is_ok());
    assert_eq!(origins.connections_of(id, attacker.1.expect("counted")), 24);
}

#[test]
fn a_private_address_may_have_all_of_a_site_and_everybody_one() {
    let origins = origins(|limits| limits.origin_connections_max = Some(2));
    let (keys, _) = from(10, None);
    let bridge = keys.map(|keys| Whence {
        kind: AddressKind::Private,
        ..keys
    });
    let group = bridge.map(Whence::group);
    assert_eq!(fill(&origins, "https://a.example", (bridge, group)), 2);
    assert_eq!(fill(&origins, "https://b.example", from(11, None)), 1);
}

#[test]
fn invented_origins_of_one_address_leave_places_for_others() {
    let origins = origins(|limits| limits.address_origins_max = 10);
    let (attacker, group) = from(10, Some(5));
    let mut entered = Vec::new();
    for number in 0..2000 {
        let invented = format!("https://{number}.example");
        entered.push(origins.enter(&invented, attacker, group));
    }
    let own = entered.iter().filter(|(_, place)| *place == Place::Own);
    assert_eq!(own.count(), 10);
    assert_eq!(
        entered.last().map(|last| last.1),
        Some(Place::SharedOfAddress)
    );
    // The networks of its /48 have four times as many together.
    let of_network = (20..40).flat_map(|own| (0..10).map(move |number| (own, number)));
    let of_network = of_network.filter(|(own, number)| {
        let (keys, group) = from(*own, Some(5));
        let invented = format!("https://{own}-{number}.example");
        origins.enter(&invented, keys, group).1 == Place::Own
    });
    assert_eq!(of_network.count(), 30);
    let (other, other_group) = from(11, None);
    let (_, place) = origins.enter("https://real.example", other, other_group);
    assert_eq!(place, Place::Own);
    // It may still use known origins, and may add new ones when its own are evicted.
    let (_, place) = origins.enter("https://real.example", attacker, group);
    assert_eq!(place, Place::Own);
    for (id, _) in entered {
        origins.leave(id, group);
    }
    origins.tidy(Duration::from_secs(1));
    let (_, place) = origins.enter("https://new.example", attacker, group);
    assert_eq!(place, Place::Own);
}

#[test]
fn announces_in_the_name_of_a_site_leave_most_of_its_limit_to_others() {
    let origins = origins(|limits| {
        limits.origin_announces_per_second = Some(100);
        limits.origin_announces_burst = 100;
        limits.delay_max = Duration::ZERO;
    });
    let now = Duration::from_secs(10);
    let (keys, attacker) = from(10, None);
    let (id, _) = origins.enter("https://a.example", keys, attacker);
    let served = |group| {
        (0..1000)
            .take_while(|_| origins.announce(id, group, now).is_ok())
            .count()
    };
    assert_eq!(served(attacker), 25);
    assert_eq!(served(from(11, None).1), 25);
    assert_eq!(served(None), 50);
}
