//! A conversation with a server that runs every operation of the document once or more, on lists that are not empty.

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::schema::Schemas;
use super::{bearer, connect, hex, operations, send};
use crate::support::{Client, PROGRESS_TIMEOUT, TestServer, announce, id, offer};

/// Runs operations and compares requests and responses with the document.
pub(super) struct Conversation<'a> {
    server: &'a TestServer,
    operations: Vec<(String, String, Value)>,
    schemas: Schemas,
    done: Vec<(String, String)>,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(server: &'a TestServer, document: Value) -> Self {
        Self {
            server,
            operations: operations(&document),
            schemas: Schemas::new(document),
            done: Vec::new(),
        }
    }

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

    /// Runs an operation without a body.
    pub(super) async fn send(&mut self, method: &str, path: &str, parameters: &str) -> Value {
        self.run(method, path, parameters, Value::Null).await
    }

    /// Creates a rule that fires, and a silence. Returns the id of the silence.
    pub(super) async fn begin_alert(&mut self) -> String {
        let rule = json!({"series": "connections", "comparison": ">", "threshold": 0.5, "for": 0});
        let path = "/api/v1/alerts/rules/{name}";
        self.run("PUT", path, "somebody", rule).await;
        let silence = json!({"rule": "*", "seconds": 60, "comment": "a test"});
        let path = "/api/v1/alerts/silences";
        self.run("POST", path, "", silence).await["id"].to_string()
    }

    /// Makes a relayed offer, a peer over HTTP, a refusal, and a connection with points.
    pub(super) async fn fill_the_lists(&mut self) -> [Client<TcpStream>; 3] {
        let server = self.server;
        let mut one = connect(server, "192.0.2.1").await;
        one.join("swarm", "one").await;
        // Introductions are recorded from now on.
        let swarm = hex(&id("swarm"));
        self.get("/api/v1/swarms/{info_hash}", &swarm).await;
        let mut other = connect(server, "192.0.2.2").await;
        let mut announce = announce("swarm", "other");
        announce["offers"] = json!([offer("offer", "sdp")]);
        announce["numwant"] = json!(1);
        other.send(&announce).await;
        one.receive().await;
        let announce = format!(
            "GET /announce?info_hash={}&peer_id=-TR4050-aaaaaaaaaaaa&port=6881&left=0",
            id("swarm")
        );
        send(server, &announce, "X-Forwarded-For: 192.0.2.3\r\n", "").await;
        send(server, "POST /announce", "", "").await;
        let mut hostile = connect(server, "192.0.2.4").await;
        hostile.join("other", "hostile").await;
        hostile.send(&json!("nonsense")).await;
        [one, other, hostile]
    }

    pub(super) async fn read_lists(&mut self) {
        for (path, query) in [
            ("/api/v1/stats", ""),
            ("/api/v1/live", ""),
            ("/api/v1/series", ""),
            (
                "/api/v1/history",
                "?series=connections,announces&from=-3600",
            ),
            ("/api/v1/clients", ""),
            (
                "/api/v1/counts",
                "?info_hash=0123456789012345678901234567890123456789",
            ),
            ("/api/v1/check", "?origin=https://a.example&token=guess"),
            ("/stats", ""),
            ("/stats.json", ""),
            ("/api/v1/openapi.json", ""),
            ("/api/v1/session", ""),
            ("/api/v1/origins", ""),
            ("/api/v1/sites", ""),
            ("/api/v1/hostile", ""),
            ("/api/v1/refusals", ""),
            ("/api/v1/swarms", "?sort=seeders&limit=10"),
            ("/api/v1/alerts/summary", ""),
        ] {
            self.get(path, query).await;
        }
        let found = async {
            while self.get("/api/v1/history/swarms", "?from=0").await["moments"] == json!([]) {}
            while self.get("/api/v1/alerts", "").await["history"] == json!([]) {}
        };
        timeout(PROGRESS_TIMEOUT, found).await.expect("in time");
    }

    /// Closes the connection of one peer, and bans the address of the other.
    pub(super) async fn close_and_ban(&mut self) {
        let path = "/api/v1/swarms/{info_hash}";
        let swarm = self.get(path, &hex(&id("swarm"))).await;
        let connection = |peer: &str| {
            let mut peers = swarm["peers"].as_array().unwrap().iter();
            let peer = peers.find(|known| known["peer_id"] == hex(&id(peer)));
            peer.unwrap()["connection"].as_str().unwrap().to_owned()
        };
        let path = "/api/v1/connections/{id}/kick";
        self.send("POST", path, &connection("one")).await;
        let (path, hour) = ("/api/v1/connections/{id}/ban", json!({"seconds": 3600}));
        self.run("POST", path, &connection("other"), hour).await;
        let bans = self.get("/api/v1/bans", "").await;
        let key = bans["bans"][0]["key"].as_str().unwrap();
        self.send("DELETE", "/api/v1/bans/{key}", key).await;
    }

    pub(super) async fn change_settings(&mut self) {
        self.get("/api/v1/settings", "").await;
        let origins = json!(["https://a.example"]);
        let change = json!({"interval": 60, "origin_denied": origins, "no_limits": null});
        self.run("PATCH", "/api/v1/settings", "", change).await;
        self.send("POST", "/api/v1/settings/undo", "").await;
        self.get("/api/v1/audit", "?limit=50").await;
    }

    pub(super) async fn end_alert(&mut self, silence: &str) {
        self.send("POST", "/api/v1/alerts/test", "").await;
        let path = "/api/v1/alerts/silences/{id}";
        self.send("DELETE", path, silence).await;
        let path = "/api/v1/alerts/rules/{name}";
        self.send("DELETE", path, "somebody").await;
    }

    /// Compares an error with the document.
    pub(super) async fn error(&mut self) {
        let refused = send(self.server, "GET /api/v1/session", "", "").await;
        let schema = json!({"$ref": "#/components/schemas/ErrorResponse"});
        self.validate("an error", &schema, &refused.json());
    }

    /// Asserts that all operations were run, and that each schema had a value.
    pub(super) fn assert_complete(&self) {
        let all = self.operations.iter();
        let all = all.map(|(method, path, _)| (method.clone(), path.clone()));
        let left: Vec<_> = all.filter(|one| !self.done.contains(one)).collect();
        assert!(left.is_empty(), "operations that were not run: {left:?}");
        // Values of parameters are no JSON.
        let parameters = ["HistoryFormat", "SwarmSort"].map(str::to_owned);
        let names = self.schemas.names().into_iter();
        let unused: Vec<_> = names
            .filter(|name| !self.schemas.used.contains(name) && !parameters.contains(name))
            .collect();
        assert!(unused.is_empty(), "schemas that no value had: {unused:?}");
    }
}
