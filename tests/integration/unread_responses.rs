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
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::process::{Program, command};
use crate::support::{Client, TIMEOUT, TestServer, announce, id};

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
    let mut args = vec!["--listen", "127.0.0.1:0", "--workers", "1"];
    args.extend(["--limits-exempt", "unix", "--log-level", "error"]);
    args.extend(more);
    Program::spawn(&mut command(&args))
}

/// Returns a line of `/proc/PID/status` in bytes.
fn status_bytes(program: &Program, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.unwrap().trim_start_matches(':').trim();
    number.trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Sends a GET request from another address of this machine and reads the whole response.
async fn get(address: SocketAddr, path: &str) -> String {
    let exchange = async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 9, 9], 0).into()).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        response
    };
    timeout(TIMEOUT, exchange).await.expect("in time")
}

async fn fetch_series(address: SocketAddr) -> Value {
    let answer = get(address, "/api/v1/stats").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    serde_json::from_str::<Value>(body).unwrap()["series"].clone()
}

/// Opens a connection from `host`, sends a request, and reads only the start of the response.
async fn send_without_reading(
    address: SocketAddr,
    host: [u8; 4],
    request: &[u8],
) -> tokio::net::TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    // Small segments, as on the internet: with large ones the kernel holds more than the process.
    SockRef::from(&socket).set_tcp_mss(536).unwrap();
    socket.bind((host, 0).into()).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let sending = stream.write_all(request);
    // The server may stop reading; that is expected here.
    let _ = timeout(Duration::from_millis(100), sending).await;
    // The first bytes show whether the request is answered.
    let mut status = [0; 12];
    let begun = timeout(TIMEOUT, stream.read_exact(&mut status)).await;
    begun.expect("in time").expect("an answer");
    stream
}

/// Waits until the server has answered everything it will answer.
async fn wait_until_stable(address: SocketAddr) -> Value {
    let settling = async {
        let (mut last, mut same) = (Value::Null, 0);
        while same < 4 {
            let now = fetch_series(address).await;
            let figures = |of: &Value| json!([of["http_blocked"], of["responses_waiting"]]);
            same = if figures(&now) == figures(&last) {
                same + 1
            } else {
                0
            };
            last = now;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        last
    };
    timeout(3 * TIMEOUT, settling).await.expect("in time")
}

/// Sends `request` on many connections, from one address or from many, and returns the final statistics. Asserts that
/// the process has not grown by more than `GROWTH_MAX`, and that others are served.
async fn check_growth(program: &Program, request: &str, hosts: u8) -> Value {
    let address = program.address;
    let mut honest = Client::connect(address).await;
    honest.join("honest", "member").await;
    get(address, "/api/v1/history?series=connections").await;
    // Resets the peak of resident memory.
    std::fs::write(format!("/proc/{}/clear_refs", program.child.id()), "5").unwrap();
    let before = status_bytes(program, "VmRSS");
    let open = join_all((0..CONNECTIONS).map(|number| {
        let host = [127, 0, 7, 1 + u8::try_from(number).unwrap() % hosts];
        send_without_reading(address, host, request.as_bytes())
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
    format!(
        "GET /api/v1/history?series={recorded}&from=-9900&format={form} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    )
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
    let _unread = send_without_reading(program.address, [127, 0, 7, 1], request.as_bytes()).await;
    let ended = async {
        loop {
            let stats = fetch_series(program.address).await;
            if stats["http_stuck"] == 1 && stats["responses_waiting"] == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(TIMEOUT, ended).await.expect("the connection ends");
}

#[tokio::test]
async fn pipelined_requests_wait_for_unread_responses() {
    let program = start(&["--limits-address-http-time-burst", "3600"]);
    let page = get(program.address, "/").await;
    let base = page
        .split("assets/")
        .nth(1)
        .and_then(|rest| rest.split('/').next());
    let script = format!(
        "/assets/{}/vendor/webtorrent/webtorrent.min.js",
        base.unwrap()
    );
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
        ("GET", &script, 40),
        ("GET", &scrape, 70),
        ("GET", &announce, 1500),
        ("GET", "/api/v1/live", 1),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(times);
        check_growth(&program, &request, 1).await;
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
    check_growth(
        &program,
        "GET /scrape HTTP/1.1\r\nHost: localhost\r\n\r\n",
        1,
    )
    .await;
    let before = status_bytes(&program, "VmRSS");
    for member in &mut members {
        // The members do not read the replies.
        member.send(&json!({"action": "scrape"})).await;
    }
    let stats = wait_until_stable(program.address).await;
    let growth = status_bytes(&program, "VmRSS").saturating_sub(before);
    assert!(growth < 10_000_000, "{growth}: {stats}");
}
