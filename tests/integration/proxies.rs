//! Reverse proxies: PROXY headers, required or forbidden, and trust in forwarded addresses.

use std::net::SocketAddr;
use std::time::Duration;

use swarmhub::config::Config;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::support::http::{Connection, Response, UPGRADE, exchange, request};
use crate::support::{TestServer, wait_for_value};

const PROXY_V1: &[u8] = b"PROXY TCP4 203.0.113.7 10.0.0.1 4096 80\r\n";
/// Version 2, LOCAL: a health check of the proxy itself.
const PROXY_V2_LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
/// Version 2, for 203.0.113.7.
const PROXY_V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\x0a\0\0\x01\x10\0\0\x50";

/// Starts a server with these trusted networks, a listener that requires PROXY headers and one that forbids them.
fn start(trusted: &[&str]) -> (TestServer, SocketAddr, SocketAddr) {
    start_with(trusted, |_| {})
}

fn start_with(
    trusted: &[&str],
    change: impl FnOnce(&mut Config),
) -> (TestServer, SocketAddr, SocketAddr) {
    let server = TestServer::start(|config| {
        let listen = ["proxy+127.0.0.1:0", "127.0.0.1:0"];
        config.listen = listen.map(|listen| listen.parse().unwrap()).to_vec();
        let networks = trusted.iter().map(|network| network.parse().unwrap());
        config.proxies.trusted = networks.collect();
        change(config);
    });
    let (required, forbidden) = (server.address_of(0), server.address_of(1));
    (server, required, forbidden)
}

/// Returns a request that asks the server to close the connection.
fn get_request(path: &str) -> String {
    request(&format!("GET {path}"), "Connection: close\r\n", "")
}

/// Sends a PROXY header and a request; returns the response if there is one.
async fn get_behind(address: SocketAddr, header: &[u8], path: &str) -> Option<Response> {
    let bytes = [header, get_request(path).as_bytes()].concat();
    exchange(address, bytes).await
}

/// Opens a WebSocket with bytes before the handshake and extra headers; returns the open connection.
async fn open(address: SocketAddr, before: &[u8], headers: &str) -> Connection {
    open_over(Connection::open(address).await, before, headers).await
}

async fn open_over<S: AsyncRead + AsyncWrite + Unpin>(
    mut connection: Connection<S>,
    before: &[u8],
    headers: &str,
) -> Connection<S> {
    let upgrade = request("GET /", &format!("{UPGRADE}{headers}"), "");
    let bytes = [before, upgrade.as_bytes()].concat();
    connection.write(bytes).await;
    let response = connection.read_response(true).await;
    response.expect("a response").expect(101);
    connection
}

#[tokio::test]
async fn a_proxy_header_can_precede_pages_and_websockets() {
    let (server, required, _) = start(&[]);
    for header in [PROXY_V1, PROXY_V2, PROXY_V2_LOCAL, b"PROXY UNKNOWN\r\n"] {
        let response = get_behind(required, header, "/healthz").await;
        response.expect("a response").expect(200);
        open(required, header, "").await;
    }
    assert_eq!(server.node.counters().proxy_headers_failed, 0);
}

#[tokio::test]
async fn a_proxy_header_may_arrive_in_single_bytes() {
    let (_server, required, _) = start(&[]);
    for header in [PROXY_V1, PROXY_V2] {
        let mut connection = Connection::open(required).await;
        connection.stream.set_nodelay(true).unwrap();
        for byte in header {
            connection.write([*byte]).await;
        }
        connection.get("/healthz", "").await.expect(200);
    }
}

#[tokio::test]
async fn connections_without_a_required_proxy_header_are_closed() {
    let (server, required, _) = start(&[]);
    for bytes in [
        get_request("/healthz").as_bytes(),
        request("GET /", UPGRADE, "").as_bytes(),
        b"PROXY TCP9 x\r\n",
    ] {
        assert_eq!(exchange(required, bytes).await, None);
    }
    let failed = || server.node.counters().proxy_headers_failed;
    wait_for_value("all are counted", failed, 3).await;
    // A port check, which closes without data, is no failure. The next connection shows that it has ended.
    drop(Connection::open(required).await);
    let response = get_behind(required, PROXY_V1, "/").await;
    response.expect("a response").expect(200);
    assert_eq!(failed(), 3);
}

