//! What matchmaking does, in `/metrics`.

use serde_json::json;
use swarmhub::config::MatchmakingSetting;

use crate::support::metrics::{introduce_clients, sample, wait_for_sample};
use crate::support::{TestServer, announce, answer, offer};

#[tokio::test]
async fn introductions_are_counted() {
    let server = TestServer::start(|_| {});
    let (mut leecher, mut other) = introduce_clients(&server).await;
    for (name, value) in [
        ("swarmhub_first_answers_total", 2.0),
        ("swarmhub_first_answers_fast_total", 2.0),
        ("swarmhub_joins_answered_fast_ratio", 1.0),
        ("swarmhub_useful_offers_answered_ratio", 1.0),
        ("swarmhub_offers_per_introduction", 1.0),
        ("swarmhub_introductions_failed_ratio", 0.0),
    ] {
        wait_for_sample(&server, name, value).await;
    }
    // The two did not connect, so they meet once more.
    let mut again = announce("m", "-WW0207-b");
    again["offers"] = json!([offer("o3", "x")]);
    other.send(&again).await;
    other.receive().await;
    let relayed = leecher.receive().await;
    leecher.send(&answer("m", "-WW0207-a", &relayed, "y")).await;
    other.receive().await;
    for (name, value) in [
        ("swarmhub_offers_to_acquainted_total", 1.0),
        ("swarmhub_answers_repeated_total", 1.0),
        ("swarmhub_introductions_failed_ratio", 0.5),
        ("swarmhub_useful_offers_answered_ratio", 1.0),
        ("swarmhub_first_answers_total", 2.0),
    ] {
        wait_for_sample(&server, name, value).await;
    }
}

#[tokio::test]
async fn an_offer_that_would_cross_another_is_counted() {
    let server = TestServer::start(|_| {});
    let mut one = server.connect().await;
    one.join("m", "-WW0207-a").await;
    let mut other = server.connect().await;
    let mut message = announce("m", "-WW0207-b");
    message["offers"] = json!([offer("o1", "x")]);
    other.send(&message).await;
    other.receive().await;
    one.receive().await;
    let mut back = announce("m", "-WW0207-a");
    back["offers"] = json!([offer("o2", "x")]);
    one.send(&back).await;
    one.receive().await;
    wait_for_sample(&server, "swarmhub_passed_over_crossing_total", 1.0).await;
    wait_for_sample(&server, "swarmhub_offers_relayed_total", 1.0).await;
}

#[tokio::test]
async fn members_without_any_answer_are_alone() {
    let server = TestServer::start(|_| {});
    let (_leecher, _other) = introduce_clients(&server).await;
    let mut third = server.connect().await;
    third.join("m", "-WW0207-c").await;
    // The only member of its swarm has nobody to meet.
    let mut single = server.connect().await;
    single.join("n", "-WW0207-d").await;
    wait_for_sample(&server, "swarmhub_members_alone", 1.0).await;
}

#[tokio::test]
async fn random_matchmaking_knows_nothing_of_introductions() {
    let server =
        TestServer::start(|config| config.tracker.matchmaking = MatchmakingSetting::Random);
    let _clients = introduce_clients(&server).await;
    wait_for_sample(&server, "swarmhub_offers_answered_ratio", 1.0).await;
    for name in [
        "swarmhub_members_alone",
        "swarmhub_introductions_failed_ratio",
        "swarmhub_useful_offers_answered_ratio",
        "swarmhub_offers_per_introduction",
        "swarmhub_joins_answered_fast_ratio",
    ] {
        assert!(sample(&server, name).await.is_nan(), "{name}");
    }
}
