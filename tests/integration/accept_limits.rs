//! Accept limits and bans that apply before a byte of TLS or HTTP is read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls_pki_types::ServerName;
use swarmhub::config::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::listeners::{get_request, upgrade_request};
use crate::support::{TIMEOUT, TestServer, wait_until};

/// Begins a TLS handshake and returns the response, empty if the connection was closed.
async fn send_malformed_hello(address: SocketAddr) -> Vec<u8> {
    // A record with a malformed ClientHello of four bytes.
    exchange(address, &[0x16, 3, 1, 0, 8, 1, 0, 0, 4, 3, 3, 0, 0]).await
}

/// The ClientHello of a client without trusted roots, for repeated sending.
fn client_hello() -> Vec<u8> {
    let name = ServerName::try_from("a.example").unwrap();
    let mut client = ClientConnection::new(Arc::new(config_without_roots()), name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    hello
}

/// Sends a recorded hello. Returns the connection if the server answers with a signature.
async fn replay_hello(address: SocketAddr) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(&client_hello()).await.ok()?;
    stream.read_u8().await.ok()?;
    Some(stream)
}

fn config_without_roots() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

async fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    // The server may have closed it already.
    let Ok(mut stream) = TcpStream::connect(address).await else {
        return Vec::new();
    };
    let _ = stream.write_all(bytes).await;
    read_all(&mut stream).await
}

async fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    // A reset counts as an end.
    let _ = timeout(TIMEOUT, stream.read_to_end(&mut received))
        .await
        .expect("in time");
    received
}

/// A server with three listeners: plain, TLS, and TLS behind PROXY headers.
fn server(change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start(|config| {
        let listen = ["127.0.0.1:0", "tls+127.0.0.1:0", "tls+proxy+127.0.0.1:0"];
        config.listen = listen.map(|listen| listen.parse().unwrap()).to_vec();
        config.tls.self_signed = true;
        config.limits.exempt = Vec::new();
        change(config);
    })
}

#[tokio::test]
async fn tls_handshakes_per_address_are_limited_before_the_first_byte() {
    let server = server(|config| {
        config.limits.address_accepts_burst = Some(25);
        config.limits.address_accepts_per_second = Some(1);
    });
    let tls = server.address_of(1);
    let mut answered = 0;
    for _ in 0..20 {
        // The client closes after the server has signed.
        answered += u64::from(replay_hello(tls).await.is_some());
    }
    // Each failed handshake counts as ten.
    assert!((1..=6).contains(&answered), "{answered}");
    let counters = || server.node.counters();
    wait_until("each is charged", || {
        counters().charged_failed_handshake_cost == answered
    })
    .await;
    assert_eq!(counters().refused_address_accepts_per_second, 20 - answered);
}

#[tokio::test]
async fn open_client_hellos_are_charged() {
    let server = server(|config| {
        config.limits.address_accepts_burst = Some(25);
        config.limits.address_accepts_per_second = Some(1);
    });
    let mut open = Vec::new();
    for _ in 0..20 {
        open.extend(replay_hello(server.address_of(1)).await);
    }
    assert!((1..=6).contains(&open.len()), "{}", open.len());
    assert_eq!(server.node.counters().charged_failed_handshake_cost, 0);
}

#[tokio::test]
async fn a_page_cannot_exhaust_the_accept_limit_of_its_visitor() {
    let server = server(|config| {
        config.limits.address_accepts_burst = Some(60);
        config.limits.address_accepts_per_second = Some(1);
    });
    let (plain, tls) = (server.address_of(0), server.address_of(1));
    // TLS on the plain port, plain HTTP on the TLS port, and certificates that the browser refuses.
    for _ in 0..10 {
        exchange(plain, &client_hello()).await;
        exchange(tls, get_request("/", "").as_bytes()).await;
        let name = ServerName::try_from("evil.test").unwrap();
        let stream = TcpStream::connect(tls).await.unwrap();
        let connector = TlsConnector::from(Arc::new(config_without_roots()));
        assert!(connector.connect(name, stream).await.is_err());
    }
    let counters = server.node.counters();
    assert_eq!(counters.charged_failed_handshake_cost, 0);
    assert_eq!(counters.refused_address_accepts_per_second, 0);
    let own = exchange(plain, get_request("/", "").as_bytes()).await;
    assert!(own.starts_with(b"HTTP/1.1 200 "));
}

