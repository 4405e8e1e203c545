//! The live statistics stream (`/api/v1/live`) and the dashboard page.

use std::time::{Duration, Instant};

use serde_json::Value;
use swarmhub::config::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{TIMEOUT, TestServer, wait_until};

/// A client of the live stream, with received text that is not consumed yet.
struct Follower {
    stream: TcpStream,
    received: String,
}

impl Follower {
    async fn new(server: &TestServer) -> Self {
        Self::with_headers(server, "").await
    }

    async fn with_headers(server: &TestServer, headers: &str) -> Self {
        Self::with_host(server, "x.example", headers).await
    }

    async fn with_host(server: &TestServer, host: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let request = format!("GET /api/v1/live HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Self {
            stream,
            received: String::new(),
        }
    }

    /// Reads up to and including `end`, or to the end of the connection.
    async fn read_until(&mut self, end: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            if let Some(place) = self.received.find(end) {
                let rest = self.received.split_off(place + end.len());
                return std::mem::replace(&mut self.received, rest);
            }
            let read = timeout(TIMEOUT, self.stream.read(&mut buffer));
            match read.await.expect("in time") {
                Ok(0) | Err(_) => return std::mem::take(&mut self.received),
                Ok(length) => self.received += &String::from_utf8_lossy(&buffer[..length]),
            }
        }
    }

    async fn read_head(&mut self) -> String {
        self.read_until("\r\n\r\n").await
    }

    /// Returns the data of the next event.
    async fn next_event(&mut self) -> Value {
        self.read_until("event: stats\ndata: ").await;
        let data = self.read_until("\n").await;
        serde_json::from_str(&data).expect("JSON")
    }
}

#[tokio::test]
async fn followers_get_statistics_at_once_and_every_second() {
    let server = TestServer::start(|_| {});
    let mut client = server.connect().await;
    client.join("swarm", "peer").await;
    // Clients on this machine receive all series, not only totals.
    let mut follower = Follower::with_host(&server, "localhost", "").await;
    let head = follower.read_head().await.to_lowercase();
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    for header in ["text/event-stream", "no-store", "x-accel-buffering: no"] {
        assert!(head.contains(header), "{head}");
    }
    let first = follower.next_event().await;
    assert_eq!(first["node"], server.node.id.to_string());
    assert_eq!(first["phase"], "serving");
    let mut latest = first.clone();
    // Events from before the client joined may arrive first.
    while latest["series"]["leechers"] != 1.0 {
        latest = follower.next_event().await;
    }
    assert_eq!(latest["series"]["connections"], 1.0);
    assert_eq!(latest["series"]["announces"], 1.0);
    let next = follower.next_event().await;
    assert!(next["at"].as_f64() > latest["at"].as_f64());
    assert_eq!(next["series"]["followers"], 1.0);
}

#[tokio::test]
async fn followers_over_the_limit_get_503() {
    let server = TestServer::start(|config| config.limits.followers_max = 1);
    let mut first = Follower::new(&server).await;
    first.next_event().await;
    let mut second = Follower::new(&server).await;
    let head = second.read_head().await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(head.to_lowercase().contains("retry-after: 30"), "{head}");
    let text = second.read_until("}").await;
    assert!(text.contains("limits.followers_max"), "{text}");
    assert_eq!(server.node.counters().refused_followers_max, 1);
    let followers = || {
        server
            .node
            .telemetry()
            .stats_channel()
            .latest()
            .gauges
            .followers
    };
    // The latest statistics may be older than the follower.
    wait_until("the follower is counted", || followers() > 0.0).await;
    drop(first);
    wait_until("the follower has ended", || followers() == 0.0).await;
    Follower::new(&server).await.next_event().await;
}

#[tokio::test]
async fn private_statistics_need_the_token() {
    const TOKEN: &str = "correct-horse-battery-staple";
    let server = TestServer::start(|config| {
        config.public_stats = false;
        config.admin_token = Some(Secret::new(TOKEN));
    });
    for (headers, status) in [
        (String::new(), "403"),
        (
            "Authorization: Bearer wrong-wrong-wrong-wrong\r\n".to_owned(),
            "401",
        ),
        (format!("Authorization: Bearer {TOKEN}\r\n"), "200"),
    ] {
        let head = Follower::with_headers(&server, &headers)
            .await
            .read_head()
            .await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
}

#[tokio::test]
async fn a_shutdown_ends_the_live_stream_at_once() {
    let server = TestServer::start(|_| {});
    let mut follower = Follower::new(&server).await;
    follower.next_event().await;
    let stop_time = Instant::now();
    let ended = tokio::task::spawn_blocking(move || server.stop());
    // The end of the chunked body, then of the connection.
    follower.read_until("\r\n0\r\n\r\n").await;
    ended.await.unwrap().expect("a clean end");
    assert!(
        stop_time.elapsed() < Duration::from_secs(5),
        "{:?}",
        stop_time.elapsed()
    );
}

#[tokio::test]
async fn the_dashboard_has_a_strict_policy_and_existing_assets() {
    let server = TestServer::start(|_| {});
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = "GET /dashboard HTTP/1.1\r\nHost: x.example\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    let head = page.to_lowercase();
    let policy = "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                  connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                  require-trusted-types-for 'script'; trusted-types 'none'\r\n";
    assert!(head.contains(policy), "{head}");
    assert!(head.contains("cache-control: no-cache"));
    assert!(!page.contains("{{"));
    let files = page
        .split("href=\"assets/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    let mut seen = 0;
    for file in files {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let request =
            format!("HEAD /assets/{file} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{file}");
        seen += 1;
    }
    assert!(seen > 30, "{seen}");
}
