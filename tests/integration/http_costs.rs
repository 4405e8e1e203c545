//! Processor time of HTTP requests: it is charged to their address, others are served, and so is the operator.

use std::time::Duration;

use swarmhub::config::{Config, HistoryStorage, Secret};
use swarmhub::limits::{CpuBudget, RateKeys};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{TIMEOUT, TestServer, id};

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

/// Sends requests of an address on one connection and returns all responses.
async fn send_with(
    server: &TestServer,
    address: &str,
    headers: &str,
    (request, times): (&str, usize),
) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request =
        format!("{request} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {address}\r\n{headers}\r\n");
    let last = request.replacen("Host", "Connection: close\r\nHost", 1);
    let all = request.repeat(times - 1) + &last;
    // The server may close before it has read everything.
    let _ = stream.write_all(all.as_bytes()).await;
    let mut response = Vec::new();
    let read = timeout(TIMEOUT, stream.read_to_end(&mut response)).await;
    let _ = read.expect("in time");
    String::from_utf8_lossy(&response).into_owned()
}

async fn send(server: &TestServer, address: &str, request: &str, times: usize) -> String {
    send_with(server, address, "", (request, times)).await
}

async fn send_as_operator(server: &TestServer, address: &str, request: &str) -> String {
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    send_with(server, address, &token, (request, 1)).await
}

/// Charges an account of an address so much that it is over its limit for a minute.
fn exceed_limit(server: &TestServer, address: &str, account: fn(RateKeys) -> CpuBudget) {
    let node = &server.node;
    let client = node.admission().client_address(address.parse().ok(), false);
    let payer = client.keys().map(account);
    let usage = Duration::from_secs(1);
    node.admission().http_usage().charge_cpu_time(
        payer.expect("limited"),
        usage,
        node.clock().uptime(),
    );
}

/// A foreign page can make the browser of its visitor send the most expensive requests.
#[tokio::test]
async fn api_usage_leaves_room_for_pages_and_announces() {
    let server = server(|_| {});
    let visitor = "192.0.2.1";
    let response = send(&server, visitor, "HEAD /api/v1/series", 400).await;
    assert_eq!(response.matches("HTTP/1.1 429 ").count(), 1);
    let announce = format!("GET /announce?info_hash={0}&peer_id={0}&port=6881", id("a"));
    for request in ["GET /", &announce, "GET /sw.js"] {
        let response = send(&server, visitor, request, 1).await;
        assert!(
            response.starts_with("HTTP/1.1 200 "),
            "{request}: {response:.200}"
        );
        assert!(!response.contains("failure reason"), "{response}");
    }
    let response = send(&server, visitor, "GET /api/v1/stats", 1).await;
    assert!(response.starts_with("HTTP/1.1 429 "), "{response:.200}");
}

#[tokio::test]
async fn too_much_processor_time_gets_429_and_a_retry_time() {
    let server = server(|_| {});
    let (over_limit, other) = ("192.0.2.1", "198.51.100.1");
    let response = send(&server, over_limit, "HEAD /api/v1/series", 400).await;
    let answered = response.matches("HTTP/1.1 200 ").count();
    assert!((1..400).contains(&answered), "{answered}");
    assert_eq!(response.matches("HTTP/1.1 429 ").count(), 1);
    let end = response.rsplit("HTTP/1.1 ").next().unwrap().to_lowercase();
    assert!(
        end.contains("retry-after: ") && end.contains("connection: close"),
        "{end}"
    );
    // On every route.
    exceed_limit(&server, over_limit, CpuBudget::Address);
    for request in ["GET /", "GET /api/v1/stats", "GET /ice", "GET /nothing"] {
        let response = send(&server, over_limit, request, 1).await;
        assert!(
            response.starts_with("HTTP/1.1 429 "),
            "{request}: {response}"
        );
    }
    let announce = format!("GET /announce?info_hash={0}&peer_id={0}&port=6881", id("a"));
    let response = send(&server, over_limit, &announce, 1).await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(response.contains("address_http_time_per_second") && response.contains("8:retry ini"));
    assert!(server.node.counters().refused_address_http_time_per_second >= 6);
    // Other addresses, health checks, and the operator at that address are served.
    let response = send(&server, other, "GET /api/v1/stats", 1).await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    for path in ["/healthz", "/readyz", "/metrics"] {
        let response = send(&server, over_limit, &format!("GET {path}"), 1).await;
        assert!(response.starts_with("HTTP/1.1 200 "), "{path}: {response}");
    }
    let response = send_as_operator(&server, over_limit, "GET /api/v1/session").await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
}

#[tokio::test]
async fn health_checks_have_a_limit_of_their_own() {
    let server = server(|_| {});
    exceed_limit(&server, "192.0.2.1", CpuBudget::HealthCheck);
    let response = send(&server, "192.0.2.1", "GET /healthz", 1).await;
    assert!(response.starts_with("HTTP/1.1 429 "), "{response}");
    for (address, path) in [("192.0.2.1", "/ice"), ("192.0.2.2", "/healthz")] {
        let response = send(&server, address, &format!("GET {path}"), 1).await;
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    }
}

#[tokio::test]
async fn a_head_request_for_history_is_checked_and_reads_nothing() {
    let server = server(|config| {
        config.history = HistoryStorage::Memory;
        config.limits.address_http_time_burst = Duration::from_hours(1);
    });
    let history = "HEAD /api/v1/history?series=connections";
    let response = send(&server, "192.0.2.1", history, 20).await;
    assert_eq!(response.matches("HTTP/1.1 200 ").count(), 20, "{response}");
    assert!(response.contains("application/json"), "{response}");
    let response = send(&server, "192.0.2.1", "HEAD /api/v1/history?series=x", 1).await;
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
    let post = send(&server, "192.0.2.1", "POST /api/v1/stats", 1).await;
    assert!(post.starts_with("HTTP/1.1 405 "), "{post}");
}

#[tokio::test]
async fn shared_responses_have_the_same_length_for_head_and_get() {
    let server = TestServer::start(|_| {});
    for path in [
        "/",
        "/dashboard",
        "/sw.js",
        "/ice",
        "/api/v1/series",
        "/api/v1/stats",
    ] {
        let head = send(&server, "::1", &format!("HEAD {path}"), 1).await;
        let get = send(&server, "::1", &format!("GET {path}"), 1).await;
        let (get, body) = get.split_once("\r\n\r\n").unwrap();
        let length = format!("content-length: {}", body.len());
        assert!(head.to_lowercase().contains(&length), "{path}: {head}");
        assert!(get.to_lowercase().contains(&length), "{path}: {get}");
    }
}
