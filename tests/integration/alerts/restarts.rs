//! Alert rules, firing alerts, silences and history across restarts.

use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};
use swarmhub::config::HistoryStorage;
use tokio::net::TcpListener;

use super::{Receiver, expect_status, overview, put_rule, rule_view, send_request, server};
use crate::support::{TestServer, wait_until};

/// Waits until the rules have been evaluated once.
async fn wait_for_evaluation(server: &TestServer) {
    wait_until("the rules are evaluated", || {
        !server.node.telemetry().alerts().sink_statuses().is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_restart_keeps_firing_alerts_silences_and_history() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(&["200 OK"]).await;
    let start = || {
        server(|config| {
            config.history = HistoryStorage::Path(folder.path().join("history.sqlite"));
            config.alerts.webhook = vec![receiver.url().parse().unwrap()];
        })
    };
    let first = start();
    put_rule(&first).await;
    let change = json!({"keep_firing": 1000});
    expect_status(&first, ("PUT", "/rules/somebody"), change, 200).await;
    let silence = json!({"rule": "memory_high", "seconds": 600, "comment": "planned"});
    expect_status(&first, ("POST", "/silences"), silence, 201).await;
    let client = first.connect().await;
    wait_until("the alert is notified", || {
        receiver.statuses() == ["firing"]
    })
    .await;
    let since = rule_view(&first, "somebody").await["since"].clone();
    drop(client);
    first.stop().unwrap();

    let second = start();
    wait_for_evaluation(&second).await;
    let firing = rule_view(&second, "somebody").await;
    assert_eq!(
        (&firing["state"], &firing["since"]),
        (&json!("firing"), &since)
    );
    let all = overview(&second).await;
    assert_eq!(all["silences"][0]["comment"], "planned");
    assert_eq!(all["history"][0]["state"], "firing");
    assert_eq!(all["history_more"], false);
    assert_eq!(receiver.statuses(), ["firing"], "no second notification");
    send_request(&second, "DELETE", "/rules/somebody", Value::Null).await;
    wait_until("the end is notified", || {
        receiver.statuses() == ["firing", "resolved"]
    })
    .await;
}

/// Edits the alert document in a database file that no process has open.
fn edit_document(path: &Path, edit: impl FnOnce(&mut Value)) {
    let connection = Connection::open(path).unwrap();
    let select = "SELECT json FROM documents WHERE name = 'alerts'";
    let text: String = connection.query_row(select, (), |row| row.get(0)).unwrap();
    let mut document: Value = serde_json::from_str(&text).unwrap();
    edit(&mut document);
    let update = "UPDATE documents SET json = ?1 WHERE name = 'alerts'";
    connection.execute(update, [document.to_string()]).unwrap();
}

#[tokio::test]
async fn notifications_continue_correctly_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    let receiver = Receiver::start(&["200 OK"]).await;
    let start = |webhook: String| {
        server(|config| {
            config.history = HistoryStorage::Path(path.clone());
            config.alerts.webhook = vec![webhook.parse().unwrap()];
        })
    };
    // The first server cannot deliver: its receiver does not answer.
    let unresponsive = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let first = start(format!("http://{}/", unresponsive.local_addr().unwrap()));
    put_rule(&first).await;
    let client = first.connect().await;
    wait_until("the notification is queued", || {
        let sinks = first.node.telemetry().alerts().sink_statuses();
        sinks.first().is_some_and(|sink| sink.queued == 1)
    })
    .await;
    drop(client);
    first.stop().unwrap();
    // No client is connected any more, but the alert keeps firing for a while.
    edit_document(&path, |document| {
        document["rules"][0]["keep_firing"] = 1000.into();
    });
    let second = start(receiver.url());
    wait_until("the queued notification is delivered", || {
        receiver.statuses() == ["firing"]
    })
    .await;
    second.stop().unwrap();

    let third = start(receiver.url());
    // A test alert is sent after an evaluation, and arrives after its notifications.
    wait_for_evaluation(&third).await;
    third.node.telemetry().alerts().request_test();
    wait_until("the test alert is delivered", || {
        let all = receiver.received();
        all.iter()
            .any(|(_, body)| body.to_string().contains("This is a test"))
    })
    .await;
    third.stop().unwrap();
    assert_eq!(receiver.received().len(), 2, "not so soon");
    receiver.forget_last();
    edit_document(&path, |document| {
        let told_at = document["watches"]["somebody"]["told_at"].as_f64().unwrap();
        document["watches"]["somebody"]["told_at"] = (told_at - 4.0 * 3600.0).into();
    });
    let fourth = start(receiver.url());
    wait_until("the repeat interval is over", || {
        receiver.statuses() == ["firing"; 2]
    })
    .await;
    fourth.stop().unwrap();
    let got = receiver.received();
    let started = |body: &Value| body["alerts"][0]["startsAt"].clone();
    assert_eq!(started(&got[0].1), started(&got[1].1), "the same alert");

    // The alert ends while no server runs.
    edit_document(&path, |document| {
        document["rules"][0]["keep_firing"] = 0.into();
    });
    let fifth = start(receiver.url());
    wait_until("the end is notified", || {
        receiver.statuses() == ["firing", "firing", "resolved"]
    })
    .await;
    fifth.stop().unwrap();
}

#[tokio::test]
async fn rules_in_a_locked_file_are_loaded_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    let start = || server(|config| config.history = HistoryStorage::Path(path.clone()));
    let first = start();
    put_rule(&first).await;
    let silence = json!({"rule": "somebody", "seconds": 600, "comment": "old"});
    expect_status(&first, ("POST", "/silences"), silence, 201).await;
    first.stop().unwrap();

    let locked = Connection::open(&path).unwrap();
    locked
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
        .unwrap();
    let second = start();
    check_unread_rules(&second).await;
    drop(locked);
    wait_until("the rules are loaded", || {
        !second
            .node
            .telemetry()
            .alerts()
            .lock()
            .is_document_pending()
    })
    .await;
    let all = overview(&second).await;
    assert_silences(&all);
    assert_eq!(all["history_complete"], true);
    let somebody = rule_view(&second, "somebody").await;
    assert_eq!(somebody["doc"], "Somebody is here.");
    let change = json!({"threshold": 0.5, "clear": 0.4});
    expect_status(&second, ("PUT", "/rules/memory_high"), change, 200).await;
    second.stop().unwrap();

    // Changes of the last second are stored too.
    let third = start();
    assert_silences(&overview(&third).await);
    assert_eq!(rule_view(&third, "memory_high").await["threshold"], 0.5);
    let somebody = rule_view(&third, "somebody").await;
    assert_eq!(somebody["doc"], "Somebody is here.");
}

#[track_caller]
fn assert_silences(all: &Value) {
    let silences = all["silences"].as_array().unwrap().iter();
    let comments: Vec<_> = silences.map(|one| one["comment"].clone()).collect();
    assert_eq!(comments, ["new", "old"]);
}

/// Rules that are not read yet cannot be changed; new silences are possible.
async fn check_unread_rules(server: &TestServer) {
    let all = overview(server).await;
    assert_eq!(all["unread"], true);
    assert_eq!(all["history_complete"], false);
    assert_eq!(rule_view(server, "somebody").await, Value::Null);
    let change = json!({"threshold": 0.5, "clear": 0.4});
    let refused = expect_status(server, ("PUT", "/rules/memory_high"), change, 503).await;
    let error = refused["error"].as_str().unwrap();
    assert!(error.contains("cannot be read yet"), "{error}");
    expect_status(server, ("DELETE", "/rules/memory_high"), Value::Null, 503).await;
    let silence = json!({"rule": "history_failing", "seconds": 600, "comment": "new"});
    expect_status(server, ("POST", "/silences"), silence, 201).await;
}
