//! Limits and bans of connections that apply before a WebSocket is open, and the responses that clients receive.

use std::time::{Duration, Instant};

use serde_json::json;
use swarmhub::config::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::support::{Client, PATIENCE, TestServer, announce, id, offer, until};

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
async fn ask(server: &TestServer, path: &str, headers: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x.example\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    while !is_whole(&received) {
        let byte = timeout(PATIENCE, stream.read_u8()).await.expect("in time");
        received.push(byte.expect("a response"));
    }
    (stream, String::from_utf8(received).unwrap().to_lowercase())
}

fn is_whole(received: &[u8]) -> bool {
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
async fn an_address_with_too_many_connections_is_told_so_and_served_when_one_has_gone() {
    let server = server(|config| config.limits.address_connections_max = 2);
    let (one, response) = ask(&server, "/", HANDSHAKE).await;
    assert!(is_websocket(&response));
    // A page counts too while its connection is open.
    let (_page, response) = ask(&server, "/ice", "").await;
    assert!(response.starts_with("http/1.1 200 "), "{response}");
    for headers in [HANDSHAKE, ""] {
        let (_, response) = ask(&server, "/", headers).await;
        assert_refused(&response, "429", "limits.address_connections_max");
    }
    assert_eq!(server.node.counters().refused_address_connections_max, 2);
    drop(one);
    until("the connection has ended", || {
        server.node.connections_held() == 1
    })
    .await;
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
    // Far less than any process uses: both steps are exceeded at the first check.
    let server = TestServer::start(|config| config.memory.budget_bytes = 1_000_000);
    until("memory is checked", || {
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
async fn a_peer_over_http_leaves_a_full_server() {
    let server = TestServer::start(|config| config.limits.connections_max = Some(1));
    let path = format!("/announce?info_hash={0}&peer_id={0}&port=6881", id("a"));
    let (first, response) = ask(&server, &path, "Connection: close\r\n").await;
    assert!(response.contains("8:complete"), "{response}");
    drop(first);
    until("its connection has ended", || {
        server.node.connections() == 0
    })
    .await;
    let peers = || server.node.tracker().swarms().totals().leechers;
    assert_eq!(peers(), 1);
    let (_member, response) = ask(&server, "/", HANDSHAKE).await;
    assert!(is_websocket(&response), "{response}");
    let (_, response) = ask(&server, &path, "").await;
    assert!(response.contains("limits.connections_max"), "{response}");
    let (_, response) = ask(&server, &format!("{path}&event=stopped"), "").await;
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
        let (mut stream, _) = ask(server, "/", &handshake).await;
        // The server may close before everything is sent.
        let _ = stream.write_all(&flood).await;
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut rest))
            .await
            .expect("closed");
    }
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
        // One-byte messages that are not JSON.
        let message = [0x81, 0x81, 0, 0, 0, 0, b'{'];
        stream.write_all(&message.repeat(3)).await.unwrap();
        let mut rest = Vec::new();
        // A reset after the close counts as an end.
        let _ = timeout(PATIENCE, stream.read_to_end(&mut rest))
            .await
            .expect("in time");
    }
    panic!("never banned");
}

/// Connects from this local address.
async fn client(server: &TestServer, from: [u8; 4]) -> Client<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    Client::over(socket.connect(server.address).await.unwrap()).await
}

/// Announces and returns the number of offers received before the reply.
async fn offers_to(member: &mut Client<TcpStream>, peer: &str) -> usize {
    member.say(&announce("crowded", peer)).await;
    let mut offers = 0;
    while member.hear().await.get("offer").is_some() {
        offers += 1;
    }
    offers
}

#[tokio::test]
async fn a_crowd_of_one_address_does_not_keep_newcomers_from_others() {
    let server = server(|config| config.workers = 1);
    let mut honest = Vec::new();
    for number in 0..10 {
        let mut member = client(&server, [127, 0, 1, number + 1]).await;
        member.join("crowded", &format!("h{number}")).await;
        honest.push(member);
    }
    let mut crowd = Vec::new();
    for _ in 0..60 {
        let mut member = client(&server, [127, 0, 0, 66]).await;
        for peer in ["a", "b", "c", "d"] {
            member.join("crowded", peer).await;
        }
        crowd.push(member);
    }
    for number in 0..20 {
        let mut newcomer = client(&server, [127, 0, 2, number + 1]).await;
        let names = (0..5).map(|offer| format!("{number}-{offer}"));
        let offers: Vec<_> = names.map(|name| offer(&name, "v=0")).collect();
        let mut message = announce("crowded", "n");
        message["offers"] = json!(offers);
        newcomer.say(&message).await;
        assert_eq!(newcomer.hear().await["info_hash"], id("crowded"));
    }
    let mut reached = 0;
    for (number, member) in honest.iter_mut().enumerate() {
        reached += offers_to(member, &format!("h{number}")).await;
    }
    // Some newcomers are still members, and ten of the other eleven groups are honest.
    assert!((60..=100).contains(&reached), "{reached} of 100");
    assert_eq!(
        server.node.tracker().swarms().recount(),
        Some(server.node.tracker().swarms().totals())
    );
}

#[tokio::test]
async fn a_program_that_names_a_site_leaves_its_pages_room() {
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
        let (stream, response) = ask(&server, "/", &from("203.0.113.66")).await;
        assert_eq!(is_websocket(&response), number < 5, "{number}: {response}");
        if number >= 5 {
            assert_refused(&response, "429", "limits.origin_address_percent");
        }
        until("it is counted", || {
            server.node.connections() == 5.min(number + 1)
        })
        .await;
        open.push(stream);
    }
    for visitor in 1..=15 {
        let (stream, response) = ask(&server, "/", &from(&format!("198.51.100.{visitor}"))).await;
        assert!(is_websocket(&response), "{visitor}: {response}");
        open.push(stream);
    }
    assert_eq!(server.node.counters().refused_origin_address_percent, 5);
}

#[tokio::test]
async fn an_unreadable_header_of_a_trusted_proxy_makes_nobody_exempt() {
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
            let (stream, response) = ask(&server, "/", &headers).await;
            assert_eq!(is_websocket(&response), number < 2, "{header}: {value}");
            open.push(stream);
            // Two header lines are malformed too.
            let twice = format!("{header}: {value}\r\n{header}: {value}\r\n");
            let (_, response) = ask(&server, "/ice", &twice).await;
            let is_served = response.starts_with("http/1.1 200 ");
            assert_eq!(is_served, number < 1, "{header}: {value}");
            until("the connection of the page has ended", || {
                server.node.connections_held() == 2.min(number + 1)
            })
            .await;
        }
        assert_eq!(server.node.counters().forwarded_malformed, 6);
        let (_, response) = ask(&server, "/", HANDSHAKE).await;
        assert!(is_websocket(&response), "the proxy's own: {response}");
    }
}
