//! HTTP and upgrades: WebSocket handshakes, origins, deadlines, pages and their assets.

use std::time::Duration;

use swarmhub::config::Config;

use crate::client_frames::frame;
use crate::support::http::{Connection, Response, UPGRADE, exchange, request};
use crate::support::{TestServer, announce, wait_until};

/// Returns the folder of the assets that a page links to.
fn assets_folder(page: &Response) -> &str {
    let link = page.text().split("\"assets/").nth(1);
    let folder = link.and_then(|rest| rest.split('/').next());
    folder.expect("a link to assets")
}

#[tokio::test]
async fn any_path_can_be_upgraded_to_a_websocket() {
    let server = TestServer::start(|_| {});
    for path in [
        "/",
        "/announce",
        "/announce?x=y",
        "/a/b/c",
        "/healthz",
        "/%00",
    ] {
        let upgrade = UPGRADE.replace("Connection: ", "Connection: keep-alive, ");
        let response = server.get(path, &upgrade).await.expect(101);
        let accept = response.expect_header("sec-websocket-accept");
        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(response.header("sec-websocket-extensions"), None);
    }
}

#[tokio::test]
async fn refused_handshakes_get_the_right_status() {
    let server = TestServer::start(|config| {
        config.origin = vec!["https://a.example".into()];
        config.limits.refusal_messages_max = 0;
    });
    let old = UPGRADE.replace("13", "8");
    let response = server.get("/", &old).await.expect(426);
    assert_eq!(response.expect_header("sec-websocket-version"), "13");
    let keyless = UPGRADE.replace("Sec-WebSocket-Key", "X-Key");
    server.get("/", &keyless).await.expect(400);
    let foreign = format!("{UPGRADE}Origin: https://b.example\r\n");
    server.get("/", &foreign).await.expect(403);
    let known = format!("{UPGRADE}Origin: https://a.example\r\n");
    server.get("/", &known).await.expect(101);
    assert_eq!(server.node.counters().upgrades_refused, 3);
}

/// Regression: a tracker with an origin list refused its own page.
#[tokio::test]
async fn the_built_in_page_may_use_the_tracker_despite_origin_lists() {
    let server = TestServer::start(|config| {
        config.origin = vec!["https://a.example".into()];
        config.limits.refusal_messages_max = 0;
        config.alerts.external_url = Some("https://hub.example/dashboard".to_owned());
        config.proxies.trusted = vec!["127.0.0.1".parse().unwrap()];
    });
    let strict = TestServer::start(|config| {
        config.origin = vec!["https://a.example".into()];
        config.origin_denied = vec!["https://tracker.example".into()];
        config.limits.refusal_messages_max = 0;
    });
    let upgrade_status = async |server: &TestServer, host: &str, more: &str| {
        let headers = format!("Host: {host}\r\n{UPGRADE}{more}");
        server.get("/", &headers).await.status
    };
    for (host, more, expected) in [
        ("127.0.0.1:8000", "Origin: http://127.0.0.1:8000\r\n", 101),
        (
            "tracker.example",
            "Origin: https://tracker.example\r\n",
            101,
        ),
        (
            "tracker.example",
            "Origin: https://tracker.example\r\nX-Forwarded-Proto: https\r\n",
            101,
        ),
        (
            "tracker.example",
            "Origin: http://tracker.example\r\nX-Forwarded-Proto: https\r\n",
            403,
        ),
        (
            "127.0.0.1:1",
            "Origin: https://tracker.example\r\nX-Forwarded-Host: tracker.example\r\n",
            101,
        ),
        ("127.0.0.1:1", "Origin: https://hub.example\r\n", 101),
        ("127.0.0.1:1", "Origin: https://a.example\r\n", 101),
        ("tracker.example", "Origin: https://evil.example\r\n", 403),
        ("tracker.example", "Origin: null\r\n", 403),
        ("tracker.example", "", 101),
    ] {
        assert_eq!(
            upgrade_status(&server, host, more).await,
            expected,
            "{host} {more}"
        );
    }
    // Only a trusted proxy may set the host, and denied origins stay denied.
    let forwarded = "Origin: https://evil.example\r\nX-Forwarded-Host: evil.example\r\n";
    assert_eq!(upgrade_status(&strict, "hub.example", forwarded).await, 403);
    let own = "Origin: https://tracker.example\r\n";
    assert_eq!(upgrade_status(&strict, "tracker.example", own).await, 403);
    assert_eq!(strict.node.counters().refused_origin, 2);
}

