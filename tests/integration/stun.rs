//! The STUN server and what `/ice` tells pages about it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::{Value, json};
use swarmhub::config::{Config, Secret};
use tokio::net::UdpSocket;

use crate::support::http::{bearer, get};
use crate::support::{TestServer, wait_for, wait_until};

/// A Binding request with a transaction id of zeros.
const BINDING: [u8; 20] = [
    0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];
const MASK: [u8; 6] = [0x21, 0x12, 0x21, 0x12, 0xa4, 0x42];
/// How long an answer may take on a busy machine.
const ANSWER_MAX: Duration = Duration::from_secs(30);
const TOKEN: &str = "0123456789abcdef";

async fn socket() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

/// Sends a Binding request and returns the address in the response.
async fn mapped_address(socket: &UdpSocket, server: SocketAddr) -> SocketAddr {
    socket.send_to(&BINDING, server).await.unwrap();
    let mut response = [0; 100];
    let received = socket.recv_from(&mut response);
    let (length, from) = tokio::time::timeout(ANSWER_MAX, received)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((length, from), (32, server));
    let masked = &response[26..32];
    let plain: Vec<u8> = masked
        .iter()
        .zip(MASK)
        .map(|(byte, mask)| byte ^ mask)
        .collect();
    let ip = Ipv4Addr::new(plain[2], plain[3], plain[4], plain[5]);
    SocketAddr::from((ip, u16::from_be_bytes([plain[0], plain[1]])))
}

async fn ice(server: &TestServer, headers: &str) -> Value {
    get(server.address, "/ice", headers)
        .await
        .expect(200)
        .json()
}

#[tokio::test]
async fn the_udp_port_of_the_tracker_answers_stun() {
    let server = TestServer::start(|_| {});
    let client = socket().await;
    let seen = mapped_address(&client, server.address).await;
    assert_eq!(seen, client.local_addr().unwrap());
    // What is not STUN gets no answer and is counted.
    client.send_to(b"hello", server.address).await.unwrap();
    mapped_address(&client, server.address).await;
    let counters = || server.node.counters();
    // A response is counted after it is sent.
    wait_until("both are counted", || counters().stun_bindings == 2).await;
    assert_eq!(counters().stun_malformed, 1);
}

#[tokio::test]
async fn stun_can_be_moved_and_switched_off() {
    let server = TestServer::start(|config| config.ice.stun = false);
    let client = socket().await;
    client.connect(server.address).await.unwrap();
    // The closed port is reported by ICMP.
    client.send(&BINDING).await.unwrap();
    let refused = tokio::time::timeout(ANSWER_MAX, client.recv(&mut [0; 100])).await;
    refused.unwrap().unwrap_err();

    let server = TestServer::start(|config| {
        config.ice.listen = vec![swarmhub::config::UdpAddress("127.0.0.2:0".parse().unwrap())];
    });
    let moved = server.stun_addresses[0];
    assert_eq!(moved.ip(), Ipv4Addr::new(127, 0, 0, 2));
    mapped_address(&socket().await, moved).await;
}

#[tokio::test]
async fn beyond_the_limit_of_an_address_there_is_silence() {
    let server = TestServer::start(|config| {
        config.limits.exempt.clear();
        config.limits.address_stun_per_second = 1;
        config.limits.address_stun_burst = 5;
    });
    let client = socket().await;
    for _ in 0..50 {
        client.send_to(&BINDING, server.address).await.unwrap();
    }
    let handled = || {
        let counters = server.node.counters();
        counters.stun_bindings + counters.stun_refused_address
    };
    wait_until("all requests are handled", || handled() == 50).await;
    let answered = server.node.counters().stun_bindings;
    assert!((5..50).contains(&answered), "{answered}");
}

#[tokio::test]
async fn pages_are_told_of_the_server_at_the_address_they_used() {
    let server = TestServer::start(|config| {
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
        config.ice.public_address = vec!["192.0.2.7".to_owned(), "2001:db8::7".to_owned()];
    });
    let port = server.address.port();
    let of = async |client: &str| ice(&server, &format!("X-Forwarded-For: {client}\r\n")).await;
    let document = of("198.51.100.1").await;
    let ipv4 = json!({ "urls": format!("stun:192.0.2.7:{port}") });
    assert_eq!(document["iceServers"], json!([ipv4]));
    assert_eq!(document["ttl"], 3600);
    let ipv6 = json!({ "urls": format!("stun:[2001:db8::7]:{port}") });
    assert_eq!(of("2001:db8::1").await["iceServers"], json!([ipv6, ipv4]));
    assert_eq!(of("127.0.0.1").await["iceServers"], json!([]));
    assert_eq!(server.node.counters().ice_with_stun, 2);
}

