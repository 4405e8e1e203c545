//! Limits and bans of connections that apply before a WebSocket is open, and the responses that clients receive.

use std::time::{Duration, Instant};

use serde_json::json;
use swarmhub::config::Config;

use crate::support::bans::{ban, ban_at_once};
use crate::support::http::{Connection, Response, UPGRADE};
use crate::support::{Client, TestServer, announce, id, offer, wait_for_value, wait_until};

/// A server on which clients of this machine are not exempt from limits.
fn server(change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start(|config| {
        config.limits.exempt = Vec::new();
        change(config);
    })
}

/// Sends a request. The caller keeps the connection open.
async fn get(server: &TestServer, path: &str, headers: &str) -> (Connection, Response) {
    let mut connection = Connection::open(server.address).await;
    let response = connection.get(path, headers).await;
    (connection, response)
}

/// Opens a WebSocket that must be accepted. The caller keeps the connection open.
async fn open(server: &TestServer, headers: &str) -> Connection {
    let (connection, response) = get(server, "/", &format!("{UPGRADE}{headers}")).await;
    response.expect(101);
    connection
}

/// Asserts that a response has this status, a retry time and the name of the limit.
#[track_caller]
fn assert_refused(response: &Response, status: u16, limit: &str) {
    assert_eq!(response.status, status, "{response}");
    assert!((1..=3601).contains(&response.retry_after()), "{response}");
    assert_eq!(response.expect_header("connection"), "close");
    assert!(response.text().contains(limit), "{response}");
}

#[tokio::test]
async fn connections_per_address_are_limited() {
    let server = server(|config| config.limits.address_connections_max = 2);
    let one = open(&server, "").await;
    // A page counts too while its connection is open.
    let (_page, response) = get(&server, "/ice", "").await;
    response.expect(200);
    for headers in [UPGRADE, ""] {
        let (_, response) = get(&server, "/", headers).await;
        assert_refused(&response, 429, "limits.address_connections_max");
    }
    assert_eq!(server.node.counters().refused_address_connections_max, 2);
    drop(one);
    let counted = || server.node.admission().counted_connections();
    wait_until("the connection has ended", || counted() == 1).await;
    open(&server, "").await;
}

#[tokio::test]
async fn new_connections_per_address_are_delayed_then_refused() {
    let server = server(|config| {
        config.limits.address_connections_per_second = 2;
        config.limits.address_connections_burst = 1;
        config.limits.arrival_delay_max = Duration::from_millis(500);
    });
    let since = Instant::now();
    open(&server, "").await;
    let (mut accepted, mut refused) = (1_u32, 0);
    let counters = || server.node.counters();
    // On a slow machine no connection waits or is refused at first.
    while counters().delayed_address_connections_per_second == 0 || refused == 0 {
        let (one, other) = tokio::join!(get(&server, "/", UPGRADE), get(&server, "/", UPGRADE));
        for (_, response) in [one, other] {
            if response.status == 101 {
                accepted += 1;
            } else {
                assert_refused(&response, 429, "limits.address_connections_per_second");
                refused += 1;
            }
        }
        assert!(accepted + refused < 1000, "never delayed or never refused");
    }
    assert_eq!(
        counters().refused_address_connections_per_second,
        u64::from(refused)
    );
    let most = 2.0 + 2.0 * since.elapsed().as_secs_f64();
    assert!(f64::from(accepted) <= most, "{accepted} of {most}");
    // Pages are not delayed.
    get(&server, "/ice", "").await.1.expect(200);
}

#[tokio::test]
async fn clients_on_this_machine_are_exempt_by_default() {
    let server = TestServer::start(|config| {
        config.limits.address_connections_max = 1;
        config.limits.address_connections_burst = 1;
        config.limits.arrival_delay_max = Duration::ZERO;
    });
    let mut connections = Vec::new();
    for _ in 0..5 {
        connections.push(open(&server, "").await);
    }
}

#[tokio::test]
async fn connections_per_origin_are_limited() {
    let server = server(|config| config.limits.origin_connections_max = Some(1));
    let from = |site: &str| format!("Origin: https://{site}.example\r\n");
    let _one = open(&server, &from("a")).await;
    wait_until("it is open", || {
        server.node.counters().connections_opened == 1
    })
    .await;
    let (_, response) = get(&server, "/", &format!("{UPGRADE}{}", from("a"))).await;
    assert_refused(&response, 429, "limits.origin_connections_max");
    open(&server, &from("b")).await;
    open(&server, "").await;
    assert_eq!(server.node.counters().refused_origin_connections_max, 1);
}

