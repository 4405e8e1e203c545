//! The four requests, and their errors.

use super::*;
use crate::ice::message::{
    DATA, ERROR_CODE, LIFETIME, REQUESTED_TRANSPORT, UNKNOWN_ATTRIBUTES, XOR_MAPPED_ADDRESS,
};

#[test]
fn an_allocation_tells_both_addresses_and_its_lifetime() {
    let mut lab = Lab::new(policy());
    let relayed = lab.allocate(&client(1), &user(1));
    assert_eq!(relayed, "192.0.2.1:1024".parse().unwrap());
    let response = Message::parse(&lab.response).unwrap();
    let mapped = response.find(XOR_MAPPED_ADDRESS).unwrap();
    assert_eq!(response.unmask(mapped), Some(client(1).client));
    assert_eq!(response.find(LIFETIME), Some(&[0, 0, 2, 88][..]));
    let other = lab.allocate(&client(2), &user(1));
    assert_eq!(other, "192.0.2.1:1025".parse().unwrap());
}

#[test]
fn a_repeated_allocate_is_answered_as_the_first_one() {
    let mut lab = Lab::new(policy());
    let relayed = lab.allocate(&client(1), &user(1));
    lab.transactions -= 1;
    let again = lab.try_allocate(&client(1), &user(1));
    assert_eq!(again, TurnOutcome::Repeated);
    let response = Message::parse(&lab.response).unwrap();
    let value = response.find(XOR_RELAYED_ADDRESS).unwrap();
    assert_eq!(response.unmask(value), Some(relayed));
    assert_eq!(lab.relay.allocations(), 1);
    let other = lab.try_allocate(&client(1), &user(1));
    assert_eq!(other, refused(TurnRefusal::AllocationMismatch));
}

#[test]
fn lifetimes_are_between_ten_minutes_and_an_hour() {
    let mut lab = Lab::new(policy());
    for (number, wanted, granted) in [(1, 1, 600), (2, 700, 700), (3, 9999, 3600)] {
        let own = client(number);
        let outcome = lab.request(&own, &user(1), ALLOCATE, |request| {
            request.udp().lifetime(wanted)
        });
        assert_eq!(outcome, TurnOutcome::Allocated);
        let granted_seconds = |lab: &Lab| lab.response_attribute(LIFETIME).unwrap();
        assert_eq!(granted_seconds(&lab), u32::to_be_bytes(granted));
        assert_eq!(lab.refresh(&own, &user(1), wanted), TurnOutcome::Refreshed);
        assert_eq!(granted_seconds(&lab), u32::to_be_bytes(granted));
    }
}

#[test]
fn an_allocation_ends_by_refresh_zero_by_time_or_with_its_stream() {
    let mut lab = Lab::new(policy());
    let stream = stream_client(3);
    for own in [&client(1), &client(2), &stream] {
        lab.allocate(own, &user(1));
    }
    assert_eq!(lab.refresh(&client(1), &user(1), 0), TurnOutcome::Ended);
    lab.relay.end_client(&stream, lab.now);
    assert_eq!(lab.relay.allocations(), 1);
    for own in [&client(1), &stream] {
        let outcome = lab.refresh(own, &user(1), 600);
        assert_eq!(outcome, refused(TurnRefusal::AllocationMismatch));
    }
    lab.pass(600);
    assert_eq!(lab.relay.expire(100, lab.now, UNIX_NOW), 0);
    lab.pass(1);
    assert_eq!(lab.relay.expire(100, lab.now, UNIX_NOW), 1);
    assert_eq!(lab.relay.allocations(), 0);
    assert_eq!(lab.relay.allocations_by_user().count(), 0);
}

#[test]
fn expiry_looks_at_a_bounded_number_of_slots() {
    let mut lab = Lab::new(policy());
    for number in 0..60 {
        lab.allocate(&client(number), &user(1));
    }
    lab.pass(601);
    let mut ended = Vec::new();
    while lab.relay.allocations() > 0 {
        ended.push(lab.relay.expire(10, lab.now, UNIX_NOW));
    }
    assert!(ended.iter().all(|&ended| ended <= 10), "{ended:?}");
    assert!(ended.len() <= 13, "{ended:?}");
}

#[test]
fn an_expired_allocation_is_replaced_before_it_is_swept() {
    let mut lab = Lab::new(policy());
    lab.allocate(&client(1), &user(1));
    lab.pass(601);
    lab.allocate(&client(1), &user(1));
    assert_eq!(lab.relay.allocations(), 1);
    assert_eq!(lab.relay.allocations_by_user().sum::<u32>(), 1);
}

