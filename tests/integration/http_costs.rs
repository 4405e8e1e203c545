//! Processor time of HTTP requests: it is charged to their address, others are served, and so is the operator.

use std::time::Duration;

use swarmhub::config::{Config, HistoryStorage, Secret};
use swarmhub::limits::{CpuBudget, RateKeys};

use crate::support::http::{Connection, Response, bearer, request};
use crate::support::{TestServer, id};

const TOKEN: &str = "correct-horse-battery-staple";

/// A server that trusts this machine as a proxy, with a small time budget per address.
fn server(change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start(|config| {
        config.admin_token = Some(Secret::new(TOKEN));
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
        // 200 requests of the minimum cost.
        config.limits.address_http_time_burst = Duration::from_millis(10);
        config.limits.address_http_time_per_second = Duration::from_millis(1);
        change(config);
    })
}

/// Sends a request of an address.
async fn send(server: &TestServer, address: &str, target: &str) -> Response {
    let headers = format!("X-Forwarded-For: {address}\r\n");
    server.send(target, &headers, "").await
}

/// Sends HEAD requests of an address on one connection and returns the statuses of the responses.
async fn send_heads(server: &TestServer, address: &str, path: &str, times: usize) -> Vec<u16> {
    let target = format!("HEAD {path}");
    let headers = format!("X-Forwarded-For: {address}\r\n");
    let last = request(&target, &format!("{headers}Connection: close\r\n"), "");
    let all = request(&target, &headers, "").repeat(times - 1) + &last;
    let mut connection = Connection::open(server.address).await;
    // The server may close before it has read everything.
    let _ = connection.try_write(all).await;
    let responses = connection.read_responses(false).await;
    responses.iter().map(|response| response.status).collect()
}

/// Sends requests until the account of the address is empty; returns how many were served.
async fn exhaust(server: &TestServer, address: &str) -> usize {
    let mut count = 0;
    for _ in 0..20 {
        let statuses = send_heads(server, address, "/api/v1/series", 400).await;
        let of = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
        count += of(200);
        assert_eq!(of(200) + of(429), statuses.len(), "{statuses:?}");
        if of(429) > 0 {
            assert_eq!((of(429), statuses.last()), (1, Some(&429)));
            return count;
        }
    }
    panic!("never refused");
}

/// Charges an account of an address so much that it is over its limit for a minute.
fn exceed_limit(server: &TestServer, address: &str, account: fn(RateKeys) -> CpuBudget) {
    let node = &server.node;
    let client = node.admission().client_address(address.parse().ok(), false);
    let budget = client.keys().map(account);
    let usage = Duration::from_secs(1);
    node.admission().http_usage().charge_cpu_time(
        budget.expect("limited"),
        usage,
        node.clock().uptime(),
    );
}

/// A foreign page can make the browser of its visitor send the most expensive requests.
#[tokio::test]
async fn api_usage_leaves_room_for_pages_and_announces() {
    let server = server(|_| {});
    let address = "192.0.2.1";
    exhaust(&server, address).await;
    let announce = format!("GET /announce?info_hash={0}&peer_id={0}&port=6881", id("a"));
    for request in ["GET /", &announce, "GET /sw.js"] {
        let response = send(&server, address, request).await.expect(200);
        let body = String::from_utf8_lossy(&response.body);
        assert!(!body.contains("failure reason"), "{response}");
    }
    // There is room again after a while, so a slow client may be served once more.
    exhaust(&server, address).await;
}

#[tokio::test]
async fn too_much_processor_time_gets_429_and_a_retry_time() {
    let server = server(|_| {});
    let (over_limit, other) = ("192.0.2.1", "198.51.100.1");
    assert!(exhaust(&server, over_limit).await > 0);
    // On every route.
    exceed_limit(&server, over_limit, CpuBudget::Address);
    for request in ["GET /", "GET /api/v1/stats", "GET /ice", "GET /nothing"] {
        let refused = send(&server, over_limit, request).await.expect(429);
        assert!(refused.retry_after() > 0, "{request}");
        assert_eq!(refused.expect_header("connection"), "close");
    }
    let announce = format!("GET /announce?info_hash={0}&peer_id={0}&port=6881", id("a"));
    let refused = send(&server, over_limit, &announce).await.expect(200);
    let refused = refused.expect_text("address_http_time_per_second");
    refused.expect_text("8:retry ini");
    assert!(server.node.counters().refused_address_http_time_per_second >= 6);
    // Other addresses, health checks, and the operator at that address are served.
    send(&server, other, "GET /api/v1/stats").await.expect(200);
    for path in ["/healthz", "/readyz", "/metrics"] {
        let target = format!("GET {path}");
        send(&server, over_limit, &target).await.expect(200);
    }
    let headers = format!("X-Forwarded-For: {over_limit}\r\n{}", bearer(TOKEN));
    server.get("/api/v1/session", &headers).await.expect(200);
}

#[tokio::test]
async fn health_checks_have_a_limit_of_their_own() {
    let server = server(|_| {});
    exceed_limit(&server, "192.0.2.1", CpuBudget::HealthCheck);
    send(&server, "192.0.2.1", "GET /healthz").await.expect(429);
    for (address, path) in [("192.0.2.1", "/ice"), ("192.0.2.2", "/healthz")] {
        let target = format!("GET {path}");
        send(&server, address, &target).await.expect(200);
    }
}

#[tokio::test]
async fn a_head_request_for_history_is_checked_and_reads_nothing() {
    let server = server(|config| {
        config.history = HistoryStorage::Memory;
        config.limits.address_http_time_burst = Duration::from_hours(1);
    });
    let (address, path) = ("192.0.2.1", "/api/v1/history?series=");
    let history = format!("{path}connections");
    let statuses = send_heads(&server, address, &history, 20).await;
    assert_eq!(statuses, [200; 20]);
    let head = send(&server, address, &format!("HEAD {history}")).await;
    assert_eq!(head.expect_header("content-type"), "application/json");
    let unknown = send(&server, address, &format!("HEAD {path}x")).await;
    unknown.expect(400);
    let post = send(&server, address, "POST /api/v1/stats").await;
    post.expect(405);
}

#[tokio::test]
async fn shared_responses_have_the_same_length_for_head_and_get() {
    let server = TestServer::start(|_| {});
    for path in [
        "/",
        "/dashboard",
        "/check",
        "/check.js",
        "/connect",
        "/sw.js",
        "/embed.js",
        "/embed.json",
        "/ice",
        "/api/v1/series",
        "/api/v1/stats",
    ] {
        let head = send(&server, "::1", &format!("HEAD {path}")).await;
        let get = send(&server, "::1", &format!("GET {path}")).await;
        let length = get.body.len().to_string();
        for response in [head, get] {
            assert_eq!(response.expect_header("content-length"), length, "{path}");
        }
    }
}
