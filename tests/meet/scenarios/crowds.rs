//! Large swarms, one seeder, LANs, small swarms, long ones.

use std::time::Duration;

use super::browsers::transient_page;
use super::{Figure, Plan, Scenario};
use crate::meet::client::ClientSpec;
use crate::meet::models::ClientKind;

pub(super) const SCENARIOS: [Scenario; 6] = [
    Scenario {
        name: "S7",
        about: "a swarm of 2,000 with 10 % asleep, then 60 newcomers, one a second",
        duration: Duration::from_secs(110),
        scale: 3,
        links_last: None,
        figures: &[
            Figure::Links(1, Some("newcomers")),
            Figure::Links(5, Some("newcomers")),
        ],
        plan: large_swarm,
    },
    Scenario {
        name: "S9",
        about: "one seeder, 60 leechers within a minute: how long until each is connected to the seeder?",
        duration: Duration::from_mins(4),
        scale: 6,
        links_last: None,
        figures: &[Figure::SeederItself, Figure::SeederPath],
        plan: one_seeder,
    },
    Scenario {
        name: "S10",
        about: "30 pairs of one address each in one swarm: how long until the two of an address are connected?",
        duration: Duration::from_mins(4),
        scale: 6,
        links_last: None,
        figures: &[Figure::SameAddress, Figure::Links(5, None)],
        plan: shared_addresses,
    },
    Scenario {
        name: "S12",
        about: "a school: 40 peers of one address and 20 others within a minute",
        duration: Duration::from_mins(4),
        scale: 6,
        links_last: None,
        figures: &[
            Figure::Links(5, Some("school")),
            Figure::Links(5, Some("others")),
        ],
        plan: school,
    },
    Scenario {
        name: "S16",
        about: "10 swarms each of 3, 4 and 5 peers that join within a minute",
        duration: Duration::from_mins(4),
        scale: 6,
        links_last: None,
        figures: &[
            Figure::Links(2, Some("of 3")),
            Figure::Links(2, Some("of 4")),
            Figure::Links(2, Some("of 5")),
            Figure::Pairs,
        ],
        plan: small_swarms,
    },
    Scenario {
        name: "S17",
        about: "an hour of a swarm of about 100 peers that stay 20 min on average, 10 % asleep",
        duration: Duration::from_hours(1),
        scale: 12,
        links_last: None,
        figures: &[Figure::Links(1, None), Figure::Links(5, None)],
        plan: long_swarm,
    },
];

fn large_swarm(plan: &mut Plan) {
    for number in 0..2_000 {
        let spec = ClientSpec {
            is_seeder: number % 10 == 0,
            ..plan.client(ClientKind::Webtorrent).in_group("old")
        };
        let spec = plan.maybe_sleeping(0.1, spec);
        plan.join_between([0, 40], spec);
    }
    for number in 0..60 {
        let spec = plan.client(ClientKind::Webtorrent).in_group("newcomers");
        plan.join(Duration::from_secs(45 + number), spec);
    }
}

fn one_seeder(plan: &mut Plan) {
    let seeder = ClientSpec {
        is_seeder: true,
        has_open_network: true,
        ..plan.client(ClientKind::Webtorrent).in_group("seeder")
    };
    plan.join(Duration::ZERO, seeder);
    for _ in 0..60 {
        let spec = plan.client(ClientKind::Webtorrent).in_group("leechers");
        plan.join_between([3, 60], spec);
    }
}

fn shared_addresses(plan: &mut Plan) {
    for lan in 0..30 {
        for _ in 0..2 {
            let spec = ClientSpec {
                lan: Some(lan),
                ..plan.client(ClientKind::Webtorrent)
            };
            plan.join_between([0, 60], spec);
        }
    }
}

fn school(plan: &mut Plan) {
    for number in 0..60 {
        let is_pupil = number < 40;
        let group = if is_pupil { "school" } else { "others" };
        let spec = ClientSpec {
            lan: is_pupil.then_some(0),
            ..plan.client(ClientKind::Webtorrent).in_group(group)
        };
        plan.join_between([0, 60], spec);
    }
}

fn small_swarms(plan: &mut Plan) {
    for size in [3, 4, 5] {
        for _ in 0..10 {
            let swarm = plan.new_swarm();
            for number in 0..size {
                let spec = ClientSpec {
                    is_seeder: number == 0,
                    ..ClientSpec::new(ClientKind::Webtorrent, swarm)
                };
                plan.join_between([0, 60], spec.in_group(&format!("of {size}")));
            }
        }
    }
}

fn long_swarm(plan: &mut Plan) {
    let (stay, apart) = (Duration::from_mins(20), Duration::from_secs(12));
    for _ in 0..100 {
        let spec = transient_page(plan, stay);
        plan.join_between([0, 60], spec);
    }
    let mut at = Duration::from_mins(1);
    while at < Duration::from_mins(59) {
        let spec = transient_page(plan, stay).in_group("newcomers");
        plan.join(at, spec);
        at += plan.random.exponential(apart);
    }
}
