//! The TURN relay over TCP and TLS, on the ports of the tracker.

use std::time::Duration;

use serde_json::Value;
use swarmhub::config::{Config, Secret};
use swarmhub::ice::{Credentials, StunStatus};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::certificates::{LocalhostCertificate, start_with_tls};
use crate::support::http::get;
use crate::support::turn_client::{
    ALLOCATE, RelayClient, TURN_SECRET, allocate_request, ask_for_udp, channel_data,
};
use crate::support::{Client, PROGRESS_TIMEOUT, TestServer, in_time, wait_until};

fn with_turn(config: &mut Config) {
    config.ice.turn = true;
    config.ice.turn_secret = Some(Secret::new(TURN_SECRET));
    config.metrics.public = true;
}

fn start(change: impl FnOnce(&mut Config)) -> (TestServer, Credentials) {
    let server = TestServer::start(|config| {
        with_turn(config);
        change(config);
    });
    (server, Credentials::new(TURN_SECRET.as_bytes()))
}

async fn over_tcp(server: &TestServer, credentials: &Credentials) -> RelayClient {
    let stream = TcpStream::connect(server.address).await.unwrap();
    RelayClient::over(stream, credentials).await
}

/// Relays packets of all lengths of padding in both directions.
async fn exchange_data(mut one: RelayClient, mut other: RelayClient) {
    let (to_one, to_other) = (one.allocate().await, other.allocate().await);
    assert!(one.bind_channel(to_other).await);
    assert!(other.bind_channel(to_one).await);
    for length in 0..9 {
        let packet = channel_data(&vec![7; length]);
        one.send(&packet).await;
        assert_eq!(other.receive().await, packet);
        other.send(&packet).await;
        assert_eq!(one.receive().await, packet);
    }
}

#[tokio::test]
async fn clients_reach_each_other_over_every_transport() {
    let certified = LocalhostCertificate::new();
    let (server, _folder) = start_with_tls(&certified, with_turn);
    let credentials = Credentials::new(TURN_SECRET.as_bytes());
    let (tls, plain) = (server.address, server.address_of(1));
    let connect_tls = async || {
        let stream = certified.connect_tls(tls).await.unwrap();
        RelayClient::over(stream, &credentials).await
    };
    let connect_tcp = async || {
        let stream = TcpStream::connect(plain).await.unwrap();
        RelayClient::over(stream, &credentials).await
    };
    exchange_data(connect_tcp().await, connect_tcp().await).await;
    exchange_data(connect_tls().await, connect_tls().await).await;
    exchange_data(connect_tls().await, connect_tcp().await).await;
    // Without TLS on the port for TLS.
    let stream = TcpStream::connect(tls).await.unwrap();
    let unencrypted = RelayClient::over(stream, &credentials).await;
    exchange_data(connect_tls().await, unencrypted).await;
    let datagrams = RelayClient::new(plain, &credentials, u64::MAX).await;
    exchange_data(connect_tls().await, datagrams).await;
    // The same ports still serve HTTP and WebSockets.
    assert_eq!(get(plain, "/healthz", "").await.status, 200);
    let mut client = Client::connect(plain).await;
    client.join("swarm", "peer").await;
    // Closed connections leave no allocation.
    let allocations = || server.node.telemetry().relay_gauges().allocations.get();
    wait_until("only the one over UDP is left", || allocations() == 1).await;
    let open = || server.node.telemetry().relay_gauges().connections.get();
    wait_until("all connections are gone", || open() == 0).await;
}

