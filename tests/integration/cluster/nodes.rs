//! Counts of the whole cluster, while members and nodes come and go.

use std::time::{Duration, Instant};

use serde_json::json;

use super::network::{cluster, others_of, visible, when_linked};
use crate::support::{TestServer, announce, offer, wait_until};

/// Waits until each node knows that many members of the swarm on the others.
async fn when_others_have(servers: &[&TestServer], counts: &[u32]) {
    wait_until("each node knows the members of the others", || {
        let mut known = servers.iter().zip(counts);
        known.all(|(server, count)| others_of(server, "swarm").leechers == *count)
    })
    .await;
}

#[tokio::test]
async fn replies_count_the_members_of_all_nodes() {
    let (_, servers) = cluster(3).await;
    let [one, two, three] = &servers[..] else {
        panic!("three nodes")
    };
    let mut first = one.connect().await;
    first.join("swarm", "first").await;
    let mut second = two.connect().await;
    second.join("swarm", "second").await;
    let mut third = two.connect().await;
    third.join("swarm", "third").await;
    when_others_have(&[one, two], &[2, 1]).await;
    // A node without members learns of the others with its first one.
    let mut seeder = three.connect().await;
    let mut message = announce("swarm", "seeder");
    message["left"] = json!(0);
    seeder.send(&message).await;
    seeder.receive().await;
    wait_until("all know the seeder", || {
        let known = |server| others_of(server, "swarm").seeders == 1;
        known(one) && known(two) && others_of(three, "swarm").leechers == 3
    })
    .await;
    for (client, peer) in [
        (&mut first, "first"),
        (&mut second, "second"),
        (&mut third, "third"),
    ] {
        let reply = client.join("swarm", peer).await;
        assert_eq!(
            (&reply["complete"], &reply["incomplete"]),
            (&json!(1), &json!(3))
        );
    }
    // One leaves, one disconnects, and one completes its download.
    message = announce("swarm", "second");
    message["event"] = json!("stopped");
    second.send(&message).await;
    let left = second.receive().await;
    assert_eq!(
        (&left["complete"], &left["incomplete"]),
        (&json!(1), &json!(2))
    );
    drop(third);
    message = announce("swarm", "first");
    message["event"] = json!("completed");
    first.send(&message).await;
    wait_until("only seeders are left", || {
        let known = |server| {
            let others = others_of(server, "swarm");
            (others.seeders, others.leechers)
        };
        known(one) == (1, 0) && known(three) == (1, 0)
    })
    .await;
}

#[tokio::test]
async fn a_node_that_stops_is_forgotten_at_once() {
    let (_, mut servers) = cluster(2).await;
    let stopping = servers.pop().unwrap();
    let mut member = servers[0].connect().await;
    member.join("swarm", "member").await;
    let mut lost = stopping.connect().await;
    lost.join("swarm", "lost").await;
    when_others_have(&[&servers[0]], &[1]).await;
    stopping.stop().unwrap();
    assert_eq!(lost.read_to_end().await, Some(1001));
    let start = Instant::now();
    wait_until("the node is forgotten", || visible(&servers[0]) == 0).await;
    // Silence would take three seconds.
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(member.join("swarm", "member").await["incomplete"], 1);
}

#[tokio::test]
async fn a_node_that_is_cut_off_goes_on_alone_and_returns() {
    let (network, servers) = cluster(3).await;
    let [one, two, three] = &servers[..] else {
        panic!("three nodes")
    };
    let mut clients = Vec::new();
    for (server, peer) in [(one, "first"), (two, "second"), (three, "third")] {
        let mut client = server.connect().await;
        client.join("swarm", peer).await;
        clients.push(client);
    }
    when_others_have(&[one, two, three], &[2, 2, 2]).await;
    network.cut_off(3, true);
    let start = Instant::now();
    wait_until("both sides forget each other", || {
        [one, two, three].map(visible) == [1, 1, 0]
    })
    .await;
    assert!(start.elapsed() < Duration::from_secs(10));
    when_others_have(&[one, two, three], &[1, 1, 0]).await;
    assert_eq!(clients[0].join("swarm", "first").await["incomplete"], 2);
    // It is a complete tracker.
    let mut fourth = three.connect().await;
    let mut message = announce("swarm", "fourth");
    message["offers"] = json!([offer("offer", "v=0")]);
    fourth.send(&message).await;
    assert_eq!(fourth.receive().await["incomplete"], 2);
    assert_eq!(
        clients[2].receive().await["offer_id"],
        message["offers"][0]["offer_id"]
    );
    network.cut_off(3, false);
    when_linked(&servers).await;
    when_others_have(&[one, two, three], &[3, 3, 2]).await;
}
