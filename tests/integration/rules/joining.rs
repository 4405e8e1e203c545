//! Joining, refreshing and leaving swarms.

use serde_json::json;

use super::{RULES, World, announce, answer, offers, with};

#[test]
fn any_announce_joins_and_another_one_is_an_update() {
    let world = World::new(RULES);
    for event in [
        json!("started"),
        json!("completed"),
        json!("paused"),
        json!("<regular>"),
        json!(null),
    ] {
        let mut connection = world.connect();
        let message = with(announce('h', 'a'), &json!({"event": event, "left": 5}));
        connection.say(&message);
        connection.say(&message);
        assert_eq!(world.totals().0, 1, "{event}");
        assert_eq!(connection.participant.memberships().count(), 1, "{event}");
        connection.close();
    }
}

#[test]
fn the_last_member_takes_the_swarm_with_it_and_questions_make_none() {
    let world = World::new(RULES);
    let [mut connection] = world.join('h', ['a']);
    connection.say(&with(announce('h', 'a'), &json!({"event": "stopped"})));
    assert_eq!(world.totals(), (0, 0, 0));
    assert_eq!(world.scrape('h'), (0, 0, 0));
    connection.say(&answer('h', 'a', 'b', '1'));
    connection.say(&with(announce('i', 'a'), &json!({"event": "stopped"})));
    assert_eq!(world.totals(), (0, 0, 0));
}

#[test]
fn stopped_is_answered_with_the_counts_that_are_left() {
    let world = World::new(RULES);
    let [mut one, _two] = world.join('h', ['a', 'b']);
    let stopped = with(announce('h', 'a'), &json!({"event": "stopped"}));
    assert_eq!(one.counts(&stopped), (0, 1));
    assert_eq!(
        one.counts(&stopped),
        (0, 1),
        "a client that is not a member gets a reply too"
    );
    assert!(one.participant.memberships().next().is_none());
}

#[test]
fn offers_of_who_leaves_are_ignored() {
    let world = World::new(RULES);
    let [mut one, _two] = world.join('h', ['a', 'b']);
    let stopped = with(announce('h', 'a'), &json!({"event": "stopped"}));
    assert!(one.say(&with(stopped, &offers("12"))).relays.is_empty());
}

#[test]
fn a_closed_connection_is_gone_from_all_swarms_at_once() {
    let world = World::new(RULES);
    let [mut closing, mut stays] = world.join('h', ['a', 'b']);
    closing.say(&with(announce('i', 'a'), &json!({"left": 0})));
    closing.close();
    assert_eq!(world.totals(), (1, 0, 1));
    assert!(
        stays
            .say(&with(announce('h', 'b'), &offers("1")))
            .relays
            .is_empty()
    );
}
