//! Single situations, each with the time that it may take.

use std::time::Duration;

use super::browser::Browser;
use super::world::World;
use crate::cluster::wire::{Batch, BatchHeader, Class, Entry, RegisterFlags};
use crate::cluster::{
    Backplane, Cluster, ClusterEvent, ClusterIdentity, Delivery, HashKey, LinkEpoch, NoBackplane,
    NodeId, Population, Slots,
};
use crate::protocol::{ConnectionId, InfoHash, OfferId, PeerId};

const SWARM: InfoHash = InfoHash::new([1; 20]);

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Returns this number of nodes that know each other.
fn linked(count: usize) -> (World, Vec<NodeId>) {
    let mut world = World::new(1);
    let ids = (0..count).map(|_| world.add_node()).collect();
    run(&mut world, 1000);
    (world, ids)
}

fn run(world: &mut World, for_milliseconds: u64) {
    world.run_until(world.now + milliseconds(for_milliseconds));
}

fn browser(number: u8, info_hash: InfoHash) -> Browser {
    Browser {
        connection: ConnectionId::from_bits(u64::from(number)),
        info_hash,
        peer_id: PeerId::new([number; 20]),
        is_seeder: false,
        is_http: false,
    }
}

fn leechers(leechers: u32) -> Population {
    Population {
        leechers,
        ..Population::default()
    }
}

fn received(world: &World) -> Vec<Browser> {
    let receivers = world.offers.values().filter_map(|fate| fate.receiver);
    receivers.map(|(_, browser)| browser).collect()
}

#[test]
fn the_first_two_browsers_on_different_nodes_meet_at_once() {
    // With each node as the owner of the swarm.
    for number in 1..20 {
        let (mut world, ids) = linked(3);
        let info_hash = InfoHash::new([number; 20]);
        let (first, second) = (browser(1, info_hash), browser(2, info_hash));
        world.join(ids[0], first);
        world.announce(ids[0], first, 5);
        run(&mut world, 100);
        world.join(ids[1], second);
        world.announce(ids[1], second, 5);
        run(&mut world, 20);
        assert_eq!(received(&world), [first], "{info_hash}");
    }
}

#[test]
fn counts_never_fall_below_the_truth_while_an_owner_dies() {
    let (mut world, ids) = linked(3);
    let swarms: Vec<_> = (1..40).map(|number| InfoHash::new([number; 20])).collect();
    for (number, info_hash) in (0..).zip(&swarms) {
        world.join(ids[0], browser(2 * number, *info_hash));
        world.join(ids[1], browser(2 * number + 1, *info_hash));
    }
    run(&mut world, 1000);
    world.crash(ids[2]);
    for _ in 0..100 {
        run(&mut world, 50);
        for info_hash in &swarms {
            for id in &ids[..2] {
                assert_eq!(
                    world.seen_by(*id, *info_hash),
                    leechers(2),
                    "{:?}",
                    world.now
                );
            }
        }
    }
    assert!(world.nodes[&ids[0]].cluster.nodes().len() == 1);
}

#[test]
fn the_members_of_a_dead_node_vanish_within_four_seconds() {
    let (mut world, ids) = linked(3);
    for (number, id) in (1..).zip(&ids) {
        world.join(*id, browser(number, SWARM));
    }
    run(&mut world, 500);
    assert_eq!(world.seen_by(ids[0], SWARM), leechers(3));
    world.crash(ids[1]);
    run(&mut world, 4000);
    assert_eq!(world.seen_by(ids[0], SWARM), leechers(2));
    // At a goodbye at once.
    world.stop(ids[2]);
    run(&mut world, 10);
    assert_eq!(world.seen_by(ids[0], SWARM), leechers(1));
}

#[test]
fn an_unreachable_node_is_hidden_until_it_is_heard() {
    let (mut world, ids) = linked(2);
    world.join(ids[0], browser(1, SWARM));
    world.join(ids[1], browser(2, SWARM));
    run(&mut world, 500);
    world.deliver(ids[0], &Delivery::Unreachable(ids[1]));
    assert_eq!(world.seen_by(ids[0], SWARM), leechers(1));
    run(&mut world, 1200);
    assert_eq!(world.seen_by(ids[0], SWARM), leechers(2));
    // Without a heartbeat it is forgotten.
    world.nodes.get_mut(&ids[1]).unwrap().paused_until = Some(Duration::MAX);
    world.deliver(ids[0], &Delivery::Unreachable(ids[1]));
    run(&mut world, 1700);
    assert!(world.nodes[&ids[0]].cluster.nodes().is_empty());
}

#[test]
fn a_paused_node_is_whole_within_a_second() {
    let (mut world, ids) = linked(3);
    for (number, id) in (1..).zip(&ids) {
        world.join(*id, browser(number, SWARM));
    }
    world.nodes.get_mut(&ids[1]).unwrap().paused_until = Some(world.now + milliseconds(6000));
    run(&mut world, 5900);
    assert_eq!(world.seen_by(ids[0], SWARM), leechers(2));
    run(&mut world, 1100);
    for id in ids {
        assert_eq!(world.seen_by(id, SWARM), leechers(3));
    }
}

