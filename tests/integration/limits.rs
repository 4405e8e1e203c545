//! Limits that are met before a WebSocket is open: what a client gets to read over TCP.

use std::time::{Duration, Instant};

use swarmhub::config::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{PATIENCE, TestServer, until};

const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A server that counts clients on this machine like all others.
fn server(change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start(|config| {
        config.limits.exempt = Vec::new();
        change(config);
    })
}

/// Sends a request and reads the response: its head, and a body as long as that says. The connection stays with the caller.
async fn ask(server: &TestServer, path: &str, headers: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x.example\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    while !is_whole(&heard) {
        let byte = timeout(PATIENCE, stream.read_u8()).await.expect("in time");
        heard.push(byte.expect("a response"));
    }
    (stream, String::from_utf8(heard).unwrap().to_lowercase())
}

fn is_whole(heard: &[u8]) -> bool {
    let text = String::from_utf8_lossy(heard).to_lowercase();
    let Some((top, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = top.split("content-length: ").nth(1);
    let length = length.map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
    body.len() >= length
}

/// That a response has this status, says when to come again, and names the limit.
#[track_caller]
fn assert_refused(response: &str, status: &str, named: &str) {
    assert!(
        response.starts_with(&format!("http/1.1 {status} ")),
        "{response}"
    );
    let retry = response.split("retry-after: ").nth(1).expect("a time");
    let seconds: u64 = retry.lines().next().unwrap().parse().unwrap();
    assert!((1..=3601).contains(&seconds), "{response}");
    assert!(response.contains("connection: close"), "{response}");
    assert!(response.contains(named), "{response}");
}

fn is_websocket(response: &str) -> bool {
    response.starts_with("http/1.1 101 ")
}

#[tokio::test]
async fn an_address_with_too_many_connections_is_told_so_and_served_when_one_has_gone() {
    let server = server(|config| config.limits.address_connections_max = 2);
    let (one, response) = ask(&server, "/", HANDSHAKE).await;
    assert!(is_websocket(&response));
    // A page counts as well, as long as its connection lives.
    let (_page, response) = ask(&server, "/ice", "").await;
    assert!(response.starts_with("http/1.1 200 "), "{response}");
    for headers in [HANDSHAKE, ""] {
        let (_, response) = ask(&server, "/", headers).await;
        assert_refused(&response, "429", "limits.address_connections_max");
    }
    assert_eq!(server.node.counters().refused_address_connections_max, 2);
    drop(one);
    until("its place is free", || server.node.connections_held() == 1).await;
    assert!(is_websocket(&ask(&server, "/", HANDSHAKE).await.1));
}

#[tokio::test]
async fn new_connections_of_an_address_wait_and_are_refused_when_too_many_wait() {
    let server = server(|config| {
        config.limits.address_connections_per_second = 2;
        config.limits.address_connections_burst = 1;
        config.limits.arrival_delay_max = Duration::from_millis(500);
    });
    assert!(is_websocket(&ask(&server, "/", HANDSHAKE).await.1));
    let since = Instant::now();
    let (second, third) = tokio::join!(ask(&server, "/", HANDSHAKE), ask(&server, "/", HANDSHAKE));
    let (passed, refused) = if is_websocket(&second.1) {
        (second, third)
    } else {
        (third, second)
    };
    assert!(is_websocket(&passed.1), "{}", passed.1);
    assert!(
        since.elapsed() >= Duration::from_millis(250),
        "{:?}",
        since.elapsed()
    );
    assert_refused(&refused.1, "429", "limits.address_connections_per_second");
    let counters = server.node.counters();
    assert_eq!(counters.delayed_address_connections_per_second, 1);
    assert_eq!(counters.refused_address_connections_per_second, 1);
    // Pages are not slowed.
    assert!(
        ask(&server, "/ice", "")
            .await
            .1
            .starts_with("http/1.1 200 ")
    );
}

#[tokio::test]
async fn by_default_clients_on_this_machine_are_not_counted() {
    let server = TestServer::start(|config| {
        config.limits.address_connections_max = 1;
        config.limits.address_connections_burst = 1;
        config.limits.arrival_delay_max = Duration::ZERO;
    });
    let mut open = Vec::new();
    for _ in 0..5 {
        let (stream, response) = ask(&server, "/", HANDSHAKE).await;
        assert!(is_websocket(&response), "{response}");
        open.push(stream);
    }
}

#[tokio::test]
async fn a_site_with_too_many_connections_is_told_so_and_others_are_served() {
    let server = server(|config| config.limits.origin_connections_max = Some(1));
    let from = |site: &str| format!("{HANDSHAKE}Origin: https://{site}.example\r\n");
    let (_one, response) = ask(&server, "/", &from("a")).await;
    assert!(is_websocket(&response));
    until("it is open", || {
        server.node.counters().connections_opened == 1
    })
    .await;
    let (_, response) = ask(&server, "/", &from("a")).await;
    assert_refused(&response, "429", "limits.origin_connections_max");
    assert!(is_websocket(&ask(&server, "/", &from("b")).await.1));
    assert!(is_websocket(&ask(&server, "/", HANDSHAKE).await.1));
    assert_eq!(server.node.counters().refused_origin_connections_max, 1);
}

#[tokio::test]
async fn pages_of_denied_origins_are_kept_out() {
    let server = TestServer::start(|config| {
        config.origin_denied = vec!["https://bad.example".into()];
    });
    let from = |origin: &str| format!("{HANDSHAKE}Origin: {origin}\r\n");
    let (_, response) = ask(&server, "/", &from("https://bad.example")).await;
    assert!(response.starts_with("http/1.1 403 "), "{response}");
    let (_, response) = ask(&server, "/", &from("https://good.example")).await;
    assert!(is_websocket(&response));
    assert!(is_websocket(&ask(&server, "/", HANDSHAKE).await.1));
    assert_eq!(server.node.counters().refused_origin, 1);
}

#[tokio::test]
async fn a_full_server_says_so_and_still_tells_that_it_lives() {
    let server = TestServer::start(|config| config.limits.connections_max = Some(1));
    let (_one, response) = ask(&server, "/", HANDSHAKE).await;
    assert!(is_websocket(&response));
    let (_, response) = ask(&server, "/", HANDSHAKE).await;
    assert_refused(&response, "503", "limits.connections_max");
    let (_, response) = ask(&server, "/healthz", "").await;
    assert!(response.starts_with("http/1.1 200 "), "{response}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn short_of_memory_new_connections_are_refused_and_read_why() {
    // Far less than any process has: both steps are passed with the first look.
    let server = TestServer::start(|config| config.memory.budget_bytes = 1_000_000);
    until("memory is looked at", || {
        server.node.pressure().step() == swarmhub::limits::Step::Shed
    })
    .await;
    let (_, response) = ask(&server, "/", HANDSHAKE).await;
    assert_refused(&response, "503", "memory.refuse_percent");
    let (_, response) = ask(&server, "/healthz", "").await;
    assert!(response.starts_with("http/1.1 200 "), "{response}");
    assert_eq!(server.node.counters().refused_memory, 1);
}

#[tokio::test]
async fn a_banned_address_reads_why_and_for_how_long() {
    let server = server(|config| {
        config.bans.strikes_max = 0;
        config.bans.strike_every = Duration::ZERO;
        config.connection.malformed_per_minute_max = 1;
    });
    for _ in 0..10 {
        let (mut stream, response) = ask(&server, "/", HANDSHAKE).await;
        if !is_websocket(&response) {
            assert_refused(&response, "403", "too many malformed messages (bans)");
            assert!(server.node.counters().refused_bans > 0);
            let (_, page) = ask(&server, "/", "").await;
            assert_refused(&page, "403", "banned for another");
            assert!(
                ask(&server, "/healthz", "")
                    .await
                    .1
                    .starts_with("http/1.1 200 ")
            );
            return;
        }
        // Two messages of one byte that is no JSON.
        let message = [0x81, 0x81, 0, 0, 0, 0, b'{'];
        stream.write_all(&message.repeat(3)).await.unwrap();
        let mut rest = Vec::new();
        // A reset after the close is an end as well.
        let _ = timeout(PATIENCE, stream.read_to_end(&mut rest))
            .await
            .expect("in time");
    }
    panic!("never banned");
}
