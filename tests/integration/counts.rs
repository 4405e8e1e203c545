//! Counts of swarms for clients that do not join: over the API, and as a subscription.

use std::fs;

use serde_json::{Value, json};
use swarmhub::config::Secret;

use crate::support::http::bearer;
use crate::support::messages::hex;
use crate::support::{TestServer, announce, id, wait_for};

/// A scrape that subscribes to swarms.
fn subscribe(swarms: &[&str]) -> Value {
    let info_hashes: Vec<_> = swarms.iter().map(|swarm| id(swarm)).collect();
    json!({"action": "scrape", "info_hash": info_hashes, "subscribe": true})
}

/// The path of the counts of swarms.
fn path(swarms: &[&str]) -> String {
    let named: Vec<_> = swarms
        .iter()
        .map(|swarm| format!("info_hash={}", hex(&id(swarm))))
        .collect();
    format!("/api/v1/swarms?{}", named.join("&"))
}

#[tokio::test]
async fn counts_of_named_swarms_are_public_and_join_none() {
    let server = TestServer::start(|config| {
        config.origin = vec!["https://site.example".to_owned()];
    });
    let mut member = server.connect().await;
    member.join("one", "peer").await;
    let headers = "Origin: https://site.example\r\n";
    for path in [
        path(&["one", "none"]),
        path(&["one", "none"]).replace("swarms", "counts"),
    ] {
        let response = server.get(&path, headers).await;
        assert_eq!(
            response.header("access-control-allow-origin"),
            Some("https://site.example")
        );
        assert_eq!(response.header("cache-control"), Some("public, max-age=1"));
        let swarms = response.expect(200).json()["swarms"].clone();
        let counts = |swarm: &str| {
            let all = swarms.as_array().unwrap().iter();
            let mut found = all.filter(|one| one["info_hash"] == hex(&id(swarm)));
            let one = found.next().unwrap();
            (
                one["seeders"].clone(),
                one["leechers"].clone(),
                one["completed"].clone(),
            )
        };
        assert_eq!(counts("one"), (json!(0), json!(1), json!(0)));
        assert_eq!(counts("none"), (json!(0), json!(0), json!(0)));
    }
    let foreign = server
        .get(&path(&["one"]), "Origin: https://other.example\r\n")
        .await;
    assert_eq!(foreign.header("access-control-allow-origin"), None);
    assert_eq!(server.node.tracker().swarms().totals().leechers, 1);
}

#[tokio::test]
async fn wrong_requests_for_counts_are_explained() {
    let server = TestServer::start(|config| {
        config.admin_token = Some(Secret::new("a-token-of-the-admin"));
    });
    let many = path(&vec!["one"; 51]);
    for (path, text) in [
        ("/api/v1/counts", "name the swarms"),
        ("/api/v1/counts?info_hash=12", "40 hexadecimal digits"),
        (many.as_str(), "at most 50"),
    ] {
        let error = server.get(path, "").await.error(400);
        assert!(error.contains(text), "{error}");
    }
    // Without info-hashes it is the list of all swarms, for the admin.
    server.get("/api/v1/swarms", "").await.error(401);
    let all = server
        .get("/api/v1/swarms", &bearer("a-token-of-the-admin"))
        .await;
    assert_eq!(all.ok()["total"], 0);
}

#[tokio::test]
async fn a_private_tracker_publishes_no_counts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    fs::write(&file, "a-token-of-a-client\n").unwrap();
    let with_tokens = TestServer::start(|config| {
        config.access.tokens_file = Some(file);
    });
    let not_public = TestServer::start(|config| config.public_stats = false);
    for server in [with_tokens, not_public] {
        let error = server.get(&path(&["one"]), "").await.error(403);
        assert!(error.contains("not public"), "{error}");
    }
}

#[tokio::test]
async fn a_subscriber_gets_changed_counts_without_joining() {
    let server = TestServer::start(|config| config.workers = 2);
    let mut viewer = server.connect().await;
    viewer.send(&subscribe(&["one", "other"])).await;
    let first = viewer.receive().await;
    assert_eq!(first["files"].as_object().unwrap().len(), 2);
    let mut member = server.connect().await;
    member.join("one", "peer").await;
    let changed = viewer.receive().await;
    assert_eq!(changed["action"], "scrape");
    // Only what changed.
    assert_eq!(changed["files"].as_object().unwrap().len(), 1);
    assert_eq!(changed["files"][id("one")]["incomplete"], 1);
    // Another subscription replaces it.
    viewer.send(&subscribe(&["other"])).await;
    viewer.receive().await;
    let mut leaving = announce("one", "peer");
    leaving["event"] = json!("stopped");
    member.send(&leaving).await;
    member.receive().await;
    member.join("other", "peer").await;
    let changed = viewer.receive().await;
    assert_eq!(changed["files"][id("other")]["incomplete"], 1);
    assert_eq!(changed["files"].as_object().unwrap().len(), 1);
    // An empty one ends it.
    viewer.send(&subscribe(&[])).await;
    assert_eq!(viewer.receive().await["files"], json!({}));
    assert_eq!(server.node.tracker().swarms().totals().leechers, 1);
    assert_eq!(server.node.counters().counts_sent, 2);
}

#[tokio::test]
async fn many_changes_within_a_second_are_sent_once() {
    let server = TestServer::start(|_| {});
    let mut viewer = server.connect().await;
    viewer.send(&subscribe(&["one"])).await;
    viewer.receive().await;
    let start = std::time::Instant::now();
    let mut members = Vec::new();
    for _ in 0..30 {
        let mut member = server.connect().await;
        member.join("one", "peer").await;
        members.push(member);
    }
    loop {
        let changed = viewer.receive().await;
        if changed["files"][id("one")]["incomplete"] == 30 {
            break;
        }
    }
    // Once a second, with the first and the last one cut off.
    let sent = server.node.counters().counts_sent;
    assert!(sent <= start.elapsed().as_secs() + 2, "{sent}");
}

#[tokio::test]
async fn subscriptions_have_a_maximum() {
    let server = TestServer::start(|config| {
        config.tracker.subscriptions_max = 20;
        config.workers = 1;
    });
    let mut viewer = server.connect().await;
    let names: Vec<_> = (0..30).map(|number| format!("swarm {number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    viewer.send(&subscribe(&names)).await;
    let reply = viewer.receive().await;
    assert_eq!(reply["files"].as_object().unwrap().len(), 20);
    let mut second = server.connect().await;
    second.send(&subscribe(&["one"])).await;
    let refused = second.receive().await;
    assert!(
        refused["failure reason"]
            .as_str()
            .unwrap()
            .contains("tracker.subscriptions_max")
    );
    assert_eq!(server.node.counters().failures_subscriptions_max, 1);
    // A scrape still works, and a closed connection makes room.
    second
        .send(&json!({"action": "scrape", "info_hash": id("one")}))
        .await;
    assert!(second.receive().await["files"].is_object());
    drop(viewer);
    wait_for("there is room", async || {
        second.send(&subscribe(&["one"])).await;
        second.receive().await["files"].is_object().then_some(())
    })
    .await;
}
