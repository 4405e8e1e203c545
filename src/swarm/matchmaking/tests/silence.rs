//! Members that leave offers unanswered come later, and how long an answer may take.

use super::*;

#[test]
fn silent_members_come_later_the_more_they_missed() {
    let mut many = Meeting::of(10);
    // 8 and 9 answer nobody.
    for round in 0..6 {
        for from in 0..8 {
            for to in many.offer(from, 9) {
                if to < 8 {
                    many.answer(to, from);
                }
            }
            many.wait(11);
        }
        many.wait(round);
    }
    many.join(10, ClaimedRole::Leecher);
    let receivers = many.offer(10, 8);
    assert!(receivers.iter().all(|to| *to < 8), "{receivers:?}");
    // Order, not refusal.
    many.wait(11);
    assert_eq!(many.offer(10, 10).len(), 10);
}

#[test]
fn an_answer_makes_a_silent_member_awake() {
    let mut many = Meeting::of(6);
    for from in 0..5 {
        many.offer(from, 5);
        many.wait(11);
    }
    many.join(6, ClaimedRole::Leecher);
    many.offer(6, 6);
    many.answer(5, 6);
    many.join(7, ClaimedRole::Leecher);
    // The others have missed as much as 5 had.
    assert!(many.offer(7, 3).contains(&5));
}

#[test]
fn new_ids_of_a_silent_address_begin_as_silent() {
    let mut many = Meeting::of(10);
    for number in 100..104 {
        many.join_from(number, ClaimedRole::Leecher, address(999), None);
    }
    for round in 0..4 {
        for from in 0..10 {
            for to in many.offer(from, 13) {
                if to < 10 {
                    many.answer(to, from);
                }
            }
        }
        many.wait(11 + round);
    }
    many.join_from(104, ClaimedRole::Leecher, address(999), None);
    many.join_from(105, ClaimedRole::Leecher, address(1_000), None);
    many.join(106, ClaimedRole::Leecher);
    let receivers = many.offer(106, 11);
    assert!(receivers.contains(&105), "a new address");
    assert!(
        receivers.iter().all(|to| !(100..105).contains(to)),
        "{receivers:?}"
    );
}

/// Returns whether an offer counts as missed after four seconds, when members of these addresses have answered each other at
/// once, so many times.
fn is_missed_soon(addresses: &[u64], times: usize) -> bool {
    let mut many = Meeting::of(3);
    for (number, of) in (100..).zip(addresses) {
        many.join_from(number, ClaimedRole::Leecher, address(1_000 + of), None);
    }
    for _ in 0..times {
        for number in (100..).take(addresses.len()) {
            for to in many.offer(number, 40) {
                if to >= 100 {
                    many.answer(to, number);
                }
            }
        }
    }
    many.join(50, ClaimedRole::Leecher);
    many.offer(50, 40);
    many.wait(4);
    let position = many.swarm.position_of(member(50)).expect("a member");
    let seen = many.swarm.introductions_at(position.0, many.terms.now);
    seen.expect("a member").under_way == 0
}

#[test]
fn first_answers_between_addresses_teach_how_long_an_answer_takes() {
    let apart: Vec<_> = (0..12).collect();
    assert!(is_missed_soon(&apart, 1));
    assert!(!is_missed_soon(&[0; 12], 1), "within one address");
    assert!(!is_missed_soon(&[0, 1], 60), "again and again");
}

#[test]
fn own_offers_do_not_hide_unanswered_ones() {
    let mut many = Meeting::of(9);
    for from in 1..9 {
        assert!(many.offer(from, 8).contains(&0));
    }
    (20..30).for_each(|number| many.join(number, ClaimedRole::Leecher));
    many.wait(2);
    many.offer(0, 8);
    let position = many.swarm.position_of(member(0)).expect("a member");
    let seen = many.swarm.introductions_at(position.0, many.terms.now);
    assert_eq!(seen.expect("a member").missed, 8);
}

#[test]
fn one_that_answers_speaks_for_its_address() {
    for answers in [false, true] {
        let mut many = Meeting::of(4);
        for number in 100..104 {
            many.join_from(number, ClaimedRole::Leecher, address(999), None);
        }
        for from in 0..4 {
            let receivers = many.offer(from, 7);
            if answers && receivers.contains(&101) {
                many.answer(101, from);
            }
            many.wait(11);
        }
        many.join_from(104, ClaimedRole::Leecher, address(999), None);
        let position = many.swarm.position_of(member(104)).expect("a member");
        let seen = many.swarm.introductions_at(position.0, many.terms.now);
        assert_eq!(seen.expect("a member").missed > 1, !answers);
    }
}
