//! HTTP and upgrades: WebSocket handshakes, origins, deadlines, pages and their assets.

use std::time::Duration;

use swarmhub::config::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{TIMEOUT, TestServer, announce, wait_until};

const HANDSHAKE: &str = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Sends a raw request and reads until the server ends the connection.
async fn send_raw(server: &TestServer, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut received = Vec::new();
    // A reset after the response counts as an end.
    let _ = timeout(TIMEOUT, stream.read_to_end(&mut received))
        .await
        .expect("in time");
    String::from_utf8_lossy(&received).into_owned()
}

async fn get(server: &TestServer, path: &str, headers: &str) -> String {
    send_raw(
        server,
        format!("GET {path} HTTP/1.1\r\nHost: x.example\r\nConnection: close\r\n{headers}\r\n")
            .as_bytes(),
    )
    .await
}

/// Sends a handshake and reads the head of the response.
async fn upgrade(server: &TestServer, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x.example\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    read_head(&mut stream).await
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut received = Vec::new();
    while !received.ends_with(b"\r\n\r\n") {
        received.push(
            timeout(TIMEOUT, stream.read_u8())
                .await
                .expect("in time")
                .expect("a head"),
        );
    }
    String::from_utf8(received).unwrap()
}

fn content_length(response: &str) -> usize {
    let header = "content-length: ";
    let line = response
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix(header)?.parse().ok());
    line.expect("a length")
}

fn status(response: &str) -> &str {
    response.get(9..12).unwrap_or(response)
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
        let response = upgrade(&server, path, HANDSHAKE).await;
        assert_eq!(status(&response), "101", "{path}");
        assert!(response.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert!(!response.to_lowercase().contains("sec-websocket-extensions"));
    }
}

#[tokio::test]
async fn refused_handshakes_get_the_right_status() {
    let server = TestServer::start(|config| config.origin = vec!["https://a.example".into()]);
    let old = HANDSHAKE.replace("13", "8");
    let response = upgrade(&server, "/", &old).await;
    assert_eq!(status(&response), "426");
    assert!(
        response
            .to_lowercase()
            .contains("sec-websocket-version: 13")
    );
    let keyless = HANDSHAKE.replace("Sec-WebSocket-Key", "X-Key");
    assert_eq!(status(&upgrade(&server, "/", &keyless).await), "400");
    let foreign = format!("{HANDSHAKE}Origin: https://b.example\r\n");
    assert_eq!(status(&upgrade(&server, "/", &foreign).await), "403");
    let known = format!("{HANDSHAKE}Origin: https://a.example\r\n");
    assert_eq!(status(&upgrade(&server, "/", &known).await), "101");
    assert_eq!(server.node.counters().upgrades_refused, 3);
}

/// Regression: a tracker with an origin list refused its own page.
#[tokio::test]
async fn the_built_in_page_may_use_the_tracker_despite_origin_lists() {
    let server = TestServer::start(|config| {
        config.origin = vec!["https://a.example".into()];
        config.alerts.external_url = Some("https://hub.example/dashboard".to_owned());
        config.proxies.trusted = vec!["127.0.0.1".parse().unwrap()];
    });
    let strict = TestServer::start(|config| {
        config.origin = vec!["https://a.example".into()];
        config.origin_denied = vec!["https://tracker.example".into()];
    });
    let upgrade_status = async |server: &TestServer, host: &str, more: &str| {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n{HANDSHAKE}{more}\r\n");
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        status(&read_head(&mut stream).await).to_owned()
    };
    for (host, more, expected) in [
        ("127.0.0.1:8000", "Origin: http://127.0.0.1:8000\r\n", "101"),
        (
            "tracker.example",
            "Origin: https://tracker.example\r\n",
            "101",
        ),
        (
            "tracker.example",
            "Origin: https://tracker.example\r\nX-Forwarded-Proto: https\r\n",
            "101",
        ),
        (
            "tracker.example",
            "Origin: http://tracker.example\r\nX-Forwarded-Proto: https\r\n",
            "403",
        ),
        (
            "127.0.0.1:1",
            "Origin: https://tracker.example\r\nX-Forwarded-Host: tracker.example\r\n",
            "101",
        ),
        ("127.0.0.1:1", "Origin: https://hub.example\r\n", "101"),
        ("127.0.0.1:1", "Origin: https://a.example\r\n", "101"),
        ("tracker.example", "Origin: https://evil.example\r\n", "403"),
        ("tracker.example", "Origin: null\r\n", "403"),
        ("tracker.example", "", "101"),
    ] {
        assert_eq!(
            upgrade_status(&server, host, more).await,
            expected,
            "{host} {more}"
        );
    }
    // Only a trusted proxy may set the host, and denied origins stay denied.
    let forwarded = "Origin: https://evil.example\r\nX-Forwarded-Host: evil.example\r\n";
    assert_eq!(
        upgrade_status(&strict, "hub.example", forwarded).await,
        "403"
    );
    let own = "Origin: https://tracker.example\r\n";
    assert_eq!(upgrade_status(&strict, "tracker.example", own).await, "403");
    assert_eq!(strict.node.counters().refused_origin, 2);
}

