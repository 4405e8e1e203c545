//! Answers: which offers a connection may answer, when and how often.

use serde_json::json;
use swarmhub::tracker::{AnswerFate, RelayKind, Rules};

use super::{RULES, Relayed, World, announce, answer, ids_of, offers, text, with_fields};

#[test]
fn an_answer_reaches_only_the_peer_that_offered() {
    let world = World::new(RULES);
    let [mut sender, mut receiver, mut third] = world.join('h', ['a', 'b', 'c']);
    world.tracker.set_blocked(&mut third.participant, true);
    sender.send(&with_fields(announce('h', 'a'), &offers("1")));
    let outcome = receiver.send(&answer('h', 'b', 'a', '1'));
    assert_eq!(
        (outcome.answer, outcome.reply.is_none()),
        (Some(AnswerFate::Relayed), true)
    );
    let message = json!({"action": "announce", "info_hash": text('h'), "peer_id": text('b'),
        "offer_id": text('1'), "answer": {"type": "answer", "sdp": "yes"}});
    let expected = Relayed {
        to: sender.id,
        kind: RelayKind::Answer,
        message,
    };
    assert_eq!(outcome.relays, [expected]);
}

#[test]
fn an_answer_is_delivered_once() {
    let world = World::new(RULES);
    let [mut sender, mut receiver] = world.join('h', ['a', 'b']);
    sender.send(&with_fields(announce('h', 'a'), &offers("1")));
    receiver.send(&answer('h', 'b', 'a', '1'));
    for _ in 0..3 {
        assert!(receiver.send(&answer('h', 'b', 'a', '1')).is_dropped());
    }
}

#[test]
fn only_the_receiver_of_an_offer_can_answer_it() {
    let world = World::new(RULES);
    let [mut sender, mut receiver] = world.join('h', ['a', 'b']);
    sender.send(&with_fields(announce('h', 'a'), &offers("1")));
    let [mut member, mut twin] = world.join('h', ['c', 'b']);
    for thief in [&mut member, &mut twin, &mut world.connect()] {
        assert!(thief.send(&answer('h', 'b', 'a', '1')).is_dropped());
    }
    assert!(receiver.send(&answer('h', 'b', 'a', '2')).is_dropped());
    assert!(receiver.send(&answer('h', 'b', 'c', '1')).is_dropped());
    assert_eq!(receiver.send(&answer('h', 'b', 'a', '1')).relays.len(), 1);
}

#[test]
fn an_answer_counts_only_in_the_swarm_of_its_offer() {
    let world = World::new(RULES);
    let [mut sender, mut receiver] = world.join('h', ['a', 'b']);
    sender.send(&announce('i', 'a'));
    receiver.send(&announce('i', 'b'));
    sender.send(&with_fields(announce('h', 'a'), &offers("1")));
    assert!(receiver.send(&answer('i', 'b', 'a', '1')).is_dropped());
}

#[test]
fn an_answer_has_the_receivers_peer_id_and_no_extra_keys() {
    let world = World::new(RULES);
    let [mut sender, mut receiver] = world.join('h', ['a', 'b']);
    sender.send(&with_fields(announce('h', 'a'), &offers("1")));
    let foreign = json!({"interval": 1, "failure reason": "x", "complete": 9, "left": 0});
    let outcome = receiver.send(&with_fields(answer('h', 'x', 'a', '1'), &foreign));
    let message = &outcome.relays[0].message;
    assert_eq!(message["peer_id"], text('b'));
    let keys: Vec<_> = message.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        ["action", "answer", "info_hash", "offer_id", "peer_id"]
    );
    assert_eq!(world.scrape('h'), (0, 2, 0));
}

#[test]
fn an_answer_creates_no_membership() {
    let world = World::new(RULES);
    let [mut sender, mut receiver] = world.join('h', ['a', 'b']);
    sender.send(&with_fields(announce('h', 'a'), &offers("1")));
    receiver.send(&answer('h', 'z', 'a', '1'));
    world.connect().send(&answer('h', 'y', 'a', '1'));
    assert_eq!(world.totals(), (1, 0, 2));
}

