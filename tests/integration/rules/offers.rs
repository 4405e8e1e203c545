//! Who gets the offers of an announce.

use serde_json::json;
use swarmhub::swarm::Intake;
use swarmhub::tracker::{RelayKind, Rules};

use super::{RULES, World, all, announce, offers, text, with};

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
    // Also where it joins meanwhile.
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
    let mut given = |tries| -> usize {
        let mut all = 0;
        for _ in 0..tries {
            all += sender
                .say(&with(announce('h', 's'), &offers("1")))
                .relays
                .len();
        }
        all
    };
    // Nobody else is there, so what is too much goes nowhere.
    assert_eq!(given(50), 30);
    world.wait(1);
    assert_eq!(given(50), 10);
    let [_another] = world.join('h', ['w']);
    // The same flood goes to the newcomer now, for whom it is the first.
    assert_eq!(given(50), 30);
}

#[test]
fn offers_in_one_swarm_do_not_cost_a_member_those_of_another() {
    let intake = Intake::new(1, 2);
    let world = World::new(Rules { intake, ..RULES });
    let [mut member, mut sender] = world.join('h', ['m', 's']);
    member.say(&announce('i', 'm'));
    sender.say(&announce('i', 's'));
    for swarm in ['h', 'i'] {
        let given: usize = (0..5)
            .map(|_| {
                sender
                    .say(&with(announce(swarm, 's'), &offers("1")))
                    .relays
                    .len()
            })
            .sum();
        assert_eq!(given, 2);
    }
}