#[tokio::test]
async fn a_handshake_may_arrive_in_single_bytes_followed_by_frames() {
    let server = TestServer::start(|_| {});
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let request = format!("GET / HTTP/1.1\r\nhOST: x.example\r\n{HANDSHAKE}\r\n")
        .replace("Upgrade:", "uPGRADE:");
    for byte in request.as_bytes() {
        stream.write_all(&[*byte]).await.unwrap();
    }
    let message = announce("swarm", "peer").to_string();
    let length = u8::try_from(message.len()).expect("a short message");
    assert!(length < 126);
    stream
        .write_all(&[&[0x81, 0x80 | length, 0, 0, 0, 0][..], message.as_bytes()].concat())
        .await
        .unwrap();
    assert_eq!(status(&read_head(&mut stream).await), "101");
    let mut frame = [0; 2];
    timeout(TIMEOUT, stream.read_exact(&mut frame))
        .await
        .expect("in time")
        .unwrap();
    assert_eq!(frame[0], 0x81);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_aborted_handshake_leaks_no_file_descriptor() {
    let program = crate::process::Program::start(&["--listen", "127.0.0.1:0"]);
    let open_files = format!("/proc/{}/fd", program.child.id());
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
    let request = format!("GET / HTTP/1.1\r\nHost: x.example\r\n{HANDSHAKE}\r\n");
    for cut in 0..=request.len() {
        let mut stream = TcpStream::connect(program.address).await.unwrap();
        stream.write_all(&request.as_bytes()[..cut]).await.unwrap();
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
    let response = send_raw(&server, b"GET / HTTP/1.1\r\nHost: x.exam").await;
    assert!(
        response.is_empty() || status(&response) == "408",
        "{response}"
    );
    // Also a client that sends nothing.
    assert_eq!(send_raw(&server, b"").await, "");
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
    let page = get(&server, "/", "").await;
    let base = page
        .split("\"assets/")
        .nth(1)
        .and_then(|rest| rest.split('/').next());
    let path = format!(
        "/assets/{}/vendor/webtorrent/webtorrent.min.js",
        base.unwrap()
    );
    let request = format!("GET {path} HTTP/1.1\r\nHost: x.example\r\n\r\n");
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // Far more than the buffers of the system.
    stream
        .write_all(request.repeat(40).as_bytes())
        .await
        .unwrap();
    wait_until("it is dropped", || {
        server.node.counters().http_timed_out == 1
    })
    .await;
}

#[tokio::test]
async fn the_size_of_a_request_head_is_limited() {
    let server = TestServer::start(|_| {});
    let request = format!(
        "GET / HTTP/1.1\r\nHost: x.example\r\nX: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // The server may close before it has read everything.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut received = Vec::new();
    let _ = timeout(TIMEOUT, stream.read_to_end(&mut received))
        .await
        .expect("in time");
    let response = String::from_utf8_lossy(&received);
    assert!(
        response.is_empty() || status(&response) == "431",
        "{response}"
    );
}

#[tokio::test]
async fn the_page_has_a_strict_policy_and_cacheable_assets() {
    let server = TestServer::start(|_| {});
    let page = get(&server, "/", "").await;
    assert_eq!(status(&page), "200");
    let lower = page.to_lowercase();
    assert!(lower.contains("content-security-policy: default-src 'none'; script-src 'self';"));
    assert!(lower.contains("connect-src 'self' ws://x.example wss://x.example;"));
    assert!(
        lower.contains("cache-control: no-cache")
            && lower.contains("x-content-type-options: nosniff")
    );
    assert!(!page.contains("{{assets}}"));
    let base = page
        .split("\"assets/")
        .nth(1)
        .and_then(|rest| rest.split('/').next())
        .expect("a link to assets");
    let script = format!("/assets/{base}/vendor/webtorrent/webtorrent.min.js");
    let plain = get(&server, &script, "").await;
    assert!(
        plain
            .to_lowercase()
            .contains("cache-control: public, max-age=31536000, immutable")
    );
    assert!(
        plain
            .to_lowercase()
            .contains("content-type: text/javascript")
    );
    let compressed = get(&server, &script, "Accept-Encoding: br, gzip\r\n").await;
    assert!(compressed.to_lowercase().contains("content-encoding: gzip"));
    assert!(content_length(&compressed) < content_length(&plain) / 2);
    let other = get(&server, &script.replace(base, &base[1..]), "").await;
    assert!(
        other.to_lowercase().contains("cache-control: no-cache"),
        "another version is not cached"
    );
    let worker = get(&server, "/sw.js", "").await;
    assert_eq!(status(&worker), "200");
    assert!(
        worker.to_lowercase().contains("cache-control: no-cache") && !worker.contains("{{assets}}")
    );
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
        assert_eq!(status(&get(&server, path, "").await), "404", "{path}");
    }
    let posted = send_raw(
        &server,
        b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    assert_eq!(status(&posted), "405");
}

#[tokio::test]
async fn ice_servers_are_served_to_pages() {
    let server = TestServer::start(|config: &mut Config| {
        config.ice_server = vec![
            "stun:stun.example:3478".into(),
            "turn:user:secret@turn.example".into(),
        ];
    });
    let response = get(&server, "/ice", "").await;
    let body = response.split("\r\n\r\n").nth(1).unwrap();
    let expected = serde_json::json!({"iceServers": [{"urls": "stun:stun.example:3478"},
        {"urls": "turn:turn.example", "username": "user", "credential": "secret"}]});
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(body).unwrap(),
        expected
    );
}

#[tokio::test]
async fn web_dir_is_served_uncached_from_disk() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("share")).unwrap();
    std::fs::write(folder.path().join("share/index.html"), "first {{assets}}").unwrap();
    std::fs::write(folder.path().join("secret"), "no").unwrap();
    let path = folder.path().to_path_buf();
    let server = TestServer::start(move |config| config.web_dir = Some(path));
    assert!(get(&server, "/", "").await.ends_with("first assets/dev"));
    std::fs::write(folder.path().join("share/index.html"), "second").unwrap();
    assert!(get(&server, "/", "").await.ends_with("second"));
    let asset = get(&server, "/assets/dev/share/index.html", "").await;
    assert!(asset.ends_with("second") && asset.to_lowercase().contains("cache-control: no-cache"));
    assert_eq!(status(&get(&server, "/assets/dev/secret", "").await), "404");
}
