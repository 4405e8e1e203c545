//! Announces and scrapes under every URL path that users configure or proxies produce.

use bt_bencode::Value;
use swarmhub::config::ListenerRole;

use crate::support::TestServer;
use crate::support::http::Connection;

const HASH: &str = "info_hash=hhhhhhhhhhhhhhhhhhhh";
const PEER: &str = "peer_id=-TR4050-pppppppppppp&port=6881&left=0";

async fn bencoded(server: &TestServer, path: &str) -> Value {
    let response = server.get(path, "").await;
    assert_eq!(response.status, 200, "{path}");
    let content_type = response.expect_header("content-type");
    assert_eq!(content_type, "text/plain", "{path}");
    let value = bt_bencode::from_slice(&response.body);
    value.unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn reason(value: &Value) -> &str {
    let reason = value.get("failure reason");
    reason.and_then(Value::as_str).unwrap_or_default()
}

const PATHS: [&str; 15] = [
    "/",
    "/announce",
    "/announce/",
    "//announce",
    "/tracker",
    "/tracker/",
    "/tracker/announce",
    "/hub/announce",
    "/passkey1/announce",
    "/announce.php",
    "/announce/passkey1",
    "/tracker.php/xxxxxxx/announce",
    "/a/b/c/announce",
    "/dashboard",
    "/healthz",
];

#[tokio::test]
async fn an_announce_is_served_under_any_path() {
    let server = TestServer::start(|_| {});
    for path in PATHS {
        let value = bencoded(&server, &format!("{path}?{HASH}&{PEER}")).await;
        assert_eq!(reason(&value), "", "{path}");
        assert_eq!(value["complete"].as_u64(), Some(1), "{path}");
    }
    let value = bencoded(
        &server,
        &format!("/x?passkey=1&{HASH}&{PEER}&event=stopped"),
    )
    .await;
    assert_eq!(value["complete"].as_u64(), Some(0));
}

#[tokio::test]
async fn a_scrape_is_served_under_any_path_that_ends_in_it() {
    let server = TestServer::start(|_| {});
    for path in PATHS {
        let path = match path {
            "/" | "/tracker" | "/tracker/" | "/dashboard" | "/healthz" => "/scrape".to_owned(),
            path => path.replace("announce", "scrape"),
        };
        let value = bencoded(&server, &format!("{path}?{HASH}")).await;
        assert!(value.get("files").is_some(), "{path}: {value:?}");
    }
}

#[tokio::test]
async fn missing_parameters_are_reported_in_bencode_on_tracker_paths() {
    let server = TestServer::start(|_| {});
    for path in PATHS.iter().filter(|path| path.contains("announce")) {
        let value = bencoded(&server, path).await;
        assert!(reason(&value).contains("info_hash is missing"), "{path}");
        let value = bencoded(&server, &format!("{path}?{HASH}")).await;
        assert!(reason(&value).contains("peer_id is missing"), "{path}");
    }
    for path in ["/?", "/x?", "/x/?y=z&"] {
        let value = bencoded(&server, &format!("{path}{HASH}")).await;
        assert!(reason(&value).contains("peer_id is missing"), "{path}");
    }
    // One question mark from the user and one from an old client.
    for before in ["passkey=x?", "?", "token=x?"] {
        let value = bencoded(&server, &format!("/announce?{before}{HASH}&{PEER}")).await;
        assert_eq!(reason(&value), "", "{before}: {value:?}");
    }
    let value = bencoded(&server, "/announce/index.php").await;
    assert!(reason(&value).contains("info_hash is missing"), "{value:?}");
    for path in ["/full_scrape", "/scrape-x", "/announce-scrape", "/scrape;x"] {
        let value = bencoded(&server, &format!("{path}?{HASH}")).await;
        assert!(value.get("files").is_some(), "{path}: {value:?}");
    }
    assert!(reason(&bencoded(&server, "/x/scrape.php").await).contains("name the info_hash"));
    let response = server.get("/x", "").await;
    response.expect(404).expect_text("/announce");
}

#[tokio::test]
async fn only_a_get_announces() {
    let server = TestServer::start(|_| {});
    for path in PATHS {
        let path = format!("{path}?{HASH}&{PEER}");
        let head = server.send(&format!("HEAD {path}"), "", "").await;
        assert_eq!(head.status, 200, "{path}");
        assert_eq!(head.expect_header("content-type"), "text/plain");
        for method in ["POST", "PUT", "OPTIONS", "DELETE"] {
            let refused = server.send(&format!("{method} {path}"), "", "").await;
            assert_eq!(refused.status, 405, "{method} {path}");
            assert_eq!(refused.expect_header("allow"), "GET, HEAD");
            let value: Value = bt_bencode::from_slice(&refused.body).unwrap();
            assert!(reason(&value).contains("GET"), "{value:?}");
        }
    }
    assert_eq!(server.node.tracker().swarms().totals().http_peers, 0);
    assert_eq!(server.node.counters().http_announces, 0);
}

#[tokio::test]
async fn without_a_tracker_announces_are_refused_in_bencode() {
    let pages = TestServer::start(|config| config.listen[0].role = ListenerRole::Pages);
    let tracker = TestServer::start(|config| config.listen[0].role = ListenerRole::Tracker);
    for path in PATHS {
        let path = format!("{path}?{HASH}&{PEER}");
        let value = bencoded(&pages, &path).await;
        assert!(reason(&value).contains("no HTTP tracker"), "{path}");
        assert_eq!(reason(&bencoded(&tracker, &path).await), "", "{path}");
    }
}

#[tokio::test]
async fn health_checks_are_exempt_from_limits_but_announces_are_not() {
    let server = TestServer::start(|config| {
        config.limits.exempt.clear();
        config.limits.address_connections_max = 1;
    });
    let mut open = Connection::open(server.address).await;
    open.get("/ice", "").await.expect(200);
    let health = server.get("/healthz", "").await.expect(200);
    assert_eq!(health.text(), "ok\n");
    let value = bencoded(&server, &format!("/healthz?{HASH}&{PEER}")).await;
    assert!(
        reason(&value).contains("limits.address_connections_max"),
        "{value:?}"
    );
}

#[tokio::test]
async fn ports_of_other_services_cannot_join_but_can_leave() {
    let server = TestServer::start(|_| {});
    let query = |port: u16, more: &str| {
        format!("/announce?{HASH}&peer_id=-TR4050-pppppppppppp&port={port}{more}")
    };
    for port in [1, 25, 80, 443, 1023, 2049, 5060, 6000, 6667, 10080] {
        let value = bencoded(&server, &query(port, "")).await;
        assert!(reason(&value).contains("This port"), "{port}: {value:?}");
        assert_eq!(value["interval"].as_u64(), Some(1800), "{port}");
        let value = bencoded(&server, &query(port, "&event=stopped")).await;
        assert_eq!(reason(&value), "", "{port}");
    }
    assert_eq!(server.node.counters().failures_http_port, 10);
    assert_eq!(server.node.tracker().swarms().totals().http_peers, 0);
    assert_eq!(reason(&bencoded(&server, &query(1024, "")).await), "");
}

#[tokio::test]
async fn a_stopped_event_never_gets_a_long_retry_time() {
    let server = TestServer::start(|config| config.tracker.full_scrape = false);
    for query in [
        "event=stopped".to_owned(),
        format!("{HASH}&event=stopped"),
        format!("{HASH}&peer_id=-TR4050-pppppppppppp&event=stopped"),
        format!("{HASH}&{HASH}&{PEER}&event=stopped"),
    ] {
        let value = bencoded(&server, &format!("/announce?{query}")).await;
        assert_eq!(value["retry in"].as_u64(), Some(1), "{value:?}");
        assert_eq!(value["interval"].as_u64(), Some(60), "{value:?}");
        assert_eq!(value["min interval"].as_u64(), Some(60), "{value:?}");
    }
}
