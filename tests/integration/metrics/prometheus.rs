//! Scrapes by a real Prometheus, and promtool checks of `/metrics`.

use crate::support::{TIMEOUT, TestServer};
use serde_json::Value;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

use super::{enable_all_metrics, fetch, is_installed, wait_for_sample};

/// A child process that is killed when dropped.
pub(super) struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn promtool_reports_no_problem() {
    if !is_installed("promtool") {
        return;
    }
    let server = TestServer::start(enable_all_metrics);
    server.connect().await.join("m", "a").await;
    wait_for_sample(&server, "swarmhub_announces_total{event=\"regular\"}", 1.0).await;
    let text = fetch(server.address, "/metrics", "").await.body;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("metrics.txt");
    std::fs::write(&file, &text).unwrap();
    let checked = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(std::fs::File::open(&file).unwrap())
        .output()
        .unwrap();
    let printed =
        String::from_utf8_lossy(&checked.stdout) + String::from_utf8_lossy(&checked.stderr);
    assert!(
        checked.status.success() && printed.trim().is_empty(),
        "{printed}\n{text}"
    );
}

/// Starts Prometheus with one target; returns the process and its address.
pub(super) fn start_prometheus(
    folder: &Path,
    target: SocketAddr,
    more: &str,
) -> (KillOnDrop, SocketAddr) {
    // Prometheus does not support port 0. Another program is unlikely to take the port before its bind.
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
    (KillOnDrop(child), address)
}

/// Returns the result of a Prometheus query as soon as there is one.
pub(super) async fn query_prometheus(prometheus: SocketAddr, query: &str) -> f64 {
    let since = Instant::now();
    loop {
        if TcpStream::connect(prometheus).await.is_ok() {
            let path = format!("/api/v1/query?query={query}");
            let fetched = fetch(prometheus, &path, "").await;
            let body = fetched.body;
            // The body may be chunked; the JSON is on one line.
            let json = body.lines().find(|line| line.starts_with('{'));
            let answer: Value = json.map_or(Value::Null, |json| {
                serde_json::from_str(json).unwrap_or(Value::Null)
            });
            let value = &answer["data"]["result"][0]["value"][1];
            if let Some(value) = value.as_str() {
                return value.parse().unwrap();
            }
        }
        assert!(since.elapsed() < 2 * TIMEOUT, "no answer to {query}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_real_prometheus_scrapes_the_server() {
    if !is_installed("prometheus") {
        return;
    }
    let server = TestServer::start(|_| {});
    let mut client = server.connect().await;
    client.join("m", "a").await;
    wait_for_sample(&server, "swarmhub_connections", 1.0).await;
    let folder = tempfile::tempdir().unwrap();
    let (_prometheus, address) = start_prometheus(folder.path(), server.address, "");
    for (query, expected) in [
        ("up", 1.0),
        ("swarmhub_connections", 1.0),
        ("sum(swarmhub_announces_total)", 1.0),
        ("swarmhub_handle_time_seconds_count", 0.0),
    ] {
        let value = query_prometheus(address, query).await;
        assert!((value - expected).abs() < 1e-9, "{query} is {value}");
    }
}