#[test]
fn without_its_engine_a_node_is_alone_and_recovers_within_a_second() {
    let (mut world, ids) = linked(2);
    world.join(ids[0], browser(1, SWARM));
    world.join(ids[1], browser(2, SWARM));
    run(&mut world, 500);
    for is_noticed in [true, false] {
        world.network.set_down(true, is_noticed, world.now);
        run(&mut world, if is_noticed { 1 } else { 4000 });
        assert_eq!(world.seen_by(ids[0], SWARM), leechers(1));
        assert!(!world.nodes[&ids[0]].cluster.others(&SWARM).is_awaited);
        // Announces go on with the members here.
        let third = browser(3, SWARM);
        world.join(ids[0], third);
        world.announce(ids[0], third, 5);
        assert_eq!(received(&world).len(), 1);
        world.leave(ids[0], third);
        world.offers.clear();
        world.answers.clear();
        world.network.set_down(false, is_noticed, world.now);
        // Without a report, the next heartbeat finds out.
        run(&mut world, if is_noticed { 1000 } else { 2100 });
        assert_eq!(world.seen_by(ids[0], SWARM), leechers(2));
    }
}

#[test]
fn a_stale_or_repeated_batch_changes_nothing() {
    let (mut world, ids) = linked(2);
    let (me, other) = (ids[0], ids[1]);
    world.join(me, browser(1, SWARM));
    run(&mut world, 500);
    let epoch = world.nodes[&me].cluster.members.node(other).unwrap().epoch;
    let register = |number, epoch, receiver| {
        let mut entries = Vec::new();
        let population = leechers(9);
        let flags = RegisterFlags::default();
        let entry = Entry::Register {
            info_hash: SWARM,
            population,
            sequence: number,
            flags,
        };
        entry.write(&mut entries);
        let header = BatchHeader {
            class: Class::Control,
            sender: other,
            receiver,
            epoch,
            number,
        };
        Delivery::Batch(Batch::write(header, &entries, None))
    };
    let counters = |world: &World| {
        let counters = world.nodes[&me].cluster.counters();
        (counters.stale_batches, counters.repeated_batches)
    };
    let future = u64::MAX - 1;
    let fresh = register(future, epoch, me);
    world.deliver(me, &fresh);
    assert_eq!(counters(&world), (0, 0));
    world.deliver(me, &fresh);
    assert_eq!(counters(&world), (0, 1));
    world.deliver(me, &register(future + 1, LinkEpoch::new(99), me));
    world.deliver(me, &register(future + 1, epoch, other));
    assert_eq!(counters(&world), (2, 1));
    // After this node has forgotten the other one, nothing of before counts.
    world.deliver(me, &Delivery::Connected(false));
    world.deliver(me, &Delivery::Connected(true));
    run(&mut world, 500);
    world.deliver(me, &register(future + 1, epoch, me));
    assert_eq!(counters(&world), (3, 1));
    assert_eq!(world.seen_by(me, SWARM), leechers(1));
}

#[test]
fn an_answer_to_an_offer_that_was_not_sent_there_is_refused() {
    let (mut world, ids) = linked(3);
    let (first, second) = (browser(1, SWARM), browser(2, SWARM));
    world.join(ids[0], first);
    world.join(ids[1], second);
    run(&mut world, 500);
    world.announce(ids[0], first, 1);
    run(&mut world, 20);
    assert_eq!(received(&world), [second]);
    world.answers.clear();
    let offer_id = *world.offers.keys().next().unwrap();
    // The third node was not asked, and the second one may answer once, to the peer that has offered.
    for (from, offer_id, to) in [
        (ids[2], offer_id, first.peer_id),
        (ids[1], OfferId::new([9; 20]), first.peer_id),
        (ids[1], offer_id, second.peer_id),
    ] {
        let answer = Entry::Answer {
            info_hash: SWARM,
            connection: first.connection,
            to,
            from: second.peer_id,
            offer_id,
            sdp: b"\"x\"",
        };
        let mut effects = Vec::new();
        let now = world.now;
        let cluster = &mut world.nodes.get_mut(&ids[0]).unwrap().cluster;
        cluster.receive_signalling(&answer, from, now, &mut effects);
        assert!(effects.is_empty());
    }
    assert_eq!(world.nodes[&ids[0]].cluster.counters().unmatched_answers, 3);
}

#[test]
fn offers_that_find_nobody_go_to_another_node() {
    let (mut world, ids) = linked(3);
    let (first, gone, there) = (browser(1, SWARM), browser(2, SWARM), browser(3, SWARM));
    world.join(ids[0], first);
    world.join(ids[1], gone);
    world.join(ids[2], there);
    run(&mut world, 500);
    // The announce and the leave cross on their way.
    world.leave(ids[1], gone);
    world.announce(ids[0], first, 2);
    run(&mut world, 50);
    assert_eq!(received(&world), [there, there]);
}

#[test]
fn a_node_without_a_backplane_waits_for_nobody() {
    let identity = ClusterIdentity {
        node: NodeId::new(1),
        slots: Slots::new(Slots::COUNT, HashKey::new([1; 2])),
        secret: None,
    };
    let mut cluster = Cluster::new(identity);
    let mut backplane = NoBackplane;
    cluster.set_population(&SWARM, leechers(1), Duration::ZERO);
    assert_eq!(cluster.others(&SWARM), crate::cluster::Others::default());
    assert!(cluster.is_answerable(&InfoHash::new([2; 20]), 1, Duration::ZERO));
    let mut rng = World::new(1).rng;
    let mut effects = Vec::new();
    for tick in 0..20 {
        let now = milliseconds(tick * 100);
        cluster.handle(ClusterEvent::Timeout, now, &mut rng, &mut effects);
        cluster.flush(&mut backplane, now);
    }
    assert!(!backplane.is_ready());
    backplane.broadcast(Vec::new());
    assert_eq!(cluster.nodes(), []);
}
