//! The TURN relay over UDP, and the credentials that `/ice` hands out.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::Value;
use swarmhub::config::{Config, Secret, TurnUrl};
use swarmhub::ice::{Credentials, REALM, RequestWriter, Username};
use tokio::net::UdpSocket;

use crate::support::http::get;
use crate::support::{PROGRESS_TIMEOUT, TestServer, wait_until};

const ALLOCATE: u16 = 3;
const CHANNEL_BIND: u16 = 9;
const NONCE: u16 = 0x15;
const XOR_RELAYED_ADDRESS: u16 = 0x16;
const CHANNEL: u16 = 0x4000;
const SECRET: &str = "a-secret-of-twenty-characters";

/// A client of the relay.
struct RelayClient {
    socket: UdpSocket,
    username: String,
    credentials: Credentials,
    user: Username,
    nonce: Vec<u8>,
}

impl RelayClient {
    async fn new(server: SocketAddr, credentials: &Credentials, expires_at: u64) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        socket.connect(server).await.unwrap();
        let user = Username::generate(expires_at, &mut rand::rng());
        let mut client = Self {
            socket,
            username: user.to_string(),
            credentials: credentials.clone(),
            user,
            nonce: Vec::new(),
        };
        let mut request = Vec::new();
        RequestWriter::new(&mut request, ALLOCATE, [1; 12])
            .udp()
            .finish();
        let challenge = client.exchange(&request).await;
        client.nonce = attribute(&challenge, NONCE).expect("a nonce");
        client
    }

    async fn receive(&self) -> Vec<u8> {
        let mut received = vec![0; 2000];
        let read = tokio::time::timeout(PROGRESS_TIMEOUT, self.socket.recv(&mut received));
        let length = read.await.expect("a packet").expect("a socket");
        received.truncate(length);
        received
    }

    async fn exchange(&self, request: &[u8]) -> Vec<u8> {
        self.socket.send(request).await.unwrap();
        self.receive().await
    }

    /// Sends a signed request. Returns whether it succeeded, and the response.
    async fn request(
        &self,
        method: u16,
        add: impl for<'a> FnOnce(RequestWriter<'a>) -> RequestWriter<'a>,
    ) -> (bool, Vec<u8>) {
        let mut request = Vec::new();
        let key = self.credentials.integrity_key(&self.user);
        add(RequestWriter::new(&mut request, method, [2; 12])).sign(
            &self.username,
            REALM,
            &self.nonce,
            &key,
        );
        let response = self.exchange(&request).await;
        (response[0] == 1 && response[1] & 0x10 == 0, response)
    }

    /// Makes an allocation and returns its relay address.
    async fn allocate(&self) -> SocketAddr {
        let (is_success, response) = self.request(ALLOCATE, ask_for_udp).await;
        assert!(is_success, "{response:?}");
        let masked = attribute(&response, XOR_RELAYED_ADDRESS).expect("a relay address");
        let mask = [0, 0, 0x21, 0x12, 0x21, 0x12, 0xa4, 0x42];
        let plain: Vec<u8> = masked
            .iter()
            .zip(mask)
            .map(|(byte, mask)| byte ^ mask)
            .collect();
        let ip = Ipv4Addr::new(plain[4], plain[5], plain[6], plain[7]);
        SocketAddr::from((ip, u16::from_be_bytes([plain[2], plain[3]])))
    }

    async fn bind_channel(&self, peer: SocketAddr) -> bool {
        let bound = self.request(CHANNEL_BIND, |request| request.channel(CHANNEL).peer(peer));
        bound.await.0
    }
}

/// Completes an Allocate request.
fn ask_for_udp(request: RequestWriter<'_>) -> RequestWriter<'_> {
    request.udp()
}

/// Returns the value of an attribute.
fn attribute(message: &[u8], kind: u16) -> Option<Vec<u8>> {
    let mut rest = &message[20..];
    while rest.len() >= 4 {
        let length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        if rest[..2] == kind.to_be_bytes() {
            return Some(rest[4..4 + length].to_vec());
        }
        rest = &rest[4 + length.next_multiple_of(4)..];
    }
    None
}

fn start(change: impl FnOnce(&mut Config)) -> (TestServer, Credentials) {
    let server = TestServer::start(|config| {
        config.ice.turn = true;
        config.ice.turn_secret = Some(Secret::new(SECRET));
        change(config);
    });
    (server, Credentials::new(SECRET.as_bytes()))
}

#[tokio::test]
async fn two_clients_reach_each_other_through_the_relay() {
    let (server, credentials) = start(|_| {});
    let one = RelayClient::new(server.address, &credentials, u64::MAX).await;
    let other = RelayClient::new(server.address, &credentials, u64::MAX).await;
    let (to_one, to_other) = (one.allocate().await, other.allocate().await);
    assert_ne!(to_one, to_other);
    assert!(one.bind_channel(to_other).await);
    assert!(other.bind_channel(to_one).await);
    let packet = [&CHANNEL.to_be_bytes()[..], &5_u16.to_be_bytes(), b"hello"].concat();
    one.socket.send(&packet).await.unwrap();
    assert_eq!(other.receive().await, packet);
    other.socket.send(&packet).await.unwrap();
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
    let expired = RelayClient::new(server.address, &credentials, 1_000_000).await;
    assert!(!expired.request(ALLOCATE, ask_for_udp).await.0);
    let forged = Credentials::new(b"another secret of some length");
    let forged = RelayClient::new(server.address, &forged, u64::MAX).await;
    assert!(!forged.request(ALLOCATE, ask_for_udp).await.0);
    let counters = server.node.counters();
    assert_eq!(counters.refused_turn_expired, 1);
    assert_eq!(counters.refused_turn_credentials, 1);
    assert_eq!(counters.turn_allocated, 0);
}

#[tokio::test]
async fn allocations_are_limited_for_a_user_and_in_all() {
    let (server, credentials) = start(|config| config.ice.turn_allocations_max = 1);
    let first = RelayClient::new(server.address, &credentials, u64::MAX).await;
    first.allocate().await;
    let second = RelayClient::new(server.address, &credentials, u64::MAX).await;
    let (is_success, response) = second.request(ALLOCATE, ask_for_udp).await;
    assert!(!is_success, "{response:?}");
    assert_eq!(server.node.counters().refused_turn_allocations_max, 1);
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
    let client = RelayClient::new(server.address, &credentials, expires_at.parse().unwrap()).await;
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
        config.ice.turn_secret = Some(Secret::new(SECRET));
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
    assert!(!document.to_string().contains(SECRET));
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
