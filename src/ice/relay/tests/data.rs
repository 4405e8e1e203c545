//! Relayed packets: who gets them, and in which form.

use super::*;
use crate::ice::message::{DATA, DATA_INDICATION, XOR_PEER_ADDRESS};

/// Reads a Data indication.
fn read_indication(bytes: &[u8]) -> (SocketAddr, Vec<u8>) {
    let message = Message::parse(bytes).expect("an indication");
    assert_eq!(
        (message.class, message.method),
        (Class::Indication, DATA_INDICATION)
    );
    let peer = message.unmask(message.find(XOR_PEER_ADDRESS).expect("a peer"));
    let data = message.find(DATA).expect("data").to_vec();
    (peer.expect("an address"), data)
}

/// Two clients with allocations that permit each other.
fn pair(lab: &mut Lab, own: &FiveTuple, other: &FiveTuple) -> (SocketAddr, SocketAddr) {
    let addresses = (lab.allocate(own, &user(1)), lab.allocate(other, &user(2)));
    assert_eq!(
        lab.permit(own, &user(1), addresses.1),
        TurnOutcome::Permitted
    );
    assert_eq!(
        lab.permit(other, &user(2), addresses.0),
        TurnOutcome::Permitted
    );
    addresses
}

#[test]
fn a_send_indication_arrives_as_a_data_indication() {
    let mut lab = Lab::new(policy());
    let (own, other) = pair(&mut lab, &client(1), &client(2));
    for length in [0, 1, 4, 1200] {
        let payload = vec![9; length];
        let (to, bytes, padding) = lab.send(&client(1), other, &payload).expect("relayed");
        assert_eq!((to, padding), (client(2), 0));
        assert_eq!(read_indication(&bytes), (own, payload));
    }
}

#[test]
fn channel_data_gets_the_number_of_the_receiver() {
    let mut lab = Lab::new(policy());
    let (own, other) = pair(&mut lab, &client(1), &client(2));
    lab.bind(&client(1), &user(1), (0x4001, other));
    let packet = channel_data(0x4001, b"hello");
    // The receiver has no channel yet.
    let (_, bytes, _) = lab.forward(&client(1), &packet).expect("relayed");
    assert_eq!(read_indication(&bytes), (own, b"hello".to_vec()));
    lab.bind(&client(2), &user(2), (0x4fff, own));
    let expected = Ok((client(2), channel_data(0x4fff, b"hello"), 0));
    assert_eq!(lab.forward(&client(1), &packet), expected);
    assert_eq!(lab.send(&client(1), other, b"hello"), expected);
    // With the padding that a datagram may have.
    let padded = [&packet[..], &[0; 3]].concat();
    assert_eq!(lab.forward(&client(1), &padded), expected);
}

#[test]
fn packets_to_a_stream_are_padded() {
    let mut lab = Lab::new(policy());
    let stream = stream_client(2);
    let (own, other) = pair(&mut lab, &client(1), &stream);
    lab.bind(&client(1), &user(1), (0x4001, other));
    lab.bind(&stream, &user(2), (0x4002, own));
    for (length, padding) in [(0, 0), (1, 3), (2, 2), (3, 1), (4, 0)] {
        let packet = channel_data(0x4001, &vec![1; length]);
        let expected = channel_data(0x4002, &vec![1; length]);
        let relayed = lab.forward(&client(1), &packet);
        assert_eq!(relayed, Ok((stream, expected, padding)));
        let back = channel_data(0x4002, &vec![1; length]);
        let relayed = lab.forward(&stream, &back);
        assert_eq!(
            relayed,
            Ok((client(1), channel_data(0x4001, &vec![1; length]), 0))
        );
    }
}

#[test]
fn only_a_permitted_address_and_port_reaches_a_client() {
    let mut lab = Lab::new(policy());
    let (own, other) = pair(&mut lab, &client(1), &client(2));
    let stranger = client(3);
    let third = lab.allocate(&stranger, &user(3));
    assert_eq!(lab.send(&stranger, own, b"x"), Err(RelayDrop::NotPermitted));
    // A permission of one's own side is not enough, by whatever form.
    lab.permit(&stranger, &user(3), own);
    let refused = Err(RelayDrop::NotPermittedByPeer);
    assert_eq!(lab.send(&stranger, own, b"x"), refused);
    lab.bind(&stranger, &user(3), (0x4000, own));
    assert_eq!(lab.forward(&stranger, &channel_data(0x4000, b"x")), refused);
    lab.permit(&client(1), &user(1), third);
    assert!(lab.send(&stranger, own, b"x").is_ok());
    assert_eq!(lab.send(&stranger, other, b"x"), refused);
}

