//! Lifetimes of memberships and their expiry.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use swarmhub::protocol::{InfoHash, PeerId};
use swarmhub::swarm::Lifetimes;
use swarmhub::tracker::Rules;

use super::{RULES, World, announce, answer, id, offers, text, with_fields};

#[test]
fn a_membership_without_announces_expires() {
    let world = World::new(RULES);
    let [mut connection] = world.join('h', ['a']);
    world.wait(200);
    connection.send(&announce('i', 'a'));
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
        .remove_ended_membership(&mut connection.participant, info_hash, peer_id);
    assert_eq!(connection.participant.memberships().count(), 1);
}

#[test]
fn announces_and_answers_renew_a_membership() {
    let world = World::new(RULES);
    let [mut sender, mut receiver, silent] = world.join('h', ['a', 'b', 'c']);
    world.wait(300);
    sender.send(&with_fields(announce('h', 'a'), &offers("12")));
    receiver.send(&answer('h', 'b', 'a', '1'));
    receiver.send(&answer('h', 'b', 'a', '2'));
    world.wait(300);
    let expired: Vec<_> = world
        .sweep()
        .iter()
        .map(|expired| expired.member.connection)
        .collect();
    assert_eq!(expired, [silent.id]);
}

#[test]
fn a_rejoin_before_the_expiry_notification_is_kept() {
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
        .remove_ended_membership(&mut connection.participant, info_hash, peer_id);
    let memberships: Vec<_> = connection.participant.memberships().collect();
    assert_eq!(memberships, [(info_hash, peer_id)]);
    connection.close();
    assert_eq!(world.totals(), (0, 0, 0), "no member is left");
}

#[test]
fn offers_of_an_expired_member_are_removed() {
    let world = World::new(Rules {
        ttl: Lifetimes {
            membership: Duration::from_mins(1),
            ..RULES.ttl
        },
        ..RULES
    });
    let [mut sender, mut receiver] = world.join('h', ['a', 'b']);
    sender.send(&with_fields(announce('h', 'a'), &offers("1")));
    world.wait(61);
    receiver.send(&announce('h', 'b'));
    world.sweep();
    assert!(receiver.send(&answer('h', 'b', 'a', '1')).is_dropped());
    let mut waiting = 0;
    world
        .tracker
        .swarms()
        .for_each(|_, swarm| waiting += swarm.pending_offers_count());
    assert_eq!(waiting, 0);
}

#[test]
fn a_sweep_removes_exactly_the_expired_members() {
    let world = World::new(RULES);
    let names = (0..5_000).map(|number| format!("{number:020}"));
    let announce =
        |name: &str| json!({"action": "announce", "info_hash": text('h'), "peer_id": name});
    let mut connections: Vec<_> = names
        .map(|name| {
            let mut connection = world.connect();
            connection.send(&announce(&name));
            (name, connection)
        })
        .collect();
    world.wait(300);
    for (name, connection) in connections.iter_mut().step_by(3) {
        connection.send(&announce(name));
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
