//! The record of refusals for the operator (`/api/v1/refusals`): lost `Upgrade` headers, unlisted origins, invalid
//! `Host` headers, requests over limits.

use serde_json::json;
use swarmhub::config::Secret;

use crate::support::certificates::{LocalhostCertificate, start_with_tls};
use crate::support::http::{Connection, Response, bearer, get};
use crate::support::{TestServer, announce};

const TOKEN: &str = "0123456789abcdef";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n";

fn server() -> TestServer {
    TestServer::start(|config| {
        config.admin_token = Some(Secret::new(TOKEN));
        config.origin = vec!["https://a.example".into()];
    })
}

/// Sends requests, closes the write side, and reads all responses.
async fn send_all(server: &TestServer, requests: &str) -> Vec<Response> {
    let mut connection = Connection::open(server.address).await;
    connection.write(requests).await;
    connection.close_write().await;
    connection.read_responses(true).await
}

/// Sends one request and returns the only response.
async fn send_raw(server: &TestServer, request: &str) -> Response {
    let mut responses = send_all(server, request).await;
    assert_eq!(responses.len(), 1, "{request}");
    responses.remove(0)
}

/// Returns the rows of the record: kind, detail, count.
async fn recorded_rows(server: &TestServer) -> Vec<(String, String, u64)> {
    let response = server.get("/api/v1/refusals", &bearer(TOKEN)).await;
    let record = response.ok();
    let since = record["since"].as_u64().expect("seconds");
    let rows = record["refusals"].as_array().expect("rows").iter();
    let rows = rows.map(|row| {
        let (first, last) = (
            row["first"].as_u64().unwrap(),
            row["last"].as_u64().unwrap(),
        );
        assert!(since <= first && first <= last, "{row}");
        assert!(row["text"].as_str().unwrap().len() > 20, "{row}");
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        (text("kind"), text("detail"), row["count"].as_u64().unwrap())
    });
    rows.collect()
}

fn row(kind: &str, detail: &str, count: u64) -> (String, String, u64) {
    (kind.to_owned(), detail.to_owned(), count)
}

