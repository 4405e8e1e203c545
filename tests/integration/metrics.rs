//! `/metrics` as Prometheus sees it: its own checker, its own server, and what the numbers say after real connections.

#![expect(clippy::print_stdout, reason = "a skip is told with its reason")]

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use swarmhub::config::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{PATIENCE, TestServer, announce, offer, until};

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
    let mut heard = String::new();
    let read = timeout(PATIENCE, stream.read_to_string(&mut heard));
    read.await.expect("in time").expect("text");
    let (head, body) = heard.split_once("\r\n\r\n").expect("a head");
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

async fn until_sample(server: &TestServer, name: &str, value: f64) {
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

#[tokio::test]
async fn what_connections_do_is_told() {
    let server = TestServer::start(|_| {});
    let mut leecher = server.connect().await;
    leecher.join("m", "a").await;
    let mut other = server.connect().await;
    let mut message = announce("m", "b");
    message["event"] = "started".into();
    message["offers"] = vec![offer("o1", "x"), offer("o2", "x")].into();
    other.say(&message).await;
    other.hear().await;
    let heard = leecher.hear().await;
    let mut answer = announce("m", "a");
    answer["to_peer_id"] = heard["peer_id"].clone();
    answer["offer_id"] = heard["offer_id"].clone();
    answer["answer"] = serde_json::json!({"type": "answer", "sdp": "y"});
    leecher.say(&answer).await;
    other.hear().await;
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
fn found(program: &str) -> bool {
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
fn all_known(config: &mut Config) {
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
