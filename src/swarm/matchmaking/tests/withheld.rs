//! Which offers are withheld, and which go to the same receiver again.

use super::*;
use crate::swarm::{MemberPosition, ReceiverQuotaExhausted};

#[test]
fn an_offer_that_would_cross_is_withheld_until_the_answer() {
    let mut two = Meeting::of(2);
    assert_eq!(two.offer(0, 5), [1]);
    two.wait(9);
    assert!(two.offer(1, 5).is_empty(), "it would cross");
    two.answer(1, 0);
    assert_eq!(two.offer(1, 5), [0]);
}

#[test]
fn an_unanswered_offer_no_longer_withholds_others_after_a_while() {
    let mut two = Meeting::of(2);
    assert_eq!(two.offer(0, 5), [1]);
    two.wait(11);
    assert_eq!(two.offer(1, 5), [0]);
}

#[test]
fn a_sender_that_has_forgotten_is_told_by_the_receiver() {
    let mut many = Meeting::of(12);
    let [other] = many.offer(0, 1)[..] else {
        panic!("one offer, one receiver")
    };
    // It gives more offers than it remembers, so it forgets that it got one.
    assert_eq!(many.offer(other, 11).len(), 10);
    let again = many.offer(other, 11);
    assert!(again.len() == 10 && !again.contains(&0), "{again:?}");
}

/// Two pages of trystero, the one with the lower id first, and their positions.
fn room() -> (Meeting, [MemberPosition; 2]) {
    let mut room = Meeting::new(1);
    let ids = [*b"aaaaaaaaaaaaaaaaaaa1", *b"bbbbbbbbbbbbbbbbbbb2"];
    let members = [0, 1].map(|number| Member {
        connection: ConnectionId::new(0, number, 0),
        peer_id: PeerId::new(ids[number as usize]),
    });
    for (number, member) in (1..).zip(members) {
        let joining = (member, address(number), None);
        room.swarm
            .join(joining, ClaimedRole::Leecher, false, room.terms.now);
    }
    let positions = members.map(|member| room.swarm.position_of(member).expect("a member"));
    (room, positions)
}

/// Lets the member at a position of a room offer. Returns the number of receivers.
fn offer_in(room: &mut Meeting, from: MemberPosition) -> usize {
    let chosen = room
        .swarm
        .choose_receivers(from, (3, &[]), room.terms, &mut room.rng);
    chosen.receivers.len()
}

#[test]
fn two_clients_with_ids_of_trystero_cannot_cross() {
    let (mut room, [lower, higher]) = room();
    assert_eq!(offer_in(&mut room, lower), 1);
    assert_eq!(offer_in(&mut room, higher), 1);
}

#[test]
fn an_offer_that_a_client_like_trystero_ignores_teaches_nothing() {
    let (mut room, [lower, higher]) = room();
    for _ in 0..5 {
        assert_eq!(offer_in(&mut room, higher), 1, "order, not refusal");
        room.wait(11);
    }
    for position in [lower, higher] {
        let seen = room.swarm.introductions_at(position.0, room.terms.now);
        let seen = seen.expect("a member");
        assert_eq!((seen.was_introduced, seen.missed), (false, 0));
    }
}

#[test]
fn an_ignored_offer_is_not_given_to_the_same_receiver_again() {
    let (mut room, [lower, higher]) = room();
    offer_in(&mut room, lower);
    for (from, to) in [(lower, higher), (higher, lower)] {
        let [from_member, to_member] = [from, to].map(|position| {
            room.swarm
                .members
                .member_at(position.0)
                .expect("a member")
                .0
        });
        let offer = PendingOffer {
            offer_id: offer_id(7),
            from: from_member,
            to: to_member,
            from_position: from,
            to_position: to,
        };
        room.swarm
            .add_pending_offer(from, offer, room.terms.now, 256);
        let again = room.swarm.repeat_receiver(from, offer_id(7), &room.terms);
        assert_eq!(again.is_some(), from == lower);
    }
}

#[test]
fn a_repeated_offer_goes_to_the_same_receiver_while_it_may_answer() {
    let mut many = Meeting::of(20);
    let [receiver] = many.offer(0, 1)[..] else {
        panic!("one offer, one receiver")
    };
    let first = offer_id(many.offers);
    many.wait(3);
    assert_eq!(repeat(&mut many, first), Some(Ok(receiver)));
    many.wait(8);
    assert_eq!(repeat(&mut many, first), None, "patience is over");
}

#[test]
fn a_repeated_offer_waits_for_a_receiver_over_its_quota() {
    let mut many = Meeting::of(20);
    many.terms.quota = ReceiverQuota::new(1, 1);
    let [receiver] = many.offer(0, 1)[..] else {
        panic!("one offer, one receiver")
    };
    let first = offer_id(many.offers);
    for _ in 0..3 {
        assert_eq!(
            repeat(&mut many, first),
            Some(Err(ReceiverQuotaExhausted::Total))
        );
    }
    many.wait(1);
    assert_eq!(repeat(&mut many, first), Some(Ok(receiver)));
}

/// Lets the first member repeat an offer. Returns the receiver, if there is only one that may get it.
fn repeat(meeting: &mut Meeting, offer: OfferId) -> Option<Result<u32, ReceiverQuotaExhausted>> {
    let position = meeting.swarm.position_of(member(0)).expect("a member");
    let found = meeting
        .swarm
        .repeat_receiver(position, offer, &meeting.terms);
    found.map(|to| to.charged.map(number))
}

#[test]
fn a_repeated_offer_moves_on_although_it_was_repeated_often() {
    let mut many = Meeting::of(20);
    let [receiver] = many.offer(0, 1)[..] else {
        panic!("one offer, one receiver")
    };
    let (first, from) = (offer_id(many.offers), member(0));
    let found = [4, 4, 4].map(|seconds| {
        many.wait(seconds);
        // Another offer is always under way.
        many.offer(0, 1);
        let position = many.swarm.position_of(from).expect("a member");
        let found = many.swarm.repeat_receiver(position, first, &many.terms);
        if let Some(again) = found {
            let offer = PendingOffer {
                offer_id: first,
                from,
                to: again.charged.expect("no quota"),
                from_position: position,
                to_position: again.position,
            };
            many.swarm
                .add_pending_offer(position, offer, many.terms.now, 256);
        }
        found.map(|to| to.charged.map(number))
    });
    assert_eq!(found, [Some(Ok(receiver)), Some(Ok(receiver)), None]);
}

#[test]
fn an_answered_offer_is_not_repeated() {
    let mut many = Meeting::of(20);
    let [receiver] = many.offer(0, 1)[..] else {
        panic!("one offer, one receiver")
    };
    let first = offer_id(many.offers);
    many.offer(0, 1);
    many.answer(receiver, 0);
    let position = many.swarm.position_of(member(0)).expect("a member");
    assert_eq!(
        many.swarm.repeat_receiver(position, first, &many.terms),
        None
    );
}
