//! Identity and limits of members; a connection cannot affect members of another.

use std::sync::Arc;

use serde_json::json;
use swarmhub::limits::{QuotaUsage, SwarmQuota};
use swarmhub::protocol::{Failure, InfoHash, PeerId, RefusalSubject};
use swarmhub::tracker::{Reply, Rules};

use super::{RULES, World, announce, id, ids_of, offers, with_fields};

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
fn several_peer_ids_of_a_connection_are_several_members() {
    let world = World::new(RULES);
    let mut connection = world.connect();
    connection.send(&announce('h', 'a'));
    assert_eq!(connection.counts(&announce('h', 'b')), (0, 2));
    connection.close();
    assert_eq!(world.totals(), (0, 0, 0));
}

#[test]
fn the_oldest_peer_id_over_the_limit_is_removed() {
    let world = World::new(RULES);
    let [mut other] = world.join('h', ['z']);
    let mut connection = world.connect();
    for peer in ['a', 'b', 'c', 'd', 'e'] {
        connection.send(&announce('h', peer));
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
fn a_second_member_with_one_peer_id_does_not_affect_the_first() {
    let world = World::new(RULES);
    let [first, second, mut other] = world.join('h', ['a', 'a', 'b']);
    let outcome = other.send(&with_fields(announce('h', 'b'), &offers("12")));
    assert_eq!(outcome.receivers(), ids_of([&first, &second]));
    second.close();
    let outcome = other.send(&with_fields(announce('h', 'b'), &offers("34")));
    assert_eq!(outcome.receivers(), ids_of([&first]));
}

#[test]
fn a_reconnecting_peer_is_served_before_its_old_connection_ends() {
    let world = World::new(RULES);
    let [old, mut other] = world.join('h', ['a', 'b']);
    let mut new = world.connect();
    let outcome = new.send(&with_fields(announce('h', 'a'), &offers("1")));
    assert_eq!(outcome.receivers(), ids_of([&other]));
    let outcome = other.send(&with_fields(announce('h', 'b'), &offers("23")));
    assert!(outcome.receivers().contains(&new.id));
    old.close();
    assert_eq!(new.counts(&announce('h', 'a')), (0, 2));
}

#[test]
fn events_with_a_foreign_peer_id_affect_only_the_sender() {
    let world = World::new(RULES);
    let [mut victim, mut copycat] = world.join('h', ['a', 'b']);
    let stopped = with_fields(announce('h', 'a'), &json!({"event": "stopped"}));
    assert_eq!(copycat.counts(&stopped), (0, 2));
    copycat.send(&with_fields(
        announce('h', 'a'),
        &json!({"event": "completed", "left": 0}),
    ));
    assert_eq!(victim.counts(&announce('h', 'a')), (1, 2));
    assert_eq!(copycat.counts(&stopped), (0, 2));
    assert_eq!(victim.participant.memberships().count(), 1);
}

#[test]
fn a_membership_over_the_limit_is_refused() {
    let world = World::new(Rules {
        memberships_max: 2,
        ..RULES
    });
    let mut connection = world.connect();
    connection.send(&announce('h', 'a'));
    connection.send(&announce('i', 'a'));
    let Some(Reply::Failure(refusal)) = connection.send(&announce('j', 'a')).reply else {
        panic!("not refused");
    };
    assert_eq!(refusal.failure, Failure::MembershipsMax);
    assert_eq!(
        refusal.subject,
        RefusalSubject::Announce(InfoHash::new(id('j')))
    );
    assert_eq!(
        world.totals(),
        (2, 0, 2),
        "a refused announce creates no swarm"
    );
    assert_eq!(connection.counts(&announce('h', 'a')), (0, 1));
    connection.send(&with_fields(
        announce('h', 'a'),
        &json!({"event": "stopped"}),
    ));
    assert_eq!(connection.counts(&announce('j', 'a')), (0, 1));
}

/// A tracker for 20 swarms, where an address may create a tenth of the free ones.
fn small() -> World {
    World::new(Rules {
        swarms_max: 20,
        address_swarm_quota: SwarmQuota::new(10, 4),
        ..RULES
    })
}

#[test]
fn the_swarm_quota_of_an_address_shrinks_with_the_free_table() {
    let world = small();
    let mut addresses = Vec::new();
    for _ in 0..30 {
        let share = Arc::new(QuotaUsage::default());
        let mut own = [0; 2].map(|_| world.connect_with_share(&share));
        let mut swarms = 0;
        // Alternates between both connections, with swarms of its own.
        for name in 0..3_u8 {
            let swarm =
                char::from(b'!' + 3 * u8::try_from(addresses.len()).expect("few") % 90 + name);
            let outcome = own[usize::from(name % 2)].send(&announce(swarm, 'a'));
            match outcome.reply {
                Some(Reply::Announce(..)) => swarms += 1,
                Some(Reply::Failure(refusal)) if refusal.failure == Failure::AddressSwarmsMax => {
                    assert_eq!(
                        refusal.subject,
                        RefusalSubject::Announce(InfoHash::new(id(swarm)))
                    );
                }
                Some(Reply::Failure(refusal)) => {
                    assert_eq!(refusal.failure, Failure::SwarmsMax);
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
fn existing_swarms_can_be_joined_over_the_swarm_quota() {
    let world = small();
    let _others = world.join('h', ['x', 'y']);
    let share = Arc::new(QuotaUsage::default());
    let mut heavy = world.connect_with_share(&share);
    for swarm in ['i', 'j'] {
        assert_eq!(heavy.counts(&announce(swarm, 'a')), (0, 1));
    }
    assert!(matches!(
        heavy.send(&announce('k', 'a')).reply,
        Some(Reply::Failure(refusal)) if refusal.failure == Failure::AddressSwarmsMax
    ));
    assert_eq!(
        world.totals(),
        (3, 0, 4),
        "a refused announce creates no swarm"
    );
    assert_eq!(heavy.counts(&announce('h', 'a')), (0, 3));
    assert_eq!(heavy.counts(&announce('i', 'a')), (0, 1));
    for swarm in ['h', 'i'] {
        heavy.send(&with_fields(
            announce(swarm, 'a'),
            &json!({"event": "stopped"}),
        ));
    }
    assert_eq!(share.memberships(), 1);
    assert_eq!(heavy.counts(&announce('k', 'a')), (0, 1));
    heavy.close();
    assert_eq!(share.memberships(), 0);
}

#[test]
fn expired_and_replaced_memberships_return_to_the_quota() {
    let world = small();
    let share = Arc::new(QuotaUsage::default());
    let mut connection = world.connect_with_share(&share);
    for peer in ['a', 'b', 'c', 'd', 'e', 'f'] {
        connection.send(&announce('h', peer));
    }
    assert_eq!(share.memberships(), RULES.peer_ids_per_swarm_max);
    world.wait(400);
    for expired in world.sweep() {
        let (info_hash, peer_id) = (expired.info_hash, expired.member.peer_id);
        world
            .tracker
            .remove_ended_membership(&mut connection.participant, info_hash, peer_id);
    }
    assert_eq!(share.memberships(), 0);
}

#[test]
fn a_connection_can_be_in_thousands_of_swarms() {
    let world = World::new(RULES);
    let mut connection = world.connect();
    let swarm = |number: u16| format!("{number:020}");
    for number in 0..2_000 {
        let mut message = announce('h', 'a');
        message["info_hash"] = json!(swarm(number));
        assert_eq!(connection.counts(&message), (0, 1));
    }
    assert_eq!(world.totals(), (2_000, 0, 2_000));
    let beyond = connection.send(&announce('h', 'a')).reply;
    assert!(matches!(beyond, Some(Reply::Failure(_))), "{beyond:?}");
    for number in 0..1_500 {
        let mut message = with_fields(announce('h', 'a'), &json!({"event": "stopped"}));
        message["info_hash"] = json!(swarm(number));
        connection.send(&message);
    }
    assert_eq!(connection.participant.memberships().count(), 500);
    connection.close();
    assert_eq!(world.totals(), (0, 0, 0));
}
