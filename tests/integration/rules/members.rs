//! Who is a member, and what one connection can do to the members of another: nothing.

use serde_json::json;
use swarmhub::protocol::{About, Failure, InfoHash, PeerId};
use swarmhub::tracker::{Reply, Rules};

use super::{RULES, World, all, announce, id, offers, with};

#[test]
fn a_connection_may_be_in_many_swarms_under_different_peer_ids() {
    let world = World::new(RULES);
    let mut connection = world.connect();
    for (swarm, peer) in [('h', 'a'), ('i', 'a'), ('j', 'b')] {
        assert_eq!(connection.counts(&announce(swarm, peer)), (0, 1));
    }
    assert_eq!(world.totals(), (3, 0, 3));
}

#[test]
fn several_peer_ids_of_a_connection_in_one_swarm_are_several_members_and_all_go_with_it() {
    let world = World::new(RULES);
    let mut connection = world.connect();
    connection.say(&announce('h', 'a'));
    assert_eq!(connection.counts(&announce('h', 'b')), (0, 2));
    connection.close();
    assert_eq!(world.totals(), (0, 0, 0));
}

#[test]
fn of_too_many_peer_ids_of_a_connection_in_one_swarm_the_oldest_goes() {
    let world = World::new(RULES);
    let [mut other] = world.join('h', ['z']);
    let mut connection = world.connect();
    for peer in ['a', 'b', 'c', 'd', 'e'] {
        connection.say(&announce('h', peer));
    }
    let members = connection.participant.memberships().iter();
    let members: Vec<_> = members.map(|(_, peer_id)| *peer_id).collect();
    assert_eq!(
        members,
        ['b', 'c', 'd', 'e'].map(|peer| PeerId::new(id(peer)))
    );
    assert_eq!(other.counts(&announce('h', 'z')), (0, 5));
}

#[test]
fn a_second_member_with_the_same_peer_id_changes_nothing_for_the_first() {
    let world = World::new(RULES);
    let [first, second, mut other] = world.join('h', ['a', 'a', 'b']);
    let outcome = other.say(&with(announce('h', 'b'), &offers("12")));
    assert_eq!(outcome.receivers(), all([&first, &second]));
    second.close();
    let outcome = other.say(&with(announce('h', 'b'), &offers("34")));
    assert_eq!(outcome.receivers(), all([&first]));
}

#[test]
fn who_comes_back_while_the_old_connection_still_dies_is_served_at_once() {
    let world = World::new(RULES);
    let [old, mut other] = world.join('h', ['a', 'b']);
    let mut new = world.connect();
    let outcome = new.say(&with(announce('h', 'a'), &offers("1")));
    assert_eq!(outcome.receivers(), all([&other]));
    let outcome = other.say(&with(announce('h', 'b'), &offers("23")));
    assert!(outcome.receivers().contains(&new.id));
    old.close();
    assert_eq!(new.counts(&announce('h', 'a')), (0, 2));
}

#[test]
fn stopped_and_completed_under_the_peer_id_of_another_concern_only_the_own_membership() {
    let world = World::new(RULES);
    let [mut victim, mut copycat] = world.join('h', ['a', 'b']);
    let stopped = with(announce('h', 'a'), &json!({"event": "stopped"}));
    assert_eq!(copycat.counts(&stopped), (0, 2));
    copycat.say(&with(
        announce('h', 'a'),
        &json!({"event": "completed", "left": 0}),
    ));
    assert_eq!(victim.counts(&announce('h', 'a')), (1, 2));
    assert_eq!(copycat.counts(&stopped), (0, 2));
    assert_eq!(victim.participant.memberships().len(), 1);
}

#[test]
fn the_membership_beyond_the_bound_is_refused_and_the_others_go_on() {
    let world = World::new(Rules {
        memberships_max: 2,
        ..RULES
    });
    let mut connection = world.connect();
    connection.say(&announce('h', 'a'));
    connection.say(&announce('i', 'a'));
    let Some(Reply::Failure(refusal)) = connection.say(&announce('j', 'a')).reply else {
        panic!("not refused");
    };
    assert_eq!(refusal.failure, Failure::Memberships);
    assert_eq!(refusal.about, About::Announce(InfoHash::new(id('j'))));
    assert_eq!(
        world.totals(),
        (2, 0, 2),
        "no swarm is made for a refused announce"
    );
    assert_eq!(connection.counts(&announce('h', 'a')), (0, 1));
    connection.say(&with(announce('h', 'a'), &json!({"event": "stopped"})));
    assert_eq!(connection.counts(&announce('j', 'a')), (0, 1));
}
