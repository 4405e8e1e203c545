//! `base_path`, for proxies that keep their path prefix: every route works with and without it, by the same rules.

use std::net::SocketAddr;

use swarmhub::config::{Config, Secret};

use crate::graceful_shutdown::http_get;
use crate::support::{TestServer, id};

const TOKEN: &str = "correct-horse-battery-staple";
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn set_base_path(config: &mut Config) {
    config.base_path = Some("/a/hub".to_owned());
}

async fn get(address: SocketAddr, path: &str, headers: &str) -> String {
    http_get(address, path, &format!("Connection: close\r\n{headers}")).await
}

fn status(response: &str) -> &str {
    response.get(9..12).unwrap_or(response)
}

#[tokio::test]
async fn everything_is_served_under_the_base_path_and_at_the_root() {
    let server = TestServer::start(set_base_path);
    let announce = format!(
        "/announce?info_hash={}&peer_id={}&port=6881",
        id("swarm"),
        id("peer")
    );
    for path in [
        "/",
        "/?token=x",
        "/dashboard",
        "/sw.js",
        "/assets/x/share/main.js",
        "/ice",
        "/healthz",
        "/readyz",
        "/metrics",
        "/stats",
        "/stats.json",
        "/api/v1/stats",
        &announce,
    ] {
        for base in ["", "/a/hub"] {
            let response = get(server.address, &format!("{base}{path}"), "").await;
            assert_eq!(status(&response), "200", "{base}{path}: {response}");
        }
        for other in ["/a", "/hub", "/a/hubs", "/a/hub/a/hub", "/a//hub"] {
            let response = get(server.address, &format!("{other}{path}"), "").await;
            // Announces are accepted on any path.
            let is_served = status(&response) == "200" && !path.starts_with("/announce");
            assert!(!is_served, "{other}{path}: {response}");
        }
    }
    for path in ["/a/hub", "/a/hub/", "/a/hub/announce"] {
        let stream = tokio::net::TcpStream::connect(server.address)
            .await
            .unwrap();
        let url = format!("ws://{}{path}", server.address);
        let connected = tokio_tungstenite::client_async(url, stream).await;
        assert!(connected.is_ok(), "{path}");
    }
}

#[tokio::test]
async fn without_a_slash_the_base_path_redirects_to_the_page() {
    let server = TestServer::start(set_base_path);
    for (path, location) in [
        ("/a/hub", "hub/"),
        ("/a/hub?token=a%26b", "hub/?token=a%26b"),
    ] {
        let response = get(server.address, path, "").await;
        assert_eq!(status(&response), "307", "{response}");
        let expected = format!("\r\nlocation: {location}\r\n");
        assert!(response.to_lowercase().contains(&expected), "{response}");
    }
    // Without a base path there is no redirect.
    let server = TestServer::start(|_| {});
    for path in ["/hub", "/a/hub", "/hub/", "//x.example/"] {
        let response = get(server.address, path, "").await;
        assert_eq!(status(&response), "404", "{path}: {response}");
        assert!(response.contains("base_path"), "{response}");
    }
}

#[tokio::test]
async fn pages_use_relative_links_only() {
    let server = TestServer::start(set_base_path);
    for page in ["/", "/dashboard", "/a/hub/", "/a/hub/dashboard"] {
        let response = get(server.address, page, "").await;
        let links = response.split("href=\"").chain(response.split("src=\""));
        let links: Vec<_> = links.map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(links.len() > 40, "{page}");
        for link in links {
            assert!(!link.starts_with('/'), "{page}: {link}");
        }
        assert!(!response.contains("{{"), "{page}");
    }
}

#[tokio::test]
async fn limits_origins_and_tokens_apply_under_the_base_path() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, format!("{TOKEN}\n")).unwrap();
    let server = TestServer::start(|config| {
        set_base_path(config);
        config.access.tokens_file = Some(tokens);
        config.origin = vec!["https://a.example".to_owned()];
        config.public_stats = false;
        config.admin_token = Some(Secret::new("another-horse-battery-staple"));
        config.metrics.token = Some(Secret::new("a-third-horse-battery-staple"));
    });
    let foreign = format!("{UPGRADE}Origin: https://b.example\r\n");
    for base in ["", "/a/hub"] {
        for (path, headers, expected) in [
            ("/ice", "", "403"),
            ("/ice?token=correct-horse-battery-staple", "", "200"),
            ("/metrics", "", "401"),
            ("/api/v1/stats", "", "403"),
            ("/api/v1/settings", "", "401"),
            ("/announce", UPGRADE, "403"),
            ("/correct-horse-battery-staple", &foreign, "403"),
        ] {
            let response = get(server.address, &format!("{base}{path}"), headers).await;
            assert_eq!(status(&response), expected, "{base}{path}: {response}");
        }
        let url = format!("ws://{}{base}/{TOKEN}", server.address);
        assert!(
            tokio_tungstenite::connect_async(url).await.is_ok(),
            "{base}"
        );
    }
    // A listener without pages has none under the base path either. The limit of an address counts both together.
    let server = TestServer::start(|config| {
        set_base_path(config);
        config.listen = vec!["tracker+127.0.0.1:0".parse().unwrap()];
        config.limits.exempt = Vec::new();
        config.limits.address_connections_max = 2;
    });
    assert_eq!(status(&get(server.address, "/a/hub/", "").await), "404");
    let mut connections = Vec::new();
    for path in ["/announce", "/a/hub/announce"] {
        let url = format!("ws://{}{path}", server.address);
        connections.push(tokio_tungstenite::connect_async(url).await.unwrap());
    }
    for path in ["/announce", "/a/hub/announce"] {
        let url = format!("ws://{}{path}", server.address);
        assert!(
            tokio_tungstenite::connect_async(url).await.is_err(),
            "{path}"
        );
    }
}