#[tokio::test]
async fn a_lost_upgrade_header_gets_a_hint_and_is_counted() {
    let server = server();
    let requests = [
        format!("GET / HTTP/1.1\r\nHost: x\r\n{VERSION}{KEY}"),
        format!("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{VERSION}{KEY}"),
        format!("GET /announce HTTP/1.1\r\nHost: x\r\n{KEY}"),
        format!("GET /x HTTP/1.1\r\nHost: x\r\n{VERSION}"),
        format!("GET /x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n{VERSION}{KEY}"),
        format!("GET /x HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\n{VERSION}{KEY}"),
        format!(
            "GET /x HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n{VERSION}{KEY}"
        ),
        format!("GET /x HTTP/1.0\r\nConnection: close\r\n{VERSION}{KEY}"),
        format!("CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n{VERSION}Origin: https://a.example\r\n"),
    ];
    for request in &requests {
        let response = send_raw(&server, &format!("{request}\r\n")).await;
        assert_eq!(response.status, 426, "{request} {response}");
        assert_eq!(response.expect_header("upgrade"), "websocket");
        response.expect_text("proxy_set_header Upgrade");
    }
    let old = format!("GET / HTTP/1.0\r\n{UPGRADE}{VERSION}{KEY}\r\n");
    let response = send_raw(&server, &old).await;
    response.expect(400).expect_text("proxy_http_version 1.1");
    let count = requests.len() as u64 + 1;
    let counters = server.node.counters();
    assert_eq!(
        (counters.refused_upgrade_missing, counters.upgrades_refused),
        (count, count)
    );
    assert_eq!(
        recorded_rows(&server).await,
        [
            row("upgrade_missing", "HTTP/1.0", 2),
            row("upgrade_missing", "HTTP/1.1", count - 2)
        ]
    );
    // Headers that proxies add to each request are not recorded.
    for headers in ["Connection: upgrade\r\n", "Upgrade: websocket\r\n"] {
        let page = format!("GET / HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        send_raw(&server, &page).await.expect(200);
    }
}

#[tokio::test]
async fn refusals_are_recorded_with_kind_and_detail() {
    let server = server();
    let socket = |headers: &str| {
        format!("GET / HTTP/1.1\r\nHost: x\r\n{UPGRADE}{VERSION}{KEY}{headers}\r\n")
    };
    for _ in 0..3 {
        send_raw(&server, &socket("Origin: https://b.example\r\n")).await;
    }
    send_raw(&server, &socket("Origin: null\r\n")).await;
    let query = "info_hash=hhhhhhhhhhhhhhhhhhhh&peer_id=pppppppppppppppppppp&port";
    let announce = |more: &str| format!("GET /announce?{query}{more}\r\n\r\n");
    send_raw(
        &server,
        &announce("=6881 HTTP/1.1\r\nHost: x\r\nReferer: http://evil.example/a?b"),
    )
    .await;
    send_raw(&server, &announce("=25 HTTP/1.0")).await;
    send_raw(&server, &announce("=x HTTP/1.0")).await;
    send_raw(&server, "GET /scrape HTTP/1.0\r\n\r\n").await;
    send_raw(
        &server,
        &format!("GET / HTTP/1.1\r\nHost: x\r\n{UPGRADE}{KEY}\r\n"),
    )
    .await;
    let wrong = "GET /api/v1/bans HTTP/1.0\r\nAuthorization: Bearer wrong-wrong-wrong\r\n\r\n";
    send_raw(&server, wrong).await;
    let mut rows = recorded_rows(&server).await;
    rows.sort();
    assert_eq!(
        rows,
        [
            row("admin_token", "admin_token", 1),
            row("full_scrape", "scrape", 1),
            row("handshake", "Sec-WebSocket-Version", 1),
            row("malformed", "port", 1),
            row("origin", "https://b.example", 3),
            row("origin", "null", 1),
            row("page", "http://evil.example", 1),
            row("port", "25", 1),
        ]
    );
    // The record is for the operator only.
    let request = "GET /api/v1/refusals HTTP/1.0\r\n\r\n";
    send_raw(&server, request).await.expect(401);
}

#[tokio::test]
async fn an_http_1_1_request_needs_exactly_one_valid_host() {
    let server = server();
    let bad_hosts = [
        "",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nHost: b\r\n",
        "Host: a b\r\n",
        "Host: a,b\r\n",
        "Host: a:99999999999\r\n",
        "Host: a/b\r\n",
    ];
    let mut refused = 0;
    for hosts in bad_hosts {
        refused += check_bad_host(&server, hosts).await;
    }
    assert_eq!(server.node.counters().failures_http_host, refused);
    for target in ["http://b/ice", "http://u@a/ice", "http://a:1/ice"] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        send_raw(&server, &request).await.expect(400);
    }
    assert_eq!(server.node.tracker().swarms().totals().http_peers, 0);
    for (request, status) in [
        ("GET /ice HTTP/1.0\r\n\r\n", 200),
        ("GET /ice HTTP/1.1\r\nHost:\r\n\r\n", 200),
        ("GET /ice HTTP/1.1\r\nHost: a:8000\r\n\r\n", 200),
        ("GET http://a/ice HTTP/1.1\r\nHost: A:80\r\n\r\n", 200),
        ("GET /ice HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    ] {
        let response = send_raw(&server, request).await;
        assert_eq!(response.status, status, "{request}");
    }
    let rows = recorded_rows(&server).await;
    let mut details: Vec<_> = rows.into_iter().map(|row| row.1).collect();
    details.sort();
    let expected = [
        "another than in the target",
        "missing",
        "more than one",
        "not valid",
    ];
    assert_eq!(details, expected);
}

/// Sends requests with these header lines to several paths; returns how many were refused.
async fn check_bad_host(server: &TestServer, hosts: &str) -> u64 {
    let socket = format!("{UPGRADE}{VERSION}{KEY}");
    let announce =
        "/announce?info_hash=hhhhhhhhhhhhhhhhhhhh&peer_id=pppppppppppppppppppp&port=6881";
    let requests = [
        ("/", ""),
        ("/healthz", ""),
        ("/ice", ""),
        ("/", &socket),
        (announce, ""),
    ];
    for (path, headers) in requests {
        let request = format!("GET {path} HTTP/1.1\r\n{hosts}{headers}\r\n");
        // A second response would mean request smuggling.
        let responses = send_all(server, &request.repeat(2)).await;
        let [response] = &responses[..] else {
            panic!("{hosts} {path}: {responses:?}")
        };
        assert_eq!(response.status, 400, "{hosts} {path}: {response}");
        assert!(response.text().contains("exactly one"), "{response}");
        let is_bencoded = response.text().contains("failure reason");
        assert_eq!(is_bencoded, path == announce);
    }
    requests.len() as u64
}

#[tokio::test]
async fn responses_over_tls_have_strict_transport_security() {
    let certified = LocalhostCertificate::new();
    let (server, _folder) = start_with_tls(&certified, |config| {
        config.admin_token = Some(Secret::new(TOKEN));
    });
    let socket = format!("{UPGRADE}{VERSION}{KEY}");
    for (path, headers) in [
        ("/", ""),
        ("/dashboard", ""),
        ("/check", ""),
        ("/healthz", ""),
        ("/x", ""),
        ("/api/v1/bans", ""),
        ("/announce", ""),
        ("/", &socket),
        ("/", KEY),
    ] {
        let mut connection = certified.open(server.address).await;
        let response = connection.get(path, headers).await;
        let lines = response.head.to_lowercase();
        let policies = lines.matches("strict-transport-security").count();
        assert_eq!(policies, 1, "{path}: {response}");
        let policy = response.expect_header("strict-transport-security");
        assert_eq!(policy, "max-age=15552000", "{path}");
    }
    // Never over plain HTTP, where anyone could have added it.
    let plain = get(server.address_of(1), "/", "").await.expect(200);
    assert_eq!(plain.header("strict-transport-security"), None);
}

#[tokio::test]
async fn websocket_refusals_by_settings_are_recorded() {
    let server = TestServer::start(|config| {
        config.admin_token = Some(Secret::new(TOKEN));
        config.tracker.memberships_max = 1;
    });
    let mut client = server.connect().await;
    for message in [
        json!({"action": "scrape"}),
        json!({"action": "scrape"}),
        announce("swarm", "member"),
        announce("other", "member"),
        // Malformed messages are not recorded: no setting changes them.
        json!({"action": "sing"}),
    ] {
        client.send(&message).await;
        client.receive().await;
    }
    let mut seen = recorded_rows(&server).await;
    seen.sort();
    let expected = [
        row("full_scrape", "scrape", 2),
        row("limit", "tracker.memberships_max", 1),
    ];
    assert_eq!(seen, expected);
}
