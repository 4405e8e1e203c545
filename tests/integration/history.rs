//! Statistics and history over HTTP: contents, permissions, errors, and history across restarts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use swarmhub::config::{Config, HistoryStorage, Secret};
use swarmhub::metrics::Statistics;

use crate::support::http::bearer;
use crate::support::{TestServer, hex, id, wait_for};

const TOKEN: &str = "0123456789abcdef";

async fn json(server: &TestServer, path: &str) -> Value {
    server.get(path, "").await.ok()
}

/// Returns the error text of a refusal.
async fn error_text(server: &TestServer, path: &str, status: u16) -> String {
    server.get(path, "").await.error(status)
}

fn with_history(history: HistoryStorage) -> impl FnOnce(&mut Config) {
    move |config| config.history = history
}

/// Records the minute before `end`, with five announces a second.
async fn record(server: &TestServer, end: SystemTime) {
    let mut statistics = Statistics::default();
    for second in 0..60 {
        statistics.at = end - Duration::from_secs(60 - second);
        statistics.counters.announces = 5 * second;
        statistics.gauges.connections = 3.0;
        server.node.storage().history().record(&statistics);
    }
    server.node.storage().history().flush().await;
}

fn unix_seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test]
async fn a_restart_keeps_history() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own/history.sqlite");
    // Begins with a step, because the first rate is over a whole one.
    let ten_minutes_ago = unix_seconds(SystemTime::now()) - 600;
    let end = UNIX_EPOCH + Duration::from_secs(ten_minutes_ago / 10 * 10);
    let server = TestServer::start(with_history(HistoryStorage::Path(path.clone())));
    record(&server, end).await;
    assert!(
        server
            .node
            .storage()
            .history()
            .save_document("rules", "[1]".to_owned())
    );
    server.stop().unwrap();
    assert!(
        !path.with_extension("sqlite-wal").exists(),
        "the database was closed"
    );

    let server = TestServer::start(with_history(HistoryStorage::Path(path)));
    let from = unix_seconds(end) - 60;
    let query = format!(
        "/api/v1/history?series=announces,connections&from={from}&to={}",
        unix_seconds(end)
    );
    let answer = json(&server, &query).await;
    assert_eq!(answer["step"], 10);
    let values = |series: &str, which: &str| -> Vec<f64> {
        let values = answer["series"][series][which].as_array().unwrap();
        values.iter().filter_map(Value::as_f64).collect()
    };
    assert!(values("announces", "mean").len() >= 5, "{answer}");
    assert!(
        values("announces", "mean")
            .iter()
            .all(|&rate| (rate - 5.0).abs() < 1e-9),
        "{answer}"
    );
    assert!(
        values("connections", "max")
            .iter()
            .all(|&value| (value - 3.0).abs() < 1e-9)
    );
    let first = answer["at"][0].as_u64().unwrap();
    assert_eq!((first % 10, answer["from"].as_u64()), (0, Some(first)));
    assert_eq!(
        server.node.storage().history().load_document("rules").await,
        Ok(Some("[1]".to_owned()))
    );

    check_csv(&server, &query).await;
}

async fn check_csv(server: &TestServer, query: &str) {
    let csv = server.get(&format!("{query}&format=csv"), "").await;
    assert!(csv.expect_header("content-type").contains("text/csv"));
    let csv = csv.expect(200);
    let mut lines = csv.text().lines();
    assert_eq!(
        lines.next(),
        Some(
            "at,announces_mean,announces_min,announces_max,connections_mean,connections_min,connections_max"
        )
    );
    assert!(lines.next().unwrap().contains(",5,5,5,3,3,3"), "{csv}");
    assert!(lines.all(|line| line.split(',').count() == 7));
}

#[tokio::test]
async fn statistics_and_their_descriptions_are_served() {
    let server = TestServer::start(with_history(HistoryStorage::Memory));
    let mut client = server.connect().await;
    client.join("swarm", "peer").await;
    // The statistics may be one second old.
    let stats = wait_for("the announce is in the statistics", async || {
        let stats = json(&server, "/api/v1/stats").await;
        (stats["series"]["announces"] == 1).then_some(stats)
    })
    .await;
    assert_eq!(stats["series"]["connections"], 1);
    assert_eq!(
        stats["series"]["certificate_left"],
        Value::Null,
        "there is no certificate"
    );
    assert_eq!(stats["series"]["history_works"], 1);
    assert_eq!(stats["phase"], "serving");
    assert_eq!(stats["node"], server.node.id.to_string());
    assert_eq!(stats["version"], env!("CARGO_PKG_VERSION"));
    let at = stats["at"].as_f64().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    assert!((now.as_secs_f64() - at).abs() < 3600.0);

    let series = json(&server, "/api/v1/series").await;
    let series = series.as_array().unwrap();
    assert_eq!(series.len(), stats["series"].as_object().unwrap().len());
    let find = |name: &str| series.iter().find(|series| series["name"] == name).unwrap();
    assert_eq!(find("announces")["kind"], "counter");
    assert_eq!(find("memory_resident")["unit"], "bytes");
    assert_eq!(
        (&find("swarms")["kept"], &find("uptime")["kept"]),
        (&true.into(), &false.into())
    );
    assert!(find("swarms")["doc"].as_str().unwrap().ends_with('.'));
}

