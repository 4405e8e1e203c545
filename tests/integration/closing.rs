//! Requests of clients that close at once: each that arrived is served, on every route, and the half-closed get their answer.

use std::collections::BTreeSet;

use swarmhub::config::{Config, Secret};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{PATIENCE, TestServer, until};
use crate::tls::{Certified, start};

/// An announce of one of a hundred peers behind this machine's address.
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

/// A hundred connections, of which each has announced a peer and stays.
async fn crowd(server: &TestServer) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for number in 0..100 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let request = announce(number, "", "");
        stream.write_all(request.as_bytes()).await.unwrap();
        crowd.push(stream);
    }
    until("all have joined", || peers(server) == 100).await;
    crowd
}

/// Writes a request, closes that side, and reads what comes until the end.
async fn half_closed(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut heard = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut heard)).await;
    read.expect("in time").unwrap();
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test]
async fn a_stop_whose_sender_closes_at_once_is_counted() {
    for (headers, is_reset) in [("", false), ("Connection: close\r\n", false), ("", true)] {
        let server = TestServer::start(|_| {});
        for (number, mut stream) in (0..).zip(crowd(&server).await) {
            // What it was answered is read, or closing would be a reset by itself.
            let mut heard = [0; 4096];
            let read = timeout(PATIENCE, stream.read(&mut heard)).await;
            assert_ne!(read.expect("in time").unwrap(), 0);
            let request = announce(number, "&event=stopped", headers);
            stream.write_all(request.as_bytes()).await.unwrap();
            if is_reset {
                stream.set_zero_linger().unwrap();
            }
        }
        until("all have left", || peers(&server) == 0).await;
        assert_eq!(server.node.counters().http_announces, 200);
    }
}

#[tokio::test]
async fn pipelined_stops_of_a_client_that_reads_nothing_are_all_counted() {
    let server = TestServer::start(|_| {});
    drop(crowd(&server).await);
    let all: String = (0..100)
        .map(|number| announce(number, "&event=stopped", ""))
        .collect();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(all.as_bytes()).await.unwrap();
    drop(stream);
    until("all have left", || peers(&server) == 0).await;
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
            let heard = half_closed(stream, request.as_bytes()).await;
            assert!(heard.starts_with("HTTP/1."), "{path} {version}: {heard:?}");
            statuses.insert(heard[9..12].to_owned());
            let (start, body) = heard.split_once("\r\n\r\n").unwrap();
            let length = start.to_lowercase();
            let length = length.split("content-length: ").nth(1);
            if let Some(length) = length.and_then(|rest| rest.lines().next()) {
                assert_eq!(length.parse(), Ok(body.len()), "{path}: whole");
            }
        }
    }
    assert_eq!(statuses, BTreeSet::from(["200", "404"].map(str::to_owned)));
    // A change counts as well.
    let stream = TcpStream::connect(server.address).await.unwrap();
    let body = r#"{"tracker.scrape_hashes_max": 7}"#;
    let request = format!(
        "PATCH /api/v1/settings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer 0123456789abcdef\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let heard = half_closed(stream, request.as_bytes()).await;
    assert!(heard.starts_with("HTTP/1.1 200 "), "{heard}");
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
    let heard = half_closed(stream, request.as_bytes()).await;
    assert_eq!(heard.matches("HTTP/1.1 200 ").count(), 2, "{heard}");
    assert_eq!(peers(&server), 0);
}

#[tokio::test]
async fn a_half_closed_client_within_tls_is_answered() {
    let certified = Certified::new();
    let (server, _folder) = start(&certified, |_| {});
    for _ in 0..2 {
        let stream = certified.dial(server.address).await.unwrap();
        let all: String = (0..100).map(|number| announce(number, "", "")).collect();
        let heard = half_closed(stream, all.as_bytes()).await;
        assert_eq!(heard.matches("HTTP/1.1 200 ").count(), 100);
        // One that waits for nothing, and one that does not even say that it ends.
        for is_said in [true, false] {
            let all: String = (0..100)
                .filter(|number| (number % 2 == 0) == is_said)
                .map(|number| announce(number, "&event=stopped", ""))
                .collect();
            let mut stream = certified.dial(server.address).await.unwrap();
            stream.write_all(all.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            if is_said {
                stream.shutdown().await.unwrap();
            }
        }
        until("all have left", || peers(&server) == 0).await;
    }
}
