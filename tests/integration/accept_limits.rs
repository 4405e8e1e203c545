//! Accept limits and bans that apply before a byte of TLS or HTTP is read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls_pki_types::ServerName;
use swarmhub::config::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConnection, RootCertStore};

use crate::support::bans::{ban, ban_at_once};
use crate::support::certificates::client_config;
use crate::support::http::{Connection, Response, exchange, request};
use crate::support::{TestServer, in_time, wait_for_value, wait_until};

/// A record with a malformed `ClientHello` of four bytes.
const MALFORMED_HELLO: [u8; 13] = [0x16, 3, 1, 0, 8, 1, 0, 0, 4, 3, 3, 0, 0];

/// The `ClientHello` of a client without trusted roots, for repeated sending.
fn client_hello() -> Vec<u8> {
    let name = ServerName::try_from("a.example").unwrap();
    let config = Arc::new(client_config(RootCertStore::empty()));
    let mut client = ClientConnection::new(config, name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    hello
}

/// Sends a recorded hello. Returns the connection if the server answers with a signature.
async fn replay_hello(address: SocketAddr) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(&client_hello()).await.ok()?;
    in_time("an answer", stream.read_u8()).await.ok()?;
    Some(stream)
}

/// Sends bytes and reads to the end of the connection; returns nothing also if the server does not accept it.
async fn answer_to(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let Ok(stream) = TcpStream::connect(address).await else {
        return Vec::new();
    };
    let mut connection = Connection::new(stream);
    // The server may have closed it already.
    let _ = connection.try_write(bytes).await;
    connection.read_to_end().await
}

async fn get(address: SocketAddr, path: &str) -> Option<Response> {
    let target = format!("GET {path}");
    // A refused connection may be reset before `connect` returns.
    let stream = TcpStream::connect(address).await.ok()?;
    let request = request(&target, "Connection: close\r\n", "");
    Connection::new(stream).exchange(request).await
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

/// A server that accepts a burst of connections, and then one a second.
fn server_with_burst(burst: u32) -> TestServer {
    server(|config| {
        config.workers = 1;
        config.limits.address_accepts_burst = Some(burst);
        config.limits.address_accepts_per_second = Some(1);
    })
}

/// Returns how many handshakes that cost ten accepts each, and one more, a burst of 25 can contain; one comes back every
/// eleven seconds.
fn handshakes_max(since: Instant) -> u64 {
    6 + since.elapsed().as_secs() / 10
}

#[tokio::test]
async fn tls_handshakes_per_address_are_limited_before_the_first_byte() {
    let (server, since) = (server_with_burst(25), Instant::now());
    let mut answered = 0;
    for _ in 0..20 {
        // The client closes after the server has signed.
        answered += u64::from(replay_hello(server.address_of(1)).await.is_some());
    }
    // Each failed handshake counts as ten.
    let most = handshakes_max(since);
    assert!((1..=most).contains(&answered), "{answered} of {most}");
    let charged = || server.node.counters().charged_failed_handshake_cost;
    wait_for_value("each is charged", charged, answered).await;
    let refused = server.node.counters().refused_address_accepts_per_second;
    assert_eq!(refused, 20 - answered);
}

#[tokio::test]
async fn open_client_hellos_are_charged() {
    let (server, since) = (server_with_burst(25), Instant::now());
    let mut open = Vec::new();
    for _ in 0..20 {
        open.extend(replay_hello(server.address_of(1)).await);
    }
    let most = handshakes_max(since);
    let answered = open.len() as u64;
    assert!((1..=most).contains(&answered), "{answered} of {most}");
    assert_eq!(server.node.counters().charged_failed_handshake_cost, 0);
}

#[tokio::test]
async fn a_page_cannot_exhaust_the_accept_limit_of_its_visitor() {
    let server = server_with_burst(60);
    let (plain, tls) = (server.address_of(0), server.address_of(1));
    let config = Arc::new(client_config(RootCertStore::empty()));
    // TLS on the plain port, plain HTTP on the TLS port, and certificates that the browser refuses.
    for _ in 0..10 {
        answer_to(plain, &client_hello()).await;
        answer_to(tls, request("GET /", "", "").as_bytes()).await;
        let name = ServerName::try_from("evil.test").unwrap();
        let stream = TcpStream::connect(tls).await.unwrap();
        let connecting = TlsConnector::from(Arc::clone(&config)).connect(name, stream);
        assert!(in_time("an end", connecting).await.is_err());
    }
    let counters = server.node.counters();
    assert_eq!(counters.charged_failed_handshake_cost, 0);
    assert_eq!(counters.refused_address_accepts_per_second, 0);
    get(plain, "/").await.expect("a response").expect(200);
}

#[tokio::test]
async fn silent_and_garbage_connections_are_limited() {
    let server = server_with_burst(30);
    let plain = server.address_of(0);
    let refused = || server.node.counters().refused_address_accepts_per_second;
    // Browsers open some connections that they never use: each counts as one.
    for _ in 0..5 {
        drop(TcpStream::connect(plain).await);
    }
    let response = exchange(plain, b"\x00\x01garbage\r\n\r\n").await;
    assert!(response.is_none_or(|response| response.status == 400));
    assert_eq!(refused(), 0);
    let mut silent = Vec::new();
    for round in 1..=20 {
        for _ in 0..40 {
            silent.extend(TcpStream::connect(plain).await);
        }
        // The end of a later connection shows that these have been accepted or refused.
        get(plain, "/healthz").await;
        assert!(round > 1 || refused() <= 41 - 24, "{}", refused());
        if refused() > 0 {
            break;
        }
    }
    assert!(refused() > 0);
    assert_eq!(server.node.counters().charged_failed_handshake_cost, 0);
}

#[tokio::test]
async fn a_banned_address_gets_no_tls_and_a_readable_403() {
    let server = server(|config| {
        ban_at_once(config);
        // Nobody waits for it: silent connections of banned addresses are closed long before.
        config.connection.handshake_timeout = Duration::from_mins(5);
    });
    let (plain, tls) = (server.address_of(0), server.address_of(1));
    ban(&server, "").await;
    assert_eq!(answer_to(tls, &MALFORMED_HELLO).await, b"", "no alert");
    assert_eq!(server.node.counters().tls_handshakes_malformed, 0);
    get(plain, "/").await.expect("a response").expect(403);
    get(plain, "/healthz")
        .await
        .expect("a response")
        .expect(200);
    answer_to(plain, b"").await;
}

#[tokio::test]
async fn accept_limits_apply_to_the_client_behind_a_proxy_header() {
    let server = server(|config| {
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
        config.limits.address_accepts_burst = Some(1);
        config.limits.address_accepts_per_second = Some(1);
        config.limits.failed_handshake_cost = 1000;
    });
    let refused = || server.node.counters().refused_address_accepts_per_second;
    for client in 1..=5 {
        let header = format!("PROXY TCP4 203.0.113.{client} 10.0.0.1 4096 443\r\n");
        let bytes = [header.as_bytes(), &MALFORMED_HELLO].concat();
        // The first connection of each client is served; each has room again only after a second.
        let mut responses = 0;
        while !answer_to(server.address_of(2), &bytes).await.is_empty() {
            responses += 1;
            assert!(responses < 50, "never refused");
        }
        assert!(responses > 0, "{client}");
    }
    // A trusted proxy without PROXY protocol has no limit of its own: its clients are identified by headers.
    for _ in 0..20 {
        assert_ne!(answer_to(server.address_of(1), &MALFORMED_HELLO).await, b"");
    }
    wait_until("each client is refused once", || refused() == 5).await;
}
