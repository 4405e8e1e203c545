//! Offers: the choice of receivers, limits per announce and receiver, fairness between addresses.

use std::num::NonZeroU64;
use std::sync::Arc;

use serde_json::json;
use swarmhub::limits::QuotaUsage;
use swarmhub::swarm::ReceiverQuota;
use swarmhub::tracker::{RelayKind, Rules};

use super::{Connection, RANDOM, RULES, World, announce, ids_of, offers, text, with_fields};

#[test]
fn each_offer_goes_to_a_different_member() {
    let world = World::new(RULES);
    let [mut sender, b, c, d] = world.join('h', ['a', 'b', 'c', 'd']);
    let [_elsewhere] = world.join('i', ['e']);
    let outcome = sender.send(&with_fields(announce('h', 'a'), &offers("12345")));
    assert_eq!(outcome.receivers(), ids_of([&b, &c, &d]));
    let first = &outcome.relays[0];
    assert_eq!(first.kind, RelayKind::Offer);
    let expected = json!({"action": "announce", "info_hash": text('h'), "peer_id": text('a'),
        "offer_id": text('1'), "offer": {"type": "offer", "sdp": "of 1"}});
    assert_eq!(first.message, expected);
}

#[test]
fn no_offer_goes_to_its_own_connection_or_peer_id() {
    let world = World::new(RULES);
    let [mut sender, _same_peer_id, other] = world.join('h', ['a', 'a', 'b']);
    sender.send(&announce('h', 'c'));
    for _ in 0..20 {
        let outcome = sender.send(&with_fields(announce('h', 'a'), &offers("1234")));
        assert_eq!(outcome.receivers(), ids_of([&other]));
    }
}

#[test]
fn numwant_and_a_limit_bound_the_offers_used() {
    let world = World::new(RULES);
    let mut connections: Vec<_> = (0..30).map(|_| world.connect()).collect();
    let peers = ('A'..='Z').chain('a'..='d');
    for (connection, peer) in connections.iter_mut().zip(peers) {
        connection.send(&announce('h', peer));
    }
    let names = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (numwant, count) in [
        (json!(0), 0),
        (json!(3), 3),
        (json!(50), 20),
        (json!(null), 20),
        (json!(-1), 20),
        (json!("3"), 20),
    ] {
        let message = with_fields(announce('h', 'A'), &offers(names));
        let outcome = connections[0].send(&with_fields(message, &json!({"numwant": numwant})));
        assert_eq!(outcome.receivers().len(), count, "{numwant}");
    }
}

#[test]
fn single_offers_reach_all_members_equally_often() {
    let world = World::new(RANDOM);
    let [mut sender, others @ ..] = world.join('h', ['a', 'b', 'c', 'd', 'e', 'f', 'g']);
    let mut times = [0; 6];
    for _ in 0..1_200 {
        let outcome = sender.send(&with_fields(announce('h', 'a'), &offers("1")));
        let place = others
            .iter()
            .position(|other| other.id == outcome.relays[0].to);
        times[place.expect("a member")] += 1;
    }
    // 200 expected; five standard deviations are 65.
    assert!(
        times.iter().all(|count| (135..265).contains(count)),
        "{times:?}"
    );
}

#[test]
fn a_seeder_offers_to_leechers_first_and_then_to_seeders() {
    let world = World::new(RANDOM);
    let [leecher, ..] = world.join('h', ['l']);
    let [mut sender, mut other] = world.join('h', ['s', 't']);
    sender.send(&with_fields(announce('h', 's'), &json!({"left": 0})));
    other.send(&with_fields(announce('h', 't'), &json!({"left": 0})));
    for _ in 0..20 {
        let outcome = sender.send(&with_fields(announce('h', 's'), &offers("1")));
        assert_eq!(outcome.receivers(), ids_of([&leecher]));
    }
    let outcome = sender.send(&with_fields(announce('h', 's'), &offers("12")));
    assert_eq!(outcome.receivers(), ids_of([&leecher, &other]));
}

#[test]
fn seeders_are_introduced_to_seeders_if_there_are_only_seeders() {
    let world = World::new(RULES);
    let [mut one, mut two] = world.join('h', ['a', 'b']);
    one.send(&with_fields(announce('h', 'a'), &json!({"left": 0})));
    let outcome = two.send(&with_fields(
        announce('h', 'b'),
        &with_fields(offers("1"), &json!({"left": 0})),
    ));
    assert_eq!(outcome.receivers(), ids_of([&one]));
}

#[test]
fn blocked_members_receive_no_offers() {
    let world = World::new(RULES);
    let [mut sender, mut stuck, other] = world.join('h', ['a', 'b', 'c']);
    world.tracker.set_blocked(&mut stuck.participant, true);
    let outcome = sender.send(&with_fields(announce('h', 'a'), &offers("12")));
    assert_eq!(outcome.receivers(), ids_of([&other]));
    // Also in a swarm that it joins while blocked.
    stuck.send(&announce('i', 'b'));
    sender.send(&announce('i', 'a'));
    assert!(
        sender
            .send(&with_fields(announce('i', 'a'), &offers("1")))
            .relays
            .is_empty()
    );
    world.tracker.set_blocked(&mut stuck.participant, false);
    let outcome = sender.send(&with_fields(announce('h', 'a'), &offers("34")));
    assert_eq!(outcome.receivers(), ids_of([&stuck, &other]));
}

