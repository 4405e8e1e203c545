//! The order in which candidates are chosen.

use super::*;

#[test]
fn acquainted_members_come_last_and_the_oldest_of_them_first() {
    let mut five = Meeting::of(5);
    five.offer(0, 4);
    for other in [2, 3, 4] {
        five.answer(other, 0);
        five.wait(1);
    }
    five.wait(60);
    assert_eq!(five.offer(0, 1), [1], "the only stranger");
    five.wait(60);
    // 1 did not answer, but it is still no acquaintance.
    let receivers = five.offer(0, 4);
    assert_eq!(receivers[0], 1);
    assert_eq!(receivers.len(), 4);
}

#[test]
fn an_acquaintance_is_remembered_beyond_the_last_eight() {
    let mut many = Meeting::of(30);
    let first = many.offer(0, 10);
    for other in &first {
        many.answer(*other, 0);
    }
    many.wait(20);
    let second = many.offer(0, 10);
    assert!(first.iter().all(|other| !second.contains(other)));
}

#[test]
fn a_member_that_left_is_forgotten() {
    let mut three = Meeting::of(3);
    three.acquaint(0, 1);
    three.wait(60);
    three.swarm.leave(member(1));
    three.join(1, ClaimedRole::Leecher);
    three.join(3, ClaimedRole::Leecher);
    // A new member with the same id is a stranger like 3; 2 was offered to before and did not answer.
    let mut receivers = three.offer(0, 2);
    receivers.sort_unstable();
    assert_eq!(receivers, [1, 3]);
}

#[test]
fn those_with_the_fewest_introductions_come_first() {
    let mut many = Meeting::of(12);
    for from in 0..6 {
        for to in many.offer(from, 11) {
            if to < 6 {
                many.answer(to, from);
            }
        }
        many.wait(30);
    }
    many.join(12, ClaimedRole::Leecher);
    let (first, second) = (many.offer(12, 1), many.offer(12, 1));
    assert_ne!(first, second);
}

#[test]
fn equal_members_are_chosen_equally_often() {
    let mut times = [0; 20];
    for seed in 0..2_000 {
        let mut many = Meeting::new(seed);
        (0..20).for_each(|number| many.join(number, ClaimedRole::Leecher));
        for to in many.offer(0, 5) {
            times[to as usize] += 1;
        }
    }
    assert_eq!(times[0], 0);
    // 526 expected for each; six standard deviations are 118.
    assert!(
        times[1..].iter().all(|count| (408..645).contains(count)),
        "{times:?}"
    );
}

#[test]
fn one_address_has_one_voice() {
    let mut many = Meeting::of(10);
    for number in 100..120 {
        many.join_from(number, ClaimedRole::Leecher, address(999), None);
    }
    for sender in 0..3 {
        let receivers = many.offer(sender, 5);
        let of_crowd = receivers.iter().filter(|to| **to >= 100).count();
        assert!(of_crowd <= 1, "{receivers:?}");
        many.wait(30);
        for to in receivers {
            many.answer(to, sender);
        }
    }
    // Within one address there is nobody else.
    assert_eq!(many.offer(100, 29).len(), 29);
}

#[test]
fn nobody_gets_more_offers_than_its_quota() {
    let mut many = Meeting::of(5);
    many.terms.quota = ReceiverQuota::new(1, 2);
    assert_eq!(many.offer(0, 4).len(), 4);
    assert_eq!(many.offer(0, 4).len(), 4);
    let position = many.swarm.position_of(member(0)).expect("a member");
    let chosen = many
        .swarm
        .choose_receivers(position, (4, &[]), many.terms, &mut many.rng);
    assert_eq!((chosen.receivers.len(), chosen.over_quota), (0, 4));
}

#[test]
fn two_of_five_offers_go_by_need() {
    let mut by_need = 0;
    for seed in 0..200 {
        let mut many = Meeting::new(seed);
        (0..20).for_each(|number| many.join(number, ClaimedRole::Leecher));
        for from in 0..20 {
            for to in many.offer(from, 5) {
                many.answer(to, from);
            }
        }
        // Ten new members have no introductions, the twenty others have.
        (20..30).for_each(|number| many.join(number, ClaimedRole::Leecher));
        many.join(30, ClaimedRole::Leecher);
        by_need += many.offer(30, 5).iter().filter(|to| **to >= 20).count();
    }
    // Two of five, and 8 of 28 of the other three: 571 expected of 1,000; six standard deviations are 66.
    assert!((505..637).contains(&by_need), "{by_need}");
}

#[test]
fn one_address_seeks_with_one_of_its_members() {
    let mut large = Meeting::of(300);
    for number in 0..300 {
        for to in large.offer(number, 20) {
            large.answer(to, number);
        }
    }
    for number in 1_000..1_100 {
        large.join_from(number, ClaimedRole::Leecher, address(9_999), None);
        large.pace(number);
    }
    large.join(2_000, ClaimedRole::Leecher);
    large.pace(2_000);
    large.join(2_001, ClaimedRole::Leecher);
    // The crowd has not pushed the other newcomer out.
    assert!(large.offer(2_001, 5).contains(&2_000));
}
