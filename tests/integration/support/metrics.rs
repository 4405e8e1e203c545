//! Samples of `/metrics`, and what several modules need to produce them.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use swarmhub::config::{Config, HistoryStorage};

use super::{Client, Patience, TestServer, announce, answer, offer};

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
pub(crate) async fn sample(server: &TestServer, name: &str) -> f64 {
    let response = server.get("/metrics", "").await;
    let samples = samples(response.text());
    samples.get(name).copied().unwrap_or(f64::NAN)
}

/// Waits until a sample has this value.
pub(crate) async fn wait_for_sample(server: &TestServer, name: &str, value: f64) {
    let mut patience = Patience::new(&format!("{name} is {value}"));
    let mut last = f64::NAN;
    loop {
        let actual = sample(server, name).await;
        if (actual - value).abs() < 1e-9 {
            return;
        }
        if actual.to_bits() != last.to_bits() {
            patience.progress();
        }
        last = actual;
        patience.turn().await;
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
    leecher.send(&answer("m", "-WW0207-a", &relayed, "y")).await;
    other.receive().await;
    (leecher, other)
}

/// Enables everything that adds metrics, TLS included.
pub(crate) fn enable_all_metrics(config: &mut Config) {
    config.history = HistoryStorage::Memory;
    config.tls.self_signed = true;
    config.listen.push("tls+127.0.0.1:0".parse().unwrap());
}

/// Checks that a program is installed; prints a skip message if not.
#[expect(clippy::print_stdout, reason = "prints the reason of a skipped test")]
pub(crate) fn is_installed(program: &str) -> bool {
    let mut command = Command::new(program);
    let command = command.arg("--version").stdin(Stdio::null());
    let is_found = command.output().is_ok_and(|output| output.status.success());
    if !is_found {
        println!("skipped: {program} is not installed (Debian's package prometheus)");
    }
    is_found
}
