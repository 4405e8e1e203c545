//! The TURN relay over UDP, and the credentials that `/ice` hands out.

use std::net::Ipv4Addr;

use serde_json::Value;
use swarmhub::config::{Config, Secret, TurnUrl};
use swarmhub::ice::{Credentials, RequestWriter};
use tokio::net::UdpSocket;

use crate::support::http::get;
use crate::support::turn_client::{ALLOCATE, RelayClient, TURN_SECRET, ask_for_udp, channel_data};
use crate::support::{TestServer, wait_until};

const BINDING: u16 = 1;

fn start(change: impl FnOnce(&mut Config)) -> (TestServer, Credentials) {
    let server = TestServer::start(|config| {
        config.ice.turn = true;
        config.ice.turn_secret = Some(Secret::new(TURN_SECRET));
        change(config);
    });
    (server, Credentials::new(TURN_SECRET.as_bytes()))
}

#[tokio::test]
async fn two_clients_reach_each_other_through_the_relay() {
    let (server, credentials) = start(|_| {});
    let mut one = RelayClient::new(server.address, &credentials, u64::MAX).await;
    let mut other = RelayClient::new(server.address, &credentials, u64::MAX).await;
    let (to_one, to_other) = (one.allocate().await, other.allocate().await);
    assert_ne!(to_one, to_other);
    assert!(one.bind_channel(to_other).await);
    assert!(other.bind_channel(to_one).await);
    let packet = channel_data(b"hello");
    one.send(&packet).await;
    assert_eq!(other.receive().await, packet);
    other.send(&packet).await;
    assert_eq!(one.receive().await, packet);
    let counters = || server.node.counters();
    wait_until("both packets are counted", || counters().turn_packets == 2).await;
    assert_eq!(counters().turn_allocated, 2);
    assert_eq!(counters().bytes_relayed, 2 * packet.len() as u64);
    // Nothing but allocations can be reached.
    let outside = "127.0.0.1:80".parse().unwrap();
    assert!(!one.bind_channel(outside).await);
}

#[tokio::test]
async fn expired_and_forged_credentials_are_refused() {
    let (server, credentials) = start(|_| {});
    let mut expired = RelayClient::new(server.address, &credentials, 1_000_000).await;
    assert!(!expired.request(ALLOCATE, ask_for_udp).await.0);
    let forged = Credentials::new(b"another secret of some length");
    let mut forged = RelayClient::new(server.address, &forged, u64::MAX).await;
    assert!(!forged.request(ALLOCATE, ask_for_udp).await.0);
    let counters = server.node.counters();
    assert_eq!(counters.refused_turn_expired, 1);
    assert_eq!(counters.refused_turn_credentials, 1);
    assert_eq!(counters.turn_allocated, 0);
}

#[tokio::test]
async fn allocations_are_limited_for_a_user_and_in_all() {
    let (server, credentials) = start(|config| config.ice.turn_allocations_max = 1);
    let mut first = RelayClient::new(server.address, &credentials, u64::MAX).await;
    first.allocate().await;
    let mut second = RelayClient::new(server.address, &credentials, u64::MAX).await;
    let (is_success, response) = second.request(ALLOCATE, ask_for_udp).await;
    assert!(!is_success, "{response:?}");
    assert_eq!(server.node.counters().refused_turn_allocations_max, 1);
}

#[tokio::test]
async fn clients_of_the_relay_are_served_during_a_flood() {
    let (server, credentials) = start(|config| config.limits.stun_per_second = 5);
    let mut client = RelayClient::new(server.address, &credentials, u64::MAX).await;
    let own = client.allocate().await;
    let flood = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut binding = Vec::new();
    RequestWriter::new(&mut binding, BINDING, [3; 12]).finish();
    for _ in 0..100 {
        flood.send_to(&binding, server.address).await.unwrap();
    }
    let refused = || server.node.counters().stun_refused_total;
    wait_until("the limit of all is reached", || refused() > 50).await;
    for _ in 0..20 {
        assert!(client.bind_channel(own).await);
    }
}

#[tokio::test]
async fn without_turn_no_allocation_is_answered() {
    let server = TestServer::start(|_| {});
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut request = Vec::new();
    RequestWriter::new(&mut request, ALLOCATE, [1; 12])
        .udp()
        .finish();
    socket.send_to(&request, server.address).await.unwrap();
    let ignored = || server.node.counters().stun_not_binding == 1;
    wait_until("the request is dropped", ignored).await;
}

/// Returns the document for a client on the internet.
async fn ice(server: &TestServer) -> Value {
    let headers = "X-Forwarded-For: 198.51.100.1\r\n";
    get(server.address, "/ice", headers)
        .await
        .expect(200)
        .json()
}

fn behind_a_proxy(config: &mut Config) {
    config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
    config.ice.public_address = vec!["192.0.2.7".to_owned()];
    config.ice.credentials_lifetime = std::time::Duration::from_mins(10);
}

#[tokio::test]
async fn a_page_gets_credentials_that_the_relay_accepts() {
    let (server, credentials) = start(behind_a_proxy);
    let document = ice(&server).await;
    assert_eq!(document["ttl"], 600);
    let relay = &document["iceServers"][0];
    let port = server.address.port();
    assert_eq!(
        relay["urls"],
        format!("turn:192.0.2.7:{port}?transport=udp")
    );
    let username = relay["username"].as_str().unwrap();
    let (expires_at, _) = username.split_once(':').unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let left = expires_at.parse::<u64>().unwrap() - now.unwrap().as_secs();
    assert!((590..=600).contains(&left), "{left}");
    let other = ice(&server).await["iceServers"][0]["username"].clone();
    assert_ne!(username, other, "each page has its own user");
    // The password is that of the secret.
    let mut client =
        RelayClient::new(server.address, &credentials, expires_at.parse().unwrap()).await;
    client.allocate().await;
    assert_eq!(server.node.counters().ice_credentials, 2);
}

#[tokio::test]
async fn pages_get_credentials_for_an_external_server() {
    let server = TestServer::start(|config| {
        behind_a_proxy(config);
        let urls = [
            "turn:turn.example.org:3478",
            "turns:turn.example.org?transport=tcp",
        ];
        config.ice.turn_server = urls.map(TurnUrl::from).to_vec();
        config.ice.turn_secret = Some(Secret::new(TURN_SECRET));
    });
    let document = ice(&server).await;
    let servers = document["iceServers"].as_array().unwrap();
    assert_eq!(
        servers.len(),
        3,
        "STUN of this server, and both: {document}"
    );
    assert!(servers[0].get("username").is_none());
    assert_eq!(servers[2]["urls"], "turns:turn.example.org?transport=tcp");
    assert_eq!(servers[1]["username"], servers[2]["username"]);
    assert_eq!(servers[1]["credential"].as_str().unwrap().len(), 28);
    assert!(!document.to_string().contains(TURN_SECRET));
}

#[tokio::test]
async fn credentials_are_limited_for_an_address() {
    let (server, _) = start(|config| {
        behind_a_proxy(config);
        config.limits.address_ice_per_second = 1;
        config.limits.address_ice_burst = 2;
    });
    let mut refused = 0;
    for _ in 0..10 {
        let headers = "X-Forwarded-For: 198.51.100.1\r\n";
        let response = get(server.address, "/ice", headers).await;
        if response.status == 429 {
            response.expect_text("limits.address_ice_per_second");
            refused += 1;
        }
    }
    assert!(refused > 0);
    assert_eq!(
        server.node.counters().refused_address_ice_per_second,
        refused
    );
}
