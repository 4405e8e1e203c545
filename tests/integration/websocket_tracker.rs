//! Tracking over WebSockets: introductions across workers, malformed messages, disconnects, expiry and shutdown.

use std::collections::BTreeSet;

use futures::SinkExt;
use serde_json::json;
use swarmhub::swarm::SwarmTotals;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    Client, TestServer, announce, answer, id, in_time, offer, wait_for, wait_for_value, wait_until,
};

#[tokio::test]
async fn members_on_different_workers_exchange_offers_and_answers() {
    let server = TestServer::start(|_| {});
    let mut clients = Vec::new();
    // With 16 connections the chance that all are on one worker is one in 32,768.
    for number in 0..16 {
        let mut client = server.connect().await;
        let reply = client.join("swarm", &format!("peer{number}-")).await;
        assert_eq!(reply["incomplete"], number + 1);
        clients.push(client);
    }
    let mut offerer = clients.remove(0);
    let mut message = announce("swarm", "peer0-");
    message["offers"] = (0..15)
        .map(|number| offer(&format!("offer{number}-"), "v=0"))
        .collect();
    offerer.send(&message).await;
    assert_eq!(offerer.receive().await["incomplete"], 16);
    for (number, client) in clients.iter_mut().enumerate() {
        let received = client.receive().await;
        assert_eq!(received["peer_id"], id("peer0-"));
        let sdp = received["offer_id"].as_str().unwrap();
        let peer = format!("peer{}-", number + 1);
        client.send(&answer("swarm", &peer, &received, sdp)).await;
    }
    let mut answered = BTreeSet::new();
    for _ in 0..15 {
        let received = offerer.receive().await;
        assert_eq!(received["offer_id"], received["answer"]["sdp"]);
        answered.insert(received["peer_id"].to_string());
    }
    assert_eq!(answered.len(), 15);
    assert_eq!(server.node.counters().answers_relayed, 15);
}

#[tokio::test]
async fn malformed_messages_do_not_affect_other_clients() {
    let server = TestServer::start(|config| config.no_limits = true);
    let mut honest = server.connect().await;
    honest.join("swarm", "honest").await;
    let base = announce("swarm", "bad").to_string();
    let field = |text: &str| format!("{},{text}}}", &base[..base.len() - 1]);
    let long = "x".repeat(40_000);
    let texts = [
        String::new(),
        "null".into(),
        "[]".into(),
        "5".into(),
        "\"announce\"".into(),
        "{}".into(),
        "{\"action\":\"announce\"}".into(),
        "{\"action\":7}".into(),
        "{\"action\":\"scrape\",\"info_hash\":7}".into(),
        "{\"action\":\"scrape\"}".into(),
        "{\"action\":\"announce\",\"info_hash\":null,\"peer_id\":null}".into(),
        "[".repeat(100_000),
        "{\"a\":".repeat(20_000),
        "{\"action\":\"announce\",\"info_hash\":\"\\ud800\"}".into(),
        field("\"offers\":null"),
        field("\"offers\":{}"),
        field("\"offers\":[null,1,{},{\"offer_id\":1}]"),
        field("\"offers\":[{\"offer_id\":\"x\",\"offer\":null}]"),
        field(&format!("\"offers\":[{}]", offer("o", &long))),
        field("\"answer\":5"),
        field("\"answer\":{}"),
        field("\"answer\":{\"sdp\":\"x\"},\"to_peer_id\":5,\"offer_id\":null"),
        field("\"left\":\"x\",\"event\":[[]],\"numwant\":-1"),
        field("\"left\":1e999,\"uploaded\":-0.0e-99"),
        field("\"peer_id\":7"),
    ];
    for text in texts {
        let mut bad = server.connect().await;
        bad.socket.send(Message::text(text.clone())).await.unwrap();
        // The connection stays: the next message is served.
        bad.send(&announce("other", "bad")).await;
        loop {
            let received = bad.receive().await;
            assert!(
                received["action"] != "announce"
                    || received["info_hash"]
                        .as_str()
                        .is_some_and(|hash| hash.len() == 20),
                "{text:.80}: {received}"
            );
            if received["info_hash"] == id("other") {
                break;
            }
        }
        honest.send(&announce("swarm", "honest")).await;
        while honest.receive().await.get("complete").is_none() {}
    }
}

