//! `/metrics` as Prometheus sees it: its own checker, its own server, and what the numbers say after real connections.

#![expect(clippy::print_stdout, reason = "a skip is told with its reason")]

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use swarmhub::config::{Config, History, Secret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Client, PATIENCE, TestServer, announce, offer, until};

/// A response: its head, and its body.
pub(crate) struct Fetched {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Fetched {
    pub(crate) fn status(&self) -> &str {
        self.head.get(9..12).unwrap_or(&self.head)
    }
}

/// Asks for a path with more headers, each with its line end.
pub(crate) async fn fetch(address: SocketAddr, path: &str, headers: &str) -> Fetched {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    let read = timeout(PATIENCE, stream.read_to_string(&mut response));
    read.await.expect("in time").expect("text");
    let (head, body) = response.split_once("\r\n\r\n").expect("a head");
    Fetched {
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}

/// The samples of a text in either format, by name with labels.
pub(crate) fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("name and value");
        (name.to_owned(), value.parse().expect("a number"))
    };
    lines.map(sample).collect()
}

/// The value of one sample as a new enough text tells it.
async fn sample(server: &TestServer, name: &str) -> f64 {
    let text = fetch(server.address, "/metrics", "").await.body;
    samples(&text).get(name).copied().unwrap_or(f64::NAN)
}

