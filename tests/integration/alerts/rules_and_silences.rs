//! Alert rules, silences and history in the admin API.

use crate::support::{TestServer, wait_until};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use swarmhub::history::Journal;

use super::{Receiver, put_rule, rule_view, send_request, send_request_as, server};

#[tokio::test]
async fn rule_and_silence_changes_need_the_token_and_are_audited() {
    let receiver = Receiver::start(&["200 OK"]).await;
    let server = server(|config| config.alerts.webhook = vec![receiver.url().parse().unwrap()]);
    for (method, path) in [
        ("GET", ""),
        ("PUT", "/rules/somebody"),
        ("DELETE", "/rules/memory_high"),
        ("POST", "/silences"),
        ("DELETE", "/silences/1"),
        ("POST", "/test"),
    ] {
        for headers in ["", "Authorization: Bearer 0123456789abcdeF\r\n"] {
            let (status, answer) = send_request_as(&server, method, path, json!({}), headers).await;
            assert_eq!(status, 401, "{method} {path}: {answer}");
        }
    }
    put_rule(&server).await;
    let silence = json!({"rule": "somebody", "seconds": 600, "comment": "I know"});
    let (status, silence) = send_request(&server, "POST", "/silences", silence).await;
    assert_eq!(status, 201);
    let _client = server.connect().await;
    wait_until("the alert fires", || {
        server.node.telemetry().alerts().lock().summary().firing == 1
    })
    .await;
    let (_, summary) = send_request_as(&server, "GET", "/summary", Value::Null, "").await;
    assert_eq!(
        summary,
        json!({"firing": 1, "pending": 0, "names": ["somebody"], "severity": "warning"})
    );
    let firing = rule_view(&server, "somebody").await;
    assert_eq!(
        (&firing["state"], &firing["value"]),
        (&json!("firing"), &json!(1.0))
    );
    assert_eq!(firing["silenced_until"], silence["until"]);
    assert!(receiver.received().is_empty(), "silence");
    let path = format!("/silences/{}", silence["id"]);
    assert_eq!(
        send_request(&server, "DELETE", &path, Value::Null).await.0,
        200
    );
    wait_until("the silence is over", || receiver.statuses() == ["firing"]).await;
    assert_eq!(
        send_request(&server, "DELETE", &path, Value::Null).await.0,
        404
    );
    // Omitted fields are unchanged; deleting a rule ends its alert.
    let (_, rule) =
        send_request(&server, "PUT", "/rules/somebody", json!({"keep_firing": 5})).await;
    assert_eq!(
        (&rule["threshold"], &rule["keep_firing"]),
        (&json!(0.0), &json!(5.0))
    );
    assert_eq!(
        send_request(&server, "DELETE", "/rules/somebody", Value::Null)
            .await
            .0,
        200
    );
    wait_until("the end is notified", || {
        receiver.statuses() == ["firing", "resolved"]
    })
    .await;
    // A default rule is changed and reset.
    send_request(
        &server,
        "PUT",
        "/rules/memory_high",
        json!({"threshold": 0.5, "clear": 0.4}),
    )
    .await;
    assert_eq!(rule_view(&server, "memory_high").await["changed"], true);
    let (_, answer) = send_request(&server, "DELETE", "/rules/memory_high", Value::Null).await;
    assert_eq!(answer["done"], "reset");
    assert_eq!(rule_view(&server, "memory_high").await["threshold"], 0.75);
    let silence = json!({"rule": "memory_high", "seconds": 60});
    send_request(&server, "POST", "/silences", silence).await;
    let audit = server
        .node
        .storage()
        .history()
        .journal_entries(Journal::Audit, UNIX_EPOCH, 100)
        .await
        .newest;
    let kinds: Vec<_> = audit
        .iter()
        .map(|(_, json)| json.contains("alert rule"))
        .collect();
    assert_eq!(
        kinds,
        [false, true, true, true, true, false, false, true],
        "newest first"
    );
    assert!(
        audit[2].1.contains("> 0.75") && audit[2].1.contains("> 0.5"),
        "{}",
        audit[2].1
    );
    assert!(
        audit[0].1.contains("memory_high for 60 s\""),
        "no colon without a comment"
    );
}

