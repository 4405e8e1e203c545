//! HTTP clients that close or half-close right after a request: each request is served, on every route.

use std::collections::BTreeSet;

use swarmhub::config::{Config, Secret};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::support::certificates::{LocalhostCertificate, start_with_tls};
use crate::support::http::{Connection, Response, bearer, request};
use crate::support::{TestServer, wait_for_value};

const TOKEN: &str = "0123456789abcdef";

/// An announce of one of a hundred peers at the address of this machine.
fn announce(number: u16, more: &str, headers: &str) -> String {
    let (hash, peer) = ("h".repeat(20), "p".repeat(20));
    let port = 2100 + number;
    let query = format!("info_hash={hash}&peer_id={peer}&port={port}&left=0{more}");
    request(&format!("GET /announce?{query}"), headers, "")
}

fn peers(server: &TestServer) -> usize {
    server.node.tracker().swarms().totals().http_peers
}

/// Opens a hundred connections that each announce a peer and stay open.
async fn announce_hundred_peers(server: &TestServer) -> Vec<Connection> {
    let mut crowd = Vec::new();
    for number in 0..100 {
        let mut connection = Connection::open(server.address).await;
        connection.write(announce(number, "", "")).await;
        crowd.push(connection);
    }
    wait_for_value("all have joined", || peers(server), 100).await;
    crowd
}

/// Writes requests, closes the write side, and reads the responses to the end of the connection.
async fn half_close<S: AsyncRead + AsyncWrite + Unpin>(
    mut connection: Connection<S>,
    requests: &str,
) -> Vec<Response> {
    connection.write(requests).await;
    connection.close_write().await;
    connection.read_responses(true).await
}

/// Returns how many responses there are; each must have status 200.
fn count_served(responses: Vec<Response>) -> usize {
    let served = responses.into_iter().map(|response| response.expect(200));
    served.count()
}

#[tokio::test]
async fn a_stopped_event_counts_even_if_the_client_closes_at_once() {
    for (headers, is_reset) in [("", false), ("Connection: close\r\n", false), ("", true)] {
        let server = TestServer::start(|_| {});
        for (number, mut connection) in (0..).zip(announce_hundred_peers(&server).await) {
            // Read the response first: closing with unread data would be a reset.
            let response = connection.read_response(true).await;
            response.expect("a response").expect(200);
            let request = announce(number, "&event=stopped", headers);
            connection.write(request).await;
            if is_reset {
                connection.stream.set_zero_linger().unwrap();
            }
        }
        wait_for_value("all have left", || peers(&server), 0).await;
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
    let mut connection = Connection::open(server.address).await;
    connection.write(all).await;
    drop(connection);
    wait_for_value("all have left", || peers(&server), 0).await;
}

#[tokio::test]
async fn every_route_answers_a_half_closed_client() {
    let server = TestServer::start(|config: &mut Config| {
        config.admin_token = Some(Secret::new(TOKEN));
    });
    let query = "info_hash=hhhhhhhhhhhhhhhhhhhh&peer_id=pppppppppppppppppppp&port=6881";
    let paths = [
        "/",
        "/dashboard",
        "/check",
        "/check.js",
        "/connect",
        "/sw.js",
        "/embed.js",
        "/embed.json",
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
            let token = bearer(TOKEN);
            let request = format!("GET {path} HTTP/{version}\r\n{token}{headers}\r\n");
            let connection = Connection::open(server.address).await;
            let responses = half_close(connection, &request).await;
            assert_eq!(responses.len(), 1, "{path} {version} {headers}");
            statuses.insert(responses[0].status);
        }
    }
    assert_eq!(statuses, BTreeSet::from([200, 404]));
    // A changing request is served too.
    let body = r#"{"tracker.scrape_hashes_max": 7}"#;
    let headers = format!("Content-Type: application/json\r\n{}", bearer(TOKEN));
    let patch = request("PATCH /api/v1/settings", &headers, body);
    let connection = Connection::open(server.address).await;
    assert_eq!(count_served(half_close(connection, &patch).await), 1);
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
    let connection = Connection::open(server.address).await;
    assert_eq!(count_served(half_close(connection, &request).await), 2);
    assert_eq!(peers(&server), 0);
}

#[tokio::test]
async fn a_half_closed_client_within_tls_is_answered() {
    let certified = LocalhostCertificate::new();
    let (server, _folder) = start_with_tls(&certified, |_| {});
    for _ in 0..2 {
        let all: String = (0..100).map(|number| announce(number, "", "")).collect();
        let connection = certified.open(server.address).await;
        assert_eq!(count_served(half_close(connection, &all).await), 100);
        // One client sends close_notify without reading, one just drops the connection.
        for is_notified in [true, false] {
            let all: String = (0..100)
                .filter(|number| (number % 2 == 0) == is_notified)
                .map(|number| announce(number, "&event=stopped", ""))
                .collect();
            let mut connection = certified.open(server.address).await;
            connection.write(all).await;
            if is_notified {
                connection.close_write().await;
            }
        }
        wait_for_value("all have left", || peers(&server), 0).await;
    }
}