#[tokio::test]
async fn a_client_behind_a_proxy_uses_turn_after_a_proxy_header() {
    let certified = LocalhostCertificate::new();
    let (server, _folder) = start_with_tls(&certified, |config| {
        with_turn(config);
        config.listen.push("tls+proxy+127.0.0.1:0".parse().unwrap());
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
        config.ice.turn_address_allocations_max = 1;
    });
    let credentials = Credentials::new(TURN_SECRET.as_bytes());
    let behind_proxy = async |client: &str| {
        let mut stream = TcpStream::connect(server.address_of(2)).await.unwrap();
        let header = format!("PROXY TCP4 {client} 10.0.0.1 4096 443\r\n");
        stream.write_all(header.as_bytes()).await.unwrap();
        let stream = certified.begin_tls(stream).await.unwrap();
        RelayClient::over(stream, &credentials).await
    };
    let (one, other) = ("203.0.113.7", "203.0.113.8");
    exchange_data(behind_proxy(one).await, behind_proxy(other).await).await;
    let allocations = || server.node.telemetry().relay_gauges().allocations.get();
    wait_until("their places are free", || allocations() == 0).await;
    // Each counts for the address in its header.
    let mut first = behind_proxy(one).await;
    first.allocate().await;
    let mut second = behind_proxy(one).await;
    assert!(!second.request(ALLOCATE, ask_for_udp).await.0);
    behind_proxy(other).await.allocate().await;
    let counters = server.node.counters();
    assert_eq!(counters.refused_turn_address_allocations_max, 1);
}

#[tokio::test]
async fn packets_may_arrive_in_pieces_and_together() {
    let (server, _) = start(|_| {});
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let request = allocate_request();
    let mut first = Vec::new();
    for byte in &request {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    read_challenge(&mut stream, &mut first).await;
    let together = [&request[..], &request[..], &request[..5]].concat();
    stream.write_all(&together).await.unwrap();
    for _ in 0..2 {
        let mut next = Vec::new();
        read_challenge(&mut stream, &mut next).await;
        assert_eq!(next, first);
    }
    stream.write_all(&request[5..]).await.unwrap();
    read_challenge(&mut stream, &mut Vec::new()).await;
}

async fn read_challenge(stream: &mut TcpStream, into: &mut Vec<u8>) {
    into.resize(20, 0);
    in_time("a header", stream.read_exact(into)).await.unwrap();
    let length = usize::from(u16::from_be_bytes([into[2], into[3]]));
    into.resize(20 + length, 0);
    in_time("a message", stream.read_exact(&mut into[20..]))
        .await
        .unwrap();
    assert_eq!(into[..2], [0x01, 0x13], "an error response to Allocate");
}

#[tokio::test]
async fn a_connection_without_an_allocation_is_closed() {
    let (server, credentials) = start(|config| {
        config.connection.handshake_timeout = Duration::from_millis(1500);
    });
    let mut unused = over_tcp(&server, &credentials).await;
    let mut used = over_tcp(&server, &credentials).await;
    used.allocate().await;
    unused.ended().await;
    let counters = || server.node.counters();
    wait_until("it is counted", || counters().turn_connections_unused == 1).await;
    // The other one has been kept.
    assert!(used.request(4, |request| request).await.0);
    assert_eq!(counters().turn_connections_opened, 2);
}

#[tokio::test]
async fn bytes_that_are_no_packets_end_a_connection() {
    let (server, credentials) = start(|_| {});
    let mut client = over_tcp(&server, &credentials).await;
    client.allocate().await;
    client.send(&[0xff; 20]).await;
    client.ended().await;
    let mut unauthorized = over_tcp(&server, &credentials).await;
    // It has no allocation, so that nothing can be relayed.
    unauthorized.send(&channel_data(b"data")).await;
    unauthorized.ended().await;
    let counters = server.node.counters();
    assert_eq!(counters.turn_connections_malformed, 1);
    assert_eq!(counters.turn_dropped_not_permitted, 1);
    assert_eq!(counters.turn_connections_unused, 0, "it ended at once");
}

#[tokio::test]
async fn a_full_relay_serves_new_clients_before_unused_connections() {
    let (server, credentials) = start(|config| config.ice.turn_connections_max = 2);
    let mut first = over_tcp(&server, &credentials).await;
    first.allocate().await;
    let mut unused = over_tcp(&server, &credentials).await;
    let mut second = over_tcp(&server, &credentials).await;
    unused.ended().await;
    second.allocate().await;
    // Now both have an allocation.
    let mut refused = TcpStream::connect(server.address).await.unwrap();
    refused.write_all(&allocate_request()).await.unwrap();
    let mut received = Vec::new();
    let reading = refused.read_to_end(&mut received);
    let _ = in_time("the refusal", reading).await;
    assert!(received.is_empty());
    let counters = server.node.counters();
    assert_eq!(counters.turn_connections_unused, 1);
    assert_eq!(counters.refused_turn_connections_max, 1);
}

#[tokio::test]
async fn packets_for_a_client_that_does_not_read_are_dropped() {
    let (server, credentials) = start(|config| config.ice.turn_output_bytes_max = 4096);
    let mut one = over_tcp(&server, &credentials).await;
    let mut other = over_tcp(&server, &credentials).await;
    let (to_one, to_other) = (one.allocate().await, other.allocate().await);
    assert!(one.bind_channel(to_other).await && other.bind_channel(to_one).await);
    let packet = channel_data(&[7; 1200]);
    let dropped = || server.node.counters().turn_dropped_output;
    let flood = async {
        while dropped() == 0 {
            one.send(&packet).await;
        }
    };
    tokio::time::timeout(PROGRESS_TIMEOUT, flood)
        .await
        .expect("the output is full");
    // It still gets whole packets.
    assert_eq!(other.receive().await, packet);
    assert_eq!(other.receive().await, packet);
}

#[tokio::test]
async fn without_turn_the_first_byte_is_no_http() {
    let server = TestServer::start(|_| {});
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&allocate_request()).await.unwrap();
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    let _ = in_time("the end", reading).await;
    assert!(answer.starts_with(b"HTTP/1.1 400") || answer.is_empty());
    assert_eq!(server.node.counters().turn_connections_opened, 0);
}

