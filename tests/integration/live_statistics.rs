//! The live statistics stream (`/api/v1/live`) and the dashboard page.

use serde_json::Value;
use swarmhub::config::Secret;

use crate::support::http::{Connection, bearer, header, request};
use crate::support::{LONG, TestServer, in_time, wait_until};

/// A client of the live stream.
struct Follower {
    connection: Connection,
}

impl Follower {
    async fn new(server: &TestServer, headers: &str) -> Self {
        let mut connection = Connection::open(server.address).await;
        connection
            .write(request("GET /api/v1/live", headers, ""))
            .await;
        Self { connection }
    }

    async fn read_until(&mut self, end: &str) -> String {
        let read = self.connection.read_until(end.as_bytes()).await;
        String::from_utf8(read.expect("an open stream")).unwrap()
    }

    async fn read_head(&mut self) -> String {
        self.connection.read_head().await.expect("a response")
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
    let mut follower = Follower::new(&server, "").await;
    let head = follower.read_head().await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(header(&head, name), Some(value), "{head}");
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
    let mut first = Follower::new(&server, "").await;
    first.next_event().await;
    let mut second = Follower::new(&server, "").await;
    let head = second.read_head().await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert_eq!(header(&head, "retry-after"), Some("30"));
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
    Follower::new(&server, "").await.next_event().await;
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
        (bearer("wrong-wrong-wrong-wrong"), "401"),
        (bearer(TOKEN), "200"),
    ] {
        let mut follower = Follower::new(&server, &headers).await;
        let head = follower.read_head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
}

#[tokio::test]
async fn a_shutdown_ends_the_live_stream_at_once() {
    // Open connections would delay the end by this time.
    let server = TestServer::start(|config| config.drain.timeout = LONG);
    let mut follower = Follower::new(&server, "").await;
    follower.next_event().await;
    let ended = tokio::task::spawn_blocking(move || server.stop());
    // The end of the chunked body, then of the connection.
    follower.read_until("\r\n0\r\n\r\n").await;
    let ended = in_time("the server ends", ended).await;
    ended.unwrap().expect("a clean end");
}

#[tokio::test]
async fn the_dashboard_has_a_strict_policy_and_existing_assets() {
    let server = TestServer::start(|_| {});
    let page = server.get("/dashboard", "").await.expect(200);
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                  connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                  require-trusted-types-for 'script'; trusted-types 'none'";
    assert_eq!(page.expect_header("content-security-policy"), policy);
    assert_eq!(page.expect_header("cache-control"), "no-cache");
    assert!(!page.text().contains("{{"));
    let files = page
        .text()
        .split("href=\"assets/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    let mut seen = 0;
    for file in files {
        let target = format!("HEAD /assets/{file}");
        server.send(&target, "", "").await.expect(200);
        seen += 1;
    }
    assert!(seen > 30, "{seen}");
}