#[tokio::test]
async fn a_lost_connection_leaves_the_counts_at_once() {
    let server = TestServer::start(|_| {});
    let mut watcher = server.connect().await;
    for _ in 0..50 {
        let mut client = server.connect().await;
        client.join("swarm", "peer").await;
        drop(client);
    }
    wait_until("members without a connection are removed", || {
        server.node.tracker().swarms().totals() == SwarmTotals::default()
    })
    .await;
    assert_eq!(watcher.join("swarm", "watcher").await["incomplete"], 1);
}

#[tokio::test]
async fn an_announce_followed_by_a_close_leaves_no_member() {
    let server = TestServer::start(|_| {});
    for _ in 0..200 {
        let mut client = server.connect().await;
        client.send(&announce("swarm", "peer")).await;
        let _ = client.socket.close(None).await;
    }
    wait_until("all connections are closed", || {
        let counters = server.node.counters();
        counters.connections_closed == counters.connections_opened
            && counters.connections_opened == 200
    })
    .await;
    assert_eq!(
        server.node.tracker().swarms().recount(),
        Some(SwarmTotals::default())
    );
}

#[tokio::test]
async fn a_membership_expires_while_its_connection_stays_open() {
    let server = TestServer::start(|config| {
        config.interval = Some(std::time::Duration::from_secs(1));
        config.tracker.membership_ttl = Some(std::time::Duration::from_secs(2));
        config.tracker.memberships_max = 1;
    });
    let mut clients = Vec::new();
    for number in 0..16 {
        let mut client = server.connect().await;
        client.join(&format!("swarm{number}-"), "peer").await;
        clients.push(client);
    }
    let expired = || server.node.counters().memberships_expired;
    wait_for_value("all have expired", expired, 16).await;
    assert_eq!(
        server.node.tracker().swarms().recount(),
        Some(SwarmTotals::default())
    );
    // Each connection was notified, whichever worker expired the membership: it may join another swarm.
    for mut client in clients {
        wait_for("the connection forgets the old membership", async || {
            let reply = client.join("another", "peer").await;
            reply.get("complete").is_some().then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_stop_closes_every_connection_with_1001() {
    let server = TestServer::start(|_| {});
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(server.connect().await);
    }
    let stopping = tokio::task::spawn_blocking(move || server.stop());
    for mut client in clients {
        assert_eq!(client.receive_close().await.0, 1001);
    }
    let ended = in_time("the server ends", stopping).await;
    ended.unwrap().expect("a clean end");
}

#[tokio::test]
async fn a_server_can_be_embedded_in_a_few_lines() {
    let server = swarmhub::Server::builder()
        .listen(([127, 0, 0, 1], 0).into())
        .bind()
        .await
        .unwrap();
    let address = server.addresses().next().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { drop(stopped.await) }));
    let reply = Client::connect(address).await.join("swarm", "peer").await;
    assert_eq!(
        (&reply["complete"], &reply["incomplete"]),
        (&json!(0), &json!(1))
    );
    drop(stop);
    let ended = in_time("the server ends", running).await;
    ended.unwrap().expect("a clean end");
}

#[tokio::test]
async fn a_client_that_keeps_sending_gets_a_close_and_no_reset() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = TestServer::start(|_| {});
    let mut stream = server.connect().await.into_stream();
    // Small buffers: a completed write shows that the server reads.
    socket2::SockRef::from(&stream)
        .set_send_buffer_size(16 << 10)
        .unwrap();
    let start = [0x81, 0xff, 0, 0, 0, 0, 0, 0x08, 0, 0, 0, 0, 0, 0];
    stream.write_all(&start).await.unwrap();
    stream
        .write_all(&vec![b'x'; 0x8_0000])
        .await
        .expect("the server reads and discards it");
    let mut received = Vec::new();
    let reading = stream.read_to_end(&mut received);
    in_time("the end", reading).await.expect("no reset");
    assert_eq!(received[2..4], 1009_u16.to_be_bytes());
}
