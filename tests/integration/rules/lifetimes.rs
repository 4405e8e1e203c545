//! Lifetimes of memberships and their expiry.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use swarmhub::protocol::{InfoHash, PeerId};
use swarmhub::swarm::Ttl;
use swarmhub::tracker::Rules;

use super::{RULES, World, announce, answer, id, offers, text, with};

#[test]
fn a_membership_without_announces_ends_while_the_connection_lives_on() {
    let world = World::new(RULES);
    let [mut connection] = world.join('h', ['a']);
    world.wait(200);
    connection.say(&announce('i', 'a'));
    world.wait(160);
    assert!(world.sweep().is_empty());
    world.wait(1);
    let expired = world.sweep();
    assert_eq!(expired.len(), 1);
    assert_eq!(expired[0].info_hash, InfoHash::new(id('h')));
    assert_eq!(world.totals(), (1, 0, 1));
    let (info_hash, peer_id) = (expired[0].info_hash, expired[0].member.peer_id);
    world
        .tracker
        .forget(&mut connection.participant, info_hash, peer_id);
    assert_eq!(connection.participant.memberships().count(), 1);
}

#[test]
fn announces_and_answers_keep_a_membership_alive() {
    let world = World::new(RULES);
    let [mut sender, mut receiver, silent] = world.join('h', ['a', 'b', 'c']);
    world.wait(300);
    sender.say(&with(announce('h', 'a'), &offers("12")));
    receiver.say(&answer('h', 'b', 'a', '1'));
    receiver.say(&answer('h', 'b', 'a', '2'));
    world.wait(300);
    let expired: Vec<_> = world
        .sweep()
        .iter()
        .map(|expired| expired.member.connection)
        .collect();
    assert_eq!(expired, [silent.id]);
}

#[test]
fn who_joins_again_before_it_hears_that_it_expired_stays_a_member_and_in_the_books() {
    let world = World::new(Rules {
        peer_ids_per_swarm_max: 1,
        ..RULES
    });
    let [mut connection] = world.join('h', ['a']);
    world.wait(361);
    assert_eq!(world.sweep().len(), 1);
    assert_eq!(connection.counts(&announce('h', 'a')), (0, 1));
    // The late notification from another worker.
    let (info_hash, peer_id) = (InfoHash::new(id('h')), PeerId::new(id('a')));
    world
        .tracker
        .forget(&mut connection.participant, info_hash, peer_id);
    let memberships: Vec<_> = connection.participant.memberships().collect();
    assert_eq!(memberships, [(info_hash, peer_id)]);
    connection.close();
    assert_eq!(world.totals(), (0, 0, 0), "no member is left");
}

#[test]
fn the_offers_of_an_expired_member_go_with_it() {
    let world = World::new(Rules {
        ttl: Ttl {
            membership: Duration::from_mins(1),
            ..RULES.ttl
        },
        ..RULES
    });
    let [mut sender, mut receiver] = world.join('h', ['a', 'b']);
    sender.say(&with(announce('h', 'a'), &offers("1")));
    world.wait(61);
    receiver.say(&announce('h', 'b'));
    world.sweep();
    assert!(receiver.say(&answer('h', 'b', 'a', '1')).is_dropped());
    let mut waiting = 0;
    world
        .tracker
        .swarms()
        .for_each(|_, swarm| waiting += swarm.pending_offers());
    assert_eq!(waiting, 0);
}

#[test]
fn the_expired_members_of_a_big_swarm_go_in_one_sweep_and_no_others() {
    let world = World::new(RULES);
    let names = (0..5_000).map(|number| format!("{number:020}"));
    let announce =
        |name: &str| json!({"action": "announce", "info_hash": text('h'), "peer_id": name});
    let mut connections: Vec<_> = names
        .map(|name| {
            let mut connection = world.connect();
            connection.say(&announce(&name));
            (name, connection)
        })
        .collect();
    world.wait(300);
    for (name, connection) in connections.iter_mut().step_by(3) {
        connection.say(&announce(name));
    }
    world.wait(100);
    let expired: BTreeSet<_> = world
        .sweep()
        .iter()
        .map(|expired| expired.member.connection)
        .collect();
    let silent = connections
        .iter()
        .enumerate()
        .filter(|(place, _)| place % 3 != 0);
    assert_eq!(
        expired,
        silent.map(|(_, (_, connection))| connection.id).collect()
    );
    assert_eq!(world.totals(), (1, 0, 5_000 - expired.len()));
}
