//! Access to metrics: tokens, separate listeners, public and private series, bans.

use crate::support::TestServer;
use swarmhub::config::{Config, Secret};

use super::prometheus::{query_prometheus, start_prometheus};
use super::{fetch, is_installed, wait_for_sample};

/// Metrics on a separate listener with a token, also scraped by a real Prometheus.
#[tokio::test]
async fn metrics_can_have_a_token_and_a_separate_listener() {
    const TOKEN: &str = "0123456789abcdef-metrics";
    let server = TestServer::start(|config| {
        config.metrics.listen = vec!["127.0.0.1:0".parse().unwrap()];
        config.metrics.token = Some(Secret::new(TOKEN));
    });
    let own = server.address_of(1);
    let elsewhere = fetch(server.address, "/metrics", "").await;
    assert_eq!(elsewhere.status(), "404");
    assert!(
        elsewhere.body.contains("metrics.listen"),
        "{}",
        elsewhere.body
    );
    for header in [
        "",
        "Authorization: Bearer 0123456789abcdef\r\n",
        "Authorization: Basic eDp5\r\n",
        "Authorization: Bearer\r\n",
    ] {
        let refused = fetch(own, "/metrics", header).await;
        assert_eq!(refused.status(), "401", "{header}");
        assert!(
            refused.head.contains("www-authenticate: bearer"),
            "{}",
            refused.head
        );
        assert!(!refused.body.contains("swarmhub_"));
    }
    let header = format!("Authorization: bearer {TOKEN}\r\n");
    let response = fetch(own, "/metrics", &header).await;
    assert_eq!(response.status(), "200");
    assert!(response.body.contains("swarmhub_"));
    for (path, status) in [("/", "404"), ("/stats", "404"), ("/healthz", "200")] {
        assert_eq!(fetch(own, path, "").await.status(), status, "{path}");
    }
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    assert_eq!(fetch(own, "/", upgrade).await.status(), "404");

    if !is_installed("prometheus") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let credentials = format!("    authorization:\n      credentials: {TOKEN}\n");
    let (_prometheus, address) = start_prometheus(folder.path(), own, &credentials);
    assert!((query_prometheus(address, "up").await - 1.0).abs() < 1e-9);
}

#[tokio::test]
async fn wrong_metrics_tokens_are_counted_and_limited() {
    const TOKEN: &str = "0123456789abcdef-metrics";
    const ADMIN: &str = "0123456789abcdef-admin";
    let server = TestServer::start(|config| {
        config.metrics.token = Some(Secret::new(TOKEN));
        config.admin_token = Some(Secret::new(ADMIN));
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
        config.limits.wrong_tokens_per_minute = 5;
        config.limits.all_wrong_tokens_per_minute = 7;
    });
    let from = |address: &str, token: &str| {
        format!("X-Forwarded-For: {address}\r\nAuthorization: Bearer {token}\r\n")
    };
    let ask = async |address: &str, token: &str| {
        fetch(server.address, "/metrics", &from(address, token)).await
    };
    let (prometheus, attacker) = ("198.51.100.1", "192.0.2.7");
    assert_eq!(ask(prometheus, TOKEN).await.status(), "200");
    // A missing token does not count as a wrong one.
    for _ in 0..10 {
        let none = fetch(server.address, "/metrics", "").await;
        assert_eq!(none.status(), "401");
    }
    for _ in 0..5 {
        assert_eq!(ask(attacker, "a-wrong-token").await.status(), "401");
    }
    let refused = ask(attacker, TOKEN).await;
    assert_eq!(refused.status(), "429");
    assert!(refused.head.contains("retry-after: "), "{}", refused.head);
    assert!(refused.body.contains("limits.wrong_tokens_per_minute"));
    for _ in 0..2 {
        assert_eq!(ask("192.0.2.8", "a-wrong-token").await.status(), "401");
    }
    let refused = ask("192.0.2.9", "a-wrong-token").await;
    assert!(refused.body.contains("limits.all_wrong_tokens_per_minute"));
    let counters = server.node.counters();
    assert_eq!(counters.tokens_wrong, 7);
    assert_eq!(counters.refused_wrong_tokens_per_minute, 1);
    assert_eq!(counters.refused_all_wrong_tokens_per_minute, 1);
    // Prometheus and the operator are served, the operator even at the address of the attacker.
    assert_eq!(ask(prometheus, TOKEN).await.status(), "200");
    let session = fetch(server.address, "/api/v1/session", &from(attacker, ADMIN)).await;
    assert_eq!(session.status(), "200");
}

