//! What the models do where the clients differ.

use std::time::Duration;

use swarmhub::protocol::Event;

use super::{DirectWire, SECOND, fates, reachable, simulation};
use crate::meet::client::ClientSpec;
use crate::meet::ids::ClientId;
use crate::meet::models::ClientKind;
use crate::meet::relay::Fate;
use crate::meet::simulation::Simulation;

/// Two clients that join at once. Each is the receiver of the other's offers, and they gather equally fast: so each
/// offer arrives before the answer to the other one.
fn crossing(kind: ClientKind) -> Simulation<DirectWire> {
    let wire = DirectWire::relaying(&[(0, 1), (1, 0)]);
    let clients = [(0, reachable(kind)), (0, reachable(kind))];
    let mut simulation = simulation(1, clients, wire);
    let clients = &mut simulation.world.clients;
    clients[1].network = clients[0].network;
    simulation
}

#[test]
fn crossing_offers_of_webtorrent_end_each_other() {
    let mut simulation = crossing(ClientKind::Webtorrent);
    simulation.advance_to(25 * SECOND);
    assert_eq!(fates(&simulation), [Fate::Crossed; 2]);
    assert_eq!(simulation.world.meetings, []);
}

#[test]
fn crossing_offers_of_p2p_media_loader_connect() {
    let mut simulation = crossing(ClientKind::MediaLoader);
    simulation.advance_to(25 * SECOND);
    assert!(fates(&simulation).contains(&Fate::Met));
    assert!(!fates(&simulation).contains(&Fate::Crossed));
    assert_eq!(simulation.world.clients[0].links.len(), 1);
}

#[test]
fn after_crossing_webtorrent_connects_with_the_next_announce() {
    let mut simulation = crossing(ClientKind::Webtorrent);
    simulation.wire.receivers.remove(&ClientId(1));
    // The offer of one alone does not cross.
    simulation.advance_to(SECOND * 10);
    assert_eq!(fates(&simulation), [Fate::Met]);

    let mut simulation = crossing(ClientKind::Webtorrent);
    simulation.advance_to(SECOND * 20);
    simulation.wire.receivers.remove(&ClientId(1));
    // Both attempts have ended after 15 s, and each client announces 45 s after its first time.
    simulation.advance_to(SECOND * 55);
    assert_eq!(simulation.world.clients[0].links.len(), 1);
}

/// Two trystero pages. The offers of the one with the lower or the higher id reach the other.
fn trystero_pair(lower_offers: bool) -> Simulation<DirectWire> {
    let clients = [ClientKind::Trystero; 2].map(|kind| (0, reachable(kind)));
    let mut simulation = simulation(2, clients, DirectWire::default());
    let clients = &simulation.world.clients;
    let first_is_lower = clients[0].peer_id < clients[1].peer_id;
    let pair = if first_is_lower == lower_offers {
        (0, 1)
    } else {
        (1, 0)
    };
    simulation.wire = DirectWire::relaying(&[pair]);
    simulation
}

#[test]
fn of_two_trystero_pages_only_the_lower_id_may_offer() {
    let mut simulation = trystero_pair(true);
    simulation.advance_to(SECOND * 10);
    assert_eq!(simulation.world.meetings.len(), 1);

    let mut simulation = trystero_pair(false);
    simulation.advance_to(SECOND * 40);
    assert!(fates(&simulation).contains(&Fate::WrongDirection));
    assert_eq!(simulation.world.meetings, []);
}

#[test]
fn trystero_repeats_its_offers_and_ignores_repetitions() {
    let mut simulation = trystero_pair(false);
    simulation.advance_to(SECOND * 5);
    let announces = &simulation.wire.announces;
    assert!(announces.len() > 6, "{announces:?}");
    // The receiver sees the same offer each time, and looks at it again after four seconds only.
    let repeated = |fate: &&Fate| **fate == Fate::Repeated;
    let fates = fates(&simulation);
    assert!(fates.iter().filter(repeated).count() >= 2, "{fates:?}");
    assert_eq!(simulation.world.clients[0].record.offers_made, 3);
}

/// Trackers choose receivers for the first offers first, and new offers may be broken.
#[test]
fn trystero_announces_its_oldest_offers_first() {
    let mut simulation = trystero_pair(true);
    simulation.advance_to(SECOND * 30);
    let mut offers = simulation.wire.announces.iter();
    let offerer = *simulation.wire.receivers.keys().next().unwrap();
    let mut offers_of = || {
        offers
            .find(|(from, ..)| *from == offerer)
            .map(|(.., offers)| offers)
    };
    let first = offers_of().unwrap();
    let last = std::iter::from_fn(offers_of).last().unwrap();
    // The first one was claimed. A new one follows the others.
    assert_eq!(last[..2], first[1..]);
    assert!(!first.contains(&last[2]));
}

