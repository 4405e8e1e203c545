//! Offers of members of other nodes, and what this node reports to others.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use serde_json::{Value, json};
use swarmhub::cluster::{NodeId, OfferOrigin, Population};
use swarmhub::protocol::{ConnectionId, InfoHash, Offer, OfferId, PeerId, Sdp, parse};
use swarmhub::swarm::{PopulationObserver, ReceiverQuota};
use swarmhub::tracker::{Participant, RelayKind, Rules, Tracker};

use super::{BOUNDS, RANDOM, RULES, World, announce, id, sweep, with_fields};

/// The origin of offers of peer `z` of another node, which has the same connection id as a member here.
fn origin(connection: ConnectionId) -> OfferOrigin {
    OfferOrigin {
        info_hash: InfoHash::new(id('h')),
        from: PeerId::new(id('z')),
        connection,
        is_seeder: false,
        is_redrawn: false,
    }
}

fn offers(count: u8) -> Vec<Offer<'static>> {
    let offers = (0..count).map(|number| Offer {
        offer_id: OfferId::new([number; 20]),
        sdp: Sdp::from_json(b"\"v=0\"", 10).unwrap(),
    });
    offers.collect()
}

/// Gives offers of another node, and returns their receivers.
fn give(world: &World, origin: &OfferOrigin, count: u8) -> Vec<ConnectionId> {
    let (node, rng) = (NodeId::new(2), &mut *world.rng.borrow_mut());
    let offers = offers(count);
    let now = world.now.get();
    let outcome = world.tracker.give_offers((node, origin), &offers, now, rng);
    for (relay, offer) in outcome.relays.iter().zip(&offers) {
        assert_eq!((relay.kind, relay.from), (RelayKind::Offer, origin.from));
        assert_eq!(relay.offer_id, offer.offer_id);
    }
    outcome
        .relays
        .iter()
        .map(|relay| relay.to.connection)
        .collect()
}

#[test]
fn offers_of_other_nodes_go_to_different_members_but_not_their_own() {
    for rules in [RULES, RANDOM] {
        let world = World::new(rules);
        let members = world.join('h', ['a', 'b', 'c']);
        let [_same_browser] = world.join('h', ['z']);
        let [_outside] = world.join('i', ['y']);
        // The id of a connection means nothing here.
        let mut receivers = give(&world, &origin(members[0].id), 9);
        receivers.sort_unstable();
        assert_eq!(receivers, members.each_ref().map(|member| member.id));
        let elsewhere = OfferOrigin {
            info_hash: InfoHash::new(id('x')),
            ..origin(members[0].id)
        };
        assert_eq!(give(&world, &elsewhere, 1), []);
    }
}

#[test]
fn offers_of_other_nodes_count_for_the_quota_of_receivers() {
    for rules in [RULES, RANDOM] {
        let world = World::new(Rules {
            receiver_quota: ReceiverQuota::new(1, 3),
            ..rules
        });
        let members = world.join('h', ['a', 'b']);
        let origin = origin(members[0].id);
        let given = (0..5).map(|_| give(&world, &origin, 2).len());
        assert_eq!(given.sum::<usize>(), 6);
    }
}

/// Chi-square with 9 degrees of freedom: above 33.7 in 1 of 10,000 runs.
#[test]
fn offers_of_other_nodes_reach_all_members_equally_often() {
    for rules in [RULES, RANDOM] {
        let world = World::new(rules);
        let members = world.join('h', ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'i', 'j', 'k']);
        let origin = origin(members[0].id);
        let mut times = BTreeMap::new();
        for _ in 0..10_000 {
            for receiver in give(&world, &origin, 1) {
                *times.entry(receiver).or_insert(0.0) += 1.0;
            }
        }
        let terms = times
            .values()
            .map(|times: &f64| (times - 1000.0).powi(2) / 1000.0);
        assert!(terms.sum::<f64>() < 33.7, "{times:?}");
    }
}

/// Reads each changed swarm, which would never return while its shard is locked.
#[derive(Debug, Default)]
struct Reader {
    tracker: OnceLock<Weak<Tracker>>,
    seen: Mutex<Vec<(u32, u32)>>,
}

impl PopulationObserver for Reader {
    fn population_changed(&self, info_hash: &InfoHash) {
        let tracker = self.tracker.get().and_then(Weak::upgrade).unwrap();
        let Population {
            seeders, leechers, ..
        } = tracker.population(info_hash);
        self.seen.lock().push((seeders, leechers));
    }
}

#[test]
fn each_change_of_a_population_is_reported_without_a_lock() {
    let world = World::new(RULES);
    let (tracker, reader) = (Arc::new(Tracker::new(RULES)), Arc::new(Reader::default()));
    let _ = reader.tracker.set(Arc::downgrade(&tracker));
    tracker.swarms().set_observer(Arc::<Reader>::clone(&reader));
    let mut participant = Participant::new(ConnectionId::new(0, 1, 0));
    let send = |participant: &mut Participant, more: &Value| {
        let message = with_fields(announce('h', 'a'), more).to_string();
        let request = parse(&message, &BOUNDS).unwrap();
        let rng = &mut *world.rng.borrow_mut();
        tracker.handle(participant, request, world.now.get(), rng);
        std::mem::take(&mut *reader.seen.lock())
    };
    assert_eq!(send(&mut participant, &json!({})), [(0, 1)]);
    assert_eq!(send(&mut participant, &json!({})), []);
    let completed = json!({"event": "completed"});
    assert_eq!(send(&mut participant, &completed), [(1, 0)]);
    let stopped = json!({"event": "stopped"});
    assert_eq!(send(&mut participant, &stopped), [(0, 0)]);
    assert_eq!(send(&mut participant, &stopped), []);
    // The ends of a connection and of a membership.
    assert_eq!(send(&mut participant, &json!({})), [(0, 1)]);
    tracker.leave_all(&participant);
    assert_eq!(std::mem::take(&mut *reader.seen.lock()), [(0, 0)]);
    send(&mut participant, &json!({}));
    world.wait(361);
    sweep(&tracker, world.now.get());
    assert_eq!(*reader.seen.lock(), [(0, 0)]);
}
