//! The OpenAPI document: it lists exactly the routes of the API, and real requests and responses match its schemas.

mod routes;
mod schema;

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use swarmhub::config::{HistoryStorage, Network, Secret};
use swarmhub::metrics::Statistics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::{Client, LONG, TestServer, id, offer, wait_until};
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
    timeout(LONG, reading).await.expect("in time");
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

/// Starts a server whose lists are not empty.
async fn server() -> TestServer {
    let server = TestServer::start(|config| {
        let proxy: Network = "127.0.0.1".parse().unwrap();
        config.admin_token = Some(Secret::new(TOKEN));
        config.proxies.trusted = vec![proxy];
        config.history = HistoryStorage::Memory;
        config.history_top_swarms = true;
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

/// Runs operations and compares requests and responses with the document.
struct Conversation<'a> {
    server: &'a TestServer,
    operations: Vec<(String, String, Value)>,
    schemas: Schemas,
    done: Vec<(String, String)>,
}

impl Conversation<'_> {
    /// Runs an operation with these parameters of its path. Returns its response.
    async fn run(&mut self, method: &str, path: &str, parameters: &str, body: Value) -> Value {
        let is_this =
            |(known, template, _): &&(String, String, Value)| known == method && template == path;
        let (.., operation) = self.operations.iter().find(is_this).expect(path).clone();
        self.done.push((method.to_owned(), path.to_owned()));
        let body = match &operation["requestBody"]["content"]["application/json"] {
            Value::Null => String::new(),
            content => {
                self.validate(path, &content["schema"], &body);
                body.to_string()
            }
        };
        let target = match (path.split_once('{'), parameters.strip_prefix('?')) {
            (Some((before, rest)), _) => {
                let after = rest.split_once('}').unwrap().1;
                format!("{before}{parameters}{after}")
            }
            (None, _) => format!("{path}{parameters}"),
        };
        let headers = format!("{}Accept: application/json\r\n", bearer());
        let reply = send(self.server, &format!("{method} {target}"), &headers, &body).await;
        let expected = &operation["responses"][reply.status.to_string()];
        assert!(
            expected.is_object(),
            "{method} {target}: {} {}",
            reply.status,
            reply.body
        );
        assert!(reply.status < 300);
        let content = expected["content"].as_object().unwrap();
        if let Some(stream) = content.get("text/event-stream") {
            assert_eq!(stream["schema"]["type"], "string");
            let event = reply.body.split("data: ").nth(1).unwrap();
            let event = serde_json::from_str(event.lines().next().unwrap()).unwrap();
            self.validate(
                path,
                &json!({"$ref": "#/components/schemas/StatsResponse"}),
                &event,
            );
            return event;
        }
        let json = reply.json();
        self.validate(path, &content["application/json"]["schema"], &json);
        json
    }

    async fn get(&mut self, path: &str, parameters: &str) -> Value {
        self.run("GET", path, parameters, Value::Null).await
    }

    fn validate(&mut self, path: &str, schema: &Value, value: &Value) {
        let errors = self.schemas.errors(schema, value);
        assert!(errors.is_empty(), "{path}: {errors:#?}");
    }
}

#[tokio::test]
async fn requests_and_responses_match_the_document() {
    let server = server().await;
    let document = document(&server).await;
    let mut talk = Conversation {
        server: &server,
        operations: operations(&document),
        schemas: Schemas::new(document),
        done: Vec::new(),
    };
    let null = Value::Null;
    let rule = json!({"series": "connections", "comparison": ">", "threshold": 0.5, "for": 0});
    talk.run("PUT", "/api/v1/alerts/rules/{name}", "somebody", rule)
        .await;
    let silence = json!({"rule": "*", "seconds": 60, "comment": "a test"});
    let silence = talk
        .run("POST", "/api/v1/alerts/silences", "", silence)
        .await;
    // An answered offer, a peer over HTTP, a refusal, and a connection with points.
    let (mut one, mut other) = (
        connect(&server, "192.0.2.1").await,
        connect(&server, "192.0.2.2").await,
    );
    one.join("swarm", "one").await;
    let mut announce = crate::support::announce("swarm", "other");
    announce["offers"] = json!([offer("offer", "sdp")]);
    announce["numwant"] = json!(1);
    other.send(&announce).await;
    one.receive().await;
    let announce = format!(
        "GET /announce?info_hash={}&peer_id=-TR4050-aaaaaaaaaaaa&port=6881&left=0",
        id("swarm")
    );
    send(&server, &announce, "X-Forwarded-For: 192.0.2.3\r\n", "").await;
    let _ = send(&server, "POST /announce", "", "").await;
    let mut hostile = connect(&server, "192.0.2.4").await;
    hostile.join("other", "hostile").await;
    hostile.send(&json!("nonsense")).await;
    wait_until("the alert fires", || {
        server.node.telemetry().alerts().lock().summary().firing > 0
    })
    .await;

    talk.get("/api/v1/stats", "").await;
    talk.get("/api/v1/live", "").await;
    talk.get("/api/v1/series", "").await;
    talk.get(
        "/api/v1/history",
        "?series=connections,announces&from=-3600",
    )
    .await;
    talk.get("/api/v1/clients", "").await;
    talk.get("/stats", "").await;
    talk.get("/stats.json", "").await;
    talk.get("/api/v1/openapi.json", "").await;
    talk.get("/api/v1/session", "").await;
    talk.get("/api/v1/origins", "").await;
    talk.get("/api/v1/hostile", "").await;
    talk.get("/api/v1/refusals", "").await;
    talk.get("/api/v1/swarms", "?sort=seeders&limit=10").await;
    let swarm = talk
        .get("/api/v1/swarms/{info_hash}", &hex(&id("swarm")))
        .await;
    let connection = |peer: &str| {
        let peers = swarm["peers"].as_array().unwrap();
        let peer = peers
            .iter()
            .find(|known| known["peer_id"] == hex(&id(peer)));
        peer.unwrap()["connection"].as_str().unwrap().to_owned()
    };
    talk.run(
        "POST",
        "/api/v1/connections/{id}/kick",
        &connection("one"),
        null.clone(),
    )
    .await;
    let hour = json!({"seconds": 3600});
    talk.run(
        "POST",
        "/api/v1/connections/{id}/ban",
        &connection("other"),
        hour,
    )
    .await;
    let bans = talk.get("/api/v1/bans", "").await;
    let key = bans["bans"][0]["key"].as_str().unwrap().to_owned();
    talk.run("DELETE", "/api/v1/bans/{key}", &key, null.clone())
        .await;
    talk.get("/api/v1/settings", "").await;
    let change = json!({"interval": 60, "origin_denied": ["https://a.example"], "no_limits": null});
    talk.run("PATCH", "/api/v1/settings", "", change).await;
    talk.run("POST", "/api/v1/settings/undo", "", null.clone())
        .await;
    talk.get("/api/v1/audit", "?limit=50").await;
    talk.get("/api/v1/alerts/summary", "").await;
    talk.run("POST", "/api/v1/alerts/test", "", null.clone())
        .await;
    let found = async {
        while talk.get("/api/v1/history/swarms", "?from=0").await["moments"] == json!([]) {}
        while talk.get("/api/v1/alerts", "").await["history"] == json!([]) {}
    };
    timeout(LONG, found).await.expect("in time");
    talk.run(
        "DELETE",
        "/api/v1/alerts/silences/{id}",
        &silence["id"].to_string(),
        null.clone(),
    )
    .await;
    talk.run(
        "DELETE",
        "/api/v1/alerts/rules/{name}",
        "somebody",
        null.clone(),
    )
    .await;
    let refused = send(&server, "GET /api/v1/session", "", "").await.json();
    talk.validate(
        "an error",
        &json!({"$ref": "#/components/schemas/ErrorResponse"}),
        &refused,
    );
    talk.run("POST", "/api/v1/drain", "", null).await;

    let all = talk
        .operations
        .iter()
        .map(|(method, path, _)| (method.clone(), path.clone()));
    let left: Vec<_> = all
        .filter(|operation| !talk.done.contains(operation))
        .collect();
    assert!(
        left.is_empty(),
        "operations that the test does not run: {left:?}"
    );
    // Values of parameters are no JSON.
    let parameters = ["HistoryFormat", "SwarmSort"].map(str::to_owned);
    let names = talk.schemas.names().into_iter();
    let unused: Vec<_> = names
        .filter(|name| !talk.schemas.used.contains(name) && !parameters.contains(name))
        .collect();
    assert!(unused.is_empty(), "schemas that no value had: {unused:?}");
    server.handle.stop();
}

#[tokio::test]
async fn operations_need_the_token_as_documented() {
    let server = server().await;
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
            .replace('{', "")
            .replace('}', "");
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
