//! Refusals that a page can read: the message and the close code over a WebSocket, and their limits.

use serde_json::json;
use swarmhub::config::Config;
use swarmhub::limits::HttpResource;
use tempfile::TempDir;

use crate::support::http::{Connection, UPGRADE, request};
use crate::support::{Client, TestServer, wait_until};

const TOKEN: &str = "correct-horse-battery-staple";
const ALLOWED: (&str, &str) = ("origin", "https://a.example");
const DENIED: (&str, &str) = ("origin", "https://b.example");

fn server(change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start(|config| {
        config.origin = vec![ALLOWED.1.to_owned()];
        change(config);
    })
}

fn set_token(config: &mut Config, folder: &TempDir) {
    let file = folder.path().join("tokens");
    std::fs::write(&file, TOKEN).unwrap();
    config.access.tokens_file = Some(file);
}

/// Expects that a page is told this reason, and its connection closed with this code.
async fn expect_told(server: &TestServer, path: &str, origin: (&'static str, &str), code: u16) {
    let mut page = Client::connect_with(server.address, path, &[origin]).await;
    let message = page.receive().await;
    let (received_code, reason) = page.receive_close().await;
    assert_eq!(received_code, code);
    assert_eq!(message, json!({"action": reason, "failure reason": reason}));
    let words = if code == 4001 { "origin" } else { "token" };
    assert!(reason.contains(words), "{reason}");
}

/// Expects that a client gets status 403.
async fn expect_status(server: &TestServer, headers: &[(&'static str, &str)]) {
    let refused = Client::try_connect(server.address, "/", headers).await;
    let (status, text) = refused.err().expect("refused");
    assert_eq!(status, 403, "{text}");
}

#[tokio::test]
async fn a_refused_page_is_told_why_and_closed_with_a_code() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(|config| {
        set_token(config, &folder);
        config.limits.address_refusal_messages_max = 10;
    });
    expect_told(&server, "/", DENIED, 4001).await;
    expect_told(&server, &format!("/{TOKEN}"), DENIED, 4001).await;
    expect_told(&server, "/announce", ALLOWED, 4002).await;
    expect_told(
        &server,
        "/announce?token=another-horse-staple",
        ALLOWED,
        4003,
    )
    .await;
    Client::connect_with(server.address, &format!("/{TOKEN}"), &[ALLOWED]).await;
    let counters = server.node.counters();
    assert_eq!((counters.refused_origin, counters.refused_token), (2, 2));
    assert_eq!(
        (counters.refusal_messages, counters.upgrades_refused),
        (4, 4)
    );
    // Only the last one reached a hub.
    wait_until("it is open", || {
        server.node.counters().connections_opened == 1
    })
    .await;
}

#[tokio::test]
async fn non_browser_clients_get_status_403() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(|config| set_token(config, &folder));
    expect_status(&server, &[]).await;
    let off = self::server(|config| config.limits.refusal_messages_max = 0);
    expect_status(&off, &[DENIED]).await;
    assert_eq!(server.node.counters().refusal_messages, 0);
    assert_eq!(off.node.counters().withheld_refusal_messages_max, 1);
}

#[tokio::test]
async fn an_address_is_told_a_few_times_only() {
    let server = server(|_| {});
    for _ in 0..3 {
        expect_told(&server, "/", DENIED, 4001).await;
    }
    for _ in 0..3 {
        expect_status(&server, &[DENIED]).await;
    }
    let counters = server.node.counters();
    assert_eq!(counters.withheld_address_refusal_messages_max, 3);
    assert_eq!(counters.refused_origin, 6);
}

#[tokio::test]
async fn refusal_messages_per_second_are_limited() {
    let server = server(|config| {
        config.limits.refusal_messages_per_second = 1;
        config.limits.address_refusal_messages_max = 1000;
    });
    expect_told(&server, "/", DENIED, 4001).await;
    let is_withheld = || server.node.counters().withheld_refusal_messages_per_second > 0;
    for _ in 0..100 {
        let _ = Client::try_connect(server.address, "/", &[DENIED]).await;
        if is_withheld() {
            return;
        }
    }
    panic!("a hundred pages were told within seconds");
}

#[tokio::test]
async fn a_page_that_never_closes_holds_its_message_for_a_short_time() {
    let server = server(|config| {
        config.limits.refusal_messages_max = 1;
        config.limits.address_refusal_messages_max = 1000;
    });
    let mut silent = Connection::open(server.address).await;
    let headers = format!("{UPGRADE}Origin: {}\r\n", DENIED.1);
    silent.write(request("GET /", &headers, "")).await;
    let head = silent.read_head().await.expect("a response");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    // It counts as a connection of its address while it is open, and another page gets the status.
    assert_eq!(server.node.admission().counted_connections(), 1);
    expect_status(&server, &[DENIED]).await;
    let counted = || server.node.admission().counted_connections();
    wait_until("the server has closed it", || counted() == 0).await;
    expect_told(&server, "/", DENIED, 4001).await;
    let usage = server.node.admission().http_usage();
    assert_eq!(usage.claimed_total(HttpResource::ResponseBytes), 0);
    drop(silent);
}
