//! The admin API over TCP: authorization, contents and changes.

mod authorization;
mod connections;
mod documented_commands;
mod settings_and_drain;
mod swarms;

use serde_json::{Value, json};
use swarmhub::config::{Config, Network, Secret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::{Client, TIMEOUT, TestServer, id};

const TOKEN: &str = "correct-horse-battery-staple";
/// Every path of the API with its method.
const PATHS: [(&str, &str); 15] = [
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

/// A response of the API.
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    /// Asserts success and returns the body.
    #[track_caller]
    fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{} {}", self.head, self.body);
        assert!(self.head.contains("content-type: application/json"));
        assert!(self.head.contains("cache-control: no-store"));
        serde_json::from_str(&self.body).unwrap()
    }

    /// Asserts this error status and returns the error text.
    #[track_caller]
    fn error(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{} {}", self.head, self.body);
        let body: Value = serde_json::from_str(&self.body).unwrap();
        body["error"].as_str().unwrap().to_owned()
    }

    /// Returns the `Retry-After` header in seconds.
    #[track_caller]
    fn retry_after(&self) -> u64 {
        let rest = self.head.split("retry-after: ").nth(1).expect("a time");
        rest.lines().next().unwrap().parse().unwrap()
    }
}

async fn send(server: &TestServer, request: &str, headers: &str, body: &str) -> Reply {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nHost: x.example\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let _ = timeout(TIMEOUT, stream.read_to_end(&mut bytes))
        .await
        .expect("in time");
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    Reply {
        status: head[9..12].parse().unwrap(),
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// Sends a request with the right token.
async fn send_request(server: &TestServer, request: &str) -> Reply {
    send(server, request, &bearer(TOKEN), "").await
}

async fn patch(server: &TestServer, body: &Value) -> Reply {
    send(
        server,
        "PATCH /api/v1/settings",
        &bearer(TOKEN),
        &body.to_string(),
    )
    .await
}

/// Opens a WebSocket with extra headers.
async fn connect(
    server: &TestServer,
    headers: &[(&'static str, &'static str)],
) -> Client<TcpStream> {
    let url = format!("ws://{}/", server.address);
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let stream = TcpStream::connect(server.address).await.unwrap();
    let connected = tokio_tungstenite::client_async(request, stream);
    let (socket, _) = timeout(TIMEOUT, connected)
        .await
        .expect("in time")
        .expect("accepted");
    Client { socket }
}

fn hex(text: &str) -> String {
    let digits = text.bytes().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from_digit(u32::from(digit), 16).unwrap())
        .collect()
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

/// Returns the connection id of a peer in the only swarm.
async fn connection_id(server: &TestServer, name: &str) -> String {
    let path = format!("GET /api/v1/swarms/{}", hex(&id("swarm")));
    let swarm = send_request(server, &path).await.ok();
    let peers = swarm["peers"].as_array().unwrap();
    let peer = peers.iter().find(|peer| peer["peer_id"] == hex(&id(name)));
    peer.unwrap()["connection"].as_str().unwrap().to_owned()
}

/// Opens a connection and sends malformed messages on it.
async fn send_malformed(server: &TestServer, times: usize) -> Client<TcpStream> {
    let mut client = connect(server, &[("x-forwarded-for", "192.0.2.7")]).await;
    for _ in 0..times {
        client.send(&json!("nonsense")).await;
    }
    client
}