#[test]
fn a_metrics_listener_serves_nothing_else() {
    for (listen, expected_reason) in [
        ("tracker+127.0.0.1:9100", "would serve more than metrics"),
        ("pages+127.0.0.1:9100", "would serve more than metrics"),
        ("127.0.0.1:8000", "is also in listen"),
        ("tls+127.0.0.1:9100", "has no certificate"),
    ] {
        let mut config = Config {
            listen: vec!["127.0.0.1:8000".parse().unwrap()],
            ..Config::default()
        };
        config.metrics.listen = vec![listen.parse().unwrap()];
        let problems = config.check().unwrap_err();
        assert_eq!(problems.len(), 1);
        let response = problems[0].to_string();
        assert!(
            response.contains("metrics.listen") && response.contains(expected_reason),
            "{response}"
        );
    }
    let mut config = Config::default();
    config.metrics.listen = vec!["127.0.0.1:9100".parse().unwrap()];
    assert!(config.check().is_ok());
}

#[tokio::test]
async fn metrics_are_served_when_the_server_is_full() {
    let server = TestServer::start(|config| config.limits.connections_max = Some(1));
    let _only = server.connect().await;
    assert_eq!(
        fetch(server.address, "/stats.json", "").await.status(),
        "503"
    );
    wait_for_sample(&server, "swarmhub_connections_max", 1.0).await;
    wait_for_sample(
        &server,
        "swarmhub_connections_refused_total{reason=\"connections_max\"}",
        1.0,
    )
    .await;
}

#[tokio::test]
async fn statistics_can_be_private() {
    let server = TestServer::start(|config| {
        config.public_stats = false;
        config.admin_token = Some(Secret::new("0123456789abcdef"));
    });
    for path in ["/stats", "/stats.json", "/api/v1/clients", "/metrics"] {
        let refused = fetch(server.address, path, "").await;
        assert_eq!(refused.status(), "403", "{path}");
        assert!(refused.body.contains("public_stats"), "{}", refused.body);
        let token = "Authorization: Bearer 0123456789abcdef\r\n";
        let response = fetch(server.address, path, token).await;
        assert_eq!(response.status(), "200", "{path}");
    }
    // With a metrics token, only clients that send it are served.
    let server = TestServer::start(|config| {
        config.public_stats = false;
        config.metrics.token = Some(Secret::new("fedcba9876543210"));
    });
    assert_eq!(fetch(server.address, "/metrics", "").await.status(), "401");
    let token = "Authorization: Bearer fedcba9876543210\r\n";
    let response = fetch(server.address, "/metrics", token).await;
    assert_eq!(response.status(), "200");
}

