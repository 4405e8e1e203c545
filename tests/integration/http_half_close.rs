//! HTTP clients that close or half-close right after a request: each request is served, on every route.

use std::collections::BTreeSet;

use swarmhub::config::{Config, Secret};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{TIMEOUT, TestServer, wait_until};
use crate::tls::{LocalhostCertificate, start_with_tls};

/// An announce of one of a hundred peers at the address of this machine.
fn announce(number: u16, more: &str, headers: &str) -> String {
    let (hash, peer) = ("h".repeat(20), "p".repeat(20));
    let port = 2100 + number;
    format!(
        "GET /announce?info_hash={hash}&peer_id={peer}&port={port}&left=0{more} HTTP/1.1\r\nHost: x\r\n{headers}\r\n"
    )
}

fn peers(server: &TestServer) -> usize {
    server.node.tracker().swarms().totals().http_peers
}

/// Opens a hundred connections that each announce a peer and stay open.
async fn announce_hundred_peers(server: &TestServer) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for number in 0..100 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let request = announce(number, "", "");
        stream.write_all(request.as_bytes()).await.unwrap();
        crowd.push(stream);
    }
    wait_until("all have joined", || peers(server) == 100).await;
    crowd
}

/// Writes a request, closes the write side, and reads the response to its end.
async fn half_close(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut received = Vec::new();
    let read = timeout(TIMEOUT, stream.read_to_end(&mut received)).await;
    read.expect("in time").unwrap();
    String::from_utf8_lossy(&received).into_owned()
}

#[tokio::test]
async fn a_stopped_event_counts_even_if_the_client_closes_at_once() {
    for (headers, is_reset) in [("", false), ("Connection: close\r\n", false), ("", true)] {
        let server = TestServer::start(|_| {});
        for (number, mut stream) in (0..).zip(announce_hundred_peers(&server).await) {
            // Read the response first: closing with unread data would be a reset.
            let mut received = [0; 4096];
            let read = timeout(TIMEOUT, stream.read(&mut received)).await;
            assert_ne!(read.expect("in time").unwrap(), 0);
            let request = announce(number, "&event=stopped", headers);
            stream.write_all(request.as_bytes()).await.unwrap();
            if is_reset {
                stream.set_zero_linger().unwrap();
            }
        }
        wait_until("all have left", || peers(&server) == 0).await;
        assert_eq!(server.node.counters().http_announces, 200);
    }
}

#[tokio::test]
async fn pipelined_stopped_events_count_even_if_nothing_is_read() {
    let server = TestServer::start(|_| {});
    drop(announce_hundred_peers(&server).await);
    let all: String = (0..100)
        .map(|number| announce(number, "&event=stopped", ""))
        .collect();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(all.as_bytes()).await.unwrap();
    drop(stream);
    wait_until("all have left", || peers(&server) == 0).await;
}

#[tokio::test]
async fn every_route_answers_a_half_closed_client() {
    let server = TestServer::start(|config: &mut Config| {
        config.admin_token = Some(Secret::new("0123456789abcdef"));
    });
    let query = "info_hash=hhhhhhhhhhhhhhhhhhhh&peer_id=pppppppppppppppppppp&port=6881";
    let paths = [
        "/",
        "/dashboard",
        "/sw.js",
        "/ice",
        "/healthz",
        "/readyz",
        "/metrics",
        "/stats",
        "/stats.json",
        "/api/v1/stats",
        "/api/v1/series",
        "/api/v1/clients",
        "/api/v1/alerts/summary",
        "/api/v1/settings",
        "/api/v1/refusals",
        "/nothing",
        "/scrape?info_hash=hhhhhhhhhhhhhhhhhhhh",
        &format!("/announce?{query}"),
    ];
    let mut statuses = BTreeSet::new();
    for path in paths {
        for (version, headers) in [
            ("1.0", ""),
            ("1.0", "Connection: keep-alive\r\n"),
            ("1.1", "Host: x\r\n"),
            ("1.1", "Host: x\r\nConnection: close\r\n"),
        ] {
            let stream = TcpStream::connect(server.address).await.unwrap();
            let request = format!(
                "GET {path} HTTP/{version}\r\nAuthorization: Bearer 0123456789abcdef\r\n{headers}\r\n"
            );
            let received = half_close(stream, request.as_bytes()).await;
            assert!(
                received.starts_with("HTTP/1."),
                "{path} {version}: {received:?}"
            );
            statuses.insert(received[9..12].to_owned());
            let (start, body) = received.split_once("\r\n\r\n").unwrap();
            let length = start.to_lowercase();
            let length = length.split("content-length: ").nth(1);
            if let Some(length) = length.and_then(|rest| rest.lines().next()) {
                assert_eq!(length.parse(), Ok(body.len()), "{path}: whole");
            }
        }
    }
    assert_eq!(statuses, BTreeSet::from(["200", "404"].map(str::to_owned)));
    // A changing request is served too.
    let stream = TcpStream::connect(server.address).await.unwrap();
    let body = r#"{"tracker.scrape_hashes_max": 7}"#;
    let request = format!(
        "PATCH /api/v1/settings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer 0123456789abcdef\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let received = half_close(stream, request.as_bytes()).await;
    assert!(received.starts_with("HTTP/1.1 200 "), "{received}");
}

#[tokio::test]
async fn a_half_closed_client_behind_a_proxy_header_is_answered() {
    let server = TestServer::start(|config| {
        config.listen = vec!["proxy+127.0.0.1:0".parse().unwrap()];
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
    });
    let request = format!(
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n{}{}",
        announce(1, "", ""),
        announce(1, "&event=stopped", "")
    );
    let stream = TcpStream::connect(server.address).await.unwrap();
    let received = half_close(stream, request.as_bytes()).await;
    assert_eq!(received.matches("HTTP/1.1 200 ").count(), 2, "{received}");
    assert_eq!(peers(&server), 0);
}

#[tokio::test]
async fn a_half_closed_client_within_tls_is_answered() {
    let certified = LocalhostCertificate::new();
    let (server, _folder) = start_with_tls(&certified, |_| {});
    for _ in 0..2 {
        let stream = certified.connect_tls(server.address).await.unwrap();
        let all: String = (0..100).map(|number| announce(number, "", "")).collect();
        let received = half_close(stream, all.as_bytes()).await;
        assert_eq!(received.matches("HTTP/1.1 200 ").count(), 100);
        // One client sends close_notify without reading, one just drops the connection.
        for is_notified in [true, false] {
            let all: String = (0..100)
                .filter(|number| (number % 2 == 0) == is_notified)
                .map(|number| announce(number, "&event=stopped", ""))
                .collect();
            let mut stream = certified.connect_tls(server.address).await.unwrap();
            stream.write_all(all.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            if is_notified {
                stream.shutdown().await.unwrap();
            }
        }
        wait_until("all have left", || peers(&server) == 0).await;
    }
}
