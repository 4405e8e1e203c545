//! Access to metrics: tokens, separate listeners, public and private series, bans.

use swarmhub::config::{Config, Secret};

use super::prometheus::{query_prometheus, start_prometheus};
use crate::support::TestServer;
use crate::support::bans::{ban, ban_at_once};
use crate::support::http::{Connection, Response, UPGRADE, bearer, get, request};
use crate::support::metrics::{is_installed, wait_for_sample};

/// A client that is not on this machine, behind a proxy.
const PUBLIC_CLIENT: &str = "X-Forwarded-For: 192.0.2.1\r\n";

/// Sends a GET request to the first listener.
async fn send_get(server: &TestServer, path: &str, headers: &str) -> Response {
    server.get(path, headers).await
}

/// Metrics on a separate listener with a token, also scraped by a real Prometheus.
#[tokio::test]
async fn metrics_can_have_a_token_and_a_separate_listener() {
    const TOKEN: &str = "0123456789abcdef-metrics";
    let server = TestServer::start(|config| {
        config.metrics.listen = vec!["127.0.0.1:0".parse().unwrap()];
        config.metrics.token = Some(Secret::new(TOKEN));
    });
    let own = server.address_of(1);
    let elsewhere = send_get(&server, "/metrics", "").await.expect(404);
    elsewhere.expect_text("metrics.listen");
    for header in [
        "",
        "Authorization: Bearer 0123456789abcdef\r\n",
        "Authorization: Basic eDp5\r\n",
        "Authorization: Bearer\r\n",
    ] {
        let refused = get(own, "/metrics", header).await.expect(401);
        let scheme = refused.expect_header("www-authenticate");
        assert!(scheme.starts_with("Bearer"), "{scheme}");
        assert!(!refused.text().contains("swarmhub_"));
    }
    let header = format!("Authorization: bearer {TOKEN}\r\n");
    let response = get(own, "/metrics", &header).await.expect(200);
    response.expect_text("swarmhub_");
    for (path, status) in [("/", 404), ("/stats", 404), ("/healthz", 200)] {
        get(own, path, "").await.expect(status);
    }
    get(own, "/", UPGRADE).await.expect(404);

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
    let from =
        |address: &str, token: &str| format!("X-Forwarded-For: {address}\r\n{}", bearer(token));
    let scrape = async |address: &str, token: &str| {
        send_get(&server, "/metrics", &from(address, token)).await
    };
    let (prometheus, attacker) = ("198.51.100.1", "192.0.2.7");
    scrape(prometheus, TOKEN).await.expect(200);
    // A missing token does not count as a wrong one.
    for _ in 0..10 {
        send_get(&server, "/metrics", "").await.expect(401);
    }
    for _ in 0..5 {
        scrape(attacker, "a-wrong-token").await.expect(401);
    }
    let refused = scrape(attacker, TOKEN).await.expect(429);
    assert!(refused.retry_after() > 0);
    refused.expect_text("limits.wrong_tokens_per_minute");
    for _ in 0..2 {
        scrape("192.0.2.8", "a-wrong-token").await.expect(401);
    }
    let refused = scrape("192.0.2.9", "a-wrong-token").await;
    refused.expect_text("limits.all_wrong_tokens_per_minute");
    let counters = server.node.counters();
    assert_eq!(counters.tokens_wrong, 7);
    assert_eq!(counters.refused_wrong_tokens_per_minute, 1);
    assert_eq!(counters.refused_all_wrong_tokens_per_minute, 1);
    // Prometheus and the operator are served, the operator even at the address of the attacker.
    scrape(prometheus, TOKEN).await.expect(200);
    let session = send_get(&server, "/api/v1/session", &from(attacker, ADMIN)).await;
    session.expect(200);
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
    send_get(&server, "/stats.json", "").await.expect(503);
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
        let refused = send_get(&server, path, "").await.expect(403);
        refused.expect_text("public_stats");
        let token = bearer("0123456789abcdef");
        send_get(&server, path, &token).await.expect(200);
    }
    // With a metrics token, only clients that send it are served.
    let server = TestServer::start(|config| {
        config.public_stats = false;
        config.metrics.token = Some(Secret::new("fedcba9876543210"));
    });
    send_get(&server, "/metrics", "").await.expect(401);
    let token = bearer("fedcba9876543210");
    send_get(&server, "/metrics", &token).await.expect(200);
}

