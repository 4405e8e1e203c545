//! Clients of several kinds in one swarm, and p2p-media-loader.

use std::time::Duration;

use super::{Figure, Plan, Scenario};
use crate::meet::client::ClientSpec;
use crate::meet::models::ClientKind;

pub(super) const SCENARIOS: [Scenario; 3] = [
    Scenario {
        name: "S8",
        about: "30 webtorrent pages and 10 libtorrent programs in one swarm",
        duration: Duration::from_mins(5),
        scale: 8,
        links_last: None,
        figures: &[
            Figure::Links(5, Some("webtorrent")),
            Figure::Links(5, Some("libtorrent")),
        ],
        plan: pages_and_programs,
    },
    Scenario {
        name: "S18",
        about: "all four kinds in one swarm: 25 webtorrent, 15 p2p-media-loader, 10 libtorrent, 10 trystero",
        duration: Duration::from_mins(5),
        scale: 8,
        links_last: None,
        figures: &[
            Figure::Links(5, Some("webtorrent")),
            Figure::Links(5, Some("p2p-media-loader")),
            Figure::Links(5, Some("libtorrent")),
            Figure::Links(5, Some("trystero")),
        ],
        plan: all_kinds,
    },
    Scenario {
        name: "S19",
        about: "300 viewers of a stream within 30 s with p2p-media-loader, who stay 5 min on average",
        duration: Duration::from_mins(5),
        scale: 5,
        links_last: None,
        figures: &[Figure::Links(1, None), Figure::Links(5, None)],
        plan: viewers,
    },
];

fn pages_and_programs(plan: &mut Plan) {
    for number in 0..40 {
        let kind = if number < 30 {
            ClientKind::Webtorrent
        } else {
            ClientKind::Libtorrent
        };
        let spec = ClientSpec {
            is_seeder: number == 30,
            ..plan.client(kind).in_group(kind.name())
        };
        plan.join_between([0, 60], spec);
    }
}

fn all_kinds(plan: &mut Plan) {
    let counts = [
        (ClientKind::Webtorrent, 25),
        (ClientKind::MediaLoader, 15),
        (ClientKind::Libtorrent, 10),
        (ClientKind::Trystero, 10),
    ];
    for (kind, count) in counts {
        for number in 0..count {
            let spec = ClientSpec {
                is_seeder: kind == ClientKind::Libtorrent && number == 0,
                ..plan.client(kind).in_group(kind.name())
            };
            plan.join_between([0, 60], spec);
        }
    }
}

fn viewers(plan: &mut Plan) {
    for _ in 0..300 {
        let stay = plan.random.exponential(Duration::from_mins(5));
        let spec = ClientSpec {
            leaves_after: Some(stay),
            ..plan.client(ClientKind::MediaLoader)
        };
        plan.join_between([0, 30], spec);
    }
}
