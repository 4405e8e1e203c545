//! Scrapes by a real Prometheus, and promtool checks of `/metrics`.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use crate::support::http::get;
use crate::support::metrics::{enable_all_metrics, is_installed, wait_for_sample};
use crate::support::program::{Process, run};
use crate::support::{TestServer, wait_for};

#[tokio::test]
async fn promtool_reports_no_problem() {
    if !is_installed("promtool") {
        return;
    }
    let server = TestServer::start(enable_all_metrics);
    server.connect().await.join("m", "a").await;
    wait_for_sample(&server, "swarmhub_announces_total{event=\"regular\"}", 1.0).await;
    let metrics = server.get("/metrics", "").await.expect(200);
    let text = metrics.text();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("metrics.txt");
    std::fs::write(&file, text).unwrap();
    let mut promtool = Command::new("promtool");
    let promtool = promtool.args(["check", "metrics"]);
    let finished = run(promtool.stdin(std::fs::File::open(&file).unwrap())).await;
    let printed = finished.stdout + &finished.stderr;
    assert_eq!(finished.code, Some(0), "{printed}\n{text}");
    assert_eq!(printed.trim(), "", "{text}");
}

/// Starts Prometheus with one target; returns the process and its address.
pub(super) fn start_prometheus(
    folder: &Path,
    target: SocketAddr,
    more: &str,
) -> (Process, SocketAddr) {
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
    let data = folder.join("data");
    let mut prometheus = Command::new("prometheus");
    let prometheus = prometheus
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", data.display()))
        .arg(format!("--web.listen-address={address}"));
    (Process::spawn(prometheus), address)
}

/// Returns the result of a Prometheus query as soon as there is one.
pub(super) async fn query_prometheus(prometheus: SocketAddr, query: &str) -> f64 {
    let path = format!("/api/v1/query?query={query}");
    wait_for(&format!("an answer to {query}"), async || {
        // Prometheus does not listen at once.
        tokio::net::TcpStream::connect(prometheus).await.ok()?;
        let response = get(prometheus, &path, "").await;
        if response.status != 200 {
            return None;
        }
        let value = response.json()["data"]["result"][0]["value"][1].clone();
        value.as_str().map(|value| value.parse().unwrap())
    })
    .await
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
