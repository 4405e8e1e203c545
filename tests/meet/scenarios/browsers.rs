//! Pages of one kind: pairs, flash crowds, churn, paused and sleeping pages, rooms.

use std::time::Duration;

use super::{Figure, Plan, Scenario};
use crate::meet::client::ClientSpec;
use crate::meet::models::ClientKind;

pub(super) const SCENARIOS: [Scenario; 6] = [
    Scenario {
        name: "S1",
        about: "pairs that can reach each other, the second 0.1 s, 1 s or 10 to 50 s after the first; 20 for each kind and gap",
        duration: Duration::from_secs(150),
        scale: 4,
        links_last: None,
        figures: &[
            Figure::Links(1, Some("webtorrent 0.1 s")),
            Figure::Links(1, Some("webtorrent 1 s")),
            Figure::Links(1, Some("trystero 30 s")),
        ],
        plan: pairs,
    },
    Scenario {
        name: "S2",
        about: "flash crowd: 200 peers in 10 s",
        duration: Duration::from_mins(3),
        scale: 5,
        links_last: None,
        figures: &[Figure::Links(1, None), Figure::Links(5, None)],
        plan: flash_crowd,
    },
    Scenario {
        name: "S3",
        about: "about 50 peers that stay 3 min on average, 10 % asleep",
        duration: Duration::from_mins(10),
        scale: 12,
        links_last: None,
        figures: &[Figure::Links(1, None), Figure::Links(5, None)],
        plan: churn,
    },
    Scenario {
        name: "S4",
        about: "40 paused peers that accept no connection, 4 others, 6 late joiners 10 s apart",
        duration: Duration::from_mins(4),
        scale: 6,
        links_last: None,
        figures: &[
            Figure::Links(1, Some("late")),
            Figure::Links(5, Some("late")),
        ],
        plan: paused,
    },
    Scenario {
        name: "S5",
        about: "100 peers within a minute, 30 % of them asleep soon after they joined",
        duration: Duration::from_mins(4),
        scale: 6,
        links_last: None,
        figures: &[Figure::Links(1, None), Figure::Links(5, None)],
        plan: sleepers,
    },
    Scenario {
        name: "S6",
        about: "15 rooms of 8 trystero pages each that join within 100 s",
        duration: Duration::from_mins(4),
        scale: 6,
        links_last: None,
        figures: &[
            Figure::Links(1, None),
            Figure::Links(5, None),
            Figure::Pairs,
        ],
        plan: rooms,
    },
];

fn pairs(plan: &mut Plan) {
    for kind in ClientKind::HONEST {
        for gap in ["0.1 s", "1 s", "30 s"] {
            for _ in 0..20 {
                pair(plan, kind, gap);
            }
        }
    }
}

fn pair(plan: &mut Plan, kind: ClientKind, gap: &str) {
    let first = ClientSpec {
        has_open_network: true,
        ..ClientSpec::new(kind, plan.new_swarm())
    };
    let second = first.clone().in_group(&format!("{} {gap}", kind.name()));
    let has_files = matches!(kind, ClientKind::Webtorrent | ClientKind::Libtorrent);
    let first = ClientSpec {
        is_seeder: has_files,
        ..first
    };
    let at = plan.random.between(Duration::ZERO, Duration::from_secs(10));
    let gap = match gap {
        "0.1 s" => Duration::from_millis(100),
        "1 s" => Duration::from_secs(1),
        _ => {
            let range = [10, 50].map(Duration::from_secs);
            plan.random.between(range[0], range[1])
        }
    };
    plan.join(at, first);
    plan.join(at + gap, second);
}

fn flash_crowd(plan: &mut Plan) {
    for number in 0..200 {
        let spec = ClientSpec {
            is_seeder: number == 0,
            ..plan.client(ClientKind::Webtorrent)
        };
        plan.join_between([0, 10], spec);
    }
}

fn churn(plan: &mut Plan) {
    let (stay, apart) = (Duration::from_mins(3), Duration::from_millis(3_600));
    for _ in 0..50 {
        let at = plan.random.between(Duration::ZERO, Duration::from_secs(10));
        let spec = transient_page(plan, stay);
        plan.join(at, spec);
    }
    let mut at = Duration::ZERO;
    while at < Duration::from_secs(560) {
        let spec = transient_page(plan, stay);
        // The first ones find the swarm while it forms.
        let is_newcomer = at > Duration::from_mins(2);
        plan.join(
            at,
            ClientSpec {
                group: is_newcomer.then(|| "newcomers".to_owned()),
                ..spec
            },
        );
        at += plan.random.exponential(apart);
    }
}

/// Describes a page that stays for a random time, or sleeps.
pub(super) fn transient_page(plan: &mut Plan, stay: Duration) -> ClientSpec {
    let leaves_after = Some(plan.random.exponential(stay));
    let spec = ClientSpec {
        leaves_after,
        ..plan.client(ClientKind::Webtorrent)
    };
    plan.maybe_sleeping(0.1, spec)
}

fn paused(plan: &mut Plan) {
    for number in 0..44 {
        let is_paused = number < 40;
        let spec = ClientSpec {
            is_paused,
            group: (!is_paused).then(|| "old".to_owned()),
            ..plan.client(ClientKind::Webtorrent)
        };
        plan.join_between([0, 30], spec);
    }
    for number in 0..6 {
        let spec = plan.client(ClientKind::Webtorrent).in_group("late");
        plan.join(Duration::from_secs(90 + 10 * number), spec);
    }
}

fn sleepers(plan: &mut Plan) {
    for _ in 0..100 {
        let spec = plan.client(ClientKind::Webtorrent);
        let spec = plan.maybe_sleeping(0.3, spec);
        plan.join_between([0, 60], spec);
    }
}

fn rooms(plan: &mut Plan) {
    for _ in 0..15 {
        let swarm = plan.new_swarm();
        for _ in 0..8 {
            let spec = ClientSpec {
                has_open_network: true,
                ..ClientSpec::new(ClientKind::Trystero, swarm)
            };
            plan.join_between([0, 100], spec);
        }
    }
}