/// The paths of the statistics in all their forms.
const FORMS: [&str; 4] = [
    "/metrics",
    "/api/v1/stats",
    "/api/v1/series",
    "/api/v1/live",
];

/// Returns the statistics in one form.
async fn statistics(server: &TestServer, path: &str, headers: &str) -> String {
    if path == "/api/v1/live" {
        return first_event(server, headers).await;
    }
    let response = send_get(server, path, headers).await.expect(200);
    response.text().to_owned()
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
    // Clients on this machine, and clients with the token, see everything.
    let with_token = format!("{PUBLIC_CLIENT}{}", bearer(ADMIN));
    for headers in ["", &with_token] {
        for path in FORMS {
            let text = statistics(&server, path, headers).await;
            assert!(text.contains("loop_lag"), "{path}: {text}");
        }
        for path in ["/api/v1/history?series=loop_lag", "/api/v1/alerts/summary"] {
            send_get(&server, path, headers).await.expect(200);
        }
    }
    let wrong = format!("{PUBLIC_CLIENT}{}", bearer(&format!("{ADMIN}x")));
    send_get(&server, "/api/v1/stats", &wrong).await.expect(401);
    check_public_statistics(&server).await;

    // The forwarded header shows that a proxy runs on loopback, so loopback is no longer trusted.
    let text = statistics(&server, "/metrics", "").await;
    assert!(!text.contains("loop_lag"), "{text}");

    // With `metrics.public`, all clients see everything.
    let server = TestServer::start(|config| config.metrics.public = true);
    wait_for_sample(&server, "swarmhub_connections", 0.0).await;
    let text = statistics(&server, "/metrics", PUBLIC_CLIENT).await;
    assert!(text.contains("loop_lag"), "{text}");
}

async fn check_public_statistics(server: &TestServer) {
    let hidden = "loop_lag tokens_wrong bans refused failures limit_hits memory process_ alert";
    let shown = "connections swarms announces offers_relayed answers bytes";
    for path in FORMS {
        let text = statistics(server, path, PUBLIC_CLIENT).await;
        for word in hidden.split(' ') {
            assert!(!text.contains(word), "{path}: {word}: {text}");
        }
        for word in shown.split(' ') {
            assert!(text.contains(word), "{path}: {word}: {text}");
        }
    }
    for (path, status) in [
        ("/api/v1/history?series=loop_lag", 403),
        ("/api/v1/alerts/summary", 403),
        ("/api/v1/history?series=connections,announces", 200),
    ] {
        send_get(server, path, PUBLIC_CLIENT).await.expect(status);
    }
}

/// Returns the first event of the live statistics.
async fn first_event(server: &TestServer, headers: &str) -> String {
    let mut connection = Connection::open(server.address).await;
    connection
        .write(request("GET /api/v1/live", headers, ""))
        .await;
    connection.read_until(b"data: ").await.expect("an event");
    let event = connection.read_until(b"\n\n").await.expect("an event");
    String::from_utf8(event).unwrap()
}

#[tokio::test]
async fn banned_addresses_get_no_metrics() {
    const TOKEN: &str = "0123456789abcdef-metrics";
    for token in [None, Some(Secret::new(TOKEN))] {
        let has_token = token.is_some();
        let server = TestServer::start(|config| {
            config.metrics.token = token;
            config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
            ban_at_once(config);
        });
        ban(&server, PUBLIC_CLIENT).await;
        send_get(&server, "/metrics", PUBLIC_CLIENT)
            .await
            .expect(403);
        let expected = if has_token { 401 } else { 200 };
        for other in ["X-Forwarded-For: 192.0.2.2\r\n", ""] {
            send_get(&server, "/metrics", other).await.expect(expected);
        }
        let headers = format!("{PUBLIC_CLIENT}{}", bearer(TOKEN));
        let expected = if has_token { 200 } else { 403 };
        send_get(&server, "/metrics", &headers)
            .await
            .expect(expected);
        // Health checks are answered also for banned addresses.
        send_get(&server, "/healthz", PUBLIC_CLIENT)
            .await
            .expect(200);
    }
}
