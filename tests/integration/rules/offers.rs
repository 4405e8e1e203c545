//! Offers: the choice of receivers, limits per announce and receiver, fairness between addresses.

use std::num::NonZeroU64;
use std::sync::Arc;

use serde_json::json;
use swarmhub::limits::Share;
use swarmhub::swarm::Intake;
use swarmhub::tracker::{RelayKind, Rules};

use super::{Connection, RULES, World, all, announce, offers, text, with};

#[test]
fn each_offer_goes_to_another_member_and_nobody_gets_two() {
    let world = World::new(RULES);
    let [mut sender, b, c, d] = world.join('h', ['a', 'b', 'c', 'd']);
    let [_elsewhere] = world.join('i', ['e']);
    let outcome = sender.say(&with(announce('h', 'a'), &offers("12345")));
    assert_eq!(outcome.receivers(), all([&b, &c, &d]));
    let first = &outcome.relays[0];
    assert_eq!(first.kind, RelayKind::Offer);
    let expected = json!({"action": "announce", "info_hash": text('h'), "peer_id": text('a'),
        "offer_id": text('1'), "offer": {"type": "offer", "sdp": "of 1"}});
    assert_eq!(first.message, expected);
}

#[test]
fn nobody_is_offered_to_its_own_connection_or_peer_id() {
    let world = World::new(RULES);
    let [mut sender, _same_peer_id, other] = world.join('h', ['a', 'a', 'b']);
    sender.say(&announce('h', 'c'));
    for _ in 0..20 {
        let outcome = sender.say(&with(announce('h', 'a'), &offers("1234")));
        assert_eq!(outcome.receivers(), all([&other]));
    }
}

#[test]
fn numwant_and_a_cap_bound_the_offers_that_are_used() {
    let world = World::new(RULES);
    let mut connections: Vec<_> = (0..30).map(|_| world.connect()).collect();
    let peers = ('A'..='Z').chain('a'..='d');
    for (connection, peer) in connections.iter_mut().zip(peers) {
        connection.say(&announce('h', peer));
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
        let message = with(announce('h', 'A'), &offers(names));
        let outcome = connections[0].say(&with(message, &json!({"numwant": numwant})));
        assert_eq!(outcome.receivers().len(), count, "{numwant}");
    }
}

