//! Joining, refreshing and leaving swarms.

use serde_json::json;

use super::{RULES, World, announce, answer, offers, with_fields};

#[test]
fn any_announce_joins_and_the_next_updates() {
    let world = World::new(RULES);
    for event in [
        json!("started"),
        json!("completed"),
        json!("paused"),
        json!("<regular>"),
        json!(null),
    ] {
        let mut connection = world.connect();
        let message = with_fields(announce('h', 'a'), &json!({"event": event, "left": 5}));
        connection.send(&message);
        connection.send(&message);
        assert_eq!(world.totals().0, 1, "{event}");
        assert_eq!(connection.participant.memberships().count(), 1, "{event}");
        connection.close();
    }
}

#[test]
fn a_swarm_ends_with_its_last_member() {
    let world = World::new(RULES);
    let [mut connection] = world.join('h', ['a']);
    connection.send(&with_fields(
        announce('h', 'a'),
        &json!({"event": "stopped"}),
    ));
    assert_eq!(world.totals(), (0, 0, 0));
    assert_eq!(world.scrape('h'), (0, 0, 0));
    connection.send(&answer('h', 'a', 'b', '1'));
    connection.send(&with_fields(
        announce('i', 'a'),
        &json!({"event": "stopped"}),
    ));
    assert_eq!(world.totals(), (0, 0, 0));
}

#[test]
fn stopped_is_answered_with_the_remaining_counts() {
    let world = World::new(RULES);
    let [mut one, _two] = world.join('h', ['a', 'b']);
    let stopped = with_fields(announce('h', 'a'), &json!({"event": "stopped"}));
    assert_eq!(one.counts(&stopped), (0, 1));
    assert_eq!(
        one.counts(&stopped),
        (0, 1),
        "a client that is not a member gets a reply too"
    );
    assert!(one.participant.memberships().next().is_none());
}

#[test]
fn offers_in_a_stopped_announce_are_ignored() {
    let world = World::new(RULES);
    let [mut one, _two] = world.join('h', ['a', 'b']);
    let stopped = with_fields(announce('h', 'a'), &json!({"event": "stopped"}));
    assert!(
        one.send(&with_fields(stopped, &offers("12")))
            .relays
            .is_empty()
    );
}

#[test]
fn a_closed_connection_leaves_all_swarms_at_once() {
    let world = World::new(RULES);
    let [mut closing, mut stays] = world.join('h', ['a', 'b']);
    closing.send(&with_fields(announce('i', 'a'), &json!({"left": 0})));
    closing.close();
    assert_eq!(world.totals(), (1, 0, 1));
    assert!(
        stays
            .send(&with_fields(announce('h', 'b'), &offers("1")))
            .relays
            .is_empty()
    );
}