#[tokio::test]
async fn history_in_memory_lasts_as_long_as_the_server() {
    let server = TestServer::start(with_history(HistoryStorage::Memory));
    record(&server, SystemTime::now()).await;
    let answer = json(&server, "/api/v1/history?series=announces").await;
    let rates = answer["series"]["announces"]["mean"].as_array().unwrap();
    assert!(rates.contains(&5.into()), "{answer}");
    server.stop().unwrap();
    // A server embedded in another program has no folder for its files.
    let server = TestServer::start(with_history(HistoryStorage::File));
    let answer = json(&server, "/api/v1/history?series=announces").await;
    assert_eq!(
        answer["series"]["announces"]["mean"],
        serde_json::json!([null])
    );
}

#[tokio::test]
async fn without_history_statistics_are_still_served() {
    let server = TestServer::start(with_history(HistoryStorage::Off));
    let error = error_text(&server, "/api/v1/history?series=swarms", 404).await;
    assert!(error.contains("`history` is off"), "{error}");
    let stats = json(&server, "/api/v1/stats").await;
    assert_eq!(stats["series"]["history_works"], Value::Null);
}

#[tokio::test]
async fn invalid_queries_get_a_readable_error() {
    let server = TestServer::start(with_history(HistoryStorage::Memory));
    for (query, expected) in [
        ("", "missing series"),
        ("series=nothing", "unknown series"),
        ("series=uptime", "has no history"),
        ("series=swarms&from=x", "from must be seconds"),
        ("series=swarms&to=1e13", "to must be seconds"),
        ("series=swarms&from=20&to=10", "from is later than to"),
        ("series=swarms&format=xml", "`json` or `csv`"),
    ] {
        let error = error_text(&server, &format!("/api/v1/history?{query}"), 400).await;
        assert!(error.contains(expected), "{query}: {error}");
    }
    // The largest swarms are for administrators only, and no token is set.
    let error = error_text(&server, "/api/v1/history/swarms", 404).await;
    assert!(error.contains("admin_token"), "{error}");
}

#[tokio::test]
async fn statistics_can_be_hidden_from_the_public() {
    let server = TestServer::start(|config| {
        config.history = HistoryStorage::Memory;
        config.public_stats = false;
        config.admin_token = Some(Secret::new(TOKEN));
    });
    let (right, wrong) = (bearer(TOKEN), bearer("0123456789abcdeF"));
    for path in [
        "/api/v1/stats",
        "/api/v1/series",
        "/api/v1/history?series=swarms",
    ] {
        let error = error_text(&server, path, 403).await;
        assert!(error.contains("public_stats"), "{error}");
        server.get(path, &right).await.expect(200);
        server.get(path, &wrong).await.expect(401);
    }
}

#[tokio::test]
async fn the_largest_swarms_are_recorded_only_if_enabled() {
    for is_enabled in [false, true] {
        let server = TestServer::start(|config| {
            config.history = HistoryStorage::Memory;
            config.history_top_swarms = is_enabled;
            config.admin_token = Some(Secret::new(TOKEN));
        });
        let mut client = server.connect().await;
        client.join("swarm", "peer").await;
        let found = wait_for("the swarm is recorded, or never", async || {
            let stats = json(&server, "/api/v1/stats").await;
            let found = server
                .node
                .storage()
                .history()
                .top_swarms(0, i64::MAX)
                .await
                .unwrap();
            let is_done = stats["series"]["swarms"] == 1 && is_enabled != found.is_empty();
            is_done.then_some(found)
        })
        .await;
        let path = "/api/v1/history/swarms?from=0";
        error_text(&server, path, 401).await;
        let response = server.get(path, &bearer(TOKEN)).await.ok();
        if !is_enabled {
            assert_eq!(
                (found.len(), &response["moments"]),
                (0, &serde_json::json!([]))
            );
            continue;
        }
        let hex = hex(&id("swarm"));
        let moment = &response["moments"][0];
        assert_eq!(moment["at"].as_i64().unwrap() % 600, 0);
        let swarm = serde_json::json!([{"info_hash": hex, "seeders": 0, "leechers": 1}]);
        assert_eq!(moment["swarms"], swarm);
    }
}
