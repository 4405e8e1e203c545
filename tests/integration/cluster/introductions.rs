//! Offers and answers between nodes.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::network::{cluster, others_of};
use crate::support::{Client, announce, answer, id, offer, wait_until};

/// An announce with offers, named after the peer.
fn offers(swarm: &str, peer: &str, count: usize) -> Value {
    let mut message = announce(swarm, peer);
    let offers = (0..count).map(|number| offer(&format!("{peer}{number}"), &format!("of {peer}")));
    message["offers"] = offers.collect();
    message
}

/// Returns the next message other than a reply to an announce.
async fn relayed(client: &mut Client) -> Value {
    loop {
        let message = client.receive().await;
        if message.get("interval").is_none() {
            return message;
        }
    }
}

/// Answers the offer that comes next.
async fn answer_next(client: &mut Client, swarm: &str, peer: &str) -> Value {
    let received = relayed(client).await;
    assert_eq!(received["offer"]["type"], "offer", "{received}");
    let sdp = format!("of {peer}");
    client.send(&answer(swarm, peer, &received, &sdp)).await;
    received
}

#[tokio::test]
async fn offers_and_answers_cross_nodes() {
    let (_, servers) = cluster(3).await;
    let mut clients = Vec::new();
    for number in 0..12 {
        let mut client = servers[number % 3].connect().await;
        client.join("swarm", &format!("peer{number}-")).await;
        clients.push(client);
    }
    let mut offering = clients.remove(0);
    wait_until("each node knows the members of the others", || {
        servers
            .iter()
            .all(|server| others_of(server, "swarm").leechers == 8)
    })
    .await;
    offering.send(&offers("swarm", "peer0-", 11)).await;
    let mut answered = BTreeSet::new();
    for (number, client) in clients.iter_mut().enumerate() {
        let peer = format!("peer{}-", number + 1);
        let received = answer_next(client, "swarm", &peer).await;
        assert_eq!(received["peer_id"], id("peer0-"));
        assert_eq!(received["offer"]["sdp"], "of peer0-");
        let answer = relayed(&mut offering).await;
        assert_eq!(answer["answer"]["sdp"], format!("of {peer}"));
        assert_eq!(answer["peer_id"], id(&peer));
        assert_eq!(answer["offer_id"], received["offer_id"]);
        answered.insert(received["offer_id"].to_string());
    }
    assert_eq!(answered.len(), 11);
}

#[tokio::test]
async fn the_first_two_members_on_different_nodes_meet_at_once() {
    let (_, servers) = cluster(2).await;
    // Several swarms, so that each node owns some.
    for number in 0..8 {
        let swarm = format!("swarm{number}-");
        let mut first = servers[0].connect().await;
        let mut second = servers[1].connect().await;
        first.send(&offers(&swarm, "first", 2)).await;
        assert_eq!(first.receive().await["incomplete"], 1);
        tokio::time::sleep(Duration::from_millis(100)).await;
        second.send(&offers(&swarm, "second", 2)).await;
        // Nobody announces again, so this does not take an interval.
        answer_next(&mut first, &swarm, "first").await;
        let message = relayed(&mut second).await;
        // On a busy machine the first one's offers may still be held.
        let is_offer = message["offer"]["sdp"] == "of first";
        assert!(
            is_offer || message["answer"]["sdp"] == "of first",
            "{message}"
        );
    }
}

#[tokio::test]
async fn members_that_join_different_nodes_at_the_same_time_meet() {
    let (_, servers) = cluster(2).await;
    for number in 0..8 {
        let swarm = format!("swarm{number}-");
        let mut first = servers[0].connect().await;
        let mut second = servers[1].connect().await;
        let (to_second, to_first) = (offers(&swarm, "first", 1), offers(&swarm, "second", 1));
        tokio::join!(first.send(&to_second), second.send(&to_first));
        tokio::select! {
            received = relayed(&mut first) => assert_eq!(received["peer_id"], id("second")),
            received = relayed(&mut second) => assert_eq!(received["peer_id"], id("first")),
        }
    }
}

#[tokio::test]
async fn only_the_receiver_can_answer_an_offer_of_another_node() {
    let (_, servers) = cluster(2).await;
    let mut offering = servers[0].connect().await;
    offering.join("swarm", "offering").await;
    let mut receiver = servers[1].connect().await;
    let mut stranger = servers[1].connect().await;
    let mut member = servers[0].connect().await;
    receiver.join("swarm", "receiver").await;
    offering.send(&offers("swarm", "offering", 1)).await;
    let message = relayed(&mut receiver).await;
    stranger.join("swarm", "stranger").await;
    member.join("swarm", "member").await;
    for wrong in [&mut stranger, &mut member] {
        wrong
            .send(&answer("swarm", "receiver", &message, "wrong"))
            .await;
    }
    let unwanted = || {
        servers
            .iter()
            .map(|server| server.node.counters().answers_unwanted)
    };
    wait_until("the wrong answers are refused", || {
        unwanted().sum::<u64>() == 2
    })
    .await;
    // In another swarm, too.
    receiver
        .send(&answer("other", "receiver", &message, "wrong"))
        .await;
    for sdp in ["right", "again"] {
        receiver
            .send(&answer("swarm", "receiver", &message, sdp))
            .await;
    }
    wait_until("it is answered only once", || unwanted().sum::<u64>() == 4).await;
    let answer = relayed(&mut offering).await;
    assert_eq!(answer["answer"]["sdp"], "right");
    offering
        .send(&json!({"action": "scrape", "info_hash": id("swarm")}))
        .await;
    assert!(relayed(&mut offering).await["files"].is_object());
}

#[tokio::test]
async fn offers_that_nobody_takes_come_back_and_go_to_another_node() {
    let (_, servers) = cluster(3).await;
    let mut offering = servers[0].connect().await;
    offering.join("swarm", "offering").await;
    // A node whose only member is the same browser, which has reconnected.
    let mut same = servers[1].connect().await;
    same.join("swarm", "offering").await;
    let mut other = servers[2].connect().await;
    other.join("swarm", "other").await;
    wait_until("the first node knows both", || {
        others_of(&servers[0], "swarm").leechers == 2
    })
    .await;
    for number in 0..8 {
        let peer = "offering";
        let mut message = announce("swarm", peer);
        message["offers"] = json!([offer(&format!("offer{number}"), "v=0")]);
        offering.send(&message).await;
        let received = relayed(&mut other).await;
        assert_eq!(received["offer_id"], id(&format!("offer{number}")));
    }
}
