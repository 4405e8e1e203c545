//! Authorization: the admin token, wrong tokens and their limits, and private statistics.

use crate::support::{TIMEOUT, TestServer};
use serde_json::json;
use swarmhub::config::{HistoryStorage, ListenerRole};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::{PATHS, TOKEN, audit, bearer, send, send_request, server, server_behind_a_proxy};

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
        let none = send(&server, &request, "", "").await;
        assert!(none.error(401).contains("Authorization: Bearer"), "{path}");
        assert!(none.head.contains("www-authenticate: bearer"));
        // Neither a part of the token, nor another scheme, nor a cookie.
        for headers in [
            bearer(&TOKEN[1..]),
            bearer(&format!("{TOKEN}x")),
            bearer(""),
            format!("Authorization: Basic {TOKEN}\r\n"),
            format!("Cookie: token={TOKEN}\r\n"),
        ] {
            let reply = send(&server, &request, &headers, "").await;
            reply.error(401);
            assert!(!reply.head.contains("set-cookie"));
        }
    }
    assert_eq!(server.node.counters().tokens_wrong, 2 * PATHS.len() as u64);
    assert!(audit(&server).await.is_empty());
}

#[tokio::test]
async fn pages_of_other_sites_cannot_use_the_api() {
    let server = server(|_| {});
    let origin = format!("Origin: https://evil.example\r\n{}", bearer(TOKEN));
    let reply = send(&server, "GET /api/v1/session", &origin, "").await;
    assert!(!reply.head.contains("access-control"), "{}", reply.head);
    assert_eq!(reply.ok(), json!({ "admin": true }));
    let preflight = "Origin: https://evil.example\r\nAccess-Control-Request-Method: PATCH\r\n\
                     Access-Control-Request-Headers: authorization\r\n";
    let reply = send(&server, "OPTIONS /api/v1/settings", preflight, "").await;
    reply.error(401);
    assert!(!reply.head.contains("access-control"), "{}", reply.head);
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
    for _ in 0..5 {
        let headers = format!("{attacker}{}", bearer("a-wrong-token-a-wrong-token"));
        send(&server, "GET /api/v1/session", &headers, "")
            .await
            .error(401);
    }
    // Not even the right token is accepted.
    let headers = format!("{attacker}{}", bearer(TOKEN));
    let reply = send(&server, "GET /api/v1/session", &headers, "").await;
    assert!(reply.error(429).contains("limits.wrong_tokens_per_minute"));
    assert!((1..=13).contains(&reply.retry_after()), "{}", reply.head);
    let counters = server.node.counters();
    assert_eq!(counters.tokens_wrong, 5);
    assert_eq!(counters.refused_wrong_tokens_per_minute, 1);
    let headers = format!("X-Forwarded-For: 198.51.100.1\r\n{}", bearer(TOKEN));
    send(&server, "GET /api/v1/session", &headers, "")
        .await
        .ok();
}

#[tokio::test]
async fn wrong_tokens_in_total_do_not_lock_out_known_addresses() {
    let server = server_behind_a_proxy(|config| config.limits.all_wrong_tokens_per_minute = 5);
    let from =
        |address: &str, token: &str| format!("X-Forwarded-For: {address}\r\n{}", bearer(token));
    let session = "GET /api/v1/session";
    let operator = from("198.51.100.1", TOKEN);
    send(&server, session, &operator, "").await.ok();
    for number in 0..5 {
        let headers = from(&format!("192.0.2.{number}"), "a-wrong-token-a-wrong-token");
        send(&server, session, &headers, "").await.error(401);
    }
    let stranger = from("203.0.113.1", TOKEN);
    let reply = send(&server, session, &stranger, "").await;
    assert!(
        reply
            .error(429)
            .contains("limits.all_wrong_tokens_per_minute")
    );
    let counters = server.node.counters();
    assert_eq!(counters.refused_all_wrong_tokens_per_minute, 1);
    assert_eq!(counters.refused_wrong_tokens_per_minute, 0);
    send(&server, session, &operator, "").await.ok();
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
        let headers = bearer("a-wrong-token-a-wrong-token");
        send(&server, "GET /api/v1/session", &headers, "")
            .await
            .error(401);
    }
    let locked_out = send_request(&server, "GET /api/v1/session").await;
    assert!(locked_out.error(429).contains("proxies.trusted"));
    let mut stream = tokio::net::UnixStream::connect(&file).await.unwrap();
    let request = format!(
        "GET /api/v1/session HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}\r\n",
        bearer(TOKEN)
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = timeout(TIMEOUT, stream.read_to_string(&mut answer));
    read.await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn listeners_without_pages_have_no_admin_api() {
    let server = server(|config| config.listen[0].role = ListenerRole::Tracker);
    let reply = send_request(&server, "GET /api/v1/session").await;
    assert_eq!(reply.status, 404);
    assert!(reply.body.contains("only the tracker"), "{}", reply.body);
}

#[tokio::test]
async fn private_statistics_need_the_admin_token() {
    let server = server(|config| {
        config.public_stats = false;
        config.history = HistoryStorage::Memory;
    });
    for path in ["stats", "series", "history?series=swarms"] {
        let request = format!("GET /api/v1/{path}");
        let reply = send(&server, &request, "", "").await;
        assert!(reply.error(403).contains("public_stats"), "{path}");
        let wrong = bearer("a-wrong-token-a-wrong-token");
        send(&server, &request, &wrong, "").await.error(401);
        let reply = send_request(&server, &request).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
    }
    assert_eq!(server.node.counters().tokens_wrong, 3);
    // The largest swarms are never public.
    let largest = "GET /api/v1/history/swarms";
    send(&server, largest, "", "").await.error(401);
    assert_eq!(send_request(&server, largest).await.status, 200);
}