#[tokio::test]
async fn silent_connections_without_a_proxy_header_are_closed() {
    let (server, required, _) = start_with(&[], |config| {
        config.proxies.proxy_timeout = Duration::from_millis(300);
    });
    for bytes in [&b""[..], &PROXY_V1[..20]] {
        assert_eq!(exchange(required, bytes).await, None);
    }
    let failed = || server.node.counters().proxy_headers_failed;
    wait_for_value("both are counted", failed, 2).await;
}

#[tokio::test]
async fn a_forbidden_proxy_header_is_a_bad_request() {
    let (server, _, forbidden) = start(&[]);
    for header in [PROXY_V1, PROXY_V2] {
        let response = get_behind(forbidden, header, "/healthz").await;
        assert!(response.is_none_or(|response| response.status == 400));
    }
    let failed = || server.node.counters().handshakes_failed;
    wait_for_value("both are counted", failed, 2).await;
}

#[tokio::test]
async fn only_trusted_networks_may_send_proxy_headers() {
    let (server, required, _) = start(&["192.0.2.0/24"]);
    assert_eq!(exchange(required, PROXY_V1).await, None);
    assert_eq!(server.node.counters().proxy_headers_failed, 1);
    let (server, required, _) = start(&["127.0.0.0/8"]);
    open(required, PROXY_V1, "").await;
    assert_eq!(server.node.counters().proxy_headers_failed, 0);
}

#[tokio::test]
async fn forwarded_headers_count_only_from_trusted_proxies() {
    let forwarded_for = "X-Forwarded-For: 198.51.100.1\r\n";
    let forwarded = |server: &TestServer| server.node.counters().addresses_forwarded;
    // The proxy is trusted, but the client it names is not.
    let (server, required, forbidden) = start(&["127.0.0.0/8"]);
    open(required, PROXY_V1, forwarded_for).await;
    assert_eq!(forwarded(&server), 0);
    // Without a PROXY header, and with a LOCAL one, the forwarded header counts.
    open(forbidden, b"", forwarded_for).await;
    assert_eq!(forwarded(&server), 1);
    open(required, PROXY_V2_LOCAL, forwarded_for).await;
    assert_eq!(forwarded(&server), 2);
    open(forbidden, b"", "X-Forwarded-For: nonsense\r\n").await;
    assert_eq!(forwarded(&server), 2);
    assert_eq!(server.node.counters().forwarded_malformed, 1);
    // A proxy behind a proxy.
    let (server, required, _) = start(&["127.0.0.0/8", "203.0.113.0/24"]);
    open(required, PROXY_V1, forwarded_for).await;
    assert_eq!(forwarded(&server), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn proxies_can_forward_client_addresses_over_socket_files() {
    let folder = tempfile::tempdir().unwrap();
    let [plain, proxied] = ["plain", "proxied"].map(|name| folder.path().join(name));
    let listen = [
        format!("unix:{}", plain.display()),
        format!("proxy+unix:{}", proxied.display()),
    ];
    let server = TestServer::start(|config| {
        let files = listen.iter().map(|listen| listen.parse().unwrap());
        config.listen.extend(files);
        config.proxies.trusted = vec!["unix".parse().unwrap()];
    });
    let forwarded_for = "X-Forwarded-For: 198.51.100.1\r\n";
    let forwarded = || server.node.counters().addresses_forwarded;
    open_over(Connection::open_file(&plain).await, b"", forwarded_for).await;
    assert_eq!(forwarded(), 1);
    // TCP is not trusted here.
    open(server.address, b"", forwarded_for).await;
    assert_eq!(forwarded(), 1);
    // A connection of the proxy itself, then one of a client, whose forwarded header is ignored.
    open_over(
        Connection::open_file(&proxied).await,
        PROXY_V2_LOCAL,
        forwarded_for,
    )
    .await;
    assert_eq!(forwarded(), 2);
    for header in [PROXY_V1, PROXY_V2] {
        open_over(Connection::open_file(&proxied).await, header, forwarded_for).await;
    }
    assert_eq!(forwarded(), 2);
    let connection = Connection::open_file(&proxied).await;
    assert_eq!(connection.exchange(get_request("/")).await, None);
    assert_eq!(server.node.counters().proxy_headers_failed, 1);
}
