//! What `/ice` publishes about the TURN relay of this server.

use std::path::PathBuf;

use super::*;

/// Returns the URLs that a client on the internet gets.
async fn urls(case: &ConnectionTest, host: &str) -> Vec<String> {
    let request = format!("GET /ice HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let (_, response) = case.send(Some("198.51.100.1"), &request).await;
    let (_, body) = response.split_once("\r\n\r\n").expect("a response");
    let document: serde_json::Value = serde_json::from_str(body).expect(body);
    let servers = document["iceServers"].as_array().expect("a list");
    let url = |server: &serde_json::Value| server["urls"].as_str().map(str::to_owned);
    servers.iter().filter_map(url).collect()
}

fn case_with(change: impl FnOnce(&mut Config)) -> ConnectionTest {
    let mut config = Config::default();
    config.ice.turn = true;
    change(&mut config);
    ConnectionTest::with(&config)
}

#[tokio::test]
async fn a_page_gets_turn_at_the_port_that_it_reached() {
    let case = case_with(|_| {});
    assert_eq!(
        urls(&case, "a.example:8000").await,
        ["turn:a.example:8000?transport=tcp"]
    );
    let mut case = case_with(|config| config.tls.certificate = vec![PathBuf::from("tls.crt")]);
    case.is_tls = true;
    assert_eq!(
        urls(&case, "a.example").await,
        ["turns:a.example:443?transport=tcp"]
    );
}

#[tokio::test]
async fn a_page_with_a_self_signed_certificate_gets_no_turn_over_tls() {
    let mut case = case_with(|config| config.tls.self_signed = true);
    case.is_tls = true;
    assert_eq!(
        urls(&case, "a.example").await,
        ["turn:a.example:443?transport=tcp"]
    );
}

#[tokio::test]
async fn a_page_behind_a_reverse_proxy_gets_no_turn_over_tcp() {
    let case = case_with(|config| config.proxies.trusted = vec!["192.0.2.0/24".parse().unwrap()]);
    let request = "GET /ice HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 198.51.100.1\r\nConnection: close\r\n\r\n";
    let (_, response) = case.send(Some("192.0.2.1"), request).await;
    assert!(response.contains(r#""iceServers":[]"#), "{response}");
}

#[tokio::test]
async fn without_the_relay_there_is_no_turn() {
    let case = case_with(|config| config.ice.turn = false);
    assert!(urls(&case, "a.example:8000").await.is_empty());
}
