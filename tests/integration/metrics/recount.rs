//! Metrics against a recount after random client actions.

use std::time::SystemTime;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::support::metrics::samples;
use crate::support::{Client, TestServer, announce, id, offer, wait_for_value, wait_until};

/// Clients act at random; then the metrics are compared with a recount.
#[tokio::test]
async fn metrics_agree_with_a_recount() {
    const CLIENTS: usize = 12;
    const STEPS: usize = 1500;
    let seed = 7;
    let mut rng = SmallRng::seed_from_u64(seed);
    let server = TestServer::start(|config| config.tracker.offers_per_announce_max = 3);
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(server.connect().await);
    }
    for step in 0..STEPS {
        let number = rng.random_range(0..CLIENTS);
        let swarm = format!("s{}", rng.random_range(0..5));
        let peer = format!("p{number}");
        let mut message = announce(&swarm, &peer);
        match rng.random_range(0..12) {
            0 => message["event"] = "stopped".into(),
            1 => message["event"] = "completed".into(),
            2 => message["event"] = "started".into(),
            3 => message["left"] = 0.into(),
            4 => message["peer_id"] = "short".into(),
            5 => message["action"] = "dance".into(),
            6 => {
                message["answer"] = json!({"type": "answer", "sdp": "y"});
                message["to_peer_id"] = id("p1").into();
                message["offer_id"] = id("o1").into();
            }
            7 if step % 5 == 0 => clients[number] = server.connect().await,
            _ => {
                let offers = (0..rng.random_range(1..6)).map(|offer_number| {
                    let sdp = if rng.random_range(0..9) == 0 { "" } else { "x" };
                    let mut offer = offer(&format!("o{offer_number}"), sdp);
                    if sdp.is_empty() {
                        offer["offer"] = Value::Null;
                    }
                    offer
                });
                message["offers"] = offers.collect();
            }
        }
        clients[number].send(&message).await;
        if step % 100 == 99 {
            wait_until_served(&mut clients).await;
        }
    }
    wait_until_served(&mut clients).await;
    let connections = || server.node.connections();
    wait_for_value(
        "replaced connections are closed",
        connections,
        CLIENTS as u64,
    )
    .await;
    check(&server, CLIENTS).await;
}

/// Waits until all messages are served: each client sends a scrape and reads up to its reply.
async fn wait_until_served(clients: &mut [Client]) {
    for client in clients {
        client
            .send(&json!({"action": "scrape", "info_hash": id("end")}))
            .await;
        while client.receive().await["action"] != "scrape" {}
    }
}

async fn check(server: &TestServer, connections: usize) {
    let after = SystemTime::now();
    let board = server.node.telemetry().stats_channel();
    wait_until("newer statistics", || board.latest().at > after).await;
    let response = server.get("/metrics", "").await.expect(200);
    let samples = samples(response.text());
    let sum = |name: &str| -> f64 {
        let own = samples.iter().filter(|(sample, _)| {
            sample.as_str() == name || sample.starts_with(&format!("{name}{{"))
        });
        own.map(|(_, value)| value).sum()
    };
    let counters = server.node.counters();
    let recount = server.node.tracker().swarms().recount().expect("in order");
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let number = |count: u64| count as f64;
    let own = [
        ("swarms", "swarmhub_swarms", recount.swarms as u64),
        ("seeders", "swarmhub_seeders", recount.seeders as u64),
        ("leechers", "swarmhub_leechers", recount.leechers as u64),
        ("connections", "swarmhub_connections", connections as u64),
        (
            "by family",
            "swarmhub_connections_by_family",
            connections as u64,
        ),
        (
            "by listener",
            "swarmhub_connections_by_listener",
            connections as u64,
        ),
        (
            "closed",
            "swarmhub_connections_closed_total",
            counters.connections_closed,
        ),
        (
            "open",
            "swarmhub_connections",
            counters.connections_opened - counters.connections_closed,
        ),
        ("announces", "swarmhub_announces_total", counters.announces),
        (
            "answers",
            "swarmhub_answers_total",
            counters.answers_received,
        ),
        (
            "offers",
            "swarmhub_offers_received_total",
            counters.offers_received,
        ),
        (
            "failures",
            "swarmhub_failures_total",
            counters.failures_malformed,
        ),
        (
            "timed",
            "swarmhub_answer_time_seconds_count",
            counters.answers_relayed,
        ),
    ];
    for (what, name, expected) in own {
        let actual = sum(name);
        assert!(
            (actual - number(expected)).abs() < 0.5,
            "{what}: {actual}, expected {expected}"
        );
    }
    let left = counters.offers_malformed
        + counters.offers_surplus
        + counters.offers_copied
        + counters.offers_without_receiver;
    assert_eq!(counters.offers_received, counters.offers_relayed + left);
    for (what, seen) in [
        ("offers relayed", counters.offers_relayed),
        ("offers dropped", left),
        ("failures", counters.failures_malformed),
        ("answers", counters.answers_received),
        ("closed", counters.connections_closed),
    ] {
        assert!(seen > 10, "{what}: only {seen} in this run");
    }
}
