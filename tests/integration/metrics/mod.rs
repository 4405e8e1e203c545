//! `/metrics`: values after real connections, formats, promtool, and scrapes by a real Prometheus.

#![expect(clippy::print_stdout, reason = "prints the reason of a skipped test")]

mod metrics_access;
mod prometheus;
mod recount;
mod reference_stats;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use swarmhub::config::{Config, HistoryStorage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Client, TIMEOUT, TestServer, announce, offer, wait_until};

/// Head and body of a response.
pub(crate) struct Response {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn status(&self) -> &str {
        self.head.get(9..12).unwrap_or(&self.head)
    }
}

/// Sends a GET request with extra headers, each with its line end.
pub(crate) async fn fetch(address: SocketAddr, path: &str, headers: &str) -> Response {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    let read = timeout(TIMEOUT, stream.read_to_string(&mut response));
    read.await.expect("in time").expect("text");
    let (head, body) = response.split_once("\r\n\r\n").expect("a head");
    Response {
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}

/// Returns the samples of a text in either format, by name with labels.
pub(crate) fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("name and value");
        (name.to_owned(), value.parse().expect("a number"))
    };
    lines.map(sample).collect()
}

/// Fetches `/metrics` and returns the value of one sample.
async fn sample(server: &TestServer, name: &str) -> f64 {
    let text = fetch(server.address, "/metrics", "").await.body;
    samples(&text).get(name).copied().unwrap_or(f64::NAN)
}

pub(crate) async fn wait_for_sample(server: &TestServer, name: &str, value: f64) {
    let start = Instant::now();
    loop {
        let actual = sample(server, name).await;
        if (actual - value).abs() < 1e-9 {
            return;
        }
        assert!(
            start.elapsed() < TIMEOUT,
            "{name} actual {actual}, not {value}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Connects two clients, of which one answers the offer of the other.
pub(crate) async fn introduce_clients(server: &TestServer) -> (Client, Client) {
    let mut leecher = server.connect().await;
    leecher.join("m", "-WW0207-a").await;
    let mut other = server.connect().await;
    let mut message = announce("m", "-WW0207-b");
    message["event"] = "started".into();
    message["offers"] = vec![offer("o1", "x"), offer("o2", "x")].into();
    other.send(&message).await;
    other.receive().await;
    let relayed = leecher.receive().await;
    let mut answer = announce("m", "-WW0207-a");
    answer["to_peer_id"] = relayed["peer_id"].clone();
    answer["offer_id"] = relayed["offer_id"].clone();
    answer["answer"] = json!({"type": "answer", "sdp": "y"});
    leecher.send(&answer).await;
    other.receive().await;
    (leecher, other)
}

#[tokio::test]
async fn connections_and_messages_are_counted() {
    let server = TestServer::start(|_| {});
    let (leecher, mut other) = introduce_clients(&server).await;
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
        wait_for_sample(&server, name, value).await;
    }
    assert!(sample(&server, "swarmhub_received_bytes_total").await > 200.0);
    assert!(sample(&server, "swarmhub_sent_bytes_total").await > 200.0);
    drop(leecher);
    other.socket.close(None).await.unwrap();
    wait_until("both are closed", || server.node.connections() == 0).await;
    wait_for_sample(&server, "swarmhub_connections", 0.0).await;
    wait_for_sample(&server, &listener, 0.0).await;
    wait_for_sample(
        &server,
        "swarmhub_connections_closed_total{reason=\"by_client\"}",
        1.0,
    )
    .await;
    wait_for_sample(
        &server,
        "swarmhub_connections_closed_total{reason=\"lost\"}",
        1.0,
    )
    .await;
}

#[tokio::test]
async fn the_format_depends_on_the_accept_header() {
    let server = TestServer::start(|_| {});
    wait_for_sample(&server, "swarmhub_connections", 0.0).await;
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

/// Checks that a program is installed; prints a skip message if not.
pub(crate) fn is_installed(program: &str) -> bool {
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

/// Enables everything that adds metrics, TLS included.
pub(crate) fn enable_all_metrics(config: &mut Config) {
    config.history = HistoryStorage::Memory;
    config.tls.self_signed = true;
    config.listen.push("tls+127.0.0.1:0".parse().unwrap());
}

#[tokio::test]
async fn the_time_of_one_message_in_64_is_measured() {
    let server = TestServer::start(|config| config.no_limits = true);
    let mut client = server.connect().await;
    let measured = "swarmhub_handle_time_seconds_count";
    let median = "swarmhub_handle_time_p50_seconds";
    for _ in 0..63 {
        client.join("m", "a").await;
    }
    wait_for_sample(&server, "swarmhub_announces_total{event=\"regular\"}", 63.0).await;
    assert!(sample(&server, measured).await.abs() < 0.5);
    assert!(sample(&server, median).await.is_nan(), "no value yet");
    for _ in 63..128 {
        client.join("m", "a").await;
    }
    wait_for_sample(&server, measured, 2.0).await;
    let median = sample(&server, median).await;
    assert!(median > 0.0 && median < 1.0, "{median} s");
    let all = sample(&server, "swarmhub_handle_time_seconds_sum").await;
    assert!(all > 0.0 && all < 2.0, "{all} s");
}
