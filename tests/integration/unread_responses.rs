//! HTTP clients that send requests and do not read the responses: the memory that the server process holds for them.

#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use futures::future::join_all;
use serde_json::{Value, json};
use socket2::SockRef;
use swarmhub::config::HistoryStorage;
use swarmhub::metrics::Statistics;
use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::support::http::{Connection, Response, request};
use crate::support::program::Program;
use crate::support::{Client, Patience, TestServer, announce, id, wait_for};

/// Connections that do not read.
const CONNECTIONS: usize = 120;
/// Allowed growth of the process in bytes, including the cost of the connections themselves.
const GROWTH_MAX: u64 = 40_000_000;

/// Writes three hours of history of every recorded series.
async fn write_history(file: &Path) {
    let server = TestServer::start(|config| config.history = HistoryStorage::Path(file.to_owned()));
    let mut statistics = Statistics::default();
    let start = SystemTime::now() - Duration::from_mins(175);
    for step in 0..1040_u64 {
        statistics.at = start + Duration::from_secs(10 * step);
        // Numbers with as many digits as those of a busy server.
        statistics.counters.announces = 12_345 * step;
        statistics.gauges.connections = 12_345.678;
        statistics.gauges.memory_resident = 1_234_567_890.5;
        server.node.storage().history().record(&statistics);
        if step % 32 == 0 {
            server.node.storage().history().flush().await;
        }
    }
    server.node.storage().history().flush().await;
    server.stop().unwrap();
}

/// Starts a server on which clients of this machine are not exempt from limits.
fn start(more: &[&str]) -> Program {
    let args = ["--workers", "1", "--limits-exempt", "unix"];
    Program::start(&[&args, more].concat())
}

/// Returns a line of `/proc/PID/status` in bytes.
fn status_bytes(program: &Program, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.unwrap().trim_start_matches(':').trim();
    number.trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Sends a GET request from another address of this machine.
async fn get(address: SocketAddr, path: &str) -> Response {
    let connection = Connection::open_from([127, 0, 9, 9], address).await;
    let target = format!("GET {path}");
    connection.send_last(&target, "", "").await
}

async fn fetch_series(address: SocketAddr) -> Value {
    let stats = get(address, "/api/v1/stats").await.expect(200).json();
    stats["series"].clone()
}

/// Opens a connection from `host`, sends requests, and reads only the head of the first response.
async fn send_without_reading(address: SocketAddr, host: [u8; 4], requests: &str) -> Connection {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    // Small segments, as on the internet: with large ones the kernel holds more than the process.
    SockRef::from(&socket).set_tcp_mss(536).unwrap();
    socket.bind((host, 0).into()).unwrap();
    let mut connection = Connection::new(socket.connect(address).await.unwrap());
    // The server may stop reading; that is expected here.
    let sending = connection.try_write(requests);
    let _ = timeout(Duration::from_millis(100), sending).await;
    // The head shows that the first request is answered.
    connection.read_head().await.expect("an answer");
    connection
}

/// Waits until the server has answered everything it will answer: until the figures of a few seconds are equal.
async fn wait_until_stable(address: SocketAddr) -> Value {
    let mut patience = Patience::new("the figures settle");
    let (mut last, mut same, mut seen) = (Value::Null, 0, 0);
    while same < 3 {
        let now = get(address, "/api/v1/stats").await.expect(200).json();
        // The statistics are taken once a second.
        if now["at"] != last["at"] {
            let is_same = ["http_blocked", "responses_waiting"]
                .iter()
                .all(|name| now["series"][name] == last["series"][name]);
            same = if is_same { same + 1 } else { 0 };
            last = now;
            seen += 1;
            assert!(seen < 300, "the figures never settle: {last}");
            patience.progress();
        }
        patience.turn().await;
    }
    last["series"].clone()
}

/// Sends `request` on many connections, from one address or from many, and returns the final statistics. Asserts that
/// the process has not grown by more than `GROWTH_MAX`, and that others are served.
async fn check_growth(program: &Program, request: &str, hosts: u8) -> Value {
    let address = program.address;
    let mut honest = Client::connect(address).await;
    honest.join("honest", "member").await;
    get(address, "/api/v1/history?series=connections").await;
    // Resets the peak of resident memory.
    std::fs::write(format!("/proc/{}/clear_refs", program.pid()), "5").unwrap();
    let before = status_bytes(program, "VmRSS");
    let open = join_all((0..CONNECTIONS).map(|number| {
        let host = [127, 0, 7, 1 + u8::try_from(number).unwrap() % hosts];
        send_without_reading(address, host, request)
    }));
    let open = open.await;
    let stats = wait_until_stable(address).await;
    let most = status_bytes(program, "VmHWM");
    let growth = most.saturating_sub(before);
    assert!(
        growth < GROWTH_MAX,
        "{request:.60}: the process grew by {growth} bytes: {stats}"
    );
    honest.join("honest", "member").await;
    drop(open);
    stats
}

fn history_request(form: &str) -> String {
    let recorded = recorded_series().join(",");
    let query = format!("series={recorded}&from=-9900&format={form}");
    get_request(&format!("/api/v1/history?{query}"))
}

fn get_request(path: &str) -> String {
    request(&format!("GET {path}"), "", "")
}

fn recorded_series() -> Vec<String> {
    Statistics::series()
        .map(|series| series.name.to_owned())
        .filter(|name| swarmhub::history::retained_series(name).is_some())
        .collect()
}

#[tokio::test]
async fn unread_history_is_limited_per_address_and_in_total() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.sqlite");
    write_history(&file).await;
    let history = file.to_str().unwrap();
    for (form, hosts) in [("json", 1), ("csv", 1), ("json", 100)] {
        let bound = 1_000_000;
        let (own, all) = (bound.to_string(), (2 * bound).to_string());
        let program = start(&[
            "--history",
            history,
            "--limits-address-response-bytes-max",
            &own,
            "--limits-response-bytes-max",
            &all,
            "--connection-stuck-after",
            "120",
            "--limits-address-http-time-burst",
            "3600",
        ]);
        let stats = check_growth(&program, &history_request(form), hosts).await;
        let waiting = stats["responses_waiting"].as_u64().unwrap();
        let most = if hosts == 1 { bound } else { 2 * bound };
        assert!(waiting > most / 4 && waiting <= most, "{waiting} of {most}");
        let refused = if hosts == 1 {
            "refused_address_response_bytes_max"
        } else {
            "refused_response_bytes_max"
        };
        assert!(stats[refused].as_u64().unwrap() > 0, "{stats}");
    }
}