#[test]
fn expired_credentials_only_keep_what_they_have() {
    let mut lab = Lab::new(policy());
    lab.allocate(&client(1), &user(1));
    for _ in 0..7 {
        lab.pass(550);
        assert_eq!(
            lab.refresh(&client(1), &user(1), 600),
            TurnOutcome::Refreshed
        );
    }
    assert!(lab.unix_now() > UNIX_NOW + CREDENTIALS_SECONDS);
    let outcome = lab.try_allocate(&client(2), &user(1));
    assert_eq!(outcome, refused(TurnRefusal::ExpiredUser));
}

#[test]
fn an_allocation_lasts_a_day_at_most() {
    let mut lab = Lab::new(policy());
    lab.allocate(&client(1), &user(1));
    lab.refresh(&client(1), &user(1), 3600);
    for _ in 0..24 {
        lab.pass(3599);
        assert_eq!(
            lab.refresh(&client(1), &user(1), 3600),
            TurnOutcome::Refreshed
        );
    }
    assert_eq!(lab.response_attribute(LIFETIME).unwrap(), [0, 0, 0, 24]);
    lab.pass(25);
    let outcome = lab.refresh(&client(1), &user(1), 3600);
    assert_eq!(outcome, refused(TurnRefusal::AllocationMismatch));
}

#[test]
fn an_allocation_belongs_to_one_user() {
    let mut lab = Lab::new(policy());
    let peer = lab.allocate(&client(1), &user(1));
    let wrong = refused(TurnRefusal::WrongUser);
    assert_eq!(lab.refresh(&client(1), &user(2), 0), wrong);
    assert_eq!(lab.permit(&client(1), &user(2), peer), wrong);
    assert_eq!(lab.bind(&client(1), &user(2), (0x4000, peer)), wrong);
    assert_eq!(lab.relay.allocations(), 1);
}