#[test]
fn trystero_offers_from_an_old_pool_are_broken() {
    let mut simulation = trystero_pair(true);
    let receivers = std::mem::take(&mut simulation.wire.receivers);
    // After two minutes the first offers are given up, and new ones come from the old pool.
    simulation.advance_to(SECOND * 150);
    simulation.wire.receivers = receivers;
    simulation.advance_to(SECOND * 200);
    assert_eq!(simulation.world.meetings, []);
    assert!(fates(&simulation).contains(&Fate::BrokenOffer));
}

#[test]
fn libtorrent_takes_ten_offers_between_two_announces() {
    let senders = 1..=15;
    let receivers: Vec<_> = senders.clone().map(|from| (from, 0)).collect();
    let pages = senders.map(|_| (10, reachable(ClientKind::Webtorrent)));
    let clients = [(0, reachable(ClientKind::Libtorrent))]
        .into_iter()
        .chain(pages);
    let mut simulation = simulation(3, clients, DirectWire::relaying(&receivers));
    simulation.advance_to(SECOND * 30);
    assert_eq!(over_quota(&simulation), (5, 15));
    // It announces again after a minute, although the interval is 45 s. Until then it takes none of the next offers.
    simulation.advance_to(SECOND * 60);
    assert_eq!(announces_of(&simulation, 0), 1);
    assert_eq!(over_quota(&simulation), (20, 30));
    simulation.advance_to(SECOND * 120);
    assert_eq!(announces_of(&simulation, 0), 2);
    assert_eq!(over_quota(&simulation), (25, 45));
}

/// Returns how many of how many offers were over a quota.
fn over_quota(simulation: &Simulation<DirectWire>) -> (usize, usize) {
    let fates = fates(simulation);
    let over = fates.iter().filter(|fate| **fate == Fate::OverQuota);
    (over.count(), fates.len())
}

fn announces_of(simulation: &Simulation<DirectWire>, client: usize) -> usize {
    let announces = simulation.wire.announces.iter();
    announces
        .filter(|(from, ..)| *from == ClientId(client))
        .count()
}

#[test]
fn a_webtorrent_seeder_completes_before_it_offers() {
    let seeder = ClientSpec {
        is_seeder: true,
        ..reachable(ClientKind::Webtorrent)
    };
    let mut simulation = simulation(4, [(0, seeder)], DirectWire::default());
    simulation.advance_to(SECOND * 5);
    let expected = [
        (ClientId(0), Event::Completed, 0),
        (ClientId(0), Event::Started, 5),
    ];
    let announces = simulation.wire.announces.iter();
    let announces: Vec<_> = announces
        .map(|(from, event, offers)| (*from, *event, offers.len()))
        .collect();
    assert_eq!(announces, expected);
}

#[test]
fn a_paused_webtorrent_announces_and_connects_to_nobody() {
    let paused = ClientSpec {
        is_paused: true,
        ..reachable(ClientKind::Webtorrent)
    };
    let clients = [(0, paused), (0, reachable(ClientKind::Webtorrent))];
    let wire = DirectWire::relaying(&[(0, 1), (1, 0)]);
    let mut simulation = simulation(5, clients, wire);
    simulation.advance_to(SECOND * 60);
    assert!(announces_of(&simulation, 0) >= 2);
    let fates = fates(&simulation);
    assert!(fates.len() >= 3);
    assert!(fates.iter().all(|fate| *fate == Fate::Paused), "{fates:?}");
}

#[test]
fn a_client_that_loses_its_socket_returns_with_its_peer_id() {
    let spec = ClientSpec {
        socket_lasts: Some(SECOND * 20),
        ..reachable(ClientKind::Webtorrent)
    };
    let mut simulation = simulation(6, [(0, spec)], DirectWire::default());
    simulation.advance_to(Duration::from_mins(30));
    let client = &simulation.world.clients[0];
    assert!(client.sockets_opened > 2, "{}", client.sockets_opened);
    let identities = simulation.wire.identities.values();
    assert!(
        identities
            .into_iter()
            .all(|identity| identity.peer_id == client.peer_id)
    );
    // Every socket begins with an announce, the first with an event.
    let started = |(_, event, _): &&(_, Event, Vec<_>)| *event == Event::Started;
    assert_eq!(simulation.wire.announces.iter().filter(started).count(), 1);
}

#[test]
fn liars_answer_and_never_connect_and_mute_clients_never_answer() {
    for (kind, fate) in [
        (ClientKind::Liar, Fate::IceFailed),
        (ClientKind::Mute, Fate::NeverAnswers),
    ] {
        let clients = [(0, reachable(ClientKind::Webtorrent)), (0, reachable(kind))];
        let mut simulation = simulation(7, clients, DirectWire::relaying(&[(0, 1)]));
        simulation.advance_to(SECOND * 30);
        assert_eq!(fates(&simulation), [fate]);
    }
}
