//! Counts of swarms for clients that do not join, and HTTP members, over all nodes.

use bt_bencode::Value as Bencoded;
use serde_json::json;
use swarmhub::config::Config;

use super::network::{Network, cluster_with, others_of};
use crate::support::messages::hex;
use crate::support::{TestServer, announce, id, wait_for, wait_until};

/// Two nodes that trust this machine as a proxy, so that a test can act as several HTTP clients.
async fn two_nodes() -> (Network, Vec<TestServer>) {
    cluster_with(2, |config: &mut Config| {
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
        config.tracker.full_scrape = true;
    })
    .await
}

/// Returns the reply that an HTTP client at this address gets.
async fn get_as(server: &TestServer, address: &str, path: &str) -> Bencoded {
    let headers = format!("X-Forwarded-For: {address}\r\n");
    let response = server.get(path, &headers).await.expect(200);
    bt_bencode::from_slice(&response.body).expect("bencode")
}

/// Announces a swarm over HTTP; the `peer_id` is the address.
async fn announce_http(server: &TestServer, address: &str, more: &str) -> Bencoded {
    let (hash, peer) = (id("swarm"), id(address));
    let path = format!("/announce?info_hash={hash}&peer_id={peer}&port=6881{more}");
    get_as(server, address, &path).await
}

fn number(value: &Bencoded, key: &str) -> u64 {
    value.get(key).and_then(Bencoded::as_u64).expect("a number")
}

fn peers(reply: &Bencoded) -> Vec<[u8; 6]> {
    let all = reply.get("peers").and_then(|it| it.as_byte_str()).unwrap();
    all.chunks(6).map(|peer| peer.try_into().unwrap()).collect()
}

#[tokio::test]
async fn a_node_without_members_asks_the_others_for_counts() {
    let (_, servers) = two_nodes().await;
    let mut members = Vec::new();
    for peer in ["first", "second"] {
        let mut member = servers[0].connect().await;
        member.join("swarm", peer).await;
        members.push(member);
    }
    let other = &servers[1];
    let mut viewer = other.connect().await;
    // Each first scrape is complete as soon as the owner knows the members.
    let scrape = json!({"action": "scrape", "info_hash": [id("swarm"), id("none")]});
    wait_for("a scrape counts them", async || {
        viewer.send(&scrape).await;
        let files = viewer.receive().await["files"].clone();
        assert_eq!(files[id("none")]["incomplete"], 0);
        (files[id("swarm")]["incomplete"] == 2).then_some(())
    })
    .await;
    let path = format!("/api/v1/swarms?info_hash={}", hex(&id("swarm")));
    let counts = other.get(&path, "").await.expect(200).json();
    assert_eq!(counts["swarms"][0]["leechers"], 2);
    let path = format!("/scrape?info_hash={}", id("swarm"));
    let scraped = get_as(other, "192.0.2.9", &path).await;
    assert_eq!(
        number(&scraped["files"][id("swarm").as_str()], "incomplete"),
        2
    );
    // Nobody has joined by asking.
    assert_eq!(other.node.tracker().swarms().totals().swarms, 0);
    assert_eq!(others_of(&servers[0], "swarm").total(), 0);
    // A full scrape has the swarms of this node, with the members of all.
    let mut third = other.connect().await;
    third.join("swarm", "third").await;
    wait_for("a full scrape counts all", async || {
        let scraped = get_as(other, "192.0.2.9", "/scrape").await;
        (number(&scraped["files"][id("swarm").as_str()], "incomplete") == 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn subscribers_get_changed_counts_of_other_nodes() {
    let (_, servers) = two_nodes().await;
    let mut viewer = servers[1].connect().await;
    let message = json!({"action": "scrape", "info_hash": [id("swarm")], "subscribe": true});
    viewer.send(&message).await;
    assert_eq!(
        viewer.receive().await["files"][id("swarm")]["incomplete"],
        0
    );
    let mut member = servers[0].connect().await;
    member.join("swarm", "member").await;
    assert_eq!(
        viewer.receive().await["files"][id("swarm")]["incomplete"],
        1
    );
    let mut message = announce("swarm", "member");
    message["event"] = json!("stopped");
    member.send(&message).await;
    member.receive().await;
    assert_eq!(
        viewer.receive().await["files"][id("swarm")]["incomplete"],
        0
    );
}

#[tokio::test]
async fn http_peers_of_other_nodes_are_listed() {
    let (_, servers) = two_nodes().await;
    announce_http(&servers[0], "192.0.2.1", "&left=0").await;
    let mut member = servers[0].connect().await;
    member.join("swarm", "member").await;
    // The first announce of a swarm on a node waits for the others.
    let second = announce_http(&servers[1], "192.0.2.2", "&left=1").await;
    assert_eq!(peers(&second), [[192, 0, 2, 1, 0x1a, 0xe1]]);
    wait_until("the other node knows both members", || {
        others_of(&servers[1], "swarm").total() == 2
    })
    .await;
    let second = announce_http(&servers[1], "192.0.2.2", "&left=1").await;
    let counts = (number(&second, "complete"), number(&second, "incomplete"));
    assert_eq!((counts, peers(&second).len()), ((1, 2), 1));
    let third = announce_http(&servers[1], "192.0.2.3", "&left=1").await;
    let mut listed = peers(&third);
    listed.sort_unstable();
    let expected = [[192, 0, 2, 1, 0x1a, 0xe1], [192, 0, 2, 2, 0x1a, 0xe1]];
    assert_eq!(listed, expected);
    let one = announce_http(&servers[1], "192.0.2.3", "&numwant=1").await;
    assert_eq!(peers(&one).len(), 1);
    announce_http(&servers[0], "192.0.2.1", "&event=stopped").await;
    wait_until("the other node forgets it", || {
        others_of(&servers[1], "swarm").http() == 0
    })
    .await;
    let last = announce_http(&servers[1], "192.0.2.3", "&left=1").await;
    assert_eq!(peers(&last), [[192, 0, 2, 2, 0x1a, 0xe1]]);
}

#[tokio::test]
async fn an_http_announce_does_not_wait_for_a_silent_node() {
    let (network, servers) = two_nodes().await;
    announce_http(&servers[0], "192.0.2.1", "&left=0").await;
    announce_http(&servers[1], "192.0.2.2", "&left=0").await;
    wait_until("the nodes know each other's peers", || {
        servers
            .iter()
            .all(|server| others_of(server, "swarm").http() == 1)
    })
    .await;
    network.cut_off(2, true);
    let start = std::time::Instant::now();
    let reply = announce_http(&servers[1], "192.0.2.3", "&left=1").await;
    assert_eq!(peers(&reply), [[192, 0, 2, 2, 0x1a, 0xe1]]);
    // 300 ms, and time for a busy machine.
    assert!(start.elapsed() < std::time::Duration::from_millis(1500));
}