#[tokio::test]
async fn denied_origins_are_refused() {
    let server = TestServer::start(|config| {
        config.origin_denied = vec!["https://bad.example".into()];
        config.limits.refusal_messages_max = 0;
    });
    let bad = format!("{UPGRADE}Origin: https://bad.example\r\n");
    get(&server, "/", &bad).await.1.expect(403);
    open(&server, "Origin: https://good.example\r\n").await;
    open(&server, "").await;
    assert_eq!(server.node.counters().refused_origin, 1);
}

#[tokio::test]
async fn a_full_server_refuses_connections_but_answers_health_checks() {
    let server = TestServer::start(|config| config.limits.connections_max = Some(1));
    let _one = open(&server, "").await;
    let (_, response) = get(&server, "/", UPGRADE).await;
    assert_refused(&response, 503, "limits.connections_max");
    get(&server, "/healthz", "").await.1.expect(200);
}

/// Returns a body that may not be UTF-8 as text.
fn lossy(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
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
    let (_, response) = get(&server, "/", UPGRADE).await;
    assert_refused(&response, 503, "memory.refuse_percent");
    get(&server, "/healthz", "").await.1.expect(200);
    assert_eq!(server.node.counters().refused_memory, 1);
}

#[tokio::test]
async fn an_http_peer_can_leave_a_full_server() {
    let server = TestServer::start(|config| config.limits.connections_max = Some(1));
    let path = format!("/announce?info_hash={0}&peer_id={0}&port=6881", id("a"));
    let is_served = |response: &Response| {
        response.head.starts_with("HTTP/1.1 200 ") && lossy(response).contains("8:complete")
    };
    let response = server.get(&path, "").await;
    assert!(is_served(&response), "{response}");
    let counted = || server.node.admission().counted_connections();
    wait_until("its connection has ended", || counted() == 0).await;
    let peers = || server.node.tracker().swarms().totals().leechers;
    assert_eq!(peers(), 1);
    let _member = open(&server, "").await;
    let (_, response) = get(&server, &path, "").await;
    assert!(
        lossy(&response).contains("limits.connections_max"),
        "{response}"
    );
    let (_, response) = get(&server, &format!("{path}&event=stopped"), "").await;
    assert!(is_served(&response), "{response}");
    assert_eq!(response.expect_header("connection"), "close");
    assert_eq!(peers(), 0);
}

#[tokio::test]
async fn a_banned_address_gets_a_reason_and_a_retry_time() {
    let server = server(ban_at_once);
    ban(&server, "").await;
    let (_, response) = get(&server, "/", UPGRADE).await;
    assert_refused(&response, 403, "too many malformed messages (bans)");
    assert!(server.node.counters().refused_bans > 0);
    let (_, page) = get(&server, "/", "").await;
    assert_refused(&page, 403, "banned for another");
    get(&server, "/healthz", "").await.1.expect(200);
}

/// Connects from this address of the loopback network.
async fn connect_from(server: &TestServer, host: [u8; 4]) -> Client {
    let connection = Connection::open_from(host, server.address).await;
    Client::handshake(connection.stream).await
}

/// Announces and returns the number of offers received before the reply.
async fn count_offers(member: &mut Client, peer: &str) -> usize {
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
    let from =
        |address: &str| format!("Origin: https://site.example\r\nX-Forwarded-For: {address}\r\n");
    let mut connections = Vec::new();
    let crowd = from("203.0.113.66");
    for number in 1..=5 {
        connections.push(open(&server, &crowd).await);
        let counted = || server.node.connections();
        wait_for_value("it is counted", counted, number).await;
    }
    for _ in 0..5 {
        let (_, response) = get(&server, "/", &format!("{UPGRADE}{crowd}")).await;
        assert_refused(&response, 429, "limits.origin_address_percent");
    }
    for host in 1..=15 {
        let headers = from(&format!("198.51.100.{host}"));
        connections.push(open(&server, &headers).await);
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
        let mut connections = Vec::new();
        for (number, value) in values.into_iter().enumerate() {
            let headers = format!("{UPGRADE}{header}: {value}\r\n");
            let (connection, response) = get(&server, "/", &headers).await;
            let is_open = response.status == 101;
            assert_eq!(is_open, number < 2, "{header}: {value}");
            connections.push(connection);
            // Two header lines are malformed too.
            let twice = format!("{header}: {value}\r\n{header}: {value}\r\n");
            let (_, response) = get(&server, "/ice", &twice).await;
            let is_served = response.status == 200;
            assert_eq!(is_served, number < 1, "{header}: {value}");
            let counted = || server.node.admission().counted_connections();
            let expected = 2.min(number + 1);
            wait_until("the page's connection has ended", || counted() == expected).await;
        }
        assert_eq!(server.node.counters().forwarded_malformed, 6);
        // The proxy's own.
        open(&server, "").await;
    }
}
