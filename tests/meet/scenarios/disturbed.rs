//! Links that break, sockets that are lost, clients that waste the offers of others.

use std::time::Duration;

use super::{Figure, Plan, Scenario};
use crate::meet::client::ClientSpec;
use crate::meet::models::ClientKind;

pub(super) const SCENARIOS: [Scenario; 4] = [
    Scenario {
        name: "S11",
        about: "30 swarms of 2 and 10 of 6 whose links break after 90 s on average: how long is a peer without any?",
        duration: Duration::from_mins(6),
        scale: 8,
        links_last: Some(Duration::from_secs(90)),
        figures: &[Figure::Alone(Some("of 2")), Figure::Alone(Some("of 6"))],
        plan: breaking_links,
    },
    Scenario {
        name: "S13",
        about: "50 peers that lose their socket every 5 min on average and return with the same peer id",
        duration: Duration::from_mins(15),
        scale: 12,
        links_last: None,
        figures: &[Figure::Links(1, None), Figure::Links(5, None)],
        plan: lost_sockets,
    },
    Scenario {
        name: "S14",
        about: "60 peers within a minute, and 15 liars that answer every offer and never connect",
        duration: Duration::from_mins(4),
        scale: 6,
        links_last: None,
        figures: &[Figure::Links(1, None), Figure::Links(5, None)],
        plan: liars,
    },
    Scenario {
        name: "S15",
        about: "60 peers within a minute, and 200 peer ids of 4 addresses that never answer, replaced by new ones every minute",
        duration: Duration::from_mins(4),
        scale: 6,
        links_last: None,
        figures: &[Figure::Links(1, None), Figure::Links(5, None)],
        plan: mute_crowd,
    },
];

fn breaking_links(plan: &mut Plan) {
    for number in 0..40 {
        let size = if number < 30 { 2 } else { 6 };
        let swarm = plan.new_swarm();
        for _ in 0..size {
            let spec = ClientSpec {
                has_open_network: true,
                ..ClientSpec::new(ClientKind::Webtorrent, swarm)
            };
            plan.join_between([0, 30], spec.in_group(&format!("of {size}")));
        }
    }
}

fn lost_sockets(plan: &mut Plan) {
    for _ in 0..50 {
        let spec = ClientSpec {
            socket_lasts: Some(Duration::from_mins(5)),
            ..plan.client(ClientKind::Webtorrent)
        };
        plan.join_between([0, 60], spec);
    }
}

fn honest_peers(plan: &mut Plan) {
    for _ in 0..60 {
        let spec = plan.client(ClientKind::Webtorrent).in_group("honest");
        plan.join_between([0, 60], spec);
    }
}

fn liars(plan: &mut Plan) {
    honest_peers(plan);
    for _ in 0..15 {
        let spec = plan.client(ClientKind::Liar);
        plan.join_between([0, 60], spec);
    }
}

fn mute_crowd(plan: &mut Plan) {
    honest_peers(plan);
    for round in 0..4 {
        for number in 0..200 {
            let spec = ClientSpec {
                lan: Some(number % 4),
                leaves_after: Some(Duration::from_mins(1)),
                ..plan.client(ClientKind::Mute)
            };
            // Each has its own second of the minute, so that 200 are there at any time.
            let at = Duration::from_mins(round) + Duration::from_millis(300 * u64::from(number));
            plan.join(at, spec);
        }
    }
}