#[test]
fn sending_permits_the_answers_of_the_same_peer() {
    // Firefox asks for one permission per IP address, and all relay addresses share one.
    let mut lab = Lab::new(policy());
    let own = lab.allocate(&client(1), &user(1));
    let [first, second] = [2, 3].map(|number| lab.allocate(&client(number), &user(2)));
    lab.permit(&client(1), &user(1), first);
    for number in [2, 3] {
        lab.permit(&client(number), &user(2), own);
    }
    assert!(lab.send(&client(2), own, b"x").is_ok());
    let refused = Err(RelayDrop::NotPermittedByPeer);
    assert_eq!(lab.send(&client(3), own, b"x"), refused);
    assert!(lab.send(&client(1), second, b"check").is_ok());
    assert!(lab.send(&client(3), own, b"x").is_ok());
    // Without a permission that is renewed, sending ends, and so do the answers.
    lab.pass(290);
    assert!(lab.send(&client(1), second, b"x").is_ok());
    lab.pass(11);
    assert_eq!(
        lab.send(&client(1), second, b"x"),
        Err(RelayDrop::NotPermitted)
    );
}

#[test]
fn permissions_and_channels_expire() {
    let mut lab = Lab::new(policy());
    let (own, other) = pair(&mut lab, &client(1), &client(2));
    lab.bind(&client(1), &user(1), (0x4001, other));
    lab.pass(300);
    assert!(lab.send(&client(1), other, b"x").is_ok());
    lab.pass(1);
    let packet = channel_data(0x4001, b"x");
    let refused = Err(RelayDrop::NotPermittedByPeer);
    assert_eq!(lab.forward(&client(1), &packet), refused);
    assert_eq!(
        lab.send(&client(1), other, b"x"),
        Err(RelayDrop::NotPermitted)
    );
    lab.permit(&client(2), &user(2), own);
    assert!(lab.forward(&client(1), &packet).is_ok());
    for number in [1, 2] {
        lab.refresh(&client(number), &user(number.into()), 3600);
    }
    lab.pass(299);
    assert!(lab.forward(&client(1), &packet).is_ok());
    lab.permit(&client(2), &user(2), own);
    lab.pass(1);
    assert_eq!(lab.forward(&client(1), &packet), Err(RelayDrop::NoChannel));
}

#[test]
fn a_permission_does_not_pass_to_the_next_owner_of_a_port() {
    let mut lab = Lab::new(policy());
    let (own, other) = pair(&mut lab, &client(1), &client(2));
    lab.refresh(&client(2), &user(2), 0);
    assert_eq!(lab.send(&client(1), other, b"x"), Err(RelayDrop::NoPeer));
    // All other ports are taken in turn, until this one is free again.
    lab.relay.table.set_last_port(other.port() - 1);
    assert_eq!(lab.allocate(&client(3), &user(3)), other);
    lab.permit(&client(3), &user(3), own);
    let refused = Err(RelayDrop::NotPermittedByPeer);
    assert_eq!(lab.send(&client(3), own, b"x"), refused);
    lab.permit(&client(1), &user(1), other);
    assert!(lab.send(&client(3), own, b"x").is_ok());
}

#[test]
fn a_channel_does_not_pass_to_the_next_allocation() {
    let mut lab = Lab::new(policy());
    let (own, other) = pair(&mut lab, &client(1), &client(2));
    lab.bind(&client(1), &user(1), (0x4001, other));
    lab.refresh(&client(2), &user(2), 0);
    // It has the slot of the ended one, but another port.
    lab.allocate(&client(3), &user(3));
    lab.permit(&client(3), &user(3), own);
    let packet = channel_data(0x4001, b"x");
    assert_eq!(lab.forward(&client(1), &packet), Err(RelayDrop::NoPeer));
}

#[test]
fn a_client_can_reach_itself() {
    let mut lab = Lab::new(policy());
    let own = lab.allocate(&client(1), &user(1));
    lab.bind(&client(1), &user(1), (0x4001, own));
    let packet = channel_data(0x4001, b"x");
    assert_eq!(
        lab.forward(&client(1), &packet),
        Ok((client(1), packet.clone(), 0))
    );
}

#[test]
fn other_packets_are_dropped() {
    let mut lab = Lab::new(policy());
    let (_, other) = pair(&mut lab, &client(1), &client(2));
    let channel = channel_data(0x4001, b"x");
    let no_allocation = Err(RelayDrop::NoAllocation);
    assert_eq!(lab.forward(&client(9), &channel), no_allocation);
    assert_eq!(lab.send(&client(9), other, b"x"), no_allocation);
    assert_eq!(lab.forward(&client(1), &channel), Err(RelayDrop::NoChannel));
    for peer in ["127.0.0.1:1", "[::1]:1", "192.0.2.1:3"] {
        let outcome = lab.send(&client(1), peer.parse().unwrap(), b"x");
        assert_eq!(outcome, Err(RelayDrop::NoPeer));
    }
    let mut send = Vec::new();
    message::write_send_indication(&mut send, other, b"x");
    let mut with_unknown = send.clone();
    with_unknown.extend([0, 0x1a, 0, 0]);
    with_unknown[3] += 4;
    let without_data = [&[0, 0x16, 0, 12][..], &send[4..32]].concat();
    for packet in [
        &b""[..],
        &[0x40],
        &channel[..4],
        &send[..send.len() - 1],
        &with_unknown,
        &without_data,
    ] {
        let outcome = lab.forward(&client(1), packet);
        assert_eq!(outcome, Err(RelayDrop::Malformed), "{packet:?}");
    }
}