#[tokio::test]
async fn silent_and_garbage_connections_are_limited() {
    let server = server(|config| {
        config.limits.address_accepts_burst = Some(30);
        config.limits.address_accepts_per_second = Some(1);
    });
    let plain = server.address_of(0);
    let refused = || server.node.counters().refused_address_accepts_per_second;
    // Browsers open some connections that they never use: each counts as one.
    for _ in 0..5 {
        drop(TcpStream::connect(plain).await);
    }
    let answer = exchange(plain, b"\x00\x01garbage\r\n\r\n").await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"));
    assert_eq!(refused(), 0);
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.extend(TcpStream::connect(plain).await);
    }
    wait_until("some are refused", || refused() > 0).await;
    assert!(refused() <= 40 - 24, "{}", refused());
    assert_eq!(server.node.counters().charged_failed_handshake_cost, 0);
}

#[tokio::test]
async fn a_banned_address_gets_no_tls_and_a_readable_403() {
    let server = server(|config| {
        config.bans.strikes_max = 0;
        config.bans.strike_every = Duration::ZERO;
        config.connection.malformed_per_minute_max = 1;
    });
    let (plain, tls) = (server.address_of(0), server.address_of(1));
    // One-byte messages that are not JSON.
    let misbehaving = [
        upgrade_request("").as_bytes(),
        &[0x81, 0x81, 0, 0, 0, 0, b'{'].repeat(3),
    ]
    .concat();
    while server.node.counters().bans == 0 {
        assert!(
            exchange(plain, &misbehaving)
                .await
                .starts_with(b"HTTP/1.1 101 ")
        );
    }
    assert_eq!(send_malformed_hello(tls).await, b"", "not even an alert");
    assert_eq!(server.node.counters().tls_handshakes_malformed, 0);
    let response = exchange(plain, get_request("/", "").as_bytes()).await;
    let response = String::from_utf8(response).unwrap();
    assert!(response.starts_with("HTTP/1.1 403 "), "{response}");
    let health = exchange(plain, get_request("/healthz", "").as_bytes()).await;
    assert!(health.starts_with(b"HTTP/1.1 200 "));
    // Silent connections are closed long before `connection.handshake_timeout`.
    let since = Instant::now();
    let mut silent = TcpStream::connect(plain).await.unwrap();
    read_all(&mut silent).await;
    assert!(since.elapsed() < Duration::from_secs(8), "{since:?}");
}

#[tokio::test]
async fn accept_limits_apply_to_the_client_behind_a_proxy_header() {
    let server = server(|config| {
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
        config.limits.address_accepts_burst = Some(1);
        config.limits.address_accepts_per_second = Some(1);
        config.limits.failed_handshake_cost = 1000;
    });
    let behind = server.address_of(2);
    let from = |client: u32, rest: &[u8]| {
        let header = format!("PROXY TCP4 203.0.113.{client} 10.0.0.1 4096 443\r\n");
        [header.as_bytes(), rest].concat()
    };
    let garbage = [0x16, 3, 1, 0, 8, 1, 0, 0, 4, 3, 3, 0, 0];
    for client in 1..=5 {
        // The first connection of each client is served; each has room again only after a second.
        let mut responses = 0;
        while !exchange(behind, &from(client, &garbage)).await.is_empty() {
            responses += 1;
            assert!(responses < 50, "never refused");
        }
        assert!(responses > 0, "{client}");
    }
    // A trusted proxy without PROXY protocol has no limit of its own: its clients are identified by headers.
    for _ in 0..20 {
        assert_ne!(send_malformed_hello(server.address_of(1)).await, b"");
    }
    assert_eq!(server.node.counters().refused_address_accepts_per_second, 5);
}
