//! The wire to the core, and the messages to a tracker behind sockets.

use std::time::Duration;

use swarmhub::protocol::{
    self, Event, InfoHash, Left, OfferId, PeerId, Request, RequestBounds, write_relayed_answer,
    write_relayed_offer,
};

use super::{SECOND, reachable};
use crate::meet::client::ClientSpec;
use crate::meet::codec::{decode, encode};
use crate::meet::core_wire::CoreWire;
use crate::meet::ids::{ClientId, PeerConnectionId, Socket};
use crate::meet::matchmaking::WAYS;
use crate::meet::messages::{FromTracker, Identity, Offer, Relayed, ToTracker};
use crate::meet::models::ClientKind;
use crate::meet::network::{lan_address, own_address};
use crate::meet::relay::Fate;
use crate::meet::requests::{any_sdp, request};
use crate::meet::simulation::Simulation;
use crate::meet::wire::{Incoming, Wire};
use crate::meet::world::World;

const BOUNDS: RequestBounds = RequestBounds {
    sdp_bytes_max: 1_000,
    json_depth_max: 32,
    offers_max: 20,
    scrape_hashes_max: 1,
};

fn identity(name: u8) -> Identity {
    Identity {
        info_hash: InfoHash::new([b's'; 20]),
        peer_id: PeerId::new([name; 20]),
        address: own_address(name.into()),
    }
}

fn offer(name: u8, sdp: usize) -> Offer {
    Offer {
        offer_id: OfferId::new([name; 20]),
        sdp: PeerConnectionId(sdp),
    }
}

fn announce(event: Event, left: Left, offers: Vec<Offer>) -> ToTracker {
    ToTracker::Announce {
        event,
        left,
        offers,
    }
}

/// Compares everything but the SDPs, which the core does not read.
#[test]
fn core_and_sockets_receive_the_same_requests() {
    let messages = [
        announce(
            Event::Started,
            Left::Something,
            vec![offer(b'1', 7), offer(b'2', 8)],
        ),
        announce(Event::Completed, Left::Nothing, Vec::new()),
        announce(Event::Update, Left::Unknown, vec![offer(b'3', 9)]),
        ToTracker::Answer {
            to: PeerId::new([b'q'; 20]),
            offer_id: OfferId::new([b'1'; 20]),
            sdp: PeerConnectionId(12),
        },
    ];
    for message in messages {
        let sender = identity(b'p');
        let text = encode(&sender, &message);
        let mut parsed = protocol::parse(&text, &BOUNDS).unwrap();
        match &mut parsed {
            Request::Announce(announce) => {
                announce
                    .offers
                    .iter_mut()
                    .for_each(|offer| offer.sdp = any_sdp());
            }
            Request::Answer(answer) => answer.sdp = any_sdp(),
            other => panic!("{other:?}"),
        }
        assert_eq!(parsed, request(sender, &message, any_sdp()));
    }
}

#[test]
fn messages_from_the_tracker_are_read() {
    let text = encode(
        &identity(b'p'),
        &announce(Event::Update, Left::Unknown, vec![offer(b'1', 345)]),
    );
    let Ok(Request::Announce(sent)) = protocol::parse(&text, &BOUNDS) else {
        panic!("an announce")
    };
    for write in [write_relayed_offer, write_relayed_answer] {
        let mut text = Vec::new();
        let (from, offer) = (sent.peer_id, sent.offers[0]);
        write(
            &mut text,
            &sent.info_hash,
            &from,
            &offer.offer_id,
            offer.sdp,
        );
        let expected = Relayed {
            from,
            offer_id: offer.offer_id,
            sdp: PeerConnectionId(345),
        };
        match decode(std::str::from_utf8(&text).unwrap()) {
            Some(FromTracker::Offer(read) | FromTracker::Answer(read)) => {
                assert_eq!(read, expected);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(
        decode(r#"{"action":"announce","interval":45,"complete":1}"#),
        Some(FromTracker::Reply { interval }) if interval == SECOND * 45
    ));
    assert!(matches!(
        decode(r#"{"failure reason":"no"}"#),
        Some(FromTracker::Failure)
    ));
    assert!(decode("{}").is_none());
}

/// Opens sockets and announces from each; returns what comes back.
fn joined(wire: &mut CoreWire, clients: &[(usize, Identity)]) -> Vec<(Socket, Incoming)> {
    for (client, identity) in clients {
        let socket = Socket {
            client: ClientId(*client),
            serial: 1,
        };
        wire.open(socket, *identity);
        let offers = vec![offer(identity.peer_id.as_bytes()[0], *client)];
        wire.send(
            socket,
            &announce(Event::Started, Left::Something, offers),
            SECOND,
        );
    }
    std::iter::from_fn(|| wire.receive()).collect()
}

#[test]
fn the_core_replies_with_the_interval_and_relays_to_the_receiver() {
    let (_, matchmaking) = WAYS[0];
    let mut wire = CoreWire::new(matchmaking, 1);
    let incoming = joined(&mut wire, &[(0, identity(b'a')), (1, identity(b'b'))]);
    let intervals = incoming.iter().filter(|(_, incoming)| {
        matches!(incoming, Incoming::Message(FromTracker::Reply { interval }) if *interval <= SECOND * 45)
    });
    assert_eq!(intervals.count(), 2);
    let offers: Vec<_> = incoming
        .iter()
        .filter_map(|(socket, incoming)| match incoming {
            Incoming::Message(FromTracker::Offer(offer)) => Some((socket.client, offer.sdp)),
            _ => None,
        })
        .collect();
    assert_eq!(offers, [(ClientId(0), PeerConnectionId(1))]);
}

#[test]
fn clients_of_one_address_share_their_group() {
    let (_, matchmaking) = WAYS[0];
    let mut wire = CoreWire::new(matchmaking, 1);
    let of_lan = |name| Identity {
        address: lan_address(3),
        ..identity(name)
    };
    joined(
        &mut wire,
        &[(0, of_lan(b'a')), (1, of_lan(b'b')), (2, identity(b'c'))],
    );
    let connections = wire.connections.values();
    let groups = connections.map(|connection| connection.participant.address_group_number());
    let groups: Vec<_> = groups.collect();
    assert_eq!(groups.len(), 3);
    assert_eq!(groups[0], groups[1]);
    assert_ne!(groups[0], groups[2]);
}

#[test]
fn a_member_that_sleeps_for_minutes_receives_no_offers() {
    let mut world = World::new("sleeper", 1, None);
    let sleeper = ClientSpec {
        sleeps_after: Some(SECOND * 5),
        ..reachable(ClientKind::Webtorrent)
    };
    world.add_client(Duration::ZERO, sleeper);
    world.add_client(SECOND * 10, reachable(ClientKind::Webtorrent));
    let (_, matchmaking) = WAYS[0];
    let mut simulation = Simulation::new(world, CoreWire::new(matchmaking, 1));
    simulation.advance_to(Duration::from_mins(5));
    assert!(
        simulation
            .world
            .relays
            .iter()
            .all(|relay| relay.fate == Fate::Asleep)
    );
    let before = simulation.world.relays.len();
    assert!(before >= 5, "{before}");
    // Default settings end a membership after six minutes without an announce.
    simulation.advance_to(Duration::from_mins(7));
    let after = simulation.world.relays.len();
    simulation.advance_to(Duration::from_mins(10));
    assert_eq!(simulation.world.relays.len(), after);
}
