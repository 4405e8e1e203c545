//! How soon members announce again.

use super::*;

#[test]
fn a_lonely_member_is_asked_back_soon_until_it_has_three_answers() {
    let mut many = Meeting::of(10);
    let receivers = many.offer(0, 5);
    assert_eq!(many.pace(0), Pace::Lonely(0));
    assert_eq!(many.pace(0), Pace::Lonely(1));
    for (answers, other) in (1..).zip(&receivers) {
        many.answer(*other, 0);
        assert_eq!(matches!(many.pace(0), Pace::Lonely(_)), answers < 3);
    }
}

#[test]
fn with_few_others_fewer_answers_are_enough() {
    let mut alone = Meeting::of(1);
    assert_eq!(alone.pace(0), Pace::Usual);
    alone.join(1, ClaimedRole::Leecher);
    assert_eq!(alone.pace(0), Pace::Lonely(0));
    alone.acquaint(0, 1);
    assert_eq!((alone.pace(0), alone.pace(1)), (Pace::Usual, Pace::Usual));
}

#[test]
fn a_member_that_answers_nobody_is_not_asked_back_sooner() {
    let mut many = Meeting::of(12);
    for from in 1..12 {
        many.offer(from, 11);
        many.wait(11);
        // A few unanswered offers may come from somebody that offers what nobody can answer.
        assert_eq!(many.pace(0) == Pace::Usual, from >= 4, "{from}");
    }
}

#[test]
fn the_last_acquaintances_are_not_forgotten() {
    let mut two = Meeting::of(2);
    two.acquaint(0, 1);
    for _ in 0..10 {
        two.wait(120);
        assert_eq!((two.pace(0), two.pace(1)), (Pace::Usual, Pace::Usual));
    }
}

#[test]
fn a_member_with_many_introductions_is_sated() {
    let mut many = Meeting::of(30);
    for other in many.offer(0, 29) {
        assert_ne!(many.pace(0), Pace::Sated);
        if many.swarm.contains(member(other)) {
            many.answer(other, 0);
        }
        if many.pace(0) == Pace::Sated {
            return;
        }
    }
    panic!("never sated");
}

#[test]
fn after_an_hour_half_of_the_introductions_are_forgotten_six_times() {
    let mut many = Meeting::of(40);
    for other in many.offer(0, 39) {
        many.answer(other, 0);
    }
    assert_eq!(many.pace(0), Pace::Sated);
    for _ in 0..6 {
        many.wait(600);
        many.pace(0);
    }
    assert_ne!(many.pace(0), Pace::Sated);
}

#[test]
fn clients_like_trystero_are_asked_back_every_fifteen_seconds() {
    let mut room = Meeting::new(1);
    let member = Member {
        connection: ConnectionId::new(0, 0, 0),
        peer_id: PeerId::new(*b"abcdefghijABCDEFGHIJ"),
    };
    let joining = (member, address(1), None);
    let (_, position) = room
        .swarm
        .join(joining, ClaimedRole::Unspecified, false, room.terms.now);
    let pace = room.swarm.pace(position, &room.terms, &mut room.rng);
    assert_eq!(pace, Pace::Brisk);
}

#[test]
fn a_lonely_client_like_trystero_is_asked_back_within_fifteen_seconds() {
    let mut room = Meeting::of(5);
    let member = Member {
        connection: ConnectionId::new(0, 99, 0),
        peer_id: PeerId::new(*b"abcdefghijABCDEFGHIJ"),
    };
    let joining = (member, address(99), None);
    let (_, position) = room
        .swarm
        .join(joining, ClaimedRole::Unspecified, false, room.terms.now);
    let paces = [(); 4].map(|()| room.swarm.pace(position, &room.terms, &mut room.rng));
    let expected = [Pace::Lonely(0), Pace::Lonely(1), Pace::Brisk, Pace::Brisk];
    assert_eq!(paces, expected);
}
