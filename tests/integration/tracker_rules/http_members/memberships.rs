//! Counts, identity, lifetimes and peer lists of HTTP members.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;

use serde_json::json;
use swarmhub::protocol::http::{Endpoint, parse_announce};
use swarmhub::swarm::Lifetimes;
use swarmhub::tracker::{HttpReservation, Rules};

use super::super::{RULES, World, announce, offers, sweep, with_fields};
use super::{announce_from, reply_summary};

#[test]
fn http_and_websocket_members_share_the_counts() {
    let world = World::new(RULES);
    let [mut a, _b] = world.join('h', ['a', 'b']);
    assert_eq!(reply_summary(&world, 'h', 1, "&left=0"), (1, 2, vec![]));
    assert_eq!(a.counts(&announce('h', 'a')), (1, 2));
    assert_eq!(reply_summary(&world, 'h', 2, "&left=5"), (1, 3, vec![1]));
    assert_eq!(world.scrape('h'), (1, 3, 0));
    reply_summary(&world, 'h', 2, "&event=completed");
    assert_eq!(world.scrape('h'), (2, 2, 1));
    assert_eq!(
        a.counts(&with_fields(announce('h', 'a'), &json!({"left": 0}))),
        (3, 1)
    );
    assert_eq!(world.totals(), (1, 3, 1));
}

#[test]
fn http_members_get_each_other_and_never_offers() {
    let world = World::new(RULES);
    let [mut a] = world.join('h', ['a']);
    for number in 1..4 {
        reply_summary(&world, 'h', number, "");
    }
    assert_eq!(reply_summary(&world, 'h', 1, "").2, [2, 3]);
    let outcome = a.send(&with_fields(announce('h', 'a'), &offers("123")));
    assert!(outcome.relays.is_empty(), "{:?}", outcome.relays);
    assert_eq!(
        reply_summary(&world, 'i', 1, ""),
        (0, 1, vec![]),
        "another swarm"
    );
}

#[test]
fn an_http_member_is_identified_by_address_and_port() {
    let world = World::new(RULES);
    let other_port = Endpoint::V4([192, 0, 2, 1, 0, 80]);
    reply_summary(&world, 'h', 1, "");
    assert_eq!(reply_summary(&world, 'h', 1, "&left=0"), (1, 0, vec![]));
    announce_from(&world, 'h', other_port, "");
    assert_eq!(reply_summary(&world, 'h', 1, ""), (1, 1, vec![1]));
    // A client that knows only address and port of another peer cannot end its membership.
    let query = format!(
        "info_hash={}&peer_id={}&port=80&event=stopped",
        "h".repeat(20),
        "x".repeat(20)
    );
    let stranger = parse_announce(query.as_bytes()).expect("an announce");
    let mut rng = world.rng.borrow_mut();
    let now = world.now.get();
    let outcome = world
        .tracker
        .announce_http(&other_port, &stranger, (now, &mut *rng), || {
            Ok(HttpReservation::default())
        });
    drop(rng);
    assert_eq!(outcome.released_owner, None);
    assert_eq!(world.totals(), (1, 1, 1));
    let outcome = announce_from(&world, 'h', other_port, "&event=stopped");
    assert_eq!(outcome.released_owner, Some(NonZeroU64::new(9)));
    assert_eq!(outcome.reply.expect("served").peers.v4, []);
    assert_eq!(world.totals(), (1, 1, 0));
}

#[test]
fn a_swarm_ends_with_its_last_http_member() {
    let world = World::new(RULES);
    reply_summary(&world, 'h', 1, "");
    let [b] = world.join('h', ['b']);
    b.close();
    assert_eq!(world.totals(), (1, 0, 1));
    reply_summary(&world, 'h', 1, "&event=stopped");
    assert_eq!(world.totals(), (0, 0, 0));
    assert_eq!(
        reply_summary(&world, 'h', 1, "&event=stopped"),
        (0, 0, vec![])
    );
    assert_eq!(
        world.totals(),
        (0, 0, 0),
        "a stopped event creates no swarm"
    );
}

#[test]
fn an_http_membership_has_its_own_lifetime() {
    let world = World::new(Rules {
        ttl: Lifetimes {
            membership: std::time::Duration::from_mins(1),
            ..RULES.ttl
        },
        ..RULES
    });
    let _a = world.join('h', ['a']);
    reply_summary(&world, 'h', 1, "");
    reply_summary(&world, 'i', 2, "");
    world.wait(1_800);
    reply_summary(&world, 'h', 3, "");
    assert_eq!(
        world.sweep().len(),
        1,
        "WebSocket members have a shorter lifetime"
    );
    assert_eq!(world.totals(), (2, 0, 3));
    reply_summary(&world, 'h', 1, "");
    world.wait(1);
    let swept = sweep(&world.tracker, world.now.get());
    assert_eq!(swept.http_owners, [NonZeroU64::new(9)]);
    assert_eq!(world.totals(), (1, 0, 2));
}

#[test]
fn thousands_of_expired_peers_are_removed_in_slices() {
    let world = World::new(RULES);
    for number in 0..3_000_u16 {
        let [high, low] = number.to_be_bytes();
        announce_from(
            &world,
            'h',
            Endpoint::V4([10, 0, high, low, 0, 1]),
            "&numwant=0",
        );
        let mut v6 = [0xfd; 18];
        v6[15] = low;
        v6[14] = high;
        announce_from(&world, 'h', Endpoint::V6(v6), "&left=0&numwant=0");
    }
    assert_eq!(world.totals(), (1, 3_000, 3_000));
    world.wait(1_801);
    let (mut swept, mut slices) = (swarmhub::swarm::SweepResult::default(), 0);
    for part in 0..world.tracker.swarms().shard_count() {
        while world
            .tracker
            .sweep_slice(part, world.now.get(), &mut swept)
            .is_some()
        {
            slices += 1;
            assert!(swept.http_owners.len() <= slices * 1_024);
            world.totals();
        }
    }
    assert_eq!(
        (swept.http_owners.len(), world.totals()),
        (6_000, (0, 0, 0))
    );
    assert!(slices >= 5, "{slices}");
}

#[test]
fn peers_are_listed_equally_often_and_never_the_requester() {
    let world = World::new(RULES);
    for number in 1..=10 {
        let role = if number > 7 { "&left=0" } else { "" };
        reply_summary(&world, 'h', number, role);
    }
    let mut times = BTreeMap::new();
    for _ in 0..9_000 {
        let (_, _, peers) = reply_summary(&world, 'h', 1, "&numwant=2");
        assert_eq!(BTreeSet::from_iter(&peers).len(), 2, "no duplicates");
        for peer in peers {
            *times.entry(peer).or_insert(0) += 1;
        }
    }
    assert_eq!(times.len(), 9);
    assert!(!times.contains_key(&1));
    // 2,000 expected for each; six standard deviations are 237.
    assert!(
        times.values().all(|count| (1_763..2_237).contains(count)),
        "{times:?}"
    );
}

#[test]
fn an_http_seeder_gets_leechers_first() {
    let world = World::new(RULES);
    for number in 1..=6 {
        let role = if number > 3 { "&left=0" } else { "" };
        reply_summary(&world, 'h', number, role);
    }
    for _ in 0..50 {
        let (_, _, peers) = reply_summary(&world, 'h', 6, "&numwant=4");
        assert_eq!((&peers[..3], peers.len()), (&[1, 2, 3][..], 4));
    }
}
