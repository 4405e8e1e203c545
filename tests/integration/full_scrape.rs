//! Full scrapes: sent in pieces, one at a time per server.

use std::collections::HashSet;
use std::time::Duration;

use bt_bencode::Value;
use serde_json::json;
use swarmhub::config::Config;
use tokio::io::AsyncReadExt;
use tokio::net::TcpSocket;

use crate::client_frames::frame;
use crate::support::http::{Connection, UPGRADE, exchange, request};
use crate::support::{
    Client, LONG, TestServer, announce, id, wait_for, wait_for_value, wait_until,
};

/// Starts a server with this many swarms; returns it with their only member.
async fn server_with(swarms: usize, change: impl FnOnce(&mut Config)) -> (TestServer, Client) {
    let server = TestServer::start(|config| {
        change(config);
        config.tracker.full_scrape = true;
        config.no_limits = true;
        config.tracker.memberships_max = 1_000_000;
    });
    let mut member = server.connect().await;
    for first in (0..swarms).step_by(100) {
        for number in first..swarms.min(first + 100) {
            let swarm = format!("{number}-swarm");
            member.send(&announce(&swarm, "member")).await;
        }
        for _ in first..swarms.min(first + 100) {
            member.receive().await;
        }
    }
    (server, member)
}

/// Requests a full scrape and returns the response body.
async fn scrape(server: &TestServer) -> Vec<u8> {
    // HTTP/1.0: no chunks, so the body is everything after the head.
    let response = exchange(server.address, b"GET /scrape HTTP/1.0\r\n\r\n").await;
    response.expect("a response").body
}

/// Opens a connection with a small receive buffer.
async fn connect_slowly(server: &TestServer) -> Connection {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    Connection::new(socket.connect(server.address).await.unwrap())
}

/// Begins a full scrape that is not read.
async fn begin_scrape(server: &TestServer) -> Connection {
    let mut unread = connect_slowly(server).await;
    unread.write(request("GET /scrape", "", "")).await;
    let scrapes = || server.node.counters().http_scrapes;
    wait_for_value("the scrape is in progress", scrapes, 1).await;
    unread
}

#[tokio::test]
async fn a_full_scrape_over_http_is_canonical_bencode() {
    let (server, _member) = server_with(700, |_| {}).await;
    let body = scrape(&server).await;
    let value: Value = bt_bencode::from_slice(&body).expect("bencode");
    assert_eq!(bt_bencode::to_vec(&value).unwrap(), body, "sorted");
    assert_eq!(value["files"].as_dict().unwrap().len(), 700);
    assert_eq!(server.node.counters().http_scrapes, 1);
}

#[tokio::test]
async fn a_full_scrape_over_a_websocket_comes_in_several_replies() {
    let (_server, mut member) = server_with(700, |_| {}).await;
    let mut seen = HashSet::new();
    // Twice: the first scrape must be complete before the second begins.
    for _ in 0..2 {
        seen.clear();
        member.send(&json!({"action": "scrape"})).await;
        let mut replies = 0;
        while seen.len() < 700 {
            let reply = member.receive().await;
            assert_eq!(reply["action"], "scrape", "{reply}");
            let files = reply["files"].as_object().unwrap();
            assert!(files.len() <= 128);
            assert!(files.values().all(|file| file["incomplete"] == 1));
            seen.extend(files.keys().cloned());
            replies += 1;
        }
        assert!(replies > 5, "{replies}");
        // The next message is answered after the last piece.
        member.join("0-swarm", "member").await;
    }
    assert!(seen.contains(&id("699-swarm")));
}

#[tokio::test]
async fn a_second_full_scrape_gets_a_retry_time() {
    let (server, mut member) = server_with(4000, |config| {
        config.connection.stuck_after = LONG;
    })
    .await;
    let unread = begin_scrape(&server).await;
    let refused = String::from_utf8(scrape(&server).await).unwrap();
    assert!(
        refused.contains("Another full scrape is running"),
        "{refused}"
    );
    assert!(refused.contains("8:retry ini1e"), "{refused}");
    member.send(&json!({"action": "scrape"})).await;
    let reply = member.receive().await;
    assert!(reply["failure reason"].is_string(), "{reply}");
    assert_eq!(server.node.counters().failures_full_scrape_busy, 2);
    drop(unread);
    wait_for("a scrape is possible again", async || {
        (scrape(&server).await.len() >= 20_000).then_some(())
    })
    .await;
}

/// Reads a few bytes a second until the server has counted the connection as stuck.
async fn read_slowly(mut connection: Connection, is_dropped: impl Fn() -> bool) {
    let reading = async {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let _ = connection.stream.read(&mut [0; 8]).await;
        }
    };
    tokio::select! {
        () = reading => {}
        () = wait_until("the connection is dropped", is_dropped) => {}
    }
}

#[tokio::test]
async fn slow_readers_of_a_full_scrape_are_dropped() {
    let (server, _member) = server_with(4000, |_| {}).await;
    let slow = begin_scrape(&server).await;
    read_slowly(slow, || server.node.counters().http_stuck == 1).await;
    let mut slow = connect_slowly(&server).await;
    slow.write(request("GET /", UPGRADE, "")).await;
    slow.write(frame(0x81, br#"{"action":"scrape"}"#)).await;
    read_slowly(slow, || server.node.counters().connections_stuck == 1).await;
    let all = scrape(&server).await;
    assert!(all.starts_with(b"d5:files"), "{}", all.escape_ascii());
}
