//! The OpenAPI document: it lists exactly the routes of the API, and real requests and responses match its schemas.

mod conversation;
mod routes;
mod schema;

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use swarmhub::config::{HistoryStorage, Network, Secret};
use swarmhub::metrics::Statistics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::{Client, LONG, PROGRESS_TIMEOUT, TestServer, id, wait_until};
use conversation::Conversation;
use schema::Schemas;

const TOKEN: &str = "correct-horse-battery-staple";
const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// A response.
struct ApiReply {
    status: u16,
    content_type: String,
    body: String,
}

impl ApiReply {
    #[track_caller]
    fn json(&self) -> Value {
        assert!(
            self.content_type.starts_with("application/json"),
            "{}",
            self.body
        );
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends a request; of an endless response, reads the first event.
async fn send(server: &TestServer, request: &str, headers: &str, body: &str) -> ApiReply {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let text = format!(
        "{request} HTTP/1.1\r\nHost: x.example\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let reading = async {
        while stream.read_buf(&mut bytes).await.unwrap() > 0 {
            let is_event = bytes.windows(6).any(|part| part == b"data: ");
            if is_event && bytes.ends_with(b"\n\n\r\n") {
                break;
            }
        }
    };
    timeout(PROGRESS_TIMEOUT, reading).await.expect("in time");
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let head = head.to_lowercase();
    let content_type = head.split("content-type: ").nth(1).unwrap_or_default();
    ApiReply {
        status: head[9..12].parse().unwrap(),
        content_type: content_type.lines().next().unwrap_or_default().to_owned(),
        body: body.to_owned(),
    }
}

fn bearer() -> String {
    format!("Authorization: Bearer {TOKEN}\r\n")
}

async fn document(server: &TestServer) -> Value {
    send(server, "GET /api/v1/openapi.json", "", "")
        .await
        .json()
}

/// Returns all operations: method in upper case, path, and description.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().unwrap().clone();
        let path = path.clone();
        methods.into_iter().map(move |(method, operation)| {
            assert!(METHODS.contains(&method.as_str()), "{method}");
            (method.to_uppercase(), path.clone(), operation)
        })
    };
    paths.iter().flat_map(of_path).collect()
}

/// Returns the names of all schemas that the document refers to.
fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(values) => values.iter().flat_map(references).collect(),
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str);
            let inner = fields.values().flat_map(references);
            own.and_then(|own| own.strip_prefix("#/components/schemas/"))
                .into_iter()
                .chain(inner)
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Starts a server whose lists are not empty, except that of sites without their file.
async fn server(groups: Option<&Path>) -> TestServer {
    let server = TestServer::start(|config| {
        let proxy: Network = "127.0.0.1".parse().unwrap();
        config.admin_token = Some(Secret::new(TOKEN));
        config.proxies.trusted = vec![proxy];
        config.history = HistoryStorage::Memory;
        config.history_top_swarms = true;
        config.tracker.groups = groups.map(Path::to_owned);
        config.connection.malformed_per_minute_max = 3;
        config.metrics.public = true;
        config.drain.quiet = LONG;
        config.alerts.private_addresses = true;
        config.alerts.webhook = vec!["http://127.0.0.1:9/".parse().unwrap()];
    });
    let mut statistics = Statistics::default();
    for second in 0..60 {
        statistics.at = SystemTime::now() - Duration::from_secs(60 - second);
        server.node.storage().history().record(&statistics);
    }
    server.node.storage().history().flush().await;
    server
}

async fn connect(server: &TestServer, address: &'static str) -> Client<TcpStream> {
    let url = format!("ws://{}/", server.address);
    let mut request = url.into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("x-forwarded-for", address.parse().unwrap());
    headers.insert("origin", "https://page.example".parse().unwrap());
    let stream = TcpStream::connect(server.address).await.unwrap();
    let connected = tokio_tungstenite::client_async(request, stream).await;
    Client {
        socket: connected.expect("accepted").0,
    }
}

fn hex(text: &str) -> String {
    let digits: Vec<_> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

#[tokio::test]
async fn requests_and_responses_match_the_document() {
    let groups = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(groups.path(), "192.0.2.0/24,Berlin\n").unwrap();
    let server = server(Some(groups.path())).await;
    let document = document(&server).await;
    let mut talk = Conversation::new(&server, document);
    let silence = talk.begin_alert().await;
    let clients = talk.fill_the_lists().await;
    wait_until("the alert fires", || {
        server.node.telemetry().alerts().lock().summary().firing > 0
    })
    .await;
    talk.read_lists().await;
    talk.close_and_ban().await;
    drop(clients);
    talk.change_settings().await;
    talk.end_alert(&silence).await;
    talk.error().await;
    talk.send("POST", "/api/v1/drain", "").await;
    talk.assert_complete();
    server.handle.stop();
}

#[tokio::test]
async fn operations_need_the_token_as_documented() {
    let server = server(None).await;
    let document = document(&server).await;
    let schemas = Schemas::new(document.clone()).names();
    let mut unknown = references(&document)
        .into_iter()
        .filter(|name| !schemas.contains(*name));
    assert_eq!(unknown.next(), None);
    let mut ids = std::collections::BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let is_optional = operation["security"]
            .as_array()
            .unwrap()
            .contains(&json!({}));
        let target = path
            .replace("{info_hash}", &hex(&id("swarm")))
            .replace(['{', '}'], "");
        let status = send(&server, &format!("{method} {target}"), "", "")
            .await
            .status;
        assert_eq!(status == 401, !is_optional, "{method} {path}: {status}");
        assert!(ids.insert(operation["operationId"].to_string()), "{path}");
        for part in path.split('{').skip(1) {
            let name = part.split('}').next().unwrap();
            let parameters = operation["parameters"].as_array().unwrap();
            assert!(
                parameters
                    .iter()
                    .any(|known| known["name"] == name && known["in"] == "path")
            );
        }
    }
}
