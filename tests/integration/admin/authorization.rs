//! Authorization: the admin token, wrong tokens and their limits, and private statistics.

use serde_json::json;
use swarmhub::config::{HistoryStorage, ListenerRole};

use super::{PATHS, TOKEN, audit, send_request, server, server_behind_a_proxy};
use crate::support::TestServer;
use crate::support::http::{Connection, bearer};

const WRONG_TOKEN: &str = "a-wrong-token-a-wrong-token";
const SESSION: &str = "GET /api/v1/session";

#[tokio::test]
async fn without_an_admin_token_the_api_is_off() {
    let server = TestServer::start(|_| {});
    for (method, path) in PATHS {
        let reply = send_request(&server, &format!("{method} {path}")).await;
        assert!(reply.error(404).contains("set admin_token"), "{path}");
    }
}

#[tokio::test]
async fn without_the_right_token_the_api_is_closed() {
    let server = server(|config| config.limits.wrong_tokens_per_minute = 1000);
    for (method, path) in PATHS {
        let request = format!("{method} {path}");
        let none = server.send(&request, "", "").await;
        assert!(none.expect_header("www-authenticate").starts_with("Bearer"));
        let text = none.error(401);
        assert!(text.contains("Authorization: Bearer"), "{path}: {text}");
        // Neither a part of the token, nor another scheme, nor a cookie.
        for headers in [
            bearer(&TOKEN[1..]),
            bearer(&format!("{TOKEN}x")),
            bearer(""),
            format!("Authorization: Basic {TOKEN}\r\n"),
            format!("Cookie: token={TOKEN}\r\n"),
        ] {
            let refused = server.send(&request, &headers, "").await;
            assert_eq!(refused.header("set-cookie"), None);
            refused.error(401);
        }
    }
    assert_eq!(server.node.counters().tokens_wrong, 2 * PATHS.len() as u64);
    assert!(audit(&server).await.is_empty());
}

#[tokio::test]
async fn pages_of_other_sites_cannot_use_the_api() {
    let server = server(|_| {});
    let origin = format!("Origin: https://evil.example\r\n{}", bearer(TOKEN));
    let reply = server.send(SESSION, &origin, "").await;
    let grants = |head: &str| head.to_lowercase().contains("access-control");
    assert!(!grants(&reply.head), "{reply}");
    assert_eq!(reply.ok(), json!({ "admin": true }));
    let preflight = "Origin: https://evil.example\r\nAccess-Control-Request-Method: PATCH\r\n\
                     Access-Control-Request-Headers: authorization\r\n";
    let reply = server.send("OPTIONS /api/v1/settings", preflight, "").await;
    assert!(!grants(&reply.head), "{reply}");
    reply.error(401);
}

#[tokio::test]
async fn wrong_tokens_per_address_are_limited() {
    let server = server_behind_a_proxy(|config| {
        config.limits.wrong_tokens_per_minute = 5;
        // Neither of these disables the limit.
        config.no_limits = true;
        config.limits.exempt = vec!["192.0.2.0/24".parse().unwrap()];
    });
    let attacker = "X-Forwarded-For: 192.0.2.7\r\n";
    let guess = format!("{attacker}{}", bearer(WRONG_TOKEN));
    for _ in 0..5 {
        server.send(SESSION, &guess, "").await.error(401);
    }
    // Not even the right token is accepted.
    let headers = format!("{attacker}{}", bearer(TOKEN));
    let refused = server.send(SESSION, &headers, "").await;
    assert!((1..=13).contains(&refused.retry_after()), "{refused}");
    assert!(
        refused
            .error(429)
            .contains("limits.wrong_tokens_per_minute")
    );
    let counters = server.node.counters();
    assert_eq!(counters.tokens_wrong, 5);
    assert_eq!(counters.refused_wrong_tokens_per_minute, 1);
    let headers = format!("X-Forwarded-For: 198.51.100.1\r\n{}", bearer(TOKEN));
    server.send(SESSION, &headers, "").await.ok();
}

#[tokio::test]
async fn wrong_tokens_in_total_do_not_lock_out_known_addresses() {
    let server = server_behind_a_proxy(|config| config.limits.all_wrong_tokens_per_minute = 5);
    let from =
        |address: &str, token: &str| format!("X-Forwarded-For: {address}\r\n{}", bearer(token));
    let operator = from("198.51.100.1", TOKEN);
    server.send(SESSION, &operator, "").await.ok();
    for number in 0..5 {
        let headers = from(&format!("192.0.2.{number}"), WRONG_TOKEN);
        server.send(SESSION, &headers, "").await.error(401);
    }
    let other_client = from("203.0.113.1", TOKEN);
    let refused = server.send(SESSION, &other_client, "").await.error(429);
    assert!(refused.contains("limits.all_wrong_tokens_per_minute"));
    let counters = server.node.counters();
    assert_eq!(counters.refused_all_wrong_tokens_per_minute, 1);
    assert_eq!(counters.refused_wrong_tokens_per_minute, 0);
    server.send(SESSION, &operator, "").await.ok();
}

#[cfg(unix)]
#[tokio::test]
async fn a_locked_out_operator_can_use_a_socket_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("admin.sock");
    let server = server(|config| {
        config.limits.wrong_tokens_per_minute = 2;
        let listener = format!("pages+unix:{}", file.display());
        config.listen.push(listener.parse().unwrap());
    });
    // As behind a proxy that is not trusted: the operator shares the address.
    for _ in 0..2 {
        server
            .send(SESSION, &bearer(WRONG_TOKEN), "")
            .await
            .error(401);
    }
    let locked_out = send_request(&server, SESSION).await.error(429);
    assert!(locked_out.contains("proxies.trusted"), "{locked_out}");
    let mut connection = Connection::open_file(&file).await;
    connection.send(SESSION, &bearer(TOKEN), "").await.ok();
}

#[tokio::test]
async fn listeners_without_pages_have_no_admin_api() {
    let server = server(|config| config.listen[0].role = ListenerRole::Tracker);
    let refused = send_request(&server, SESSION).await.expect(404);
    refused.expect_text("only the tracker");
}

#[tokio::test]
async fn private_statistics_need_the_admin_token() {
    let server = server(|config| {
        config.public_stats = false;
        config.history = HistoryStorage::Memory;
    });
    for path in ["stats", "series", "history?series=swarms"] {
        let request = format!("GET /api/v1/{path}");
        let refused = server.send(&request, "", "").await.error(403);
        assert!(refused.contains("public_stats"), "{path}");
        server
            .send(&request, &bearer(WRONG_TOKEN), "")
            .await
            .error(401);
        send_request(&server, &request).await.expect(200);
    }
    assert_eq!(server.node.counters().tokens_wrong, 3);
    // The largest swarms are never public.
    let largest = "GET /api/v1/history/swarms";
    server.send(largest, "", "").await.error(401);
    send_request(&server, largest).await.expect(200);
}
