//! Reverse proxies: PROXY headers, required or forbidden, and trust in forwarded addresses.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::listeners::{connect, exchange, get_request, upgrade_request};
use crate::support::{TIMEOUT, TestServer, wait_until};

const PROXY_V1: &[u8] = b"PROXY TCP4 203.0.113.7 10.0.0.1 4096 80\r\n";
/// Version 2, LOCAL: a health check of the proxy itself.
const PROXY_V2_LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
/// Version 2, for 203.0.113.7.
const PROXY_V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\x0a\0\0\x01\x10\0\0\x50";

/// Starts a server with these trusted networks, a listener that requires PROXY headers and one that forbids them.
fn start(trusted: &[&str]) -> (TestServer, SocketAddr, SocketAddr) {
    let server = TestServer::start(|config| {
        let listen = ["proxy+127.0.0.1:0", "127.0.0.1:0"];
        config.listen = listen.map(|listen| listen.parse().unwrap()).to_vec();
        let networks = trusted.iter().map(|network| network.parse().unwrap());
        config.proxies.trusted = networks.collect();
        config.proxies.proxy_timeout = Duration::from_millis(300);
    });
    let (required, forbidden) = (server.address_of(0), server.address_of(1));
    (server, required, forbidden)
}

/// Opens a WebSocket with bytes before the handshake and extra headers; returns the open connection.
async fn open(address: SocketAddr, before: &[u8], headers: &str) -> impl Sized {
    open_over(connect(address).await, before, headers).await
}

async fn open_over<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    before: &[u8],
    headers: &str,
) -> S {
    let request = [before, upgrade_request(headers).as_bytes()].concat();
    stream.write_all(&request).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(TIMEOUT, stream.read_u8()).await.expect("in time");
        head.push(byte.expect("a head"));
    }
    assert!(
        head.starts_with(b"HTTP/1.1 101 "),
        "{}",
        String::from_utf8_lossy(&head)
    );
    stream
}

#[tokio::test]
async fn a_proxy_header_can_precede_pages_and_websockets() {
    let (server, required, _) = start(&[]);
    for header in [PROXY_V1, PROXY_V2, PROXY_V2_LOCAL, b"PROXY UNKNOWN\r\n"] {
        let request = [header, get_request("/healthz", "").as_bytes()].concat();
        let response = exchange(connect(required).await, &request).await;
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
        open(required, header, "").await;
    }
    assert_eq!(server.node.counters().proxy_headers_failed, 0);
}

#[tokio::test]
async fn a_proxy_header_may_arrive_in_single_bytes() {
    let (_server, required, _) = start(&[]);
    for header in [PROXY_V1, PROXY_V2] {
        let mut stream = connect(required).await;
        stream.set_nodelay(true).unwrap();
        for byte in header {
            stream.write_all(&[*byte]).await.unwrap();
        }
        let response = exchange(stream, get_request("/healthz", "").as_bytes()).await;
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    }
}

#[tokio::test]
async fn connections_without_a_required_proxy_header_are_closed() {
    let (server, required, _) = start(&[]);
    let silent = connect(required).await;
    for bytes in [
        get_request("/healthz", "").as_bytes(),
        upgrade_request("").as_bytes(),
        b"PROXY TCP9 x\r\n",
    ] {
        assert_eq!(exchange(connect(required).await, bytes).await, "");
    }
    assert_eq!(server.node.counters().proxy_headers_failed, 3);
    // A silent connection is dropped after the timeout.
    assert_eq!(exchange(silent, b"").await, "");
    let mut slow = connect(required).await;
    slow.write_all(&PROXY_V1[..20]).await.unwrap();
    assert_eq!(exchange(slow, b"").await, "");
    wait_until("both are counted", || {
        server.node.counters().proxy_headers_failed == 5
    })
    .await;
    // A port check, which closes without data, is no failure. The next connection shows that it has ended.
    drop(connect(required).await);
    exchange(
        connect(required).await,
        &[PROXY_V1, get_request("/", "").as_bytes()].concat(),
    )
    .await;
    assert_eq!(server.node.counters().proxy_headers_failed, 5);
}

#[tokio::test]
async fn a_forbidden_proxy_header_is_a_bad_request() {
    let (server, _, forbidden) = start(&[]);
    for header in [PROXY_V1, PROXY_V2] {
        let request = [header, get_request("/healthz", "").as_bytes()].concat();
        let response = exchange(connect(forbidden).await, &request).await;
        assert!(
            response.is_empty() || response.starts_with("HTTP/1.1 400 "),
            "{response}"
        );
    }
    wait_until("both are counted", || {
        server.node.counters().handshakes_failed == 2
    })
    .await;
}

#[tokio::test]
async fn only_trusted_networks_may_send_proxy_headers() {
    let (server, required, _) = start(&["192.0.2.0/24"]);
    assert_eq!(exchange(connect(required).await, PROXY_V1).await, "");
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
    use tokio::net::UnixStream;

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
    let connect = async |path| UnixStream::connect(path).await.unwrap();
    let forwarded = || server.node.counters().addresses_forwarded;
    open_over(connect(&plain).await, b"", forwarded_for).await;
    assert_eq!(forwarded(), 1);
    // TCP is not trusted here.
    open(server.address, b"", forwarded_for).await;
    assert_eq!(forwarded(), 1);
    // A connection of the proxy itself, then one of a client, whose forwarded header is ignored.
    open_over(connect(&proxied).await, PROXY_V2_LOCAL, forwarded_for).await;
    assert_eq!(forwarded(), 2);
    for header in [PROXY_V1, PROXY_V2] {
        open_over(connect(&proxied).await, header, forwarded_for).await;
    }
    assert_eq!(forwarded(), 2);
    let failed = exchange(connect(&proxied).await, get_request("/", "").as_bytes()).await;
    assert_eq!(failed, "");
    assert_eq!(server.node.counters().proxy_headers_failed, 1);
}