#[tokio::test]
async fn configured_servers_replace_the_own_one() {
    let server = TestServer::start(|config| {
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
        config.ice.public_address = vec!["192.0.2.7".to_owned()];
        config.ice_server = vec!["stun:a.example".into()];
    });
    let document = ice(&server, "X-Forwarded-For: 198.51.100.1\r\n").await;
    assert_eq!(
        document["iceServers"],
        json!([{ "urls": "stun:a.example" }])
    );
}

#[tokio::test]
async fn only_pages_of_allowed_origins_may_read_the_servers() {
    let server = TestServer::start(|config| config.origin = vec!["https://a.example".to_owned()]);
    let allowed = async |origin: &str| {
        let headers = format!("Origin: {origin}\r\n");
        let response = get(server.address, "/ice", &headers).await.expect(200);
        assert_eq!(response.expect_header("vary"), "origin");
        assert_eq!(response.expect_header("cache-control"), "no-store");
        response
            .header("access-control-allow-origin")
            .map(str::to_owned)
    };
    assert_eq!(
        allowed("https://a.example").await.as_deref(),
        Some("https://a.example")
    );
    assert_eq!(allowed("https://b.example").await, None);
    // The built-in pages need no entry.
    let own = "Host: hub.example\r\nOrigin: https://hub.example\r\n";
    let response = get(server.address, "/ice", own).await.expect(200);
    let readable = response.expect_header("access-control-allow-origin");
    assert_eq!(readable, "https://hub.example");
}

/// Asks until the response has this status. Checks that pages of the allowed origin can read it, and others cannot.
async fn expect_readable(server: &TestServer, status: u16) {
    let (allowed, other) = ("https://a.example", "https://b.example");
    for origin in [allowed, other] {
        let headers = format!("Origin: {origin}\r\nX-Forwarded-For: 198.51.100.1\r\n");
        let refused = async || {
            let response = get(server.address, "/ice", &headers).await;
            (response.status == status).then_some(response)
        };
        let refused = wait_for("the refusal", refused).await;
        let readable = (origin == allowed).then_some(origin);
        assert_eq!(refused.header("access-control-allow-origin"), readable);
        assert_eq!(refused.expect_header("vary"), "origin");
        assert_eq!(refused.expect_header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn pages_of_allowed_origins_may_read_refusals() {
    let folder = tempfile::tempdir().unwrap();
    let start = |change: &dyn Fn(&mut Config)| {
        TestServer::start(|config| {
            config.origin = vec!["https://a.example".to_owned()];
            config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
            change(config);
        })
    };
    let with_tokens = |config: &mut Config| {
        let file = folder.path().join("tokens");
        std::fs::write(&file, TOKEN).unwrap();
        config.access.tokens_file = Some(file);
    };
    expect_readable(&start(&with_tokens), 403).await;
    let few_requests = |config: &mut Config| {
        with_tokens(config);
        config.limits.address_http_requests_burst = 1;
        config.limits.address_http_requests_per_second = 1;
    };
    expect_readable(&start(&few_requests), 429).await;
    let few_credentials = |config: &mut Config| {
        config.ice.turn = true;
        config.ice.public_address = vec!["192.0.2.7".to_owned()];
        config.limits.address_ice_burst = 1;
        config.limits.address_ice_per_second = 1;
    };
    expect_readable(&start(&few_credentials), 429).await;
}

#[tokio::test]
async fn the_state_of_the_stun_server_is_shown() {
    let server = TestServer::start(|config| {
        config.admin_token = Some(Secret::new(TOKEN));
    });
    mapped_address(&socket().await, server.address).await;
    let headers = bearer(TOKEN);
    wait_until("the statistics have the request", || {
        server.node.counters().stun_bindings == 1
    })
    .await;
    let shown = async || {
        let stats = get(server.address, "/api/v1/stats", &headers).await.ok();
        (stats["series"]["stun_works"] == 1).then_some(())
    };
    wait_for("the statistics show that it works", shown).await;
}
