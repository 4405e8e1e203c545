//! `base_path`, for proxies that keep their path prefix: every route works with and without it, by the same rules.

use std::collections::BTreeSet;

use swarmhub::config::{Config, Secret};

use crate::support::files::read;
use crate::support::http::UPGRADE;
use crate::support::program::command;
use crate::support::{Client, TestServer, id};

const TOKEN: &str = "correct-horse-battery-staple";

fn set_base_path(config: &mut Config) {
    config.base_path = Some("/a/hub".to_owned());
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
        "/check",
        "/check.js",
        "/connect",
        "/sw.js",
        "/manifest.webmanifest",
        "/manifest.webmanifest?token=x",
        "/embed.js",
        "/embed.json",
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
            let response = server.get(&format!("{base}{path}"), "").await;
            assert_eq!(response.status, 200, "{base}{path}: {response}");
        }
        for other in ["/a", "/hub", "/a/hubs", "/a/hub/a/hub", "/a//hub"] {
            let response = server.get(&format!("{other}{path}"), "").await;
            // Announces are accepted on any path.
            let is_served = response.status == 200 && !path.starts_with("/announce");
            assert!(!is_served, "{other}{path}: {response}");
        }
    }
    for path in ["/a/hub", "/a/hub/", "/a/hub/announce"] {
        Client::connect_with(server.address, path, &[]).await;
    }
}

#[tokio::test]
async fn without_a_slash_the_base_path_redirects_to_the_page() {
    let server = TestServer::start(set_base_path);
    for (path, location) in [
        ("/a/hub", "hub/"),
        ("/a/hub?token=a%26b", "hub/?token=a%26b"),
    ] {
        let response = server.get(path, "").await.expect(307);
        assert_eq!(response.expect_header("location"), location);
    }
    // Without a base path there is no redirect.
    let server = TestServer::start(|_| {});
    for path in ["/hub", "/a/hub", "/hub/", "//x.example/"] {
        let response = server.get(path, "").await;
        response.expect(404).expect_text("base_path");
    }
}

#[tokio::test]
async fn pages_use_relative_links_only() {
    let server = TestServer::start(set_base_path);
    for page in [
        "/",
        "/dashboard",
        "/check",
        "/a/hub/",
        "/a/hub/dashboard",
        "/a/hub/check",
    ] {
        let response = server.get(page, "").await.expect(200);
        let text = response.text();
        let links = text.split("href=\"").chain(text.split("src=\""));
        let links: Vec<_> = links.map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(links.len() > 15, "{page}");
        for link in links {
            assert!(!link.starts_with('/'), "{page}: {link}");
        }
        assert!(!text.contains("{{"), "{page}");
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
        config.limits.refusal_messages_max = 0;
        config.public_stats = false;
        config.admin_token = Some(Secret::new("another-horse-battery-staple"));
        config.metrics.token = Some(Secret::new("a-third-horse-battery-staple"));
    });
    let foreign = format!("{UPGRADE}Origin: https://b.example\r\n");
    for base in ["", "/a/hub"] {
        for (path, headers, expected) in [
            ("/ice", "", 403),
            ("/ice?token=correct-horse-battery-staple", "", 200),
            ("/metrics", "", 401),
            ("/api/v1/stats", "", 403),
            ("/api/v1/settings", "", 401),
            ("/announce", UPGRADE, 403),
            ("/correct-horse-battery-staple", &foreign, 403),
        ] {
            let response = server.get(&format!("{base}{path}"), headers).await;
            assert_eq!(response.status, expected, "{base}{path}: {response}");
        }
        Client::connect_with(server.address, &format!("{base}/{TOKEN}"), &[]).await;
    }
    // A listener without pages has none under the base path either. The limit of an address counts both together.
    let server = TestServer::start(|config| {
        set_base_path(config);
        config.listen = vec!["tracker+127.0.0.1:0".parse().unwrap()];
        config.limits.exempt = Vec::new();
        config.limits.address_connections_max = 2;
    });
    server.get("/a/hub/", "").await.expect(404);
    let mut connections = Vec::new();
    for path in ["/announce", "/a/hub/announce"] {
        connections.push(Client::connect_with(server.address, path, &[]).await);
    }
    for path in ["/announce", "/a/hub/announce"] {
        let refused = Client::try_connect(server.address, path, &[]).await.err();
        assert_eq!(refused.expect("refused").0, 429, "{path}");
    }
}

#[test]
fn no_base_path_hides_a_path_of_the_server() {
    let code = read("src/http/routes.rs");
    let routes = code.split(".route(\"/").skip(1);
    let names: BTreeSet<_> = routes
        .map(|rest| rest.split(['/', '"']).next().unwrap())
        .filter(|name| !name.is_empty())
        .collect();
    assert!(names.len() > 6, "{names:?}");
    for name in names {
        let path = format!("/{name}");
        let output = command(&["check-config", "--base-path", &path]).output();
        assert!(!output.unwrap().status.success(), "{path}");
    }
}