#[tokio::test]
async fn unread_history_ends_its_connection_and_is_released() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.sqlite");
    write_history(&file).await;
    let program = start(&[
        "--history",
        file.to_str().unwrap(),
        "--connection-stuck-after",
        "2",
    ]);
    let request = history_request("json");
    let _unread = send_without_reading(program.address, [127, 0, 7, 1], &request).await;
    wait_for("the connection ends", async || {
        let stats = fetch_series(program.address).await;
        let has_ended = stats["http_stuck"] == 1 && stats["responses_waiting"] == 0;
        has_ended.then_some(())
    })
    .await;
}

#[tokio::test]
async fn pipelined_requests_wait_for_unread_responses() {
    let program = start(&["--limits-address-http-time-burst", "3600"]);
    let script = "/assets/x/vendor/webtorrent/webtorrent.min.js";
    let scrape: String = (0..60).fold("/scrape?x".to_owned(), |mut path, number| {
        let _ = write!(path, "&info_hash={}", id(&format!("{number}")));
        path
    });
    let announce = format!(
        "/announce?info_hash={0}&peer_id={0}&port=6881&compact=0",
        id("a")
    );
    for (method, path, times) in [
        ("HEAD", "/api/v1/series", 3500),
        ("GET", "/healthz", 3500),
        ("GET", "/api/v1/series", 200),
        ("GET", "/metrics", 100),
        ("GET", script, 40),
        ("GET", &scrape, 70),
        ("GET", &announce, 1500),
        ("GET", "/api/v1/live", 1),
    ] {
        let request = request(&format!("{method} {path}"), "", "");
        check_growth(&program, &request.repeat(times), 1).await;
    }
}

#[tokio::test]
async fn an_unread_full_scrape_holds_only_a_part_of_it() {
    let program = start(&["--tracker-full-scrape=true", "--no-limits=true"]);
    let (mut members, mut swarms) = (Vec::new(), 0);
    for member in 0..8 {
        let mut client = Client::connect(program.address).await;
        for _ in 0..10 {
            for number in 0..100 {
                let swarm = format!("{number}-{}-{member}", swarms / 100);
                client.send(&announce(&swarm, "member")).await;
            }
            for _ in 0..100 {
                client.receive().await;
            }
            swarms += 100;
        }
        members.push(client);
    }
    check_growth(&program, &get_request("/scrape"), 1).await;
    let before = status_bytes(&program, "VmRSS");
    for member in &mut members {
        // The members do not read the replies.
        member.send(&json!({"action": "scrape"})).await;
    }
    let stats = wait_until_stable(program.address).await;
    let growth = status_bytes(&program, "VmRSS").saturating_sub(before);
    assert!(growth < 10_000_000, "{growth}: {stats}");
}