/// Public clients see what the tracker does, but not how close it is to its limits.
#[tokio::test]
async fn public_clients_see_totals_but_nothing_useful_to_attackers() {
    const ADMIN: &str = "0123456789abcdef-admin";
    let server = TestServer::start(|config| {
        config.admin_token = Some(Secret::new(ADMIN));
        config.history = swarmhub::config::HistoryStorage::Memory;
    });
    wait_for_sample(&server, "swarmhub_connections", 0.0).await;
    let public_client = "X-Forwarded-For: 192.0.2.1\r\n";
    // Clients on this machine, and clients with the token, see everything.
    let with_token = format!("{public_client}Authorization: Bearer {ADMIN}\r\n");
    for headers in ["", &with_token] {
        for path in ["/metrics", "/api/v1/stats", "/api/v1/series"] {
            let response = fetch(server.address, path, headers).await;
            assert!(
                response.body.contains("loop_lag"),
                "{path}: {}",
                response.body
            );
        }
        assert!(first_event(&server, headers).await.contains("loop_lag"));
        for path in ["/api/v1/history?series=loop_lag", "/api/v1/alerts/summary"] {
            assert_eq!(
                fetch(server.address, path, headers).await.status(),
                "200",
                "{path}"
            );
        }
    }
    let wrong = format!("{public_client}Authorization: Bearer {ADMIN}x\r\n");
    assert_eq!(
        fetch(server.address, "/api/v1/stats", &wrong)
            .await
            .status(),
        "401"
    );

    let private = [
        "loop_lag",
        "tokens_wrong",
        "bans",
        "refused",
        "failures",
        "limit_hits",
        "memory",
        "process_",
        "alert",
    ];
    for path in [
        "/metrics",
        "/api/v1/stats",
        "/api/v1/series",
        "/api/v1/live",
    ] {
        let response = if path == "/api/v1/live" {
            first_event(&server, public_client).await
        } else {
            fetch(server.address, path, public_client).await.body
        };
        for word in private {
            assert!(!response.contains(word), "{path}: {word}: {response}");
        }
        for word in [
            "connections",
            "swarms",
            "announces",
            "offers_relayed",
            "answers",
            "bytes",
        ] {
            assert!(response.contains(word), "{path}: {word}: {response}");
        }
    }
    for path in ["/api/v1/history?series=loop_lag", "/api/v1/alerts/summary"] {
        assert_eq!(
            fetch(server.address, path, public_client).await.status(),
            "403",
            "{path}"
        );
    }
    let public = "/api/v1/history?series=connections,announces";
    assert_eq!(
        fetch(server.address, public, public_client).await.status(),
        "200"
    );

    // The forwarded header shows that a proxy runs on loopback, so loopback is no longer trusted.
    let response = fetch(server.address, "/metrics", "").await.body;
    assert!(!response.contains("loop_lag"), "{response}");

    // With `metrics.public`, all clients see everything.
    let server = TestServer::start(|config| config.metrics.public = true);
    wait_for_sample(&server, "swarmhub_connections", 0.0).await;
    assert!(
        fetch(server.address, "/metrics", public_client)
            .await
            .body
            .contains("loop_lag")
    );
}

/// Returns the first event of the live statistics.
async fn first_event(server: &TestServer, headers: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    let request = format!("GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut text, mut bytes) = (String::new(), vec![0; 65_536]);
    while !text.contains("\n\n") || !text.contains("data: ") {
        let read = tokio::time::timeout(crate::support::TIMEOUT, stream.read(&mut bytes));
        let read = read.await.expect("in time").unwrap();
        assert!(read > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    text
}

#[tokio::test]
async fn banned_addresses_get_no_metrics() {
    const TOKEN: &str = "0123456789abcdef-metrics";
    for token in [None, Some(Secret::new(TOKEN))] {
        let has_token = token.is_some();
        let server = TestServer::start(|config| {
            config.metrics.token = token;
            config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
            config.bans.strikes_max = 0;
            config.bans.strike_every = std::time::Duration::ZERO;
        });
        let banned = "X-Forwarded-For: 192.0.2.1\r\n";
        crate::connection_limits::ban(&server, banned).await;
        assert_eq!(
            fetch(server.address, "/metrics", banned).await.status(),
            "403"
        );
        let expected = if has_token { "401" } else { "200" };
        for other in ["X-Forwarded-For: 192.0.2.2\r\n", ""] {
            assert_eq!(
                fetch(server.address, "/metrics", other).await.status(),
                expected
            );
        }
        let headers = format!("{banned}Authorization: Bearer {TOKEN}\r\n");
        let expected = if has_token { "200" } else { "403" };
        assert_eq!(
            fetch(server.address, "/metrics", &headers).await.status(),
            expected
        );
        // Health checks are answered also for banned addresses.
        assert_eq!(
            fetch(server.address, "/healthz", banned).await.status(),
            "200"
        );
    }
}