#[tokio::test]
async fn invalid_requests_get_a_readable_error() {
    let server = server(|_| {});
    let rule = |change: Value| {
        let mut rule = json!({"series": "connections", "comparison": ">", "threshold": 1});
        rule.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        rule
    };
    let cases = [
        (
            "PUT",
            "/rules/a",
            rule(json!({"series": "nothing"})),
            400,
            "no such series: nothing",
        ),
        (
            "PUT",
            "/rules/a",
            rule(json!({"clear": 2})),
            400,
            "fire again",
        ),
        (
            "PUT",
            "/rules/a",
            rule(json!({"name": "b"})),
            400,
            "differs from the name in the path",
        ),
        (
            "PUT",
            "/rules/A%20b",
            rule(json!({})),
            400,
            "lowercase letters",
        ),
        (
            "PUT",
            "/rules/a",
            rule(json!({"treshold": 1})),
            400,
            "unknown field",
        ),
        ("PUT", "/rules/a", json!([1]), 400, "invalid type"),
        (
            "PUT",
            "/rules/a",
            rule(json!({"doc": "x".repeat(100_000)})),
            413,
            "65536",
        ),
        ("DELETE", "/rules/a", Value::Null, 404, "there is no rule"),
        (
            "POST",
            "/silences",
            json!({"rule": "a", "seconds": 9}),
            404,
            "there is no rule",
        ),
        (
            "POST",
            "/silences",
            json!({"rule": "*", "seconds": 1e9}),
            400,
            "seconds must",
        ),
        (
            "DELETE",
            "/silences/x",
            Value::Null,
            404,
            "there is no silence",
        ),
        ("POST", "/test", Value::Null, 409, "alerts.webhook"),
    ];
    for (method, path, body, expected, text) in cases {
        let (status, answer) = send_request(&server, method, path, body).await;
        let error = answer["error"].as_str().unwrap();
        assert_eq!(status, expected, "{method} {path}: {error}");
        assert!(error.contains(text), "{method} {path}: {error}");
    }
    let audit = server
        .node
        .storage()
        .history()
        .journal_entries(Journal::Audit, UNIX_EPOCH, 100)
        .await
        .newest;
    assert!(audit.is_empty(), "{audit:?}");
}

#[tokio::test]
async fn without_an_admin_token_the_alerts_api_is_off() {
    let server = TestServer::start(|_| {});
    let (status, answer) = send_request(&server, "GET", "", Value::Null).await;
    assert_eq!(status, 404);
    assert_eq!(answer["error"], "the admin API is off: set admin_token");
    assert_eq!(
        send_request(&server, "GET", "/summary", Value::Null)
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn the_summary_has_the_permissions_of_the_statistics() {
    let server = server(|config| config.public_stats = false);
    assert_eq!(
        send_request(&server, "GET", "/summary", Value::Null)
            .await
            .0,
        200
    );
    let (status, _) = send_request_as(&server, "GET", "/summary", Value::Null, "").await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn a_long_alert_history_is_truncated_to_the_newest() {
    let server = server(|_| {});
    let now = SystemTime::now();
    for number in 0..=2000 {
        let entry = json!({"rule": "somebody", "at": number, "state": "firing", "value": null});
        let store = server.node.storage().history();
        store.append_journal(Journal::Alerts, now, entry.to_string());
    }
    let (_, all) = send_request(&server, "GET", "", Value::Null).await;
    let history = all["history"].as_array().unwrap();
    assert_eq!((history.len(), &all["history_more"]), (2000, &json!(true)));
    assert_eq!(history[0]["at"], 2000.0, "newest first");
}
