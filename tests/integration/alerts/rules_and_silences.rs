//! Alert rules, silences and history in the admin API.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use swarmhub::history::Journal;

use super::{
    Receiver, expect_status, overview, put_rule, rule_view, send_request, send_request_as, server,
};
use crate::support::{TestServer, wait_until};

/// Returns the audit log, newest first.
async fn audit_log(server: &TestServer) -> Vec<String> {
    let store = server.node.storage().history();
    let entries = store.journal_entries(Journal::Audit, UNIX_EPOCH, 100).await;
    let entries = entries.newest.into_iter();
    entries.map(|(_, json)| json.clone()).collect()
}

/// Every changing request without a token, and with a wrong one.
async fn check_unauthorized(server: &TestServer) {
    for (method, path) in [
        ("GET", ""),
        ("PUT", "/rules/somebody"),
        ("DELETE", "/rules/memory_high"),
        ("POST", "/silences"),
        ("DELETE", "/silences/1"),
        ("POST", "/test"),
    ] {
        for headers in ["", "Authorization: Bearer 0123456789abcdeF\r\n"] {
            let (status, answer) = send_request_as(server, method, path, json!({}), headers).await;
            assert_eq!(status, 401, "{method} {path}: {answer}");
        }
    }
}

#[tokio::test]
async fn rule_and_silence_changes_need_the_token_and_are_audited() {
    let receiver = Receiver::start(&["200 OK"]).await;
    let server = server(|config| config.alerts.webhook = vec![receiver.url().parse().unwrap()]);
    check_unauthorized(&server).await;
    put_rule(&server).await;
    let silence = json!({"rule": "somebody", "seconds": 600, "comment": "I know"});
    let silence = expect_status(&server, ("POST", "/silences"), silence, 201).await;
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
    expect_status(&server, ("DELETE", &path), Value::Null, 200).await;
    wait_until("the silence is over", || receiver.statuses() == ["firing"]).await;
    expect_status(&server, ("DELETE", &path), Value::Null, 404).await;
    // Omitted fields are unchanged; deleting a rule ends its alert.
    let somebody = "/rules/somebody";
    let change = json!({"keep_firing": 5});
    let rule = expect_status(&server, ("PUT", somebody), change, 200).await;
    assert_eq!(
        (&rule["threshold"], &rule["keep_firing"]),
        (&json!(0.0), &json!(5.0))
    );
    expect_status(&server, ("DELETE", somebody), Value::Null, 200).await;
    wait_until("the end is notified", || {
        receiver.statuses() == ["firing", "resolved"]
    })
    .await;
    let audit = audit_log(&server).await;
    let is_of_rule: Vec<_> = audit.iter().map(|one| one.contains("alert rule")).collect();
    let expected = [true, true, false, false, true];
    assert_eq!(is_of_rule, expected, "newest first: {audit:?}");
}

#[tokio::test]
async fn a_default_rule_can_be_changed_and_reset() {
    let server = server(|_| {});
    let (path, name) = ("/rules/memory_high", "memory_high");
    let change = json!({"threshold": 0.5, "clear": 0.4});
    expect_status(&server, ("PUT", path), change, 200).await;
    assert_eq!(rule_view(&server, name).await["changed"], true);
    let answer = expect_status(&server, ("DELETE", path), Value::Null, 200).await;
    assert_eq!(answer["done"], "reset");
    assert_eq!(rule_view(&server, name).await["threshold"], 0.75);
    let silence = json!({"rule": name, "seconds": 60});
    expect_status(&server, ("POST", "/silences"), silence, 201).await;
    let [silenced, _, changed] = &audit_log(&server).await[..] else {
        panic!("three entries")
    };
    let has_both = changed.contains("> 0.75") && changed.contains("> 0.5");
    assert!(has_both, "{changed}");
    let without_comment = "memory_high for 60 s\"";
    assert!(silenced.contains(without_comment), "{silenced}");
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
    let audit = audit_log(&server).await;
    assert!(audit.is_empty(), "{audit:?}");
}

#[tokio::test]
async fn without_an_admin_token_the_alerts_api_is_off() {
    let server = TestServer::start(|_| {});
    let answer = expect_status(&server, ("GET", ""), Value::Null, 404).await;
    assert_eq!(answer["error"], "the admin API is off: set admin_token");
    expect_status(&server, ("GET", "/summary"), Value::Null, 200).await;
}

#[tokio::test]
async fn the_summary_has_the_permissions_of_the_statistics() {
    let server = server(|config| config.public_stats = false);
    expect_status(&server, ("GET", "/summary"), Value::Null, 200).await;
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
    let all = overview(&server).await;
    let history = all["history"].as_array().unwrap();
    assert_eq!((history.len(), &all["history_more"]), (2000, &json!(true)));
    assert_eq!(history[0]["at"], 2000.0, "newest first");
}