type Attributes<'a> = &'a [(u16, &'a [u8])];

#[test]
fn unusual_allocations_are_refused_as_the_rfc_demands() {
    let mut lab = Lab::new(policy());
    let tcp = [6, 0, 0, 0];
    let udp = [17, 0, 0, 0];
    let cases: [(Attributes<'_>, TurnRefusal, u8, u8); 9] = [
        (&[], TurnRefusal::BadRequest, 4, 0),
        (&[(0x19, &udp[..1])], TurnRefusal::BadRequest, 4, 0),
        (&[(0x19, &tcp)], TurnRefusal::UnsupportedTransport, 4, 42),
        (
            &[(0x19, &udp), (0x17, &[2, 0, 0, 0])],
            TurnRefusal::AddressFamily,
            4,
            40,
        ),
        (
            &[(0x19, &udp), (0x18, &[0x80])],
            TurnRefusal::NoReservation,
            5,
            8,
        ),
        (
            &[(0x19, &udp), (0x22, &[0; 8])],
            TurnRefusal::NoReservation,
            5,
            8,
        ),
        (
            &[(0x19, &udp), (0x22, &[0; 8]), (0x18, &[0])],
            TurnRefusal::BadRequest,
            4,
            0,
        ),
        (
            &[(0x19, &udp), (0x1a, &[])],
            TurnRefusal::UnknownAttribute,
            4,
            20,
        ),
        (
            &[(0x19, &udp), (0x0d, &[0; 3])],
            TurnRefusal::BadRequest,
            4,
            0,
        ),
    ];
    for (attributes, refusal, class, number) in cases {
        let outcome = lab.request(&client(1), &user(1), ALLOCATE, |request| {
            let mut request = request;
            for (kind, value) in attributes {
                request = request.attribute(*kind, value);
            }
            request
        });
        assert_eq!(outcome, refused(refusal));
        let code = lab.response_attribute(ERROR_CODE).unwrap();
        assert_eq!(code[..4], [0, 0, class, number], "{refusal:?}");
        if refusal == TurnRefusal::UnknownAttribute {
            let listed = lab.response_attribute(UNKNOWN_ATTRIBUTES);
            assert_eq!(listed.unwrap(), [0, 0x1a]);
        }
    }
    assert_eq!(lab.relay.allocations(), 0);
    assert_eq!(lab.relay.allocations_by_user().count(), 0);
    // An asked for IPv4 address, and what is optional, change nothing.
    let outcome = lab.request(&client(1), &user(1), ALLOCATE, |request| {
        let request = request.attribute(0xff05, b"id").attribute(0x8022, b"x");
        request.udp().attribute(0x17, &[1, 0, 0, 0])
    });
    assert_eq!(outcome, TurnOutcome::Allocated);
    assert!(lab.response_attribute(REQUESTED_TRANSPORT).is_none());
    assert!(lab.response_attribute(DATA).is_none());
}

#[test]
fn a_peer_must_be_an_allocation_of_this_server_for_a_channel() {
    let mut lab = Lab::new(policy());
    let own = lab.allocate(&client(1), &user(1));
    for peer in ["192.0.2.1:9", "192.0.2.1:0", "192.0.2.2:1", "127.0.0.1:80"] {
        let peer = peer.parse().unwrap();
        assert_eq!(
            lab.permit(&client(1), &user(1), peer),
            TurnOutcome::Permitted
        );
        let outcome = lab.bind(&client(1), &user(1), (0x4000, peer));
        assert_eq!(outcome, refused(TurnRefusal::ForbiddenPeer));
    }
    let ipv6 = "[2001:db8::1]:1".parse().unwrap();
    let family = refused(TurnRefusal::PeerFamily);
    assert_eq!(lab.permit(&client(1), &user(1), ipv6), family);
    assert_eq!(lab.bind(&client(1), &user(1), (0x4000, ipv6)), family);
    assert_eq!(
        lab.bind(&client(1), &user(1), (0x4000, own)),
        TurnOutcome::Bound
    );
}

#[test]
fn malformed_permissions_and_channels_are_refused() {
    let mut lab = Lab::new(policy());
    let own = lab.allocate(&client(1), &user(1));
    let bad = refused(TurnRefusal::BadRequest);
    for number in [0, 0x3fff, 0x5000, 0xffff] {
        assert_eq!(lab.bind(&client(1), &user(1), (number, own)), bad);
    }
    for method in [CREATE_PERMISSION, CHANNEL_BIND] {
        for attributes in [
            &[][..],
            &[(0x0c, &[0x40, 0, 0, 0][..])],
            &[(0x0c, &[0x40, 0]), (0x12, &[0, 1, 0, 0, 0, 0, 0, 0])],
            &[(0x0c, &[0x40, 0, 0, 0]), (0x12, &[0, 1, 0, 0])],
            &[(0x0c, &[0x40, 0, 0, 0]), (0x12, &[0, 3, 0, 0, 0, 0, 0, 0])],
        ] {
            let outcome = lab.request(&client(1), &user(1), method, |request| {
                let mut request = request;
                for (kind, value) in attributes {
                    request = request.attribute(*kind, value);
                }
                request
            });
            // A permission needs no channel number, so it is not read.
            let is_permission = method == CREATE_PERMISSION && attributes.len() == 2;
            if !is_permission || attributes[1].1.len() < 8 || attributes[1].1[1] == 3 {
                assert_eq!(outcome, bad, "{method} {attributes:?}");
            }
        }
    }
}

#[test]
fn a_channel_and_its_peer_stay_together() {
    let mut lab = Lab::new(policy());
    let [own, other, third] = [1, 2, 3].map(|number| lab.allocate(&client(number), &user(1)));
    let mut bind = |channel, peer| lab.bind(&client(1), &user(1), (channel, peer));
    let bad = refused(TurnRefusal::BadRequest);
    assert_eq!(bind(0x4000, other), TurnOutcome::Bound);
    assert_eq!(bind(0x4000, other), TurnOutcome::Bound);
    assert_eq!(bind(0x4000, third), bad);
    assert_eq!(bind(0x4001, other), bad);
    assert_eq!(bind(0x4001, third), TurnOutcome::Bound);
    assert_eq!(bind(0x4fff, own), TurnOutcome::Bound);
}

#[test]
fn an_allocation_has_a_bounded_number_of_peers() {
    let mut lab = Lab::new(policy());
    lab.allocate(&client(0), &user(1));
    let mut peers: Vec<_> = (1..=33)
        .map(|number| lab.allocate(&client(number), &user(1)))
        .collect();
    let last = peers.pop().unwrap();
    for peer in peers {
        assert_eq!(
            lab.permit(&client(0), &user(1), peer),
            TurnOutcome::Permitted
        );
    }
    let full = refused(TurnRefusal::TooManyPeers);
    assert_eq!(lab.permit(&client(0), &user(1), last), full);
    assert_eq!(lab.bind(&client(0), &user(1), (0x4000, last)), full);
    lab.pass(301);
    assert_eq!(
        lab.bind(&client(0), &user(1), (0x4000, last)),
        TurnOutcome::Bound
    );
}
