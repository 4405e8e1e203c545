//! `/api/v1/check`: whether the tracker would serve a page, for pages of all sites.

use serde_json::{Value, json};
use swarmhub::config::Config;

use crate::support::TestServer;
use crate::support::bans::{ban, ban_at_once};
use crate::support::http::{Response, get};
use crate::support::wait_for;

const TOKEN: &str = "correct-horse-battery-staple";
const ALLOWED: &str = "https://a.example";
const DENIED: &str = "https://b.example";

fn server(change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start(|config| {
        config.origin = vec![ALLOWED.to_owned()];
        change(config);
    })
}

async fn check(server: &TestServer, query: &str, headers: &str) -> Response {
    let path = format!("/api/v1/check{query}");
    let response = get(server.address, &path, headers).await;
    let readable = response.expect_header("access-control-allow-origin");
    assert_eq!(readable, "*", "{response}");
    assert_eq!(response.expect_header("cache-control"), "no-store");
    response
}

async fn report(server: &TestServer, query: &str, headers: &str) -> Value {
    check(server, query, headers).await.expect(200).json()
}

#[tokio::test]
async fn a_page_learns_whether_its_origin_is_allowed() {
    let server = server(|config| config.origin_denied = vec!["https://c.example".to_owned()]);
    for (query, headers, state) in [
        (format!("?origin={ALLOWED}"), String::new(), "allowed"),
        (
            "?origin=https%3A%2F%2Fa.example".to_owned(),
            String::new(),
            "allowed",
        ),
        (format!("?origin={DENIED}"), String::new(), "denied"),
        ("?origin=null".to_owned(), String::new(), "denied"),
        (String::new(), format!("Origin: {ALLOWED}\r\n"), "allowed"),
        (String::new(), format!("Origin: {DENIED}\r\n"), "denied"),
        // The parameter comes first.
        (
            format!("?origin={ALLOWED}"),
            format!("Origin: {DENIED}\r\n"),
            "allowed",
        ),
        // The built-in pages.
        (
            "?origin=http://hub.example:81".to_owned(),
            "Host: hub.example:81\r\n".to_owned(),
            "allowed",
        ),
        (
            "?origin=http://hub.example:81".to_owned(),
            "Host: hub.example\r\n".to_owned(),
            "denied",
        ),
        (
            "?origin=https://c.example".to_owned(),
            "Host: c.example\r\n".to_owned(),
            "denied",
        ),
    ] {
        let report = report(&server, &query, &headers).await;
        assert_eq!(report["origin"]["state"], state, "{query} {headers}");
        assert_eq!(report["origin"]["reason"].is_string(), state == "denied");
        assert_eq!(report["address"]["state"], "served");
        // Nobody learns other origins of the lists.
        let text = report.to_string();
        assert_eq!(
            text.contains(ALLOWED),
            query.contains("a.example") || headers.contains(ALLOWED)
        );
    }
    let report = report(&server, "", "").await;
    assert_eq!(report["origin"], Value::Null);
    assert_eq!(
        report["token"],
        json!({"state": "not_needed", "reason": null})
    );
    for bad in [
        "?origin=a.example",
        "?origin=",
        "?origin=https://%0a",
        &format!("?origin=https://{}", "a".repeat(300)),
    ] {
        let error = check(&server, bad, "").await.error(400);
        assert!(error.contains("https://example.org"), "{error}");
    }
}

#[tokio::test]
async fn a_page_learns_whether_its_token_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    std::fs::write(&file, TOKEN).unwrap();
    let server = server(|config| config.access.tokens_file = Some(file));
    for (query, state) in [
        ("", "missing"),
        ("?token=", "missing"),
        ("?token=another-horse-battery-staple", "wrong"),
        ("?token=correct-horse-battery-staple", "valid"),
    ] {
        let report = report(&server, query, "").await;
        assert_eq!(report["token"]["state"], state, "{query}");
        assert_eq!(report["token"]["reason"].is_string(), state != "valid");
    }
}

#[tokio::test]
async fn a_check_names_the_tracker_as_its_client_reached_it() {
    let server = server(|config| {
        config.listen = ["127.0.0.1:0", "tracker+127.0.0.1:0", "pages+127.0.0.1:0"]
            .map(|listen| listen.parse().unwrap())
            .to_vec();
        config.proxies.trusted = vec!["127.0.0.1".parse().unwrap()];
        config.base_path = Some("/hub".to_owned());
        config.public_stats = false;
        config.ice_server = vec!["turn:user:password@turn.example".into()];
    });
    let forwarded = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: hub.example\r\n";
    let report = report(&server, "", forwarded).await;
    assert_eq!(report["websocket_url"], "wss://hub.example/hub/");
    let kinds = ["tls", "stun", "turn"].map(|name| report[name].as_bool().unwrap());
    assert_eq!(kinds, [true, false, true]);
    assert_eq!(report["version"], Value::Null);
    assert!(!report.to_string().contains("password"));
    for (listener, url) in [(1, json!("ws://x.example:81/hub/")), (2, Value::Null)] {
        let address = server.address_of(listener);
        let response = get(address, "/api/v1/check", "Host: x.example:81\r\n").await;
        let report = response.ok();
        assert_eq!(report["websocket_url"], url);
        let state = if url.is_null() {
            "no_tracker"
        } else {
            "serving"
        };
        assert_eq!(report["server"]["state"], state);
    }
}

#[tokio::test]
async fn a_refused_address_learns_the_reason() {
    let server = server(|config| {
        config.limits.exempt = Vec::new();
        config.bans.private = true;
        ban_at_once(config);
    });
    ban(&server, "").await;
    let banned = check(&server, "?token=guess", "").await.expect(403);
    assert!(banned.retry_after() > 0);
    let banned = banned.json();
    assert_eq!(banned["address"]["state"], "banned");
    assert_eq!(
        (&banned["origin"], &banned["token"]),
        (&Value::Null, &Value::Null)
    );
    assert!(
        banned["address"]["reason"]
            .as_str()
            .unwrap()
            .contains("banned for another")
    );
}

#[tokio::test]
async fn checks_of_an_address_are_limited() {
    let server = server(|config| {
        config.limits.exempt = Vec::new();
        config.limits.private_factor = 1;
        config.limits.address_http_requests_burst = 1;
        config.limits.address_http_requests_per_second = 1;
    });
    let limited = wait_for("the limit", async || {
        let response = check(&server, "", "").await;
        (response.status == 429).then_some(response)
    })
    .await;
    assert_eq!(limited.json()["address"]["state"], "limited");
    assert!(
        server
            .node
            .counters()
            .failures_address_http_requests_per_second
            > 0
    );
}
