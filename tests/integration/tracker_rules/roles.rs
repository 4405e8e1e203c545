//! Roles of members: seeders and leechers, and how `left` and events change them.

use serde_json::json;
use swarmhub::tracker::AnswerFate;

use super::{RULES, World, announce, answer, offers, with_fields};

#[test]
fn left_determines_the_role() {
    // Expected counts for a new member, and for a former seeder.
    for (left, new, seeder) in [
        (json!(0), (1, 0), (1, 0)),
        (json!(0.0), (1, 0), (1, 0)),
        (json!("0"), (1, 0), (1, 0)),
        (json!(5), (0, 1), (0, 1)),
        (json!(-1), (0, 1), (0, 1)),
        (json!(1.5), (0, 1), (0, 1)),
        (json!("5"), (0, 1), (0, 1)),
        (json!(1e300), (0, 1), (0, 1)),
        (json!(null), (0, 1), (1, 0)),
        (json!([]), (0, 1), (1, 0)),
        (json!(""), (0, 1), (1, 0)),
        (json!(false), (0, 1), (1, 0)),
    ] {
        let world = World::new(RULES);
        let message = with_fields(announce('h', 'a'), &json!({"left": left}));
        assert_eq!(world.connect().counts(&message), new, "{left}");
        let mut connection = world.connect();
        connection.send(&with_fields(announce('i', 'a'), &json!({"left": 0})));
        let message = with_fields(announce('i', 'a'), &json!({"left": left}));
        assert_eq!(connection.counts(&message), seeder, "{left} of a seeder");
    }
}

#[test]
fn an_announce_without_left_keeps_the_role() {
    let world = World::new(RULES);
    let [mut connection] = world.join('h', ['a']);
    assert_eq!(connection.counts(&announce('h', 'a')), (0, 1));
    connection.send(&with_fields(announce('h', 'a'), &json!({"left": 0})));
    for event in ["started", "paused", ""] {
        let message = with_fields(announce('h', 'a'), &json!({"event": event}));
        assert_eq!(connection.counts(&message), (1, 0), "{event}");
    }
}

#[test]
fn completed_makes_a_seeder_and_counts_as_one_download() {
    let world = World::new(RULES);
    let [mut connection, mut other] = world.join('h', ['a', 'b']);
    let completed = |peer| with_fields(announce('h', peer), &json!({"event": "completed"}));
    assert_eq!(connection.counts(&completed('a')), (1, 1));
    assert_eq!(connection.counts(&completed('a')), (1, 1));
    assert_eq!(world.scrape('h'), (1, 1, 1));
    other.send(&completed('b'));
    assert_eq!(world.scrape('h'), (2, 0, 2));
    // A webtorrent seeder starts with `completed`: it joins.
    assert_eq!(world.connect().counts(&completed('c')), (3, 0));
}

#[test]
fn a_seeder_that_answers_stays_a_seeder() {
    let world = World::new(RULES);
    let mut seeder = world.connect();
    seeder.send(&with_fields(announce('h', 's'), &json!({"left": 0})));
    let [mut leecher] = world.join('h', ['a']);
    leecher.send(&with_fields(announce('h', 'a'), &offers("1")));
    assert_eq!(
        seeder.send(&answer('h', 's', 'a', '1')).answer,
        Some(AnswerFate::Relayed)
    );
    assert_eq!(world.scrape('h'), (1, 1, 0));
}
