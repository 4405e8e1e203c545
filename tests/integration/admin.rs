//! The admin API over TCP: who may use it, what it shows and what it changes.

use std::time::Duration;

use serde_json::{Value, json};
use swarmhub::config::{Config, History, Network, Role, Secret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::{Client, PATIENCE, TestServer, announce, id, offer, until};

const TOKEN: &str = "correct-horse-battery-staple";
/// Every path of the API with its method.
const PATHS: [(&str, &str); 14] = [
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

/// A server that believes who says that it is a proxy.
fn server_behind_a_proxy(change: impl FnOnce(&mut Config)) -> TestServer {
    server(|config| {
        let proxy: Network = "127.0.0.1".parse().unwrap();
        config.proxies.trusted = vec![proxy];
        change(config);
    })
}

/// What came back.
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    /// The body of an answer that went well.
    #[track_caller]
    fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{} {}", self.head, self.body);
        assert!(self.head.contains("content-type: application/json"));
        assert!(self.head.contains("cache-control: no-store"));
        serde_json::from_str(&self.body).unwrap()
    }

    /// The sentence of an answer with this status.
    #[track_caller]
    fn refused(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{} {}", self.head, self.body);
        let body: Value = serde_json::from_str(&self.body).unwrap();
        body["error"].as_str().unwrap().to_owned()
    }

    /// Seconds after which to come again.
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
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes))
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

