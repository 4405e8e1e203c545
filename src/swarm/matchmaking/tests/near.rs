//! Members of the same site and of the same address.

use super::*;

#[test]
fn four_of_five_offers_go_to_the_same_site_first() {
    for others in [20, 300] {
        let mut many = Meeting::of(others);
        for number in 1_000..1_010 {
            many.join_from(
                number,
                ClaimedRole::Leecher,
                address(u64::from(number)),
                Some(7),
            );
            many.pace(number);
        }
        let receivers = many.offer(1_000, 5);
        let near = receivers.iter().filter(|to| **to >= 1_000).count();
        assert_eq!((near, receivers.len()), (4, 5), "{receivers:?}");
    }
}

#[test]
fn members_without_a_site_are_not_of_one() {
    let mut met = 0;
    for seed in 0..200 {
        let mut many = Meeting::new(seed);
        (0..20).for_each(|number| many.join(number, ClaimedRole::Leecher));
        many.join_from(100, ClaimedRole::Leecher, address(100), Some(1));
        met += many.offer(0, 5).iter().filter(|to| **to == 100).count();
    }
    // 50 expected; six standard deviations are 37.
    assert!((13..88).contains(&met), "{met}");
}

#[test]
fn one_offer_goes_to_the_same_address_if_asked() {
    for (others, nearest) in [(20, true), (300, true), (20, false), (300, false)] {
        let near = (0..20).map(|seed| {
            let mut many = Meeting::new(seed);
            many.terms.nearest = nearest;
            (0..others).for_each(|number| many.join(number, ClaimedRole::Leecher));
            for number in 1_000..1_004 {
                many.join_from(number, ClaimedRole::Leecher, address(999), None);
            }
            let receivers = many.offer(1_000, 5);
            receivers.iter().filter(|to| **to >= 1_000).count()
        });
        let near: Vec<_> = near.collect();
        let is_one_each = near.iter().all(|near| *near == 1);
        assert_eq!(is_one_each, nearest, "{others}: {near:?}");
    }
}