#[tokio::test]
async fn a_connection_counts_for_its_address_while_it_is_open() {
    let (server, credentials) = start(|config| {
        config.limits.exempt = Vec::new();
        config.limits.address_connections_max = 2;
    });
    let mut first = over_tcp(&server, &credentials).await;
    first.allocate().await;
    let mut second = over_tcp(&server, &credentials).await;
    second.allocate().await;
    let refused = || server.node.counters().refused_address_connections_max;
    let mut third = TcpStream::connect(server.address).await.unwrap();
    third.write_all(&allocate_request()).await.unwrap();
    wait_until("the third is refused", || refused() == 1).await;
    drop(first);
    let counted = || server.node.admission().counted_connections();
    wait_until("its place is free", || counted() == 1).await;
    over_tcp(&server, &credentials).await.allocate().await;
}

#[tokio::test]
async fn limits_of_the_relay_change_at_a_reload() {
    let (server, credentials) = start(|config| config.ice.turn_allocations_max = 1);
    let mut first = over_tcp(&server, &credentials).await;
    first.allocate().await;
    let mut changed = server.handle.config();
    changed.ice.turn_allocations_max = 2;
    server.handle.reload(&changed).await.unwrap();
    let mut second = over_tcp(&server, &credentials).await;
    let allocate = async {
        while !second.request(ALLOCATE, ask_for_udp).await.0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PROGRESS_TIMEOUT, allocate)
        .await
        .expect("the new limit");
}

async fn ice_document(server: &TestServer) -> Value {
    get(server.address, "/ice", "").await.expect(200).json()
}

#[tokio::test]
async fn a_page_on_this_machine_gets_no_servers() {
    let (server, _) = start(|_| {});
    assert_eq!(
        ice_document(&server).await["iceServers"],
        Value::Array(vec![])
    );
}

#[tokio::test]
async fn a_request_over_tcp_does_not_prove_the_udp_port() {
    let (server, credentials) = start(|_| {});
    over_tcp(&server, &credentials).await.allocate().await;
    let port = server.node.stun_reachability();
    // Pages of ten networks got the address, and two minutes later nothing has come.
    for network in 0..10 {
        port.record_request(network, Duration::ZERO);
    }
    let (status, _) = port.record_request(0, Duration::from_mins(2));
    assert_eq!(status, StunStatus::Unreachable);
}