/// With the right token.
async fn ask(server: &TestServer, request: &str) -> Reply {
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

/// A WebSocket with more headers.
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
    let (socket, _) = timeout(PATIENCE, connected)
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
    let entries = ask(server, "GET /api/v1/audit").await.ok();
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

#[tokio::test]
async fn without_an_admin_token_the_api_is_off() {
    let server = TestServer::start(|_| {});
    for (method, path) in PATHS {
        let reply = ask(&server, &format!("{method} {path}")).await;
        assert!(reply.refused(404).contains("set admin_token"), "{path}");
    }
}

#[tokio::test]
async fn without_the_right_token_nothing_is_shown_or_changed() {
    let server = server(|config| config.limits.wrong_tokens_per_minute = 1000);
    for (method, path) in PATHS {
        let request = format!("{method} {path}");
        let none = send(&server, &request, "", "").await;
        assert!(
            none.refused(401).contains("Authorization: Bearer"),
            "{path}"
        );
        assert!(none.head.contains("www-authenticate: bearer"));
        // Neither a part of it, nor another scheme, nor a cookie.
        for headers in [
            bearer(&TOKEN[1..]),
            bearer(&format!("{TOKEN}x")),
            bearer(""),
            format!("Authorization: Basic {TOKEN}\r\n"),
            format!("Cookie: token={TOKEN}\r\n"),
        ] {
            let reply = send(&server, &request, &headers, "").await;
            reply.refused(401);
            assert!(!reply.head.contains("set-cookie"));
        }
    }
    assert_eq!(server.node.counters().tokens_wrong, 2 * PATHS.len() as u64);
    assert!(audit(&server).await.is_empty());
}

#[tokio::test]
async fn pages_of_other_sites_cannot_use_the_api() {
    let server = server(|_| {});
    let origin = format!("Origin: https://evil.example\r\n{}", bearer(TOKEN));
    let reply = send(&server, "GET /api/v1/session", &origin, "").await;
    assert!(!reply.head.contains("access-control"), "{}", reply.head);
    assert_eq!(reply.ok(), json!({ "admin": true }));
    let preflight = "Origin: https://evil.example\r\nAccess-Control-Request-Method: PATCH\r\n\
                     Access-Control-Request-Headers: authorization\r\n";
    let reply = send(&server, "OPTIONS /api/v1/settings", preflight, "").await;
    reply.refused(401);
    assert!(!reply.head.contains("access-control"), "{}", reply.head);
}

#[tokio::test]
async fn too_many_wrong_tokens_of_an_address_are_refused_unread_and_others_sign_in() {
    let server = server_behind_a_proxy(|config| {
        config.limits.wrong_tokens_per_minute = 5;
        // Neither of these turns it off.
        config.no_limits = true;
        config.limits.exempt = vec!["192.0.2.0/24".parse().unwrap()];
    });
    let attacker = "X-Forwarded-For: 192.0.2.7\r\n";
    for _ in 0..5 {
        let headers = format!("{attacker}{}", bearer("a-wrong-token-a-wrong-token"));
        send(&server, "GET /api/v1/session", &headers, "")
            .await
            .refused(401);
    }
    // Not even the right one.
    let headers = format!("{attacker}{}", bearer(TOKEN));
    let reply = send(&server, "GET /api/v1/session", &headers, "").await;
    assert!(
        reply
            .refused(429)
            .contains("limits.wrong_tokens_per_minute")
    );
    assert!((1..=13).contains(&reply.retry_after()), "{}", reply.head);
    let counters = server.node.counters();
    assert_eq!(counters.tokens_wrong, 5);
    assert_eq!(counters.refused_wrong_tokens_per_minute, 1);
    let headers = format!("X-Forwarded-For: 198.51.100.1\r\n{}", bearer(TOKEN));
    send(&server, "GET /api/v1/session", &headers, "")
        .await
        .ok();
}

#[tokio::test]
async fn too_many_wrong_tokens_of_all_lock_out_nobody_who_was_signed_in() {
    let server = server_behind_a_proxy(|config| config.limits.all_wrong_tokens_per_minute = 5);
    let from =
        |address: &str, token: &str| format!("X-Forwarded-For: {address}\r\n{}", bearer(token));
    let session = "GET /api/v1/session";
    let operator = from("198.51.100.1", TOKEN);
    send(&server, session, &operator, "").await.ok();
    for number in 0..5 {
        let headers = from(&format!("192.0.2.{number}"), "a-wrong-token-a-wrong-token");
        send(&server, session, &headers, "").await.refused(401);
    }
    let stranger = from("203.0.113.1", TOKEN);
    let reply = send(&server, session, &stranger, "").await;
    assert!(
        reply
            .refused(429)
            .contains("limits.all_wrong_tokens_per_minute")
    );
    let counters = server.node.counters();
    assert_eq!(counters.refused_all_wrong_tokens_per_minute, 1);
    assert_eq!(counters.refused_wrong_tokens_per_minute, 0);
    send(&server, session, &operator, "").await.ok();
}

#[cfg(unix)]
#[tokio::test]
async fn who_is_locked_out_gets_in_by_a_socket_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("admin.sock");
    let server = server(|config| {
        config.limits.wrong_tokens_per_minute = 2;
        let place = format!("pages+unix:{}", file.display());
        config.listen.push(place.parse().unwrap());
    });
    // As if they came through a proxy that is not trusted: the operator's address is theirs.
    for _ in 0..2 {
        let headers = bearer("a-wrong-token-a-wrong-token");
        send(&server, "GET /api/v1/session", &headers, "")
            .await
            .refused(401);
    }
    let locked_out = ask(&server, "GET /api/v1/session").await;
    assert!(locked_out.refused(429).contains("proxies.trusted"));
    let mut stream = tokio::net::UnixStream::connect(&file).await.unwrap();
    let request = format!(
        "GET /api/v1/session HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}\r\n",
        bearer(TOKEN)
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = timeout(PATIENCE, stream.read_to_string(&mut answer));
    read.await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn listeners_without_pages_have_no_admin_api() {
    let server = server(|config| config.listen[0].role = Role::Tracker);
    let reply = ask(&server, "GET /api/v1/session").await;
    assert_eq!(reply.status, 404);
    assert!(reply.body.contains("only the tracker"), "{}", reply.body);
}

#[tokio::test]
async fn swarms_come_in_pages_sorted_and_filtered() {
    let server = server(|_| {});
    let mut clients = Vec::new();
    // Swarm a has one member, b two, and so on; one of each is a seeder.
    for (number, name) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
        for member in 0..=number {
            let mut client = server.connect().await;
            let mut message = announce(name, &format!("{name}{member}"));
            message["left"] = json!(usize::from(member > 0));
            client.say(&message).await;
            client.hear().await;
            clients.push(client);
        }
    }
    let list = async |words: &str| {
        let all = ask(&server, &format!("GET /api/v1/swarms{words}"))
            .await
            .ok();
        let names = all["swarms"].as_array().unwrap().iter().map(|swarm| {
            let hash = swarm["info_hash"].as_str().unwrap();
            char::from(u8::from_str_radix(&hash[..2], 16).unwrap())
        });
        (all["total"].as_u64().unwrap(), names.collect::<String>())
    };
    assert_eq!(list("").await, (5, "edcba".to_owned()));
    assert_eq!(list("?sort=leechers&order=asc").await.1, "abcde");
    assert_eq!(list("?sort=seeders&order=desc").await.1, "abcde");
    assert_eq!(list("?sort=info_hash&order=desc").await.1, "edcba");
    assert_eq!(list("?sort=info_hash").await.1, "abcde");
    assert_eq!(list("?offset=1&limit=2").await, (5, "dc".to_owned()));
    assert_eq!(list("?offset=5").await, (5, String::new()));
    assert_eq!(list("?filter=63").await, (1, "c".to_owned()));
    assert_eq!(list("?filter=6").await, (5, "edcba".to_owned()));
    assert_eq!(list("?filter=7").await, (0, String::new()));
    let all = ask(&server, "GET /api/v1/swarms?limit=1").await.ok();
    let wanted = json!([{"info_hash": hex(&id("e")), "seeders": 1, "leechers": 4, "http": 0}]);
    assert_eq!(all["swarms"], wanted);
    for words in [
        "?sort=size",
        "?order=up",
        "?filter=xyz",
        "?limit=0",
        "?limit=501",
        "?offset=-1",
        "?offset=100000",
    ] {
        let reply = ask(&server, &format!("GET /api/v1/swarms{words}")).await;
        assert!(!reply.refused(400).is_empty(), "{words}");
    }
}

#[tokio::test]
async fn a_swarm_shows_its_peers_and_who_is_introduced_to_whom() {
    let server = server_behind_a_proxy(|_| {});
    let mut one = connect(&server, &[("x-forwarded-for", "192.0.2.77")]).await;
    let mut other = connect(&server, &[("x-forwarded-for", "2001:db8:1:2::3")]).await;
    let (first, second) = ("-WW0201-one", "-TR4000-other");
    one.join("swarm", first).await;
    let mut message = announce("swarm", second);
    message["left"] = json!(0);
    other.say(&message).await;
    other.hear().await;
    let path = format!("GET /api/v1/swarms/{}", hex(&id("swarm")));
    let before = ask(&server, &path).await.ok();
    assert_eq!(before["introductions"], json!([]));
    let mut message = announce("swarm", first);
    message["offers"] = json!([offer("offer", "sdp")]);
    one.say(&message).await;
    one.hear().await;
    assert_eq!(other.hear().await["offer"]["sdp"], "sdp");
    let answer = json!({
        "action": "announce", "info_hash": id("swarm"), "peer_id": id(second),
        "to_peer_id": id(first), "offer_id": id("offer"), "answer": {"type": "answer", "sdp": "sdp"},
    });
    let half = ask(&server, &path).await.ok();
    assert_eq!(half["introductions"][0]["answered"], Value::Null);
    other.say(&answer).await;
    one.hear().await;
    let swarm = ask(&server, &path).await.ok();
    assert_eq!(
        (&swarm["seeders"], &swarm["leechers"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(swarm["peers_total"], 2);
    let peer = |name: &str| {
        let mut peers = swarm["peers"].as_array().unwrap().iter();
        peers
            .find(|peer| peer["peer_id"] == hex(&id(name)))
            .unwrap()
            .clone()
    };
    let (leecher, seeder) = (peer(first), peer(second));
    assert_eq!(leecher["client"], "WebTorrent 2.1");
    assert_eq!(seeder["client"], "Transmission 4.0");
    assert_eq!(
        (&leecher["seeder"], &seeder["seeder"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(
        (&leecher["offers"], &leecher["answers"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(
        (&seeder["offers"], &seeder["answers"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(
        (&leecher["family"], &leecher["address"]),
        (&json!("ipv4"), &json!("192.0.2.0/24"))
    );
    assert_eq!(
        (&seeder["family"], &seeder["address"]),
        (&json!("ipv6"), &json!("2001:db8:1::/48"))
    );
    assert_eq!(leecher["blocked"], false);
    for time in ["age", "heard"] {
        assert!(
            (0.0..20.0).contains(&leecher[time].as_f64().unwrap()),
            "{leecher}"
        );
    }
    // No whole address anywhere.
    assert!(!swarm.to_string().contains("192.0.2.77"));
    let introductions = swarm["introductions"].as_array().unwrap();
    assert_eq!(introductions.len(), 1);
    let introduced = &introductions[0];
    assert_eq!(introduced["from"], hex(&id(first)));
    assert_eq!(introduced["to"], hex(&id(second)));
    let (at, answered) = (introduced["at"].as_f64(), introduced["answered"].as_f64());
    assert!(answered >= at && at > swarm["watched_since"].as_f64().map(|since| since - 1.0));
    assert!(at > Some(1e9));
    let nobody = format!("GET /api/v1/swarms/{}", hex(&id("nobody")));
    assert!(
        ask(&server, &nobody)
            .await
            .refused(404)
            .contains("no such swarm")
    );
    for wrong in ["1", "zz", &"0".repeat(41), &"é".repeat(20)] {
        ask(&server, &format!("GET /api/v1/swarms/{wrong}"))
            .await
            .refused(400);
    }
}

#[tokio::test]
async fn a_swarm_shows_its_peers_over_http_as_such() {
    let server = server_behind_a_proxy(|_| {});
    let mut browser = connect(&server, &[("x-forwarded-for", "192.0.2.77")]).await;
    browser.join("swarm", "-WW0201-one").await;
    for (address, port, left) in [
        ("198.51.100.7", 6881, 1),
        ("2001:db8:1:2::3", 6882, 0),
        ("198.51.100.8", 6883, 0),
    ] {
        let (hash, peer) = (id("swarm"), id("-qB4630-other"));
        let path =
            format!("/announce?info_hash={hash}&peer_id={peer}&port={port}&left={left}&numwant=0");
        crate::announce::ask_from(&server, address, &path).await;
    }
    let path = format!("GET /api/v1/swarms/{}", hex(&id("swarm")));
    let swarm = ask(&server, &path).await.ok();
    assert_eq!(
        (&swarm["peers_total"], &swarm["http"]),
        (&json!(4), &json!(3))
    );
    assert_eq!(
        (&swarm["seeders"], &swarm["leechers"]),
        (&json!(2), &json!(2))
    );
    let peers = swarm["peers"].as_array().unwrap();
    let over_http: Vec<_> = peers.iter().filter(|peer| peer["http"] == true).collect();
    assert_eq!((peers.len(), over_http.len()), (4, 3));
    let told = |port: u16| {
        let mut peer = over_http
            .iter()
            .find(|peer| peer["port"] == port)
            .map(|peer| (*peer).clone())
            .unwrap();
        let heard = peer.as_object_mut().unwrap().remove("heard").unwrap();
        assert!((0.0..20.0).contains(&heard.as_f64().unwrap()), "{heard}");
        peer
    };
    let expected = |port: u16, seeder: bool, family: &str, address: &str| {
        json!({
            "peer_id": hex(&id("-qB4630-other")), "client": "qBittorrent 4.6.3", "seeder": seeder, "http": true,
            "age": null, "offers": null, "answers": null, "family": family, "address": address, "port": port,
            "connection": null, "blocked": false,
        })
    };
    assert_eq!(told(6881), expected(6881, false, "ipv4", "198.51.100.0/24"));
    assert_eq!(told(6882), expected(6882, true, "ipv6", "2001:db8:1::/48"));
    assert_eq!(told(6883), expected(6883, true, "ipv4", "198.51.100.0/24"));
    let text = swarm.to_string();
    assert!(!text.contains("198.51.100.7") && !text.contains("2001:db8:1:2"));
    let browser_shown = peers.iter().find(|peer| peer["http"] == false).unwrap();
    assert_eq!(browser_shown["peer_id"], hex(&id("-WW0201-one")));
    assert!(browser_shown["connection"].is_string());
    assert_eq!(browser_shown["port"], Value::Null);
}

/// The name of a connection in the only swarm.
async fn connection_of(server: &TestServer, name: &str) -> String {
    let path = format!("GET /api/v1/swarms/{}", hex(&id("swarm")));
    let swarm = ask(server, &path).await.ok();
    let peers = swarm["peers"].as_array().unwrap();
    let peer = peers.iter().find(|peer| peer["peer_id"] == hex(&id(name)));
    peer.unwrap()["connection"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_address_is_banned_by_one_of_its_connections_and_all_of_them_are_closed() {
    let server = server(|config| {
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
        config.workers = 2;
    });
    let mut clients = Vec::new();
    for (name, address) in [
        ("a", "192.0.2.77"),
        ("b", "192.0.2.77"),
        ("c", "192.0.2.78"),
    ] {
        let mut client = connect(&server, &[("x-forwarded-for", address)]).await;
        client.join("swarm", name).await;
        clients.push(client);
    }
    let mut exempt = server.connect().await;
    exempt.join("swarm", "d").await;

    let ban = |of: String| format!("POST /api/v1/connections/{of}/ban");
    let one = ban(connection_of(&server, "a").await);
    let body = r#"{"seconds":3600}"#;
    for wrong in [r#"{"seconds":0}"#, r#"{"seconds":2592001}"#, "{}", ""] {
        send(&server, &one, &bearer(TOKEN), wrong)
            .await
            .refused(400);
    }
    let own = format!("X-Forwarded-For: 192.0.2.77\r\n{}", bearer(TOKEN));
    let told = send(&server, &one, &own, body).await.refused(409);
    assert!(told.contains("yourself"), "{told}");
    let of_exempt = ban(connection_of(&server, "d").await);
    let told = send(&server, &of_exempt, &bearer(TOKEN), body).await;
    assert!(told.refused(409).contains("exempt"));

    let banned = send(&server, &one, &bearer(TOKEN), body).await.ok();
    assert_eq!(
        (&banned["seconds"], &banned["closed"], &banned["complete"]),
        (&json!(3600), &json!(2), &json!(true))
    );
    for client in &mut clients[..2] {
        assert_eq!(client.hear_close().await.0, 1008);
    }
    until("they are out", || server.node.connections() == 2).await;
    clients[2].join("swarm", "c").await;
    let refused = send(&server, "GET /ice", "X-Forwarded-For: 192.0.2.77\r\n", "").await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("by the operator"), "{}", refused.body);
    let bans = ask(&server, "GET /api/v1/bans").await.ok();
    assert_eq!(bans["bans"][0]["reason"], "by the operator of this tracker");
    let lift = format!("DELETE /api/v1/bans/{}", banned["banned"].as_str().unwrap());
    ask(&server, &lift).await.ok();
    let let_in = send(&server, "GET /ice", "X-Forwarded-For: 192.0.2.77\r\n", "").await;
    assert_eq!(let_in.status, 200);
    send(&server, &one, &bearer(TOKEN), body).await.refused(404);
    let entries = audit(&server).await;
    assert_eq!((entries.len(), entries[1].0.as_str()), (2, "ban"));
    assert!(!entries[1].1.contains("192.0.2"), "{}", entries[1].1);
}

#[tokio::test]
async fn a_connection_is_kicked_once_and_others_stay() {
    let server = server(|_| {});
    let mut clients = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let mut client = server.connect().await;
        client.join("swarm", name).await;
        clients.push(client);
    }
    let path = format!("GET /api/v1/swarms/{}", hex(&id("swarm")));
    let swarm = ask(&server, &path).await.ok();
    let peers = swarm["peers"].as_array().unwrap();
    let kicked = peers
        .iter()
        .find(|peer| peer["peer_id"] == hex(&id("c")))
        .unwrap();
    let kick = format!(
        "POST /api/v1/connections/{}/kick",
        kicked["connection"].as_str().unwrap()
    );
    ask(&server, &kick).await.ok();
    let (code, reason) = clients[2].hear_close().await;
    assert_eq!((code, reason.as_str()), (1008, "closed by the operator"));
    until("it is out", || server.node.connections() == 3).await;
    assert_eq!(server.node.counters().connections_kicked, 1);
    ask(&server, &kick).await.refused(404);
    for unknown in ["ff00000000000000", "0", "x", "00000000000000ff"] {
        let kick = format!("POST /api/v1/connections/{unknown}/kick");
        assert!(
            ask(&server, &kick)
                .await
                .refused(404)
                .contains("no such connection")
        );
    }
    clients[0].join("swarm", "a").await;
    let [(what, detail)] = &audit(&server).await[..] else {
        panic!("one entry")
    };
    assert_eq!(what, "kick");
    assert!(
        detail.contains(kicked["connection"].as_str().unwrap()),
        "{detail}"
    );
}

#[tokio::test]
async fn sites_are_listed_with_their_connections() {
    let server = server(|_| {});
    let mut program = server.connect().await;
    let mut plain = Vec::new();
    for origin in [
        "https://b.example",
        "https://a.example",
        "https://b.example",
    ] {
        plain.push(connect(&server, &[("origin", origin)]).await);
    }
    for (number, client) in plain.iter_mut().enumerate() {
        client.join("swarm", &format!("p{number}")).await;
    }
    program.join("swarm", "other").await;
    let all = ask(&server, "GET /api/v1/origins").await.ok();
    let wanted = json!({"origins": [
        {"origin": "https://b.example", "connections": 2}, {"origin": "https://a.example", "connections": 1},
    ]});
    assert_eq!(all, wanted);
    drop(plain);
    until("they are gone", || server.node.origins().is_empty()).await;
}

/// Says what is no JSON until the connection is closed.
async fn misbehave(server: &TestServer, times: usize) -> Client<TcpStream> {
    let mut client = connect(server, &[("x-forwarded-for", "192.0.2.7")]).await;
    for _ in 0..times {
        client.say(&json!("nonsense")).await;
    }
    client
}

#[tokio::test]
async fn who_misbehaves_is_shown_with_the_reason_and_what_was_done_and_a_ban_is_lifted() {
    let server = server_behind_a_proxy(|config| {
        config.bans.strikes_max = 0;
        config.bans.strike_every = Duration::ZERO;
        config.bans.connection_score_max = 10;
    });
    let operator = format!("X-Forwarded-For: 198.51.100.1\r\n{}", bearer(TOKEN));
    let ask = async |request: &str| send(&server, request, &operator, "").await;
    let mut client = misbehave(&server, 3).await;
    for _ in 0..3 {
        client.hear().await;
    }
    let all = ask("GET /api/v1/hostile").await.ok();
    let [shown] = &all["connections"].as_array().unwrap()[..] else {
        panic!("{all}")
    };
    assert_eq!(shown["reason"], "3 malformed messages");
    assert!(
        (2.5..=3.0).contains(&shown["score"].as_f64().unwrap()),
        "{shown}"
    );
    assert_eq!(
        (&shown["open"], &shown["address"]),
        (&json!(true), &json!("192.0.2.0/24"))
    );
    assert!(
        shown["done"]
            .as_str()
            .unwrap()
            .contains("more than 10 points")
    );
    drop(client);
    until("it is gone", || server.node.connections() == 0).await;
    let mut banned = false;
    for _ in 0..20 {
        let mut client = misbehave(&server, 11).await;
        while let Ok(Some(Ok(_))) =
            timeout(PATIENCE, futures::StreamExt::next(&mut client.socket)).await
        {}
        until("it is gone", || server.node.connections() == 0).await;
        banned = server.node.counters().bans > 0;
        if banned {
            break;
        }
    }
    assert!(banned);
    let all = ask("GET /api/v1/hostile").await.ok();
    let shown = &all["connections"][0];
    assert_eq!(shown["open"], false);
    assert_eq!(shown["reason"], "hostile behaviour: 11 malformed messages");
    assert!(
        shown["done"]
            .as_str()
            .unwrap()
            .starts_with("closed, and its address banned for ")
    );
    assert!(shown["at"].as_f64() > Some(1e9));
    let bans = ask("GET /api/v1/bans").await.ok();
    let ban = &bans["bans"][0];
    assert_eq!(
        (&ban["reason"], &ban["times"]),
        (&json!("hostile behaviour"), &json!(1))
    );
    assert!((1.0..=60.0).contains(&ban["left"].as_f64().unwrap()));
    let lift = format!("DELETE /api/v1/bans/{}", ban["key"].as_str().unwrap());
    ask(&lift).await.ok();
    assert_eq!(ask("GET /api/v1/bans").await.ok(), json!({"bans": []}));
    misbehave(&server, 1).await.hear().await;
    for unknown in [lift.as_str(), "DELETE /api/v1/bans/x"] {
        assert!(ask(unknown).await.refused(404).contains("no such ban"));
    }
    let entries = ask("GET /api/v1/audit").await.ok();
    assert_eq!(entries["entries"][0]["what"], "ban lifted");
}

#[tokio::test]
async fn settings_are_shown_changed_as_a_whole_and_taken_back() {
    let server = server(|config| config.interval = Some(Duration::from_secs(33)));
    let mut client = server.connect().await;
    assert_eq!(client.join("swarm", "peer").await["interval"], 33);
    let all = ask(&server, "GET /api/v1/settings").await.ok();
    let interval = setting(&all, "interval");
    assert_eq!(
        (&interval["value"], &interval["bounds"]),
        (&json!("33"), &json!("1 to 3600"))
    );
    assert_eq!(
        (&interval["live"], &interval["changed"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(setting(&all, "workers")["live"], false);
    assert_eq!(all["can_undo"], false);
    let changed = patch(
        &server,
        &json!({"interval": 20, "limits.messages_per_second": "30"}),
    )
    .await
    .ok();
    assert_eq!(
        changed["changed"][0],
        json!({"key": "interval", "from": "33", "to": "20"})
    );
    // Open connections go by it when the answer is there.
    assert_eq!(client.join("swarm", "peer").await["interval"], 20);
    let all = ask(&server, "GET /api/v1/settings").await.ok();
    assert_eq!(setting(&all, "interval")["changed"], true);
    assert_eq!(all["can_undo"], true);
    patch(&server, &json!({"interval": null})).await.ok();
    assert_eq!(server.handle.config().interval, None);
    let undo = "POST /api/v1/settings/undo";
    ask(&server, undo).await.ok();
    assert_eq!(
        server.handle.config().interval,
        Some(Duration::from_secs(20))
    );
    ask(&server, undo).await.ok();
    assert_eq!(
        server.handle.config().interval,
        Some(Duration::from_secs(33))
    );
    assert_eq!(server.handle.config().limits.messages_per_second, 20);
    assert!(ask(&server, undo).await.refused(409).contains("no change"));
    let entries = audit(&server).await;
    assert_eq!(
        entries[0].1,
        "taken back: limits.messages_per_second: 30 → 20"
    );
    let first = (
        "settings".to_owned(),
        "limits.messages_per_second: 20 → 30".to_owned(),
    );
    assert_eq!(
        entries[entries.len() - 1],
        ("settings".to_owned(), "interval: 33 → 20".to_owned())
    );
    assert!(entries.contains(&first), "{entries:?}");
}

#[tokio::test]
async fn settings_are_given_as_values_of_json_or_as_text_of_the_configuration() {
    let server = server(|_| {});
    let origins = json!(["https://a.example", "https://b.example"]);
    let wanted = json!({
        "interval": 20, "limits.patience": 4.5, "no_limits": true, "origin": origins, "log_level": "\"debug\"",
    });
    patch(&server, &wanted).await.ok();
    let config = server.handle.config();
    assert_eq!(config.interval, Some(Duration::from_secs(20)));
    assert_eq!(config.limits.patience, Duration::from_millis(4500));
    assert_eq!(json!(config.origin), origins);
    assert!(config.no_limits && config.log_level == "debug");
    let empty = json!({"interval": "30", "no_limits": "false", "origin": []});
    patch(&server, &empty).await.ok();
    let config = server.handle.config();
    assert_eq!(config.interval, Some(Duration::from_secs(30)));
    assert!(!config.no_limits && config.origin.is_empty());
}

#[tokio::test]
async fn impossible_settings_are_refused_with_every_mistake_and_change_nothing() {
    let server = server(|_| {});
    let before = server.handle.config();
    let reply = patch(&server, &json!({
        "interval": "30", "limits.messages_burst": "0", "banana": "1", "workers": "3", "log_level": "loud",
        "admin_token": "\"0123456789abcdef\"",
    }))
    .await;
    reply.refused(400);
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    let errors = body["errors"].as_array().unwrap();
    let keys: Vec<_> = errors
        .iter()
        .map(|error| error.as_str().unwrap().split(':').next().unwrap())
        .collect();
    assert_eq!(
        keys,
        [
            "admin_token",
            "banana",
            "limits.messages_burst",
            "log_level",
            "workers"
        ]
    );
    // Each right by itself, and impossible together.
    let reply = patch(
        &server,
        &json!({"tracker.interval_min": "200", "tracker.interval_max": "100"}),
    )
    .await;
    assert!(reply.refused(400).contains("tracker.interval_min"));
    assert_eq!(server.handle.config(), before);
    for body in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"interval":{"s":30}}"#,
        r#"{"interval":[null]}"#,
        r#"{"origin":"x"}"#,
        "\"x\"",
        "null",
    ] {
        let reply = send(&server, "PATCH /api/v1/settings", &bearer(TOKEN), body).await;
        assert!(!reply.refused(400).is_empty(), "{body}");
    }
    let long = format!("{{\"interval\":\"{}\"}}", "1".repeat(64 * 1024));
    let reply = send(&server, "PATCH /api/v1/settings", &bearer(TOKEN), &long).await;
    assert!(reply.refused(413).contains("65536 bytes"));
    assert!(audit(&server).await.is_empty());
}

#[tokio::test]
async fn a_reload_wins_over_changes_and_secrets_are_never_told() {
    let server = server(|_| {});
    let loaded = server.handle.config();
    patch(&server, &json!({"interval": "20"})).await.ok();
    let other = "another-token-another-token";
    let mut wanted = loaded.clone();
    wanted.interval = Some(Duration::from_secs(40));
    wanted.admin_token = Some(Secret::new(other));
    server.handle.reload(&wanted).await.unwrap();
    assert_eq!(
        server.handle.config().interval,
        Some(Duration::from_secs(40))
    );
    // The old token is worth nothing any more.
    ask(&server, "GET /api/v1/session").await.refused(401);
    let new = bearer(other);
    let all = send(&server, "GET /api/v1/settings", &new, "").await.ok();
    assert_eq!(all["can_undo"], false);
    assert_eq!(setting(&all, "interval")["changed"], false);
    let token = setting(&all, "admin_token");
    assert_eq!(
        (&token["value"], &token["secret"]),
        (&json!("\"(set)\""), &json!(true))
    );
    let entries = send(&server, "GET /api/v1/audit", &new, "")
        .await
        .ok()
        .to_string();
    assert!(
        entries.contains("read again: interval: 20 → 40"),
        "{entries}"
    );
    for text in [all.to_string(), entries] {
        assert!(!text.contains(other) && !text.contains(TOKEN), "{text}");
    }
    // And none switches it off.
    server
        .handle
        .reload(&Config {
            admin_token: None,
            ..wanted
        })
        .await
        .unwrap();
    send(&server, "GET /api/v1/session", &new, "")
        .await
        .refused(404);
}

#[tokio::test]
async fn the_server_leaves_when_it_is_told_to_drain() {
    let server = server(|config| config.drain.quiet = PATIENCE);
    let mut client = server.connect().await;
    client.join("swarm", "peer").await;
    let reply = ask(&server, "POST /api/v1/drain").await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (202, r#"{"draining":true}"#)
    );
    let mut ready = 200;
    while ready == 200 {
        ready = send(&server, "GET /readyz", "", "").await.status;
    }
    assert_eq!(ready, 503);
    // A peer that joined over HTTP now would be unknown to the next server until it announces again.
    let announce =
        "GET /announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=7";
    let told = send(&server, announce, "", "").await;
    assert!(told.body.contains("8:retry ini1e"), "{}", told.body);
    assert_eq!(server.node.counters().failures_http_draining, 1);
    // While it leaves, it can still be asked.
    assert_eq!(audit(&server).await[0].0, "drain");
    server.handle.stop();
}

#[tokio::test]
async fn the_audit_is_read_as_far_as_is_wanted_and_wrong_methods_are_told() {
    let server = server(|_| {});
    for seconds in 10..15 {
        patch(&server, &json!({"interval": seconds.to_string()}))
            .await
            .ok();
    }
    let two = ask(&server, "GET /api/v1/audit?limit=2").await.ok();
    let details = two["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["detail"].clone());
    let wanted = ["interval: 13 → 14", "interval: 12 → 13"];
    assert_eq!(details.collect::<Vec<_>>(), wanted);
    for limit in ["0", "1001", "x"] {
        let reply = ask(&server, &format!("GET /api/v1/audit?limit={limit}")).await;
        assert!(reply.refused(400).contains("limit"));
    }
    let reply = ask(&server, "DELETE /api/v1/audit").await;
    assert!(reply.refused(405).contains("other methods"));
    assert!(reply.head.contains("allow: get"), "{}", reply.head);
}

#[tokio::test]
async fn totals_that_are_not_public_are_told_to_who_shows_the_token() {
    let server = server(|config| {
        config.public_stats = false;
        config.history = History::Memory;
    });
    for path in ["stats", "series", "history?series=swarms"] {
        let request = format!("GET /api/v1/{path}");
        let reply = send(&server, &request, "", "").await;
        assert!(reply.refused(403).contains("public_stats"), "{path}");
        let wrong = bearer("a-wrong-token-a-wrong-token");
        send(&server, &request, &wrong, "").await.refused(401);
        let reply = ask(&server, &request).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
    }
    assert_eq!(server.node.counters().tokens_wrong, 3);
    // The largest swarms are never public.
    let largest = "GET /api/v1/history/swarms";
    send(&server, largest, "", "").await.refused(401);
    assert_eq!(ask(&server, largest).await.status, 200);
}

/// The lines of the page that `curl` runs, in its order.
fn lines() -> Vec<String> {
    let page = crate::docs::read("docs/admin.md");
    let lines = page.lines().filter(|line| line.starts_with("curl "));
    lines.map(str::to_owned).collect()
}

#[test]
fn the_admin_page_shows_every_path_and_none_that_is_not_there() {
    let code = crate::docs::read("src/http/api/admin/mod.rs");
    let shown = lines().join("\n").replace("$HASH", "{info_hash}");
    let shown = shown.replace("$ID", "{id}").replace("$KEY", "{key}");
    let routes = code.split("\"/api/v1/").skip(1);
    let routes: Vec<_> = routes.map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(routes.len() > 10, "{routes:?}");
    for route in &routes {
        let has = |end: &str| shown.contains(&format!("/api/v1/{route}{end}"));
        assert!(has("\"") || has("?"), "{route} is not in docs/admin.md");
    }
    for path in shown.split("/api/v1/").skip(1) {
        let path = path.split(['"', '?']).next().unwrap();
        assert!(routes.contains(&path), "{path} is in docs/admin.md only");
    }
    for (_, path) in PATHS {
        let known = routes.iter().any(|route| {
            let parts = (
                route.split('/'),
                path.trim_start_matches("/api/v1/").split('/'),
            );
            parts.0.clone().count() == parts.1.clone().count()
                && parts
                    .0
                    .zip(parts.1)
                    .all(|(one, other)| one == other || one.starts_with('{'))
        });
        assert!(known, "{path}");
    }
}

#[tokio::test]
async fn the_lines_of_the_admin_page_work() {
    let runs = std::process::Command::new("curl").arg("--version").output();
    if runs.is_err() {
        eprintln!("skipped: there is no curl here");
        return;
    }
    let server = server_behind_a_proxy(|config| {
        config.bans.strikes_max = 0;
        config.bans.strike_every = Duration::ZERO;
        config.connection.malformed_per_minute_max = 1;
        config.history = History::Memory;
        config.drain.quiet = PATIENCE;
    });
    for _ in 0..20 {
        let mut client = misbehave(&server, 3).await;
        while let Ok(Some(Ok(_))) =
            timeout(PATIENCE, futures::StreamExt::next(&mut client.socket)).await
        {}
        until("it is gone", || server.node.connections() == 0).await;
        if server.node.counters().bans > 0 {
            break;
        }
    }
    let bans = ask(&server, "GET /api/v1/bans").await.ok();
    let mut clients = Vec::new();
    for (name, address) in [("kick", "192.0.2.98"), ("ban", "192.0.2.99")] {
        let mut client = connect(&server, &[("x-forwarded-for", address)]).await;
        client.join("swarm", name).await;
        clients.push((name, client, connection_of(&server, name).await));
    }
    let hash = hex(&id("swarm"));
    for line in lines() {
        let named = clients.iter().find(|(name, ..)| line.contains(name));
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &line]).env_remove("http_proxy");
        command.env("HUB", format!("http://{}", server.address));
        command.env("TOKEN", TOKEN).env("HASH", &hash);
        command.env("ID", named.map_or("", |(.., connection)| connection));
        command.env("KEY", bans["bans"][0]["key"].as_str().unwrap());
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}\n{said}");
        let body: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(body.is_object(), "{line}");
    }
    let progress = server.handle.progress();
    until("it leaves", || {
        progress.borrow().phase > swarmhub::Phase::Serving
    })
    .await;
    server.handle.stop();
}
