//! Settings, draining and the audit log in the admin API.

use std::time::Duration;

use serde_json::json;
use swarmhub::config::{Config, Secret};

use super::{TOKEN, audit, patch, send_request, server, setting};
use crate::support::http::bearer;
use crate::support::{LONG, TestServer, wait_for};

/// Starts draining and waits until load balancers see it.
async fn drain(server: &TestServer) {
    let reply = send_request(server, "POST /api/v1/drain").await.expect(202);
    assert_eq!(reply.text(), r#"{"draining":true}"#);
    let not_ready = async || Some(server.get("/readyz", "").await.status).filter(|it| *it != 200);
    assert_eq!(wait_for("it drains", not_ready).await, 503);
}

#[tokio::test]
async fn settings_are_listed_changed_and_undone() {
    let server = server(|config| config.interval = Some(Duration::from_secs(33)));
    let mut client = server.connect().await;
    assert_eq!(client.join("swarm", "peer").await["interval"], 33);
    let all = send_request(&server, "GET /api/v1/settings").await.ok();
    let interval = setting(&all, "interval");
    assert_eq!(
        (&interval["value"], &interval["bounds"]),
        (&json!("33"), &json!("1 to 3600"))
    );
    assert_eq!(
        (&interval["live"], &interval["changed"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(setting(&all, "workers")["live"], false);
    assert_eq!(all["can_undo"], false);
    let changed = patch(
        &server,
        &json!({"interval": 20, "limits.messages_per_second": "30"}),
    )
    .await
    .ok();
    assert_eq!(
        changed["changed"][0],
        json!({"key": "interval", "from": "33", "to": "20"})
    );
    // The change applies to open connections once the response has arrived.
    assert_eq!(client.join("swarm", "peer").await["interval"], 20);
    let all = send_request(&server, "GET /api/v1/settings").await.ok();
    assert_eq!(setting(&all, "interval")["changed"], true);
    assert_eq!(all["can_undo"], true);
    patch(&server, &json!({"interval": null})).await.ok();
    assert_eq!(server.handle.config().interval, None);
    let undo = "POST /api/v1/settings/undo";
    send_request(&server, undo).await.ok();
    assert_eq!(
        server.handle.config().interval,
        Some(Duration::from_secs(20))
    );
    send_request(&server, undo).await.ok();
    assert_eq!(
        server.handle.config().interval,
        Some(Duration::from_secs(33))
    );
    assert_eq!(server.handle.config().limits.messages_per_second, 20);
    assert!(
        send_request(&server, undo)
            .await
            .error(409)
            .contains("no change")
    );
    let entries = audit(&server).await;
    assert_eq!(entries[0].1, "undo: limits.messages_per_second: 30 → 20");
    let first = (
        "settings".to_owned(),
        "limits.messages_per_second: 20 → 30".to_owned(),
    );
    assert_eq!(
        entries[entries.len() - 1],
        ("settings".to_owned(), "interval: 33 → 20".to_owned())
    );
    assert!(entries.contains(&first), "{entries:?}");
}

#[tokio::test]
async fn settings_are_listed_with_kind_and_default() {
    let server = server(|config| config.interval = Some(Duration::from_secs(33)));
    let all = send_request(&server, "GET /api/v1/settings").await.ok();
    for (key, section, kind, default) in [
        ("interval", json!(null), "seconds", json!(null)),
        ("workers", json!(null), "number", json!(0)),
        ("no_limits", json!(null), "switch", json!(false)),
        ("log_level", json!(null), "text", json!("info")),
        ("limits.patience", json!("limits"), "seconds", json!(60)),
        (
            "limits.bytes_per_second",
            json!("limits"),
            "bytes",
            json!(1_048_576),
        ),
        ("memory.budget_bytes", json!("memory"), "bytes", json!(0)),
        (
            "limits.address_swarms_percent",
            json!("limits"),
            "percent",
            json!(10),
        ),
        ("origin", json!(null), "text", json!([])),
        (
            "alerts.chat_template",
            json!("alerts"),
            "text",
            json!("{\"text\":\"{{summary}}\"}"),
        ),
    ] {
        let one = setting(&all, key);
        assert_eq!(
            (&one["section"], &one["kind"]),
            (&section, &json!(kind)),
            "{key}"
        );
        assert_eq!(one["default_plain"], default, "{key}");
    }
    let interval = setting(&all, "interval");
    assert_eq!(
        (&interval["plain"], &interval["is_default"]),
        (&json!(33), &json!(false))
    );
    assert_eq!(
        setting(&all, "log_format")["choices"],
        json!(["text", "json"])
    );
    assert_eq!(setting(&all, "log_format")["other_values"], false);
    assert_eq!(setting(&all, "log_level")["other_values"], true);
    assert_eq!(setting(&all, "origin")["many"], true);
    let token = setting(&all, "admin_token");
    assert_eq!(
        (&token["plain"], &token["secret"]),
        (&json!(null), &json!(true))
    );
    let sections = all["sections"].as_array().unwrap();
    assert_eq!(sections[0]["name"], "tls");
    assert!(
        sections
            .iter()
            .all(|section| !section["doc"].as_str().unwrap().is_empty())
    );
}

#[tokio::test]
async fn settings_accept_json_values_and_configuration_text() {
    let server = server(|_| {});
    let origins = json!(["https://a.example", "https://b.example"]);
    let requested = json!({
        "interval": 20, "limits.patience": 4.5, "no_limits": true, "origin": origins, "log_level": "\"debug\"",
    });
    patch(&server, &requested).await.ok();
    let config = server.handle.config();
    assert_eq!(config.interval, Some(Duration::from_secs(20)));
    assert_eq!(config.limits.patience, Duration::from_millis(4500));
    assert_eq!(json!(config.origin), origins);
    assert!(config.no_limits && config.log_level == "debug");
    let empty = json!({"interval": "30", "no_limits": "false", "origin": []});
    patch(&server, &empty).await.ok();
    let config = server.handle.config();
    assert_eq!(config.interval, Some(Duration::from_secs(30)));
    assert!(!config.no_limits && config.origin.is_empty());
}

#[tokio::test]
async fn a_stolen_token_cannot_read_passwords_or_redirect_clients() {
    let server = server(|config| {
        config.ice_server = vec!["turn:me:hidden-word@turn.example".into()];
    });
    let all = send_request(&server, "GET /api/v1/settings").await;
    assert!(!all.text().contains("hidden-word"), "{all}");
    let all = all.ok();
    let ice = setting(&all, "ice_server");
    assert_eq!(ice["value"], "[\"turn:me:(set)@turn.example\"]");
    for (key, value) in [
        ("ice_server", json!(["stun:evil.example"])),
        ("ice_server", json!(null)),
        ("alerts.chat_template", json!("'{\"text\":\"\"}'")),
        ("alerts.external_url", json!("\"https://evil.example/\"")),
    ] {
        assert_eq!(setting(&all, key)["live"], false, "{key}");
        let refused = patch(&server, &json!({ key: value })).await.error(400);
        assert!(refused.contains("over the network"), "{refused}");
    }
    // A reload of the configuration changes it, and the audit log does not contain the password.
    let mut config = server.handle.config();
    config.ice_server = vec!["turn:me:hidden-too@turn.example".into()];
    server.handle.reload(&config).await.unwrap();
    assert_eq!(server.handle.config().ice_server, config.ice_server);
    let entries = audit(&server).await;
    assert_eq!(entries.len(), 1);
    let detail = &entries[0].1;
    assert!(
        detail.contains("ice_server: [\"turn:me:(set)@turn.example\"] →"),
        "{detail}"
    );
    assert!(!detail.contains("hidden"), "{detail}");
}

#[tokio::test]
async fn invalid_settings_are_refused_with_all_errors() {
    let server = server(|_| {});
    let before = server.handle.config();
    let reply = patch(&server, &json!({
        "interval": "30", "limits.messages_burst": "0", "banana": "1", "workers": "3", "log_level": "loud",
        "admin_token": "\"0123456789abcdef\"",
    }))
    .await;
    reply.error(400);
    let body = reply.json();
    let errors = body["errors"].as_array().unwrap();
    let keys: Vec<_> = errors
        .iter()
        .map(|error| error.as_str().unwrap().split(':').next().unwrap())
        .collect();
    assert_eq!(
        keys,
        [
            "admin_token",
            "banana",
            "limits.messages_burst",
            "log_level",
            "workers"
        ]
    );
    // Each value is valid alone, but not together.
    let reply = patch(
        &server,
        &json!({"tracker.interval_min": "200", "tracker.interval_max": "100"}),
    )
    .await;
    assert!(reply.error(400).contains("tracker.interval_min"));
    assert_eq!(server.handle.config(), before);
    for body in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"interval":{"s":30}}"#,
        r#"{"interval":[null]}"#,
        r#"{"origin":"x"}"#,
        "\"x\"",
        "null",
    ] {
        let reply = server
            .send("PATCH /api/v1/settings", &bearer(TOKEN), body)
            .await;
        assert!(!reply.error(400).is_empty(), "{body}");
    }
    let long = format!("{{\"interval\":\"{}\"}}", "1".repeat(64 * 1024));
    let reply = server
        .send("PATCH /api/v1/settings", &bearer(TOKEN), &long)
        .await;
    assert!(reply.error(413).contains("65536 bytes"));
    assert!(audit(&server).await.is_empty());
}

#[tokio::test]
async fn a_reload_discards_changes_and_secrets_are_never_shown() {
    let turn_secrets = ["first-secret-of-turn", "second-secret-of-turn"].map(Secret::new);
    let server = server(|config| config.ice.turn_secret = Some(turn_secrets[0].clone()));
    let loaded = server.handle.config();
    patch(&server, &json!({"interval": "20"})).await.ok();
    let other = "another-token-another-token";
    let mut requested = loaded.clone();
    requested.interval = Some(Duration::from_secs(40));
    requested.admin_token = Some(Secret::new(other));
    requested.ice.turn_secret = Some(turn_secrets[1].clone());
    server.handle.reload(&requested).await.unwrap();
    assert_eq!(
        server.handle.config().interval,
        Some(Duration::from_secs(40))
    );
    // The old token is no longer valid.
    send_request(&server, "GET /api/v1/session")
        .await
        .error(401);
    let new = bearer(other);
    let all = server.send("GET /api/v1/settings", &new, "").await.ok();
    assert_eq!(all["can_undo"], false);
    assert_eq!(setting(&all, "interval")["changed"], false);
    let token = setting(&all, "admin_token");
    assert_eq!(
        (&token["value"], &token["secret"]),
        (&json!("\"(set)\""), &json!(true))
    );
    let entries = server
        .send("GET /api/v1/audit", &new, "")
        .await
        .ok()
        .to_string();
    assert!(entries.contains("reload: interval: 20 → 40"), "{entries}");
    assert_eq!(setting(&all, "ice.turn_secret")["value"], "\"(set)\"");
    for text in [all.to_string(), entries] {
        assert!(!text.contains(other) && !text.contains(TOKEN), "{text}");
        assert!(!text.contains("secret-of-turn"), "{text}");
    }
    // Without a token the API is off.
    server
        .handle
        .reload(&Config {
            admin_token: None,
            ..requested
        })
        .await
        .unwrap();
    server
        .send("GET /api/v1/session", &new, "")
        .await
        .error(404);
}

#[tokio::test]
async fn a_drain_request_starts_draining() {
    let server = server(|config| config.drain.quiet = LONG);
    let mut client = server.connect().await;
    client.join("swarm", "peer").await;
    drain(&server).await;
    // A peer that joined over HTTP now would be unknown to the next server until it announces retry.
    let announce =
        "GET /announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=7";
    let response = server.send(announce, "", "").await;
    // Clients without support for `retry in` use `interval`.
    let retry = "8:intervali60e12:min intervali60e8:retry ini1ee";
    assert!(response.text().ends_with(retry), "{response}");
    assert_eq!(server.node.counters().failures_http_draining, 1);
    // The API is served while draining.
    assert_eq!(audit(&server).await[0].0, "drain");
    server.handle.stop();
}

#[tokio::test]
async fn stopped_events_are_served_while_draining() {
    let server = server(|config| config.drain.quiet = LONG);
    // Without an open connection the quiet phase would end at once.
    let mut client = server.connect().await;
    client.join("swarm", "peer").await;
    let announce = "GET /announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=6881&numwant=0";
    server.send(announce, "", "").await;
    let peers = || server.node.tracker().swarms().totals().http_peers;
    assert_eq!(peers(), 1);
    drain(&server).await;
    let response = server
        .send(&format!("{announce}&event=stopped"), "", "")
        .await;
    let reply = String::from_utf8_lossy(&response.body);
    assert!(reply.starts_with("d8:complete"), "{reply}");
    assert_eq!(peers(), 0);
    server.handle.stop();
}

#[tokio::test]
async fn the_audit_log_has_a_limit_parameter() {
    let server = server(|_| {});
    for seconds in 10..15 {
        patch(&server, &json!({"interval": seconds.to_string()}))
            .await
            .ok();
    }
    let two = send_request(&server, "GET /api/v1/audit?limit=2")
        .await
        .ok();
    let details = two["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["detail"].clone());
    let requested = ["interval: 13 → 14", "interval: 12 → 13"];
    assert_eq!(details.collect::<Vec<_>>(), requested);
    for limit in ["0", "1001", "x"] {
        let reply = send_request(&server, &format!("GET /api/v1/audit?limit={limit}")).await;
        assert!(reply.error(400).contains("limit"));
    }
    let reply = send_request(&server, "DELETE /api/v1/audit").await;
    assert!(reply.error(405).contains("method not allowed"));
    assert!(reply.expect_header("allow").starts_with("GET"), "{reply}");
}
