//! The admin API over TCP: authorization, contents and changes.

mod authorization;
mod connections;
mod documented_commands;
mod settings_and_drain;
mod swarms;

use serde_json::{Value, json};
use swarmhub::config::{Config, Network, Secret};

use crate::support::http::{Response, bearer};
use crate::support::{Client, TestServer, hex, id, wait_until};

const TOKEN: &str = "correct-horse-battery-staple";
/// Every path of the API with its method.
const PATHS: [(&str, &str); 16] = [
    ("GET", "/api/v1/session"),
    ("GET", "/api/v1/swarms"),
    (
        "GET",
        "/api/v1/swarms/0000000000000000000000000000000000000000",
    ),
    ("POST", "/api/v1/connections/0000000000000000/kick"),
    ("POST", "/api/v1/connections/0000000000000000/ban"),
    ("GET", "/api/v1/hostile"),
    ("GET", "/api/v1/origins"),
    ("GET", "/api/v1/sites"),
    ("GET", "/api/v1/bans"),
    ("GET", "/api/v1/refusals"),
    ("DELETE", "/api/v1/bans/000000000001"),
    ("GET", "/api/v1/settings"),
    ("PATCH", "/api/v1/settings"),
    ("POST", "/api/v1/settings/undo"),
    ("POST", "/api/v1/drain"),
    ("GET", "/api/v1/audit"),
];

fn server(change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start(|config| {
        config.admin_token = Some(Secret::new(TOKEN));
        change(config);
    })
}

/// Starts a server that trusts this machine as a proxy.
fn server_behind_a_proxy(change: impl FnOnce(&mut Config)) -> TestServer {
    server(|config| {
        let proxy: Network = "127.0.0.1".parse().unwrap();
        config.proxies.trusted = vec![proxy];
        change(config);
    })
}

/// Sends a request with the right token.
async fn send_request(server: &TestServer, request: &str) -> Response {
    server.send(request, &bearer(TOKEN), "").await
}

async fn patch(server: &TestServer, body: &Value) -> Response {
    let body = body.to_string();
    let target = "PATCH /api/v1/settings";
    server.send(target, &bearer(TOKEN), &body).await
}

/// Opens a WebSocket as a client at this address, behind a trusted proxy.
async fn connect_as(server: &TestServer, address: &str) -> Client {
    Client::connect_with(server.address, "/", &[("x-forwarded-for", address)]).await
}

async fn audit(server: &TestServer) -> Vec<(String, String)> {
    let entries = send_request(server, "GET /api/v1/audit").await.ok();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let entries = entries["entries"].as_array().unwrap().iter();
    entries
        .map(|entry| {
            assert!(entry["at"].as_f64().unwrap() > 1e9);
            (text(&entry["what"]), text(&entry["detail"]))
        })
        .collect()
}

fn setting(all: &Value, key: &str) -> Value {
    let mut settings = all["settings"].as_array().unwrap().iter();
    settings.find(|one| one["key"] == key).unwrap().clone()
}

/// Returns the only swarm, as the API shows it.
async fn only_swarm(server: &TestServer) -> Value {
    let path = format!("GET /api/v1/swarms/{}", hex(&id("swarm")));
    send_request(server, &path).await.ok()
}

/// Returns a peer of a swarm that the API shows.
fn peer_in(swarm: &Value, name: &str) -> Value {
    let mut peers = swarm["peers"].as_array().unwrap().iter();
    let peer = peers.find(|peer| peer["peer_id"] == hex(&id(name)));
    peer.unwrap_or_else(|| panic!("{name}: {swarm}")).clone()
}

/// Returns the connection id of a peer in the only swarm.
async fn connection_id(server: &TestServer, name: &str) -> String {
    let peer = peer_in(&only_swarm(server).await, name);
    peer["connection"].as_str().unwrap().to_owned()
}

/// Opens a connection and sends malformed messages on it.
async fn send_malformed(server: &TestServer, times: usize) -> Client {
    let mut client = connect_as(server, "192.0.2.7").await;
    for _ in 0..times {
        client.send(&json!("nonsense")).await;
    }
    client
}

/// Sends malformed messages, more than a connection may, until the server bans the address.
async fn send_malformed_until_banned(server: &TestServer, times: usize) {
    for _ in 0..20 {
        send_malformed(server, times).await.read_to_end().await;
        wait_until("it is closed", || server.node.connections() == 0).await;
        if server.node.counters().bans > 0 {
            return;
        }
    }
    panic!("never banned");
}