#[tokio::test]
async fn a_handshake_may_arrive_in_single_bytes_followed_by_frames() {
    let server = TestServer::start(|_| {});
    let mut connection = Connection::open(server.address).await;
    connection.stream.set_nodelay(true).unwrap();
    let upgrade = UPGRADE.replace("Upgrade:", "uPGRADE:");
    let request = request("GET /", &format!("hOST: x.example\r\n{upgrade}"), "");
    for byte in request.as_bytes() {
        connection.write([*byte]).await;
    }
    let message = announce("swarm", "peer").to_string();
    connection.write(frame(0x81, message.as_bytes())).await;
    let head = connection.read_head().await.expect("a response");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let reply = connection.read_until(b"}").await.expect("a reply");
    assert_eq!(reply[0], 0x81);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_aborted_handshake_leaks_no_file_descriptor() {
    let program = crate::support::program::Program::start(&[]);
    let open_files = format!("/proc/{}/fd", program.pid());
    let count = || std::fs::read_dir(&open_files).unwrap().count();
    // With 16 connections both workers are almost certainly running; then wait for a stable count.
    let connect_all = async || {
        for _ in 0..16 {
            crate::support::Client::connect(program.address).await;
        }
    };
    connect_all().await;
    let (mut before, mut settled) = (0, 0);
    wait_until("the count settles", || {
        let last = std::mem::replace(&mut before, count());
        settled = if last == before { settled + 1 } else { 0 };
        settled == 40
    })
    .await;
    let request = request("GET /", UPGRADE, "");
    for cut in 0..=request.len() {
        let mut connection = Connection::open(program.address).await;
        connection.write(&request.as_bytes()[..cut]).await;
    }
    // These connections are accepted after all of the above.
    connect_all().await;
    wait_until("all are closed", || count() <= before).await;
}

#[tokio::test]
async fn a_client_that_never_completes_the_head_is_dropped() {
    let server = TestServer::start(|config| {
        config.connection.handshake_timeout = Duration::from_millis(300);
    });
    let response = exchange(server.address, b"GET / HTTP/1.1\r\nHost: x.exam").await;
    assert!(response.is_none_or(|response| response.status == 408));
    // Also a client that sends nothing.
    assert_eq!(exchange(server.address, b"").await, None);
    wait_until("both are counted", || {
        server.node.counters().handshakes_failed == 2
    })
    .await;
}

#[tokio::test]
async fn a_client_that_never_reads_the_page_is_dropped() {
    let server = TestServer::start(|config| {
        config.connection.http_timeout = Duration::from_millis(500);
    });
    let path = "/assets/x/vendor/webtorrent/webtorrent.min.js";
    let mut connection = Connection::open(server.address).await;
    // Far more than the buffers of the system.
    let requests = request(&format!("GET {path}"), "", "").repeat(40);
    connection.write(requests).await;
    wait_until("it is dropped", || {
        server.node.counters().http_timed_out == 1
    })
    .await;
}

#[tokio::test]
async fn the_size_of_a_request_head_is_limited() {
    let server = TestServer::start(|_| {});
    let headers = format!("X: {}\r\n", "x".repeat(100_000));
    let response = exchange(server.address, request("GET /", &headers, "")).await;
    assert!(response.is_none_or(|response| response.status == 431));
}

#[tokio::test]
async fn the_page_has_a_strict_policy_and_cacheable_assets() {
    let server = TestServer::start(|_| {});
    let page = server.get("/", "Host: x.example\r\n").await.expect(200);
    let policy = page.expect_header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
    assert!(policy.contains("connect-src 'self' ws://x.example wss://x.example;"));
    assert_eq!(page.expect_header("cache-control"), "no-cache");
    assert_eq!(page.expect_header("x-content-type-options"), "nosniff");
    assert!(!page.text().contains("{{assets}}"));
    let folder = assets_folder(&page);
    let script = format!("/assets/{folder}/vendor/webtorrent/webtorrent.min.js");
    let plain = server.get(&script, "").await.expect(200);
    let cached = "public, max-age=31536000, immutable";
    assert_eq!(plain.expect_header("cache-control"), cached);
    let content_type = plain.expect_header("content-type");
    assert!(content_type.starts_with("text/javascript"));
    let accept = "Accept-Encoding: br, gzip\r\n";
    let compressed = server.get(&script, accept).await.expect(200);
    assert_eq!(compressed.expect_header("content-encoding"), "gzip");
    assert!(compressed.body.len() < plain.body.len() / 2);
    // Another version is not cached.
    let other = server.get(&script.replace(folder, &folder[1..]), "").await;
    assert_eq!(other.expect_header("cache-control"), "no-cache");
    let worker = server.get("/sw.js", "").await.expect(200);
    assert_eq!(worker.expect_header("cache-control"), "no-cache");
    assert!(!worker.text().contains("{{assets}}"));
}

#[tokio::test]
async fn pages_of_all_origins_may_load_the_element_of_one_version() {
    let server = TestServer::start(|_| {});
    let other_site = "Origin: https://shop.example\r\n";
    let script = server.get("/embed.js", other_site).await.expect(200);
    let check = server.get("/check.js", other_site).await.expect(200);
    let versions = server.get("/embed.json", other_site).await.expect(200);
    let document = versions.json();
    let entry = document["url"].as_str().unwrap().to_owned();
    let module = server.get(&format!("/{entry}"), other_site).await;
    for response in [&script, &check, &versions, &module] {
        assert_eq!(response.expect_header("access-control-allow-origin"), "*");
        assert_eq!(
            response.expect_header("cross-origin-resource-policy"),
            "cross-origin"
        );
    }
    let brief = "public, max-age=300, must-revalidate";
    assert_eq!(script.expect_header("cache-control"), brief);
    assert_eq!(check.expect_header("cache-control"), brief);
    assert_eq!(versions.expect_header("cache-control"), brief);
    assert!(module.expect_header("cache-control").contains("immutable"));
    assert!(
        script
            .expect_header("content-type")
            .starts_with("text/javascript")
    );

    // The script has a path relative to its own URL, because a proxy may add a prefix.
    let folder = entry.strip_suffix("define.js").unwrap();
    script.expect_text(&format!("from './{folder}index.js'"));
    check.expect_text("/check/index.js'");
    let hashes = &document["importMap"]["integrity"];
    assert_eq!(document["integrity"], hashes[&entry]);
    for path in [&*entry, &format!("{folder}share-element.js")] {
        let body = server.get(&format!("/{path}"), "").await.body;
        let digest = ring::digest::digest(&ring::digest::SHA384, &body);
        let hash = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, digest);
        assert_eq!(hashes[path], format!("sha384-{hash}"), "{path}");
    }
    // The pages themselves stay closed to other sites.
    for path in ["/", "/dashboard", "/check", "/connect", "/sw.js"] {
        let response = server.get(path, other_site).await.expect(200);
        assert!(
            response.header("access-control-allow-origin").is_none(),
            "{path}"
        );
    }
}