#[test]
fn an_answer_to_a_peer_that_has_left_is_dropped() {
    let world = World::new(RULES);
    let [mut sender, mut receiver] = world.join('h', ['a', 'b']);
    sender.send(&with_fields(announce('h', 'a'), &offers("1")));
    sender.send(&with_fields(
        announce('h', 'a'),
        &json!({"event": "stopped"}),
    ));
    sender.send(&announce('h', 'a'));
    assert!(receiver.send(&answer('h', 'b', 'a', '1')).is_dropped());

    sender.send(&with_fields(announce('h', 'a'), &offers("2")));
    sender.close();
    let [_copycat] = world.join('h', ['a']);
    assert!(receiver.send(&answer('h', 'b', 'a', '2')).is_dropped());
}

#[test]
fn a_malformed_answer_is_dropped_silently() {
    let world = World::new(RULES);
    let [mut sender, mut receiver] = world.join('h', ['a', 'b']);
    sender.send(&with_fields(announce('h', 'a'), &offers("1")));
    let outcome = receiver.send(&with_fields(
        answer('h', 'b', 'a', '1'),
        &json!({"answer": {"sdp": 5}}),
    ));
    assert_eq!(outcome.answer, Some(AnswerFate::Malformed));
    assert!(outcome.reply.is_none() && outcome.relays.is_empty());
    assert_eq!(receiver.send(&answer('h', 'b', 'a', '1')).relays.len(), 1);
}

#[test]
fn an_offer_expires_after_two_minutes() {
    let world = World::new(RULES);
    let [mut sender, mut receiver] = world.join('h', ['a', 'b']);
    sender.send(&with_fields(announce('h', 'a'), &offers("1")));
    sender.send(&with_fields(announce('h', 'a'), &offers("2")));
    world.wait(120);
    world.sweep();
    assert_eq!(receiver.send(&answer('h', 'b', 'a', '1')).relays.len(), 1);
    world.wait(1);
    assert!(receiver.send(&answer('h', 'b', 'a', '2')).is_dropped());
}

#[test]
fn relaying_an_offer_again_renews_its_lifetime() {
    let world = World::new(RULES);
    let [mut sender, mut receiver] = world.join('h', ['a', 'b']);
    for _ in 0..4 {
        sender.send(&with_fields(announce('h', 'a'), &offers("1")));
        world.wait(100);
        world.sweep();
    }
    assert_eq!(receiver.send(&answer('h', 'b', 'a', '1')).relays.len(), 1);
    assert!(
        receiver.send(&answer('h', 'b', 'a', '1')).is_dropped(),
        "it is still one offer"
    );
}

#[test]
fn the_oldest_pending_offer_over_the_limit_is_dropped() {
    let world = World::new(Rules {
        pending_offers_max: 2,
        ..RULES
    });
    let [mut sender, mut receiver] = world.join('h', ['a', 'b']);
    for name in ["1", "2", "1", "3"] {
        sender.send(&with_fields(announce('h', 'a'), &offers(name)));
    }
    assert!(receiver.send(&answer('h', 'b', 'a', '2')).is_dropped());
    assert_eq!(receiver.send(&answer('h', 'b', 'a', '1')).relays.len(), 1);
    assert_eq!(receiver.send(&answer('h', 'b', 'a', '3')).relays.len(), 1);
}

#[test]
fn an_answer_reaches_a_peer_and_its_old_connection() {
    let world = World::new(RULES);
    let [mut old, mut new, mut receiver] = world.join('h', ['a', 'a', 'b']);
    old.send(&with_fields(announce('h', 'a'), &offers("1")));
    new.send(&with_fields(announce('h', 'a'), &offers("1")));
    let outcome = receiver.send(&answer('h', 'b', 'a', '1'));
    assert_eq!(outcome.receivers(), ids_of([&old, &new]));
    assert!(receiver.send(&answer('h', 'b', 'a', '1')).is_dropped());
}

#[test]
fn at_most_four_copies_of_an_offer_reach_one_receiver() {
    let world = World::new(RULES);
    let [mut receiver] = world.join('h', ['b']);
    let twins = world.join('h', ['a'; 5]);
    let relayed = twins.map(|mut twin| {
        twin.send(&with_fields(announce('h', 'a'), &offers("1")))
            .relays
            .len()
    });
    assert_eq!(relayed, [1, 1, 1, 1, 0]);
    assert_eq!(receiver.send(&answer('h', 'b', 'a', '1')).relays.len(), 4);
}