#[test]
fn offers_over_the_receiver_limit_go_to_others() {
    let intake = ReceiverQuota::new(10, 30);
    let world = World::new(Rules {
        receiver_quota: intake,
        ..RULES
    });
    let [_victim, mut sender] = world.join('h', ['v', 's']);
    // Each is new: a repeated offer goes to nobody else.
    let mut names = ('!'..='~').chain('¡'..='ÿ');
    let mut relayed = |tries| -> usize {
        let mut all = 0;
        for name in names.by_ref().take(tries) {
            let offer = offers(&name.to_string());
            all += sender
                .send(&with_fields(announce('h', 's'), &offer))
                .relays
                .len();
        }
        all
    };
    // There is no other member, so offers over the limit are dropped.
    assert_eq!(relayed(50), 30);
    world.wait(1);
    assert_eq!(relayed(50), 10);
    let [_another] = world.join('h', ['w']);
    // The newcomer receives the excess now.
    assert_eq!(relayed(50), 30);
}

#[test]
fn a_repeated_offer_over_the_receiver_limit_goes_to_nobody_else() {
    let reserve = ReceiverQuota::new(1, 4).with_reserved_percent(50);
    for (receiver_quota, hits) in [(ReceiverQuota::new(1, 2), (1, 0)), (reserve, (0, 1))] {
        let world = World::new(Rules {
            receiver_quota,
            ..RULES
        });
        let [mut sender, _one, _other, _third] = world.join('h', ['s', 'v', 'w', 'x']);
        let repeated = with_fields(announce('h', 's'), &offers("1"));
        let first = sender.send(&repeated).receivers();
        assert_eq!(sender.send(&repeated).receivers(), first);
        let withheld = sender.send(&repeated);
        assert_eq!(withheld.relays.len(), 0);
        let counted = withheld.limit_hits;
        assert_eq!(
            (counted.skipped_receivers, counted.skipped_by_reserve),
            hits
        );
        // Other offers of the same announce go to others, and the member counts once.
        let mixed = sender.send(&with_fields(announce('h', 's'), &offers("1234")));
        assert!(mixed.receivers().is_disjoint(&first));
        assert_eq!((mixed.relays.len(), mixed.limit_hits), (2, counted));
        world.wait(2);
        assert_eq!(sender.send(&repeated).receivers(), first);
    }
}

#[test]
fn the_receiver_limit_counts_per_swarm() {
    let intake = ReceiverQuota::new(1, 2);
    let world = World::new(Rules {
        receiver_quota: intake,
        ..RULES
    });
    let [mut member, mut sender] = world.join('h', ['m', 's']);
    member.send(&announce('i', 'm'));
    sender.send(&announce('i', 's'));
    for swarm in ['h', 'i'] {
        let relayed: usize = (0..5)
            .map(|_| {
                sender
                    .send(&with_fields(announce(swarm, 's'), &offers("1")))
                    .relays
                    .len()
            })
            .sum();
        assert_eq!(relayed, 2);
    }
}

fn share_of_address(number: u64) -> Arc<QuotaUsage> {
    Arc::new(QuotaUsage::default().with_group(NonZeroU64::new(number).expect("not 0")))
}

/// Joins ten members, each at its own address.
fn join_ten(world: &World) -> Vec<Connection<'_>> {
    let join = |number: u8| {
        let mut connection = world.connect_with_share(&share_of_address(u64::from(number) + 1));
        connection.send(&announce('h', char::from(b'A' + number)));
        connection
    };
    (0..10).map(join).collect()
}

/// Lets newcomers at separate addresses send five offers each; returns how many reach the first ten members.
fn count_reached(world: &World, newcomers: std::ops::Range<u64>) -> usize {
    let reached = newcomers.map(|number| {
        let mut newcomer = world.connect_with_share(&share_of_address(1_000 + number));
        let outcome = newcomer.send(&with_fields(announce('h', 'n'), &offers("12345")));
        newcomer.close();
        outcome
            .relays
            .iter()
            .filter(|relay| relay.to.slot() < 10)
            .count()
    });
    reached.sum()
}

#[test]
fn newcomers_reach_others_despite_a_crowd_at_one_address() {
    let world = World::new(RULES);
    let _honest = join_ten(&world);
    assert_eq!(count_reached(&world, 0..40), 200);
    let crowd = share_of_address(66);
    let _crowd: Vec<_> = (0..250)
        .map(|_| {
            let mut connection = world.connect_with_share(&crowd);
            for peer in ['a', 'b', 'c', 'd'] {
                connection.send(&announce('h', peer));
            }
            connection
        })
        .collect();
    // A new member of the crowd may come first, but only one for each newcomer.
    let reached = count_reached(&world, 40..80);
    assert!((160..=200).contains(&reached), "{reached} of 200");
    world.totals();
}

#[test]
fn an_offer_flood_from_one_address_leaves_room_for_newcomers() {
    // As for a crowd without offers.
    for (percent, expected) in [(25, 160..=200), (0, 0..=60)] {
        let intake = ReceiverQuota::new(10, 30).with_reserved_percent(percent);
        let world = World::new(Rules {
            receiver_quota: intake,
            ..RULES
        });
        let _honest = join_ten(&world);
        let crowd = share_of_address(66);
        // All with one peer_id, so that they do not receive each other's offers.
        let mut flooders: Vec<_> = (0..40).map(|_| world.connect_with_share(&crowd)).collect();
        let mut total = 0;
        for round in 0..40 {
            for one in &mut flooders {
                one.send(&with_fields(announce('h', 'b'), &offers("1234567890")));
            }
            total += count_reached(&world, round..round + 1);
            world.wait(1);
        }
        assert!(expected.contains(&total), "{percent} %: {total} of 200");
    }
}