#[tokio::test]
async fn unknown_paths_are_not_served() {
    let server = TestServer::start(|_| {});
    for path in [
        "/assets/x/package.json",
        "/assets/x/../Cargo.toml",
        "/assets/x/%2e%2e/%2e%2e/etc/passwd",
        "/x",
    ] {
        let response = server.get(path, "").await;
        assert_eq!(response.status, 404, "{path}");
    }
    server.send("POST /", "", "").await.expect(405);
}

/// Link scanners change the `#` of links, so their key is in the path.
#[tokio::test]
async fn a_link_with_an_escaped_fragment_gets_the_page_uncached() {
    let server = TestServer::start(|_| {});
    let page = server.get("/", "").await.expect(200);
    let hash = "0218db4d09598926571b9041beb1cb91adc3f60a";
    for path in [
        format!("/%23{hash}.yqdlZ-tYemfogSmv7Ws5PQ"),
        format!("/%23{hash}"),
    ] {
        let response = server.get(&path, "").await.expect(200);
        assert_eq!(response.text(), page.text());
        assert_eq!(response.expect_header("cache-control"), "no-store");
        assert_eq!(response.expect_header("referrer-policy"), "no-referrer");
        let policy = response.expect_header("content-security-policy");
        assert_eq!(policy, page.expect_header("content-security-policy"));
    }
    // Relative addresses of the page would fail here.
    server.get(&format!("/%23/{hash}"), "").await.expect(404);
    server.get(&format!("/x/%23{hash}"), "").await.expect(404);
    let post = format!("POST /%23{hash}");
    server.send(&post, "", "").await.expect(404);
}

#[tokio::test]
async fn ice_servers_are_served_to_pages() {
    let server = TestServer::start(|config: &mut Config| {
        config.ice_server = vec![
            "stun:stun.example:3478".into(),
            "turn:user:secret@turn.example".into(),
        ];
    });
    let expected = serde_json::json!({"iceServers": [{"urls": "stun:stun.example:3478"},
        {"urls": "turn:turn.example", "username": "user", "credential": "secret"}], "ttl": 3600});
    let response = server.get("/ice", "Host: x.example\r\n").await;
    assert_eq!(response.json(), expected);
}

#[tokio::test]
async fn web_dir_is_served_uncached_from_disk() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("share")).unwrap();
    std::fs::write(folder.path().join("share/index.html"), "first {{assets}}").unwrap();
    std::fs::write(folder.path().join("secret"), "no").unwrap();
    let path = folder.path().to_path_buf();
    let server = TestServer::start(move |config| config.web_dir = Some(path));
    assert_eq!(server.get("/", "").await.text(), "first assets/dev");
    std::fs::write(folder.path().join("share/index.html"), "second").unwrap();
    assert_eq!(server.get("/", "").await.text(), "second");
    let asset = server.get("/assets/dev/share/index.html", "").await;
    assert_eq!(asset.text(), "second");
    assert_eq!(asset.expect_header("cache-control"), "no-cache");
    server.get("/assets/dev/secret", "").await.expect(404);
}
