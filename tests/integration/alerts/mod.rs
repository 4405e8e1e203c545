//! Alerts: the API, notifications to receivers, and persistence across restarts.

mod receivers;
mod restarts;
mod rules_and_silences;

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use swarmhub::config::{Config, Secret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::TestServer;
use crate::support::http::{bearer, header};

const TOKEN: &str = "0123456789abcdef";
const SECRET: &str = "fedcba9876543210";

/// A receiver of notifications that answers with one status after the other, then always with the last.
struct Receiver {
    address: SocketAddr,
    received: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Receiver {
    async fn start(answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::new(Mutex::new(Vec::new()));
        let requests = Arc::clone(&got);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read_request(&mut stream).await;
                let place = requests.lock().len().min(answers.len() - 1);
                requests.lock().push(request);
                let answer = answers[place];
                let reply =
                    format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                stream.write_all(reply.as_bytes()).await.unwrap();
            }
        });
        Self {
            address,
            received: got,
        }
    }

    fn url(&self) -> String {
        format!("http://{}/hook?key=secret", self.address)
    }

    fn received(&self) -> Vec<(String, Value)> {
        self.received.lock().clone()
    }

    /// Forgets the latest notification.
    fn forget_last(&self) {
        self.received.lock().pop();
    }

    /// Returns the status of the alert in each notification.
    fn statuses(&self) -> Vec<String> {
        let got = self.received();
        let alerts = got
            .iter()
            .map(|(_, body)| body["alerts"][0]["status"].clone());
        alerts
            .map(|status| status.as_str().unwrap().to_owned())
            .collect()
    }
}

/// Reads head and body of a request.
async fn read_request(stream: &mut TcpStream) -> (String, Value) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let mut body = vec![0; content_length(&head)];
    stream.read_exact(&mut body).await.unwrap();
    (head, serde_json::from_slice(&body).unwrap())
}

fn content_length(head: &str) -> usize {
    header(head, "content-length").map_or(0, |bytes| bytes.parse().unwrap())
}

fn server(change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start(|config| {
        config.admin_token = Some(Secret::new(TOKEN));
        config.alerts.private_addresses = true;
        change(config);
    })
}

/// Sends a request with the token; returns status and body of the response.
async fn send_request(server: &TestServer, method: &str, path: &str, body: Value) -> (u16, Value) {
    send_request_as(server, method, path, body, &bearer(TOKEN)).await
}

async fn send_request_as(
    server: &TestServer,
    method: &str,
    path: &str,
    body: Value,
    headers: &str,
) -> (u16, Value) {
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let target = format!("{method} /api/v1/alerts{path}");
    let response = server.send(&target, headers, &body).await;
    assert_eq!(response.header("cache-control"), Some("no-store"));
    (response.status, response.json())
}

/// Sends a request with the token and expects this status; returns the body.
async fn expect_status(
    server: &TestServer,
    (method, path): (&str, &str),
    body: Value,
    expected: u16,
) -> Value {
    let (status, answer) = send_request(server, method, path, body).await;
    assert_eq!(status, expected, "{method} {path}: {answer}");
    answer
}

/// Returns rules, silences and history.
async fn overview(server: &TestServer) -> Value {
    expect_status(server, ("GET", ""), Value::Null, 200).await
}

/// Adds a rule that fires while a client is connected.
async fn put_rule(server: &TestServer) {
    let rule = json!({"series": "connections", "comparison": ">", "threshold": 0, "for": 0, "doc": "Somebody is here."});
    expect_status(server, ("PUT", "/rules/somebody"), rule, 200).await;
}

async fn rule_view(server: &TestServer, rule: &str) -> Value {
    let all = overview(server).await;
    let mut rules = all["rules"].as_array().unwrap().iter();
    let view = rules.find(|view| view["name"] == rule);
    view.cloned().unwrap_or_default()
}
