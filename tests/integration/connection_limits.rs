//! Limits and bans of connections that apply before a WebSocket is open, and the responses that clients receive.

use std::time::{Duration, Instant};

use serde_json::json;
use swarmhub::config::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::support::{Client, TIMEOUT, TestServer, announce, id, offer, wait_until};

const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A server on which clients of this machine are not exempt from limits.
fn server(change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start(|config| {
        config.limits.exempt = Vec::new();
        change(config);
    })
}

/// Sends a request and reads the response by its content length. The caller keeps the connection open.
async fn get(server: &TestServer, path: &str, headers: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x.example\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    while !is_complete(&received) {
        let byte = timeout(TIMEOUT, stream.read_u8()).await.expect("in time");
        received.push(byte.expect("a response"));
    }
    (stream, String::from_utf8(received).unwrap().to_lowercase())
}

fn is_complete(received: &[u8]) -> bool {
    let text = String::from_utf8_lossy(received).to_lowercase();
    let Some((top, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = top.split("content-length: ").nth(1);
    let length = length.map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
    body.len() >= length
}

/// Asserts that a response has this status, a retry time and the name of the limit.
#[track_caller]
fn assert_refused(response: &str, status: &str, limit: &str) {
    assert!(
        response.starts_with(&format!("http/1.1 {status} ")),
        "{response}"
    );
    let retry = response.split("retry-after: ").nth(1).expect("a time");
    let seconds: u64 = retry.lines().next().unwrap().parse().unwrap();
    assert!((1..=3601).contains(&seconds), "{response}");
    assert!(response.contains("connection: close"), "{response}");
    assert!(response.contains(limit), "{response}");
}

fn is_websocket(response: &str) -> bool {
    response.starts_with("http/1.1 101 ")
}

#[tokio::test]
async fn connections_per_address_are_limited() {
    let server = server(|config| config.limits.address_connections_max = 2);
    let (one, response) = get(&server, "/", HANDSHAKE).await;
    assert!(is_websocket(&response));
    // A page counts too while its connection is open.
    let (_page, response) = get(&server, "/ice", "").await;
    assert!(response.starts_with("http/1.1 200 "), "{response}");
    for headers in [HANDSHAKE, ""] {
        let (_, response) = get(&server, "/", headers).await;
        assert_refused(&response, "429", "limits.address_connections_max");
    }
    assert_eq!(server.node.counters().refused_address_connections_max, 2);
    drop(one);
    wait_until("the connection has ended", || {
        server.node.admission().counted_connections() == 1
    })
    .await;
    assert!(is_websocket(&get(&server, "/", HANDSHAKE).await.1));
}

#[tokio::test]
async fn new_connections_per_address_are_delayed_then_refused() {
    let server = server(|config| {
        config.limits.address_connections_per_second = 2;
        config.limits.address_connections_burst = 1;
        config.limits.arrival_delay_max = Duration::from_millis(500);
    });
    assert!(is_websocket(&get(&server, "/", HANDSHAKE).await.1));
    let since = Instant::now();
    let (second, third) = tokio::join!(get(&server, "/", HANDSHAKE), get(&server, "/", HANDSHAKE));
    let (accepted, refused) = if is_websocket(&second.1) {
        (second, third)
    } else {
        (third, second)
    };
    assert!(is_websocket(&accepted.1), "{}", accepted.1);
    assert!(
        since.elapsed() >= Duration::from_millis(250),
        "{:?}",
        since.elapsed()
    );
    assert_refused(&refused.1, "429", "limits.address_connections_per_second");
    let counters = server.node.counters();
    assert_eq!(counters.delayed_address_connections_per_second, 1);
    assert_eq!(counters.refused_address_connections_per_second, 1);
    // Pages are not delayed.
    assert!(
        get(&server, "/ice", "")
            .await
            .1
            .starts_with("http/1.1 200 ")
    );
}

#[tokio::test]
async fn clients_on_this_machine_are_exempt_by_default() {
    let server = TestServer::start(|config| {
        config.limits.address_connections_max = 1;
        config.limits.address_connections_burst = 1;
        config.limits.arrival_delay_max = Duration::ZERO;
    });
    let mut open = Vec::new();
    for _ in 0..5 {
        let (stream, response) = get(&server, "/", HANDSHAKE).await;
        assert!(is_websocket(&response), "{response}");
        open.push(stream);
    }
}

#[tokio::test]
async fn connections_per_origin_are_limited() {
    let server = server(|config| config.limits.origin_connections_max = Some(1));
    let from = |site: &str| format!("{HANDSHAKE}Origin: https://{site}.example\r\n");
    let (_one, response) = get(&server, "/", &from("a")).await;
    assert!(is_websocket(&response));
    wait_until("it is open", || {
        server.node.counters().connections_opened == 1
    })
    .await;
    let (_, response) = get(&server, "/", &from("a")).await;
    assert_refused(&response, "429", "limits.origin_connections_max");
    assert!(is_websocket(&get(&server, "/", &from("b")).await.1));
    assert!(is_websocket(&get(&server, "/", HANDSHAKE).await.1));
    assert_eq!(server.node.counters().refused_origin_connections_max, 1);
}

#[tokio::test]
async fn denied_origins_are_refused() {
    let server = TestServer::start(|config| {
        config.origin_denied = vec!["https://bad.example".into()];
    });
    let from = |origin: &str| format!("{HANDSHAKE}Origin: {origin}\r\n");
    let (_, response) = get(&server, "/", &from("https://bad.example")).await;
    assert!(response.starts_with("http/1.1 403 "), "{response}");
    let (_, response) = get(&server, "/", &from("https://good.example")).await;
    assert!(is_websocket(&response));
    assert!(is_websocket(&get(&server, "/", HANDSHAKE).await.1));
    assert_eq!(server.node.counters().refused_origin, 1);
}

#[tokio::test]
async fn a_full_server_refuses_connections_but_answers_health_checks() {
    let server = TestServer::start(|config| config.limits.connections_max = Some(1));
    let (_one, response) = get(&server, "/", HANDSHAKE).await;
    assert!(is_websocket(&response));
    let (_, response) = get(&server, "/", HANDSHAKE).await;
    assert_refused(&response, "503", "limits.connections_max");
    let (_, response) = get(&server, "/healthz", "").await;
    assert!(response.starts_with("http/1.1 200 "), "{response}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn new_connections_are_refused_when_memory_is_short() {
    // Far less than any process uses: both steps are exceeded at the first check.
    let server = TestServer::start(|config| config.memory.budget_bytes = 1_000_000);
    wait_until("memory is checked", || {
        server.node.admission().pressure().level() == swarmhub::limits::PressureLevel::Shed
    })
    .await;
    let (_, response) = get(&server, "/", HANDSHAKE).await;
    assert_refused(&response, "503", "memory.refuse_percent");
    let (_, response) = get(&server, "/healthz", "").await;
    assert!(response.starts_with("http/1.1 200 "), "{response}");
    assert_eq!(server.node.counters().refused_memory, 1);
}

#[tokio::test]
async fn an_http_peer_can_leave_a_full_server() {
    let server = TestServer::start(|config| config.limits.connections_max = Some(1));
    let path = format!("/announce?info_hash={0}&peer_id={0}&port=6881", id("a"));
    let (first, response) = get(&server, &path, "Connection: close\r\n").await;
    assert!(response.contains("8:complete"), "{response}");
    drop(first);
    wait_until("its connection has ended", || {
        server.node.admission().counted_connections() == 0
    })
    .await;
    let peers = || server.node.tracker().swarms().totals().leechers;
    assert_eq!(peers(), 1);
    let (_member, response) = get(&server, "/", HANDSHAKE).await;
    assert!(is_websocket(&response), "{response}");
    let (_, response) = get(&server, &path, "").await;
    assert!(response.contains("limits.connections_max"), "{response}");
    let (_, response) = get(&server, &format!("{path}&event=stopped"), "").await;
    assert!(
        response.contains("8:complete") && response.contains("connection: close"),
        "{response}"
    );
    assert_eq!(peers(), 0);
}

/// Makes the server ban the address that sends these headers. Needs `bans.strikes_max = 0` and `bans.strike_every = 0`.
pub(crate) async fn ban(server: &TestServer, headers: &str) {
    let handshake = format!("{HANDSHAKE}{headers}");
    let message = [0x81, 0x81, 0, 0, 0, 0, b'{'];
    let flood = message.repeat(1000);
    while server.node.counters().bans == 0 {
        let (mut stream, _) = get(server, "/", &handshake).await;
        // The server may close before everything is sent.
        let _ = stream.write_all(&flood).await;
        let mut rest = Vec::new();
        let _ = timeout(TIMEOUT, stream.read_to_end(&mut rest))
            .await
            .expect("closed");
    }
}

#[tokio::test]
async fn a_banned_address_gets_a_reason_and_a_retry_time() {
    let server = server(|config| {
        config.bans.strikes_max = 0;
        config.bans.strike_every = Duration::ZERO;
        config.connection.malformed_per_minute_max = 1;
    });
    for _ in 0..10 {
        let (mut stream, response) = get(&server, "/", HANDSHAKE).await;
        if !is_websocket(&response) {
            assert_refused(&response, "403", "too many malformed messages (bans)");
            assert!(server.node.counters().refused_bans > 0);
            let (_, page) = get(&server, "/", "").await;
            assert_refused(&page, "403", "banned for another");
            assert!(
                get(&server, "/healthz", "")
                    .await
                    .1
                    .starts_with("http/1.1 200 ")
            );
            return;
        }
        // One-byte messages that are not JSON.
        let message = [0x81, 0x81, 0, 0, 0, 0, b'{'];
        stream.write_all(&message.repeat(3)).await.unwrap();
        let mut rest = Vec::new();
        // A reset after the close counts as an end.
        let _ = timeout(TIMEOUT, stream.read_to_end(&mut rest))
            .await
            .expect("in time");
    }
    panic!("never banned");
}

/// Connects from this local address.
async fn connect_from(server: &TestServer, from: [u8; 4]) -> Client<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    Client::handshake(socket.connect(server.address).await.unwrap()).await
}

/// Announces and returns the number of offers received before the reply.
async fn count_offers(member: &mut Client<TcpStream>, peer: &str) -> usize {
    member.send(&announce("crowded", peer)).await;
    let mut offers = 0;
    while member.receive().await.get("offer").is_some() {
        offers += 1;
    }
    offers
}

#[tokio::test]
async fn a_crowd_at_one_address_does_not_isolate_newcomers() {
    let server = server(|config| config.workers = 1);
    let mut honest = Vec::new();
    for number in 0..10 {
        let mut member = connect_from(&server, [127, 0, 1, number + 1]).await;
        member.join("crowded", &format!("h{number}")).await;
        honest.push(member);
    }
    let mut crowd = Vec::new();
    for _ in 0..60 {
        let mut member = connect_from(&server, [127, 0, 0, 66]).await;
        for peer in ["a", "b", "c", "d"] {
            member.join("crowded", peer).await;
        }
        crowd.push(member);
    }
    for number in 0..20 {
        let mut newcomer = connect_from(&server, [127, 0, 2, number + 1]).await;
        let names = (0..5).map(|offer| format!("{number}-{offer}"));
        let offers: Vec<_> = names.map(|name| offer(&name, "v=0")).collect();
        let mut message = announce("crowded", "n");
        message["offers"] = json!(offers);
        newcomer.send(&message).await;
        assert_eq!(newcomer.receive().await["info_hash"], id("crowded"));
    }
    let mut reached = 0;
    for (number, member) in honest.iter_mut().enumerate() {
        reached += count_offers(member, &format!("h{number}")).await;
    }
    // Some newcomers are still members, and ten of the other eleven groups are honest.
    assert!((60..=100).contains(&reached), "{reached} of 100");
    assert_eq!(
        server.node.tracker().swarms().recount(),
        Some(server.node.tracker().swarms().totals())
    );
}

#[tokio::test]
async fn one_address_cannot_use_up_the_limit_of_an_origin() {
    // All clients have loopback addresses, so a proxy header identifies them.
    let server = server(|config| {
        config.limits.origin_connections_max = Some(20);
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
    });
    let from = |address: &str| {
        format!("{HANDSHAKE}Origin: https://site.example\r\nX-Forwarded-For: {address}\r\n")
    };
    let mut open = Vec::new();
    for number in 0..10 {
        let (stream, response) = get(&server, "/", &from("203.0.113.66")).await;
        assert_eq!(is_websocket(&response), number < 5, "{number}: {response}");
        if number >= 5 {
            assert_refused(&response, "429", "limits.origin_address_percent");
        }
        wait_until("it is counted", || {
            server.node.connections() == 5.min(number + 1)
        })
        .await;
        open.push(stream);
    }
    for visitor in 1..=15 {
        let (stream, response) = get(&server, "/", &from(&format!("198.51.100.{visitor}"))).await;
        assert!(is_websocket(&response), "{visitor}: {response}");
        open.push(stream);
    }
    assert_eq!(server.node.counters().refused_origin_address_percent, 5);
}

#[tokio::test]
async fn a_malformed_proxy_header_exempts_no_client() {
    for (header, values) in [
        ("x-forwarded-for", ["1.1.1.1, garbage", "", "unknown"]),
        ("forwarded", ["for=_hidden", "proto=https", "for=\"1.1.1.1"]),
        ("x-real-ip", ["garbage", "", "1.1.1.1, 2.2.2.2"]),
    ] {
        // By default the proxy itself, on this machine, is exempt.
        let server = TestServer::start(|config| {
            config.limits.address_connections_max = 2;
            config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
            config.proxies.header = header.to_owned();
        });
        let mut open = Vec::new();
        for (number, value) in values.into_iter().enumerate() {
            let headers = format!("{HANDSHAKE}{header}: {value}\r\n");
            let (stream, response) = get(&server, "/", &headers).await;
            assert_eq!(is_websocket(&response), number < 2, "{header}: {value}");
            open.push(stream);
            // Two header lines are malformed too.
            let twice = format!("{header}: {value}\r\n{header}: {value}\r\n");
            let (_, response) = get(&server, "/ice", &twice).await;
            let is_served = response.starts_with("http/1.1 200 ");
            assert_eq!(is_served, number < 1, "{header}: {value}");
            wait_until("the connection of the page has ended", || {
                server.node.admission().counted_connections() == 2.min(number + 1)
            })
            .await;
        }
        assert_eq!(server.node.counters().forwarded_malformed, 6);
        let (_, response) = get(&server, "/", HANDSHAKE).await;
        assert!(is_websocket(&response), "the proxy's own: {response}");
    }
}