pub(crate) async fn until_sample(server: &TestServer, name: &str, value: f64) {
    let began = Instant::now();
    loop {
        let is = sample(server, name).await;
        if (is - value).abs() < 1e-9 {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{name} is {is}, not {value}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Two clients of which one answers the offer of the other.
pub(crate) async fn introduced(server: &TestServer) -> (Client, Client) {
    let mut leecher = server.connect().await;
    leecher.join("m", "-WW0207-a").await;
    let mut other = server.connect().await;
    let mut message = announce("m", "-WW0207-b");
    message["event"] = "started".into();
    message["offers"] = vec![offer("o1", "x"), offer("o2", "x")].into();
    other.say(&message).await;
    other.hear().await;
    let heard = leecher.hear().await;
    let mut answer = announce("m", "-WW0207-a");
    answer["to_peer_id"] = heard["peer_id"].clone();
    answer["offer_id"] = heard["offer_id"].clone();
    answer["answer"] = json!({"type": "answer", "sdp": "y"});
    leecher.say(&answer).await;
    other.hear().await;
    (leecher, other)
}

#[tokio::test]
async fn what_connections_do_is_told() {
    let server = TestServer::start(|_| {});
    let (leecher, mut other) = introduced(&server).await;
    let listener = format!(
        "swarmhub_connections_by_listener{{listener=\"{}\"}}",
        server.address
    );
    for (name, value) in [
        ("swarmhub_connections", 2.0),
        ("swarmhub_connections_by_family{family=\"ipv4\"}", 2.0),
        (&listener, 2.0),
        ("swarmhub_leechers", 2.0),
        ("swarmhub_announces_total{event=\"regular\"}", 1.0),
        ("swarmhub_announces_total{event=\"started\"}", 1.0),
        ("swarmhub_offers_received_total", 2.0),
        ("swarmhub_offers_relayed_total", 1.0),
        ("swarmhub_offers_dropped_total{reason=\"no_receiver\"}", 1.0),
        ("swarmhub_answers_total{fate=\"relayed\"}", 1.0),
        ("swarmhub_answer_time_seconds_count", 1.0),
        ("swarmhub_offers_answered_ratio", 1.0),
    ] {
        until_sample(&server, name, value).await;
    }
    assert!(sample(&server, "swarmhub_received_bytes_total").await > 200.0);
    assert!(sample(&server, "swarmhub_sent_bytes_total").await > 200.0);
    drop(leecher);
    other.socket.close(None).await.unwrap();
    until("both have gone", || server.node.connections() == 0).await;
    until_sample(&server, "swarmhub_connections", 0.0).await;
    until_sample(&server, &listener, 0.0).await;
    until_sample(
        &server,
        "swarmhub_connections_closed_total{reason=\"by_client\"}",
        1.0,
    )
    .await;
    until_sample(
        &server,
        "swarmhub_connections_closed_total{reason=\"lost\"}",
        1.0,
    )
    .await;
}

#[tokio::test]
async fn each_reader_gets_the_format_that_it_reads() {
    let server = TestServer::start(|_| {});
    until_sample(&server, "swarmhub_connections", 0.0).await;
    let plain = fetch(server.address, "/metrics", "").await;
    assert_eq!(plain.status(), "200");
    assert!(
        plain
            .head
            .contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{}",
        plain.head
    );
    assert!(plain.head.contains("cache-control: no-store"));
    let accept = "Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2\r\n";
    let open = fetch(server.address, "/metrics", accept).await;
    assert!(
        open.head
            .contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{}",
        open.head
    );
    assert!(open.body.ends_with("# EOF\n"));
    let names = |text: &str| samples(text).into_keys().collect::<Vec<_>>();
    assert_eq!(names(&plain.body), names(&open.body));
    assert!(plain.body.contains("swarmhub_build_info{version="));
}

/// Where a program is, or why it is not there.
pub(crate) fn found(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let found = found.is_ok_and(|status| status.success());
    if !found {
        println!("skipped: {program} is not installed (Debian's package prometheus)");
    }
    found
}

/// Stopped when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already, or ends now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Everything that can be known is known: TLS included.
pub(crate) fn all_known(config: &mut Config) {
    config.history = History::Memory;
    config.tls.self_signed = true;
    config.listen.push("tls+127.0.0.1:0".parse().unwrap());
}

#[tokio::test]
async fn the_checker_of_prometheus_finds_nothing_to_say() {
    if !found("promtool") {
        return;
    }
    let server = TestServer::start(all_known);
    server.connect().await.join("m", "a").await;
    until_sample(&server, "swarmhub_announces_total{event=\"regular\"}", 1.0).await;
    let text = fetch(server.address, "/metrics", "").await.body;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("metrics.txt");
    std::fs::write(&file, &text).unwrap();
    let checked = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(std::fs::File::open(&file).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stdout) + String::from_utf8_lossy(&checked.stderr);
    assert!(
        checked.status.success() && said.trim().is_empty(),
        "{said}\n{text}"
    );
}

/// Starts Prometheus with one target; its address.
fn prometheus(folder: &Path, target: SocketAddr, more: &str) -> (Running, SocketAddr) {
    // It takes no port 0. Between this and its own bind nobody else is likely to get the port.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let config = folder.join("prometheus.yml");
    std::fs::write(
        &config,
        format!(
            "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: swarmhub\n{more}    \
             static_configs:\n      - targets: ['{target}']\n"
        ),
    )
    .unwrap();
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.join("data").display()
        ))
        .arg(format!("--web.listen-address={address}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    (Running(child), address)
}

/// What Prometheus answers to a query, as soon as it has something.
async fn asked(prometheus: SocketAddr, query: &str) -> f64 {
    let began = Instant::now();
    loop {
        if TcpStream::connect(prometheus).await.is_ok() {
            let path = format!("/api/v1/query?query={query}");
            let fetched = fetch(prometheus, &path, "").await;
            let body = fetched.body;
            // Chunks are told by lines of their own; the JSON is one.
            let json = body.lines().find(|line| line.starts_with('{'));
            let answer: Value = json.map_or(Value::Null, |json| {
                serde_json::from_str(json).unwrap_or(Value::Null)
            });
            let value = &answer["data"]["result"][0]["value"][1];
            if let Some(value) = value.as_str() {
                return value.parse().unwrap();
            }
        }
        assert!(began.elapsed() < 2 * PATIENCE, "no answer to {query}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_real_prometheus_scrapes_it() {
    if !found("prometheus") {
        return;
    }
    let server = TestServer::start(|_| {});
    let mut client = server.connect().await;
    client.join("m", "a").await;
    until_sample(&server, "swarmhub_connections", 1.0).await;
    let folder = tempfile::tempdir().unwrap();
    let (_prometheus, address) = prometheus(folder.path(), server.address, "");
    for (query, expected) in [
        ("up", 1.0),
        ("swarmhub_connections", 1.0),
        ("sum(swarmhub_announces_total)", 1.0),
        ("swarmhub_handle_time_seconds_count", 0.0),
    ] {
        let value = asked(address, query).await;
        assert!((value - expected).abs() < 1e-9, "{query} is {value}");
    }
}

#[tokio::test]
async fn the_time_of_one_message_in_64_is_measured() {
    let server = TestServer::start(|config| config.no_limits = true);
    let mut client = server.connect().await;
    let measured = "swarmhub_handle_time_seconds_count";
    let half = "swarmhub_handle_time_p50_seconds";
    for _ in 0..63 {
        client.join("m", "a").await;
    }
    until_sample(&server, "swarmhub_announces_total{event=\"regular\"}", 63.0).await;
    assert!(sample(&server, measured).await.abs() < 0.5);
    assert!(sample(&server, half).await.is_nan(), "none is known yet");
    for _ in 63..128 {
        client.join("m", "a").await;
    }
    until_sample(&server, measured, 2.0).await;
    let half = sample(&server, half).await;
    assert!(half > 0.0 && half < 1.0, "{half} s");
    let all = sample(&server, "swarmhub_handle_time_seconds_sum").await;
    assert!(all > 0.0 && all < 2.0, "{all} s");
}

/// With the token that it has to show, at an address of its own.
#[tokio::test]
async fn a_token_and_an_address_of_its_own_keep_others_away() {
    const TOKEN: &str = "0123456789abcdef-metrics";
    let server = TestServer::start(|config| {
        config.metrics.listen = vec!["127.0.0.1:0".parse().unwrap()];
        config.metrics.token = Some(Secret::new(TOKEN));
    });
    let own = server.address_of(1);
    let there = fetch(server.address, "/metrics", "").await;
    assert_eq!(there.status(), "404");
    assert!(there.body.contains("metrics.listen"), "{}", there.body);
    for shown in [
        "",
        "Authorization: Bearer 0123456789abcdef\r\n",
        "Authorization: Basic eDp5\r\n",
        "Authorization: Bearer\r\n",
    ] {
        let refused = fetch(own, "/metrics", shown).await;
        assert_eq!(refused.status(), "401", "{shown}");
        assert!(
            refused.head.contains("www-authenticate: bearer"),
            "{}",
            refused.head
        );
        assert!(!refused.body.contains("swarmhub_"));
    }
    let shown = format!("Authorization: bearer {TOKEN}\r\n");
    let told = fetch(own, "/metrics", &shown).await;
    assert_eq!(told.status(), "200");
    assert!(told.body.contains("swarmhub_"));
    for (path, status) in [("/", "404"), ("/stats", "404"), ("/healthz", "200")] {
        assert_eq!(fetch(own, path, "").await.status(), status, "{path}");
    }
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    assert_eq!(fetch(own, "/", upgrade).await.status(), "404");

    if !found("prometheus") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let credentials = format!("    authorization:\n      credentials: {TOKEN}\n");
    let (_prometheus, address) = prometheus(folder.path(), own, &credentials);
    assert!((asked(address, "up").await - 1.0).abs() < 1e-9);
}

#[tokio::test]
async fn wrong_tokens_are_counted_and_limited_and_keep_nobody_else_out() {
    const TOKEN: &str = "0123456789abcdef-metrics";
    const ADMIN: &str = "0123456789abcdef-admin";
    let server = TestServer::start(|config| {
        config.metrics.token = Some(Secret::new(TOKEN));
        config.admin_token = Some(Secret::new(ADMIN));
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
        config.limits.wrong_tokens_per_minute = 5;
        config.limits.all_wrong_tokens_per_minute = 7;
    });
    let from = |address: &str, token: &str| {
        format!("X-Forwarded-For: {address}\r\nAuthorization: Bearer {token}\r\n")
    };
    let ask = async |address: &str, token: &str| {
        fetch(server.address, "/metrics", &from(address, token)).await
    };
    let (prometheus, attacker) = ("198.51.100.1", "192.0.2.7");
    assert_eq!(ask(prometheus, TOKEN).await.status(), "200");
    // Who shows none guesses at none.
    for _ in 0..10 {
        let none = fetch(server.address, "/metrics", "").await;
        assert_eq!(none.status(), "401");
    }
    for _ in 0..5 {
        assert_eq!(ask(attacker, "a-wrong-token").await.status(), "401");
    }
    let refused = ask(attacker, TOKEN).await;
    assert_eq!(refused.status(), "429");
    assert!(refused.head.contains("retry-after: "), "{}", refused.head);
    assert!(refused.body.contains("limits.wrong_tokens_per_minute"));
    for _ in 0..2 {
        assert_eq!(ask("192.0.2.8", "a-wrong-token").await.status(), "401");
    }
    let refused = ask("192.0.2.9", "a-wrong-token").await;
    assert!(refused.body.contains("limits.all_wrong_tokens_per_minute"));
    let counters = server.node.counters();
    assert_eq!(counters.tokens_wrong, 7);
    assert_eq!(counters.refused_wrong_tokens_per_minute, 1);
    assert_eq!(counters.refused_all_wrong_tokens_per_minute, 1);
    // Neither Prometheus nor the operator is kept out, not even where the guesses come from.
    assert_eq!(ask(prometheus, TOKEN).await.status(), "200");
    let session = fetch(server.address, "/api/v1/session", &from(attacker, ADMIN)).await;
    assert_eq!(session.status(), "200");
}

#[test]
fn an_address_for_metrics_serves_nothing_else() {
    for (listen, blamed) in [
        ("tracker+127.0.0.1:9100", "would serve more than metrics"),
        ("pages+127.0.0.1:9100", "would serve more than metrics"),
        ("127.0.0.1:8000", "is in listen as well"),
        ("tls+127.0.0.1:9100", "has no certificate to show"),
    ] {
        let mut config = Config {
            listen: vec!["127.0.0.1:8000".parse().unwrap()],
            ..Config::default()
        };
        config.metrics.listen = vec![listen.parse().unwrap()];
        let problems = config.check().unwrap_err();
        assert_eq!(problems.len(), 1);
        let told = problems[0].to_string();
        assert!(
            told.contains("metrics.listen") && told.contains(blamed),
            "{told}"
        );
    }
    let mut config = Config::default();
    config.metrics.listen = vec!["127.0.0.1:9100".parse().unwrap()];
    assert!(config.check().is_ok());
}

#[tokio::test]
async fn metrics_are_told_when_the_server_is_full() {
    let server = TestServer::start(|config| config.limits.connections_max = Some(1));
    let _only = server.connect().await;
    assert_eq!(
        fetch(server.address, "/stats.json", "").await.status(),
        "503"
    );
    until_sample(&server, "swarmhub_connections_max", 1.0).await;
    until_sample(
        &server,
        "swarmhub_connections_refused_total{reason=\"connections_max\"}",
        1.0,
    )
    .await;
}

#[tokio::test]
async fn the_statistics_of_the_reference_tracker_are_told_in_its_shape() {
    let server = TestServer::start(|_| {});
    let (_leecher, _other) = introduced(&server).await;
    let mut seeder = server.connect().await;
    let mut message = announce("n", "<b>&0000");
    message["left"] = 0.into();
    seeder.say(&message).await;
    seeder.hear().await;
    let mut again = server.connect().await;
    again.join("m", "<b>&0000").await;
    until_sample(&server, "swarmhub_swarms", 2.0).await;
    until_sample(
        &server,
        "swarmhub_connections_by_family{family=\"ipv4\"}",
        4.0,
    )
    .await;
    let told = fetch(server.address, "/stats.json", "").await;
    assert_eq!(told.status(), "200");
    assert!(told.head.contains("access-control-allow-origin: *"));
    assert!(told.head.contains("content-type: application/json"));
    let stats: Value = serde_json::from_str(&told.body).unwrap();
    let expected = json!({
        "torrents": 2, "activeTorrents": 2, "peersAll": 3, "peersSeederOnly": 0, "peersLeecherOnly": 2,
        "peersSeederAndLeecher": 1, "peersIPv4": 4, "peersIPv6": 0,
        "clients": {"WebTorrent": {"2.7": 2}, "unknown": {"other": 1}},
    });
    assert_eq!(stats, expected);

    let accepts = fetch(server.address, "/stats", "Accept: application/json\r\n").await;
    assert_eq!(
        serde_json::from_str::<Value>(&accepts.body).unwrap(),
        expected
    );
    let page = fetch(server.address, "/stats", "Accept: text/html\r\n").await;
    assert!(
        page.head.contains("content-type: text/html"),
        "{}",
        page.head
    );
    assert!(
        page.head
            .contains("content-security-policy: default-src 'none'")
    );
    assert!(
        page.body.contains("WebTorrent 2.7</th><td>2</td>"),
        "{}",
        page.body
    );
    assert!(!page.body.contains("<b>"));

    let clients = fetch(server.address, "/api/v1/clients", "").await;
    let clients: Value = serde_json::from_str(&clients.body).unwrap();
    assert_eq!(
        clients["clients"][0],
        json!({"name": "WebTorrent", "version": "2.7", "members": 2, "websocket": 2, "http": 0})
    );
    assert_eq!(
        (&clients["peers"], &clients["both"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(clients["families"]["ipv4"], 4);
}

#[tokio::test]
async fn who_announces_over_http_is_counted_like_the_others_and_apart_from_them() {
    let server =
        TestServer::start(|config| config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()]);
    let mut browser = server.connect().await;
    browser.join("m", "-WW0207-a").await;
    for (swarm, peer, address, left) in [
        ("m", "-qB4630-a", "192.0.2.1", 0),
        ("m", "-qB4630-a", "2001:db8::1", 0),
        ("n", "-qB4630-a", "192.0.2.1", 1),
        ("n", "-TR4050-b", "2001:db8::2", 1),
        // The browser itself, when it is a program as well.
        ("m", "-WW0207-a", "192.0.2.3", 1),
    ] {
        let (hash, peer) = (crate::support::id(swarm), crate::support::id(peer));
        let path = format!("/announce?info_hash={hash}&peer_id={peer}&port=6881&left={left}");
        crate::announce::ask_from(&server, address, &path).await;
    }
    until_sample(&server, "swarmhub_http_peers", 5.0).await;
    until_sample(&server, "swarmhub_connections", 1.0).await;
    let told = fetch(server.address, "/api/v1/clients", "").await.body;
    let mut told: Value = serde_json::from_str(&told).unwrap();
    told.as_object_mut().unwrap().remove("at").unwrap();
    let client = |name: &str, version: &str, members: u64, websocket: u64, http: u64| json!({"name": name, "version": version, "members": members, "websocket": websocket, "http": http});
    let expected = json!({
        "peers": 3, "seeders_only": 0, "leechers_only": 2, "both": 1, "websocket": 1, "http": 3,
        "families": {"ipv4": 1, "ipv6": 0, "unix": 0}, "http_families": {"ipv4": 2, "ipv6": 2},
        "clients": [
            client("Transmission", "4.0.5", 1, 0, 1),
            client("WebTorrent", "2.7", 1, 1, 1),
            client("qBittorrent", "4.6.3", 1, 0, 1),
        ],
    });
    assert_eq!(told, expected);
    let stats = fetch(server.address, "/stats.json", "").await.body;
    let stats: Value = serde_json::from_str(&stats).unwrap();
    let expected = json!({
        "torrents": 2, "activeTorrents": 2, "peersAll": 3, "peersSeederOnly": 0, "peersLeecherOnly": 2,
        "peersSeederAndLeecher": 1, "peersIPv4": 3, "peersIPv6": 2,
        "clients": {"Transmission": {"4.0.5": 1}, "WebTorrent": {"2.7": 1}, "qBittorrent": {"4.6.3": 1}},
    });
    assert_eq!(stats, expected);
}

#[tokio::test]
async fn totals_can_be_kept_from_everybody() {
    let server = TestServer::start(|config| {
        config.public_stats = false;
        config.admin_token = Some(Secret::new("0123456789abcdef"));
    });
    for path in ["/stats", "/stats.json", "/api/v1/clients", "/metrics"] {
        let refused = fetch(server.address, path, "").await;
        assert_eq!(refused.status(), "403", "{path}");
        assert!(refused.body.contains("public_stats"), "{}", refused.body);
        let token = "Authorization: Bearer 0123456789abcdef\r\n";
        let told = fetch(server.address, path, token).await;
        assert_eq!(told.status(), "200", "{path}");
    }
    // A token of their own lets in who has it, and nobody else.
    let server = TestServer::start(|config| {
        config.public_stats = false;
        config.metrics.token = Some(Secret::new("fedcba9876543210"));
    });
    assert_eq!(fetch(server.address, "/metrics", "").await.status(), "401");
    let token = "Authorization: Bearer fedcba9876543210\r\n";
    let told = fetch(server.address, "/metrics", token).await;
    assert_eq!(told.status(), "200");
}

/// What clients do at random, and what is then said of it.
#[tokio::test]
async fn the_numbers_agree_with_a_recount() {
    const CLIENTS: usize = 12;
    const STEPS: usize = 1500;
    let seed = 7;
    let mut rng = SmallRng::seed_from_u64(seed);
    let server = TestServer::start(|config| config.tracker.offers_per_announce_max = 3);
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(server.connect().await);
    }
    for step in 0..STEPS {
        let number = rng.random_range(0..CLIENTS);
        let swarm = format!("s{}", rng.random_range(0..5));
        let peer = format!("p{number}");
        let mut message = announce(&swarm, &peer);
        match rng.random_range(0..12) {
            0 => message["event"] = "stopped".into(),
            1 => message["event"] = "completed".into(),
            2 => message["event"] = "started".into(),
            3 => message["left"] = 0.into(),
            4 => message["peer_id"] = "short".into(),
            5 => message["action"] = "dance".into(),
            6 => {
                message["answer"] = json!({"type": "answer", "sdp": "y"});
                message["to_peer_id"] = crate::support::id("p1").into();
                message["offer_id"] = crate::support::id("o1").into();
            }
            7 if step % 5 == 0 => clients[number] = server.connect().await,
            _ => {
                let offers = (0..rng.random_range(1..6)).map(|offer_number| {
                    let sdp = if rng.random_range(0..9) == 0 { "" } else { "x" };
                    let mut offer = offer(&format!("o{offer_number}"), sdp);
                    if sdp.is_empty() {
                        offer["offer"] = Value::Null;
                    }
                    offer
                });
                message["offers"] = offers.collect();
            }
        }
        clients[number].say(&message).await;
        if step % 100 == 99 {
            settle(&mut clients).await;
        }
    }
    settle(&mut clients).await;
    until("those that were replaced are gone", || {
        server.node.connections() == CLIENTS as u64
    })
    .await;
    check(&server, CLIENTS).await;
}

/// Waits until everything said was served: each client asks for something that only its own scrape answers.
async fn settle(clients: &mut [Client]) {
    for client in clients {
        client
            .say(&json!({"action": "scrape", "info_hash": crate::support::id("end")}))
            .await;
        while client.hear().await["action"] != "scrape" {}
    }
}

async fn check(server: &TestServer, connections: usize) {
    let after = SystemTime::now();
    let board = server.node.board();
    until("newer statistics", || board.latest().at > after).await;
    let text = fetch(server.address, "/metrics", "").await.body;
    let samples = samples(&text);
    let sum = |name: &str| -> f64 {
        let own = samples.iter().filter(|(sample, _)| {
            sample.as_str() == name || sample.starts_with(&format!("{name}{{"))
        });
        own.map(|(_, value)| value).sum()
    };
    let counters = server.node.counters();
    let recount = server.node.tracker().swarms().recount().expect("in order");
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let number = |count: u64| count as f64;
    let own = [
        ("swarms", "swarmhub_swarms", recount.swarms as u64),
        ("seeders", "swarmhub_seeders", recount.seeders as u64),
        ("leechers", "swarmhub_leechers", recount.leechers as u64),
        ("connections", "swarmhub_connections", connections as u64),
        (
            "by family",
            "swarmhub_connections_by_family",
            connections as u64,
        ),
        (
            "by listener",
            "swarmhub_connections_by_listener",
            connections as u64,
        ),
        (
            "closed",
            "swarmhub_connections_closed_total",
            counters.connections_closed,
        ),
        (
            "open",
            "swarmhub_connections",
            counters.connections_opened - counters.connections_closed,
        ),
        ("announces", "swarmhub_announces_total", counters.announces),
        (
            "answers",
            "swarmhub_answers_total",
            counters.answers_received,
        ),
        (
            "offers",
            "swarmhub_offers_received_total",
            counters.offers_received,
        ),
        (
            "failures",
            "swarmhub_failures_total",
            counters.failures_malformed,
        ),
        (
            "timed",
            "swarmhub_answer_time_seconds_count",
            counters.answers_relayed,
        ),
    ];
    for (what, name, expected) in own {
        let told = sum(name);
        assert!(
            (told - number(expected)).abs() < 0.5,
            "{what}: {told} is told of {expected}"
        );
    }
    let left = counters.offers_malformed
        + counters.offers_surplus
        + counters.offers_copied
        + counters.offers_without_receiver;
    assert_eq!(counters.offers_received, counters.offers_relayed + left);
    for (what, seen) in [
        ("offers relayed", counters.offers_relayed),
        ("offers dropped", left),
        ("failures", counters.failures_malformed),
        ("answers", counters.answers_received),
        ("closed", counters.connections_closed),
    ] {
        assert!(seen > 10, "{what}: the run has {seen}, which proves little");
    }
}
