//! Networks, sleeping and leaving pages, repeatability.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::{DirectWire, SECOND, fates, reachable, simulation};
use crate::meet::client::{ClientSpec, Presence};
use crate::meet::matchmaking::WAYS;
use crate::meet::models::ClientKind;
use crate::meet::network::{Network, lan_address, own_address};
use crate::meet::random::Random;
use crate::meet::relay::Fate;
use crate::meet::{run, scenarios};

#[test]
fn the_same_seed_gives_the_same_figures() {
    for (way, matchmaking) in WAYS {
        for name in ["S12", "S18"] {
            let scenario = scenarios::by_name(name).unwrap();
            let figures = |seed| format!("{:?}", run(scenario, matchmaking, seed));
            let first = figures(1);
            assert_eq!(first, figures(1), "{name} {way}");
            assert_ne!(first, figures(2), "{name} {way}");
        }
    }
}

#[test]
fn five_of_six_pairs_reach_each_other() {
    let mut random = Random::new("networks", 1);
    let clients: Vec<_> = (0..400)
        .map(|number| {
            let network = Network::new(own_address(number), false, &mut random);
            (network, random.identifier(""))
        })
        .collect();
    let pairs = clients.iter().zip(&clients[1..]);
    let (mut connectable, mut count) = (0, 0);
    for ((one, id), (other, other_id)) in pairs {
        for seed in 0..20 {
            let reaches = one.reaches(other, [id, other_id], seed);
            assert_eq!(
                reaches,
                other.reaches(one, [other_id, id], seed),
                "either way"
            );
            connectable += u32::from(reaches);
            count += 1;
        }
    }
    let share = f64::from(connectable) / f64::from(count);
    assert!((0.82..0.88).contains(&share), "{share}");
}

#[test]
fn clients_have_addresses_of_their_own_and_lans_share_one() {
    let mut addresses: Vec<_> = (0..70_000).map(own_address).collect();
    addresses.extend((0..200).map(lan_address));
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(addresses.len(), 70_200);
    assert!(addresses.iter().all(Ipv4Addr::is_loopback));
}

#[test]
fn a_sleeping_page_keeps_its_socket_and_answers_nothing() {
    let sleeper = ClientSpec {
        sleeps_after: Some(SECOND * 3),
        ..reachable(ClientKind::Webtorrent)
    };
    let clients = [(0, sleeper), (5, reachable(ClientKind::Webtorrent))];
    let mut simulation = simulation(1, clients, DirectWire::relaying(&[(1, 0)]));
    simulation.advance_to(SECOND * 60);
    assert_eq!(simulation.world.clients[0].presence, Presence::Asleep);
    assert!(
        simulation.wire.identities.len() == 2,
        "both sockets are open"
    );
    let announces = simulation.wire.announces.iter();
    assert_eq!(announces.filter(|(from, ..)| from.0 == 0).count(), 1);
    assert_eq!(fates(&simulation), [Fate::Asleep; 2]);
}

#[test]
fn links_to_pages_that_sleep_or_leave_end() {
    let late = SECOND * 30;
    for (sleeps_after, leaves_after) in [(Some(late), None), (None, Some(late))] {
        let first = ClientSpec {
            sleeps_after,
            leaves_after,
            ..reachable(ClientKind::Webtorrent)
        };
        let clients = [(0, first), (0, reachable(ClientKind::Webtorrent))];
        let mut simulation = simulation(1, clients, DirectWire::relaying(&[(1, 0)]));
        simulation.advance_to(SECOND * 29);
        assert_eq!(simulation.world.clients[1].links.len(), 1);
        simulation.advance_to(SECOND * 31);
        assert!(simulation.world.clients[1].links.is_empty());
        // It was alone until it met the other, and since then.
        let stayed = simulation.world.clients[1].stayed(SECOND * 60);
        simulation.advance_to(SECOND * 60);
        let client = &mut simulation.world.clients[1];
        client.count_alone(SECOND * 60);
        let linked = stayed.saturating_sub(client.record.alone);
        assert!((24..30).contains(&linked.as_secs()), "{linked:?}");
    }
}

#[test]
fn broken_links_end_on_both_sides() {
    let clients = [
        (0, reachable(ClientKind::Webtorrent)),
        (0, reachable(ClientKind::Webtorrent)),
    ];
    let mut simulation = simulation(1, clients, DirectWire::relaying(&[(0, 1)]));
    simulation.world.links_last = Some(Duration::from_secs(5));
    simulation.advance_to(Duration::from_mins(10));
    // Each announce connects the two again.
    let meetings = simulation.world.meetings.len();
    assert!((6..=14).contains(&meetings), "{meetings}");
    assert_eq!(
        simulation.world.clients[0].links.is_empty(),
        simulation.world.clients[1].links.is_empty()
    );
}
