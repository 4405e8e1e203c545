//! When seeders come first, and when last.

use super::*;

#[test]
fn a_leecher_gets_two_seeders_first_and_no_third() {
    let mut many = Meeting::of(20);
    for seeder in 20..25 {
        many.join(seeder, ClaimedRole::Seeder);
    }
    let receivers = many.offer(0, 5);
    let is_seeder = |to: &&u32| **to >= 20;
    assert_eq!(receivers.iter().take(2).filter(is_seeder).count(), 2);
    assert_eq!(
        receivers.iter().filter(is_seeder).count(),
        2,
        "{receivers:?}"
    );
}

#[test]
fn a_leecher_of_a_large_swarm_finds_the_only_seeder() {
    let mut large = Meeting::of(500);
    large.join(500, ClaimedRole::Seeder);
    assert_eq!(large.offer(7, 5).first(), Some(&500));
    large.answer(500, 7);
    large.wait(30);
    large.join(501, ClaimedRole::Seeder);
    assert_eq!(large.offer(7, 5).first(), Some(&501));
}

#[test]
fn a_seeder_offers_to_leechers_first() {
    for leechers in [3, 60] {
        let mut many = Meeting::of(leechers);
        for seeder in leechers..leechers + 40 {
            many.join(seeder, ClaimedRole::Seeder);
        }
        let receivers = many.offer(leechers, 5);
        let to_leechers = receivers.iter().filter(|to| **to < leechers).count();
        assert_eq!(to_leechers, 5.min(leechers as usize));
        assert_eq!(receivers.len(), 5);
    }
}

#[test]
fn a_crowded_seeder_is_not_chosen_by_need_nor_as_a_seeder() {
    for seed in 0..50 {
        let mut many = Meeting::new(seed);
        (0..2).for_each(|number| many.join(number, ClaimedRole::Leecher));
        many.join(2, ClaimedRole::Seeder);
        // All eight introductions of the seeder are under way.
        for leecher in 10..18 {
            many.join(leecher, ClaimedRole::Leecher);
            assert_eq!(many.offer(leecher, 1), [2]);
        }
        let receivers = many.offer(0, 5);
        assert!(!receivers[..2].contains(&2), "{receivers:?}");
    }
}

#[test]
fn a_third_seeder_comes_before_members_asleep() {
    let mut many = Meeting::of(4);
    for from in 0..3 {
        many.offer(from, 3);
        many.wait(11);
    }
    for seeder in 20..30 {
        many.join(seeder, ClaimedRole::Seeder);
    }
    many.join(50, ClaimedRole::Leecher);
    let receivers = many.offer(50, 5);
    assert!(receivers.iter().all(|to| *to >= 20), "{receivers:?}");
}

#[test]
fn a_leecher_wants_seeders_again_after_a_while() {
    for (minutes, is_first) in [(1, false), (11, true)] {
        let first = (0..20).filter(|seed| {
            let mut many = Meeting::new(*seed);
            (0..20).for_each(|number| many.join(number, ClaimedRole::Leecher));
            (20..22).for_each(|number| many.join(number, ClaimedRole::Seeder));
            for seeder in many.offer(0, 2) {
                many.answer(seeder, 0);
            }
            many.wait(60 * minutes);
            many.pace(0);
            many.join(22, ClaimedRole::Seeder);
            many.offer(0, 1) == [22]
        });
        assert_eq!(first.count() == 20, is_first, "{minutes}");
    }
}
