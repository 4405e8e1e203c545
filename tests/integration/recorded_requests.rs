//! Recorded request heads of browsers and torrent clients: no page makes its visitor a peer; every client is served.
//!
//! The browser heads were recorded with a page that makes its browser GET from another host in every possible way.
//! The client heads were recorded with a tracker that only listens; `heads/README.md` says how.

use tokio::io::{AsyncRead, AsyncWrite};

use crate::support::TestServer;
use crate::support::certificates::{LocalhostCertificate, start_with_tls};
use crate::support::http::{Connection, Response};

const PLAIN: [&str; 2] = [
    include_str!("heads/chromium-plain.txt"),
    include_str!("heads/firefox-plain.txt"),
];
const OVER_TLS: [&str; 2] = [
    include_str!("heads/chromium-tls.txt"),
    include_str!("heads/firefox-tls.txt"),
];
const EMBEDDED: &str = include_str!("heads/embedded.txt");
const TORRENT_CLIENTS: &str = include_str!("heads/programs.txt");

/// Returns the names and request heads in a file.
fn heads(file: &str) -> Vec<(&str, String)> {
    let heads = file.split("# ").filter(|head| !head.is_empty());
    let heads = heads.map(|head| {
        let (name, head) = head.split_once('\n').expect("a name");
        let head = head
            .trim_end()
            .replace('\n', "\r\n")
            .replace("PORT", "8000");
        (name, head + "\r\n")
    });
    heads.collect()
}

/// Sends a head unchanged, with a body if its headers require one, and returns the response.
async fn send<S: AsyncRead + AsyncWrite + Unpin>(
    mut connection: Connection<S>,
    head: &str,
) -> Response {
    let has_body = head.to_lowercase().contains("content-length: 1");
    let body = if has_body { "x" } else { "" };
    connection.write(format!("{head}\r\n{body}")).await;
    connection.close_write().await;
    connection.read_response(true).await.expect("a response")
}

fn assert_refused(server: &TestServer, name: &str, response: &Response) {
    let text = String::from_utf8_lossy(&response.body);
    let is_refused = text.contains("Web pages announce over WebSockets");
    assert!(is_refused || response.status == 405, "{name}: {response}");
    let totals = server.node.tracker().swarms().totals();
    assert_eq!(totals.http_peers, 0, "{name}");
}

#[tokio::test]
async fn no_browser_request_lists_its_user_as_a_peer() {
    let server = TestServer::start(|_| {});
    let (mut ways, mut posted) = (0, 0);
    for (name, head) in PLAIN.iter().flat_map(|file| heads(file)) {
        let connection = Connection::open(server.address).await;
        assert_refused(&server, name, &send(connection, &head).await);
        posted += u64::from(!head.starts_with("GET"));
        ways += 1;
    }
    assert!(ways >= 40, "{ways}");
    assert_eq!(server.node.counters().failures_http_page, ways - posted);
}

#[tokio::test]
async fn no_browser_request_over_tls_lists_its_user_as_a_peer() {
    let certified = LocalhostCertificate::new();
    let (server, _folder) = start_with_tls(&certified, |_| {});
    // Some browsers send over plain HTTP the heads that these send over TLS, and vice versa.
    for (name, head) in OVER_TLS.iter().chain(&PLAIN).flat_map(|file| heads(file)) {
        let connection = certified.open(server.address).await;
        assert_refused(&server, name, &send(connection, &head).await);
    }
}

#[tokio::test]
async fn embedded_browsers_players_and_old_browsers_are_not_listed() {
    let server = TestServer::start(|_| {});
    let mut ways = 0;
    for (name, head) in heads(EMBEDDED) {
        let connection = Connection::open(server.address).await;
        assert_refused(&server, name, &send(connection, &head).await);
        ways += 1;
    }
    assert_eq!(server.node.counters().failures_http_page, ways);
}

#[tokio::test]
async fn torrent_clients_are_served() {
    let server = TestServer::start(|_| {});
    let mut count = 0;
    for (name, head) in heads(TORRENT_CLIENTS) {
        let connection = Connection::open(server.address).await;
        let response = send(connection, &head).await.expect(200);
        let text = String::from_utf8_lossy(&response.body);
        assert!(!text.contains("failure reason"), "{name}: {response}");
        count += 1;
    }
    assert!(count >= 8, "{count}");
    assert_eq!(server.node.counters().http_announces, count);
    assert_eq!(server.node.counters().failures_http_page, 0);
}
