//! Which offers are withheld, and which go to the same receiver again.

use super::*;

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

#[test]
fn two_clients_with_ids_of_trystero_cannot_cross() {
    let mut room = Meeting::new(1);
    let ids = [*b"aaaaaaaaaaaaaaaaaaa1", *b"bbbbbbbbbbbbbbbbbbb2"];
    for (number, id) in (0..).zip(ids) {
        let member = Member {
            connection: ConnectionId::new(0, number, 0),
            peer_id: PeerId::new(id),
        };
        let joining = (member, address(u64::from(number) + 1), None);
        room.swarm
            .join(joining, ClaimedRole::Leecher, false, room.terms.now);
    }
    for (number, id) in (0..).zip(ids) {
        let member = Member {
            connection: ConnectionId::new(0, number, 0),
            peer_id: PeerId::new(id),
        };
        let position = room.swarm.position_of(member).expect("a member");
        let chosen = room
            .swarm
            .choose_receivers(position, (3, &[]), room.terms, &mut room.rng);
        assert_eq!(chosen.receivers.len(), 1, "{number}");
    }
}

#[test]
fn a_repeated_offer_goes_to_the_same_receiver_while_it_may_answer() {
    let mut many = Meeting::of(20);
    let [receiver] = many.offer(0, 1)[..] else {
        panic!("one offer, one receiver")
    };
    let first = offer_id(many.offers);
    let repeat = |meeting: &mut Meeting| {
        let position = meeting.swarm.position_of(member(0)).expect("a member");
        let found = meeting
            .swarm
            .repeat_receiver(position, first, &meeting.terms);
        found.map(|(to, _)| number(to))
    };
    many.wait(3);
    assert_eq!(repeat(&mut many), Some(receiver));
    many.wait(8);
    assert_eq!(repeat(&mut many), None, "patience is over");
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