#[test]
fn one_offer_at_a_time_reaches_everybody_in_the_long_run() {
    let world = World::new(RULES);
    let [mut sender, others @ ..] = world.join('h', ['a', 'b', 'c', 'd', 'e', 'f', 'g']);
    let mut times = [0; 6];
    for _ in 0..1_200 {
        let outcome = sender.say(&with(announce('h', 'a'), &offers("1")));
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
    let world = World::new(RULES);
    let [leecher, ..] = world.join('h', ['l']);
    let [mut sender, mut other] = world.join('h', ['s', 't']);
    sender.say(&with(announce('h', 's'), &json!({"left": 0})));
    other.say(&with(announce('h', 't'), &json!({"left": 0})));
    for _ in 0..20 {
        let outcome = sender.say(&with(announce('h', 's'), &offers("1")));
        assert_eq!(outcome.receivers(), all([&leecher]));
    }
    let outcome = sender.say(&with(announce('h', 's'), &offers("12")));
    assert_eq!(outcome.receivers(), all([&leecher, &other]));
}

#[test]
fn programs_in_which_all_are_seeders_still_meet() {
    let world = World::new(RULES);
    let [mut one, mut two] = world.join('h', ['a', 'b']);
    one.say(&with(announce('h', 'a'), &json!({"left": 0})));
    let outcome = two.say(&with(
        announce('h', 'b'),
        &with(offers("1"), &json!({"left": 0})),
    ));
    assert_eq!(outcome.receivers(), all([&one]));
}

#[test]
fn members_whose_output_is_stuck_are_left_out_until_it_flows() {
    let world = World::new(RULES);
    let [mut sender, mut stuck, other] = world.join('h', ['a', 'b', 'c']);
    world.tracker.set_blocked(&mut stuck.participant, true);
    let outcome = sender.say(&with(announce('h', 'a'), &offers("12")));
    assert_eq!(outcome.receivers(), all([&other]));
    // Also in a swarm that it joins while blocked.
    stuck.say(&announce('i', 'b'));
    sender.say(&announce('i', 'a'));
    assert!(
        sender
            .say(&with(announce('i', 'a'), &offers("1")))
            .relays
            .is_empty()
    );
    world.tracker.set_blocked(&mut stuck.participant, false);
    let outcome = sender.say(&with(announce('h', 'a'), &offers("34")));
    assert_eq!(outcome.receivers(), all([&stuck, &other]));
}

#[test]
fn who_is_given_enough_offers_is_passed_over_for_another_until_time_goes_by() {
    let intake = Intake::new(10, 30);
    let world = World::new(Rules { intake, ..RULES });
    let [_victim, mut sender] = world.join('h', ['v', 's']);
    let mut relayed = |tries| -> usize {
        let mut all = 0;
        for _ in 0..tries {
            all += sender
                .say(&with(announce('h', 's'), &offers("1")))
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
fn offers_in_one_swarm_do_not_cost_a_member_those_of_another() {
    let intake = Intake::new(1, 2);
    let world = World::new(Rules { intake, ..RULES });
    let [mut member, mut sender] = world.join('h', ['m', 's']);
    member.say(&announce('i', 'm'));
    sender.say(&announce('i', 's'));
    for swarm in ['h', 'i'] {
        let relayed: usize = (0..5)
            .map(|_| {
                sender
                    .say(&with(announce(swarm, 's'), &offers("1")))
                    .relays
                    .len()
            })
            .sum();
        assert_eq!(relayed, 2);
    }
}

fn address(number: u64) -> Arc<Share> {
    Arc::new(Share::default().with_group(NonZeroU64::new(number).expect("not 0")))
}

/// Joins ten members, each at its own address.
fn ten(world: &World) -> Vec<Connection<'_>> {
    let join = |number: u8| {
        let mut connection = world.connect_of(&address(u64::from(number) + 1));
        connection.say(&announce('h', char::from(b'A' + number)));
        connection
    };
    (0..10).map(join).collect()
}

/// Lets newcomers at separate addresses send five offers each; returns how many reach the first ten members.
fn reached(world: &World, newcomers: std::ops::Range<u64>) -> usize {
    let reached = newcomers.map(|number| {
        let mut newcomer = world.connect_of(&address(1_000 + number));
        let outcome = newcomer.say(&with(announce('h', 'n'), &offers("12345")));
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
fn offers_of_newcomers_reach_others_beside_a_crowd_of_one_address() {
    let world = World::new(RULES);
    let _honest = ten(&world);
    assert_eq!(reached(&world, 0..40), 200);
    let crowd = address(66);
    let _crowd: Vec<_> = (0..250)
        .map(|_| {
            let mut connection = world.connect_of(&crowd);
            for peer in ['a', 'b', 'c', 'd'] {
                connection.say(&announce('h', peer));
            }
            connection
        })
        .collect();
    // Ten of eleven groups are honest; five standard deviations are 20.
    let reached = reached(&world, 40..80);
    assert!((162..=200).contains(&reached), "{reached} of 200");
    world.totals();
}

#[test]
fn a_flood_of_one_address_leaves_room_for_newcomers() {
    for (percent, expected) in [(25, 170..=200), (0, 0..=60)] {
        let intake = Intake::new(10, 30).reserving(percent);
        let world = World::new(Rules { intake, ..RULES });
        let _honest = ten(&world);
        let crowd = address(66);
        // All with one peer_id, so that they do not receive each other's offers.
        let mut flooders: Vec<_> = (0..40).map(|_| world.connect_of(&crowd)).collect();
        let mut total = 0;
        for round in 0..40 {
            for one in &mut flooders {
                one.say(&with(announce('h', 'b'), &offers("1234567890")));
            }
            total += reached(&world, round..round + 1);
            world.wait(1);
        }
        assert!(expected.contains(&total), "{percent} %: {total} of 200");
    }
}
