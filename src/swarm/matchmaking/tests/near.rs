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
fn members_of_a_site_with_one_address_find_each_other_in_a_large_swarm() {
    let mut many = Meeting::of(300);
    for number in 1_000..1_010 {
        many.join_from(number, ClaimedRole::Leecher, address(9_999), Some(7));
        many.pace(number);
    }
    let receivers = many.offer(1_000, 5);
    let near = receivers.iter().filter(|to| **to >= 1_000).count();
    assert_eq!((near, receivers.len()), (4, 5), "{receivers:?}");
}

#[test]
fn of_many_sites_the_latest_are_remembered() {
    let mut many = Meeting::of(40);
    for site in 1..400 {
        for number in [1_000, 2_000] {
            let number = number + u32::from(site);
            let group = address(u64::from(number));
            many.join_from(number, ClaimedRole::Leecher, group, Some(site));
            many.pace(number);
        }
    }
    assert_eq!(many.offer(1_399, 5).first(), Some(&2_399));
}

#[test]
fn a_single_offer_may_go_elsewhere() {
    for (nearest, share) in [(false, 133..198), (true, 54..138)] {
        let near = (0..200).filter(|seed| {
            let mut many = Meeting::new(*seed);
            many.terms.nearest = nearest;
            (0..20).for_each(|number| many.join(number, ClaimedRole::Leecher));
            for number in 1_000..1_004 {
                let site = (!nearest).then_some(7);
                many.join_from(number, ClaimedRole::Leecher, address(999), site);
            }
            many.offer(1_000, 1)[0] >= 1_000
        });
        // Four of five go to the site, two of five to the address, and the others to any of 23: 165 and 96 expected, less or more
        // by six standard deviations.
        let near = near.count();
        assert!(share.contains(&near), "{near}, {nearest}");
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
