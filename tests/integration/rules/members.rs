//! Identity and limits of members; a connection cannot affect members of another.

use std::sync::Arc;

use serde_json::json;
use swarmhub::limits::{Portion, Share};
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
    let members = connection.participant.memberships();
    let members: Vec<_> = members.map(|(_, peer_id)| peer_id).collect();
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
    assert_eq!(victim.participant.memberships().count(), 1);
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
        "a refused announce creates no swarm"
    );
    assert_eq!(connection.counts(&announce('h', 'a')), (0, 1));
    connection.say(&with(announce('h', 'a'), &json!({"event": "stopped"})));
    assert_eq!(connection.counts(&announce('j', 'a')), (0, 1));
}

/// A tracker for 20 swarms, where an address may create a tenth of the free ones.
fn small() -> World {
    World::new(Rules {
        swarms_max: 20,
        address_swarms: Portion::new(10, 4),
        ..RULES
    })
}

#[test]
fn an_address_begins_fewer_swarms_the_fuller_the_table_and_whoever_has_none_begins_one() {
    let world = small();
    let mut addresses = Vec::new();
    for _ in 0..30 {
        let share = Arc::new(Share::default());
        let mut own = [0; 2].map(|_| world.connect_of(&share));
        let mut swarms = 0;
        // Alternates between both connections, with swarms of its own.
        for name in 0..3_u8 {
            let swarm =
                char::from(b'!' + 3 * u8::try_from(addresses.len()).expect("few") % 90 + name);
            let outcome = own[usize::from(name % 2)].say(&announce(swarm, 'a'));
            match outcome.reply {
                Some(Reply::Announce(..)) => swarms += 1,
                Some(Reply::Failure(refusal)) if refusal.failure == Failure::AddressSwarms => {
                    assert_eq!(refusal.about, About::Announce(InfoHash::new(id(swarm))));
                }
                Some(Reply::Failure(refusal)) => {
                    assert_eq!(refusal.failure, Failure::Swarms);
                    assert_eq!(world.totals().0, 20, "only a full table refuses this way");
                }
                other => panic!("{other:?}"),
            }
        }
        let held: usize = own
            .iter()
            .map(|one| one.participant.memberships().count())
            .sum();
        assert_eq!(share.memberships(), held);
        addresses.push((swarms, own));
    }
    let swarms: Vec<_> = addresses.iter().map(|(swarms, _)| *swarms).collect();
    assert_eq!(swarms[..2], [2, 2]);
    assert!(swarms.is_sorted_by(|one, next| one >= next), "{swarms:?}");
    assert_eq!(swarms.iter().sum::<usize>(), 20);
}

#[test]
fn swarms_that_exist_may_always_be_joined_and_what_was_left_may_be_begun_anew() {
    let world = small();
    let _others = world.join('h', ['x', 'y']);
    let share = Arc::new(Share::default());
    let mut heavy = world.connect_of(&share);
    for swarm in ['i', 'j'] {
        assert_eq!(heavy.counts(&announce(swarm, 'a')), (0, 1));
    }
    assert!(matches!(
        heavy.say(&announce('k', 'a')).reply,
        Some(Reply::Failure(refusal)) if refusal.failure == Failure::AddressSwarms
    ));
    assert_eq!(
        world.totals(),
        (3, 0, 4),
        "a refused announce creates no swarm"
    );
    assert_eq!(heavy.counts(&announce('h', 'a')), (0, 3));
    assert_eq!(heavy.counts(&announce('i', 'a')), (0, 1));
    for swarm in ['h', 'i'] {
        heavy.say(&with(announce(swarm, 'a'), &json!({"event": "stopped"})));
    }
    assert_eq!(share.memberships(), 1);
    assert_eq!(heavy.counts(&announce('k', 'a')), (0, 1));
    heavy.close();
    assert_eq!(share.memberships(), 0);
}

#[test]
fn an_address_has_back_what_has_expired_or_was_replaced() {
    let world = small();
    let share = Arc::new(Share::default());
    let mut connection = world.connect_of(&share);
    for peer in ['a', 'b', 'c', 'd', 'e', 'f'] {
        connection.say(&announce('h', peer));
    }
    assert_eq!(share.memberships(), RULES.peer_ids_per_swarm_max);
    world.wait(400);
    for expired in world.sweep() {
        let (info_hash, peer_id) = (expired.info_hash, expired.member.peer_id);
        world
            .tracker
            .forget(&mut connection.participant, info_hash, peer_id);
    }
    assert_eq!(share.memberships(), 0);
}

#[test]
fn a_connection_in_thousands_of_swarms_is_served_as_any_other() {
    let world = World::new(RULES);
    let mut connection = world.connect();
    let swarm = |number: u16| format!("{number:020}");
    for number in 0..2_000 {
        let mut message = announce('h', 'a');
        message["info_hash"] = json!(swarm(number));
        assert_eq!(connection.counts(&message), (0, 1));
    }
    assert_eq!(world.totals(), (2_000, 0, 2_000));
    let beyond = connection.say(&announce('h', 'a')).reply;
    assert!(matches!(beyond, Some(Reply::Failure(_))), "{beyond:?}");
    for number in 0..1_500 {
        let mut message = with(announce('h', 'a'), &json!({"event": "stopped"}));
        message["info_hash"] = json!(swarm(number));
        connection.say(&message);
    }
    assert_eq!(connection.participant.memberships().count(), 500);
    connection.close();
    assert_eq!(world.totals(), (0, 0, 0));
}
