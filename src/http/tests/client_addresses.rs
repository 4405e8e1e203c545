//! Tests which client a request comes from: behind proxies, on this machine, and on a shared connection.

use super::*;

const FORWARDED_HEADER: &str = "X-Forwarded-For: 6.6.6.6, 203.0.113.7\r\n";

#[tokio::test(start_paused = true)]
async fn without_trusted_proxies_the_peer_is_the_client() {
    let case = ConnectionTest::new(&[]);
    let headers = format!("{FORWARDED_HEADER}Forwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n");
    assert_eq!(
        case.address(Some("10.0.0.1"), &headers).await,
        ip("10.0.0.1")
    );
    assert_eq!(case.address(None, &headers).await, None);
    assert_eq!(case.node.counters().addresses_forwarded, 0);
    assert_eq!(case.node.counters().forwarded_untrusted, 2);
    case.address(Some("10.0.0.1"), "").await;
    assert_eq!(case.node.counters().forwarded_untrusted, 2);
}

#[tokio::test(start_paused = true)]
async fn a_trusted_proxy_names_the_client() {
    let case = ConnectionTest::new(&["10.0.0.0/8", "unix"]);
    assert_eq!(
        case.address(Some("10.0.0.1"), FORWARDED_HEADER).await,
        ip("203.0.113.7")
    );
    assert_eq!(
        case.address(None, FORWARDED_HEADER).await,
        ip("203.0.113.7")
    );
    assert_eq!(
        case.address(Some("192.0.2.1"), FORWARDED_HEADER).await,
        ip("192.0.2.1")
    );
    let counters = case.node.counters();
    assert_eq!(
        (counters.addresses_forwarded, counters.forwarded_malformed),
        (2, 0)
    );
    let headers = "X-Forwarded-For: 203.0.113.7, nonsense\r\n";
    assert_eq!(
        case.address(Some("10.0.0.1"), headers).await,
        ip("10.0.0.1")
    );
    assert_eq!(case.node.counters().forwarded_malformed, 1);
}

#[tokio::test(start_paused = true)]
async fn a_proxy_header_does_not_make_remote_clients_local() {
    let mut case = ConnectionTest::new(&[]);
    let has_all_series = |body: &str| body.contains("upgrades_refused");
    let request = |host: &str| format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n");
    case.proxy_header = ProxyHeaderClient::Named;
    // A client on this machine connected through the proxy, by its public name.
    let (_, body) = case
        .send(Some("127.0.0.1"), &request("tracker.example"))
        .await;
    assert!(!has_all_series(&body));
    let (_, body) = case.send(Some("127.0.0.1"), &request("localhost")).await;
    assert!(has_all_series(&body));
    // Without the header the client is unknown.
    case.proxy_header = ProxyHeaderClient::Absent;
    case.send(Some("127.0.0.1"), &request("tracker.example"))
        .await;
    let (_, body) = case.send(Some("127.0.0.1"), &request("localhost")).await;
    assert!(!has_all_series(&body));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_proxied_client_is_never_local() {
    let mut case = ConnectionTest::new(&[]);
    case.proxy_header = ProxyHeaderClient::Unknown;
    let socket = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{HANDSHAKE}{FORWARDED_HEADER}\r\n");
    for peer in ["192.0.2.1", "127.0.0.1"] {
        let (client_info, _) = case.send(Some(peer), &socket).await;
        let client_info = client_info.expect("a WebSocket");
        assert!(client_info.address.is_unidentified() && client_info.address.own_ip().is_none());
        let hub = case.router.hub();
        let permit = hub.admission().admit_connection(&client_info).unwrap();
        let known = hub.open_connection(&client_info, permit).unwrap();
        assert!(hub.rate_key_of(known).unwrap().is_some(), "no exemption");
        let metrics = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let (_, body) = case.send(Some(peer), metrics).await;
        assert!(body.contains("swarmhub_connections") && !body.contains("upgrades_refused"));
    }
}

#[tokio::test(start_paused = true)]
async fn own_addresses_are_sent_to_local_requests_only() {
    let pages = |peer, lines: &'static str, trusted: &'static [&'static str]| async move {
        let case = ConnectionTest::new(trusted);
        let own = "tls+192.0.2.7:443".parse().unwrap();
        case.router.shared().set_listeners(vec![own], Vec::new());
        let request = format!("GET /ice HTTP/1.1\r\n{lines}Connection: close\r\n\r\n");
        let (_, body) = case.send(Some(peer), &request).await;
        assert!(body.starts_with("HTTP/1.1 200 "), "{body}");
        body.contains("https://192.0.2.7/")
    };
    let here = "Host: localhost\r\n";
    assert!(pages("127.0.0.1", here, &[]).await);
    assert!(pages("127.0.0.1", here, &["127.0.0.1"]).await);
    assert!(!pages("192.0.2.1", here, &[]).await);
    for lines in [
        "Host: localhost\r\nX-Forwarded-For: 9.9.9.9\r\n",
        "Host: localhost\r\nVia: 1.1 x\r\n",
        "Host: hub.example\r\n",
        "Host: x\r\n",
        "Host: \r\n",
    ] {
        assert!(!pages("127.0.0.1", lines, &[]).await, "{lines}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_request_of_a_connection_has_its_own_client() {
    let case = ConnectionTest::new(&["10.0.0.0/8"]);
    let page = "GET /ice HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n";
    let socket = format!(
        "GET / HTTP/1.1\r\nHost: x\r\n{HANDSHAKE}{FORWARDED_HEADER}Origin: https://a.example\r\n\r\n"
    );
    let (client_info, responses) = case
        .send(Some("10.0.0.1"), &(page.to_owned() + &socket))
        .await;
    let client_info = client_info.expect("a WebSocket");
    assert_eq!(client_info.address.ip(), ip("203.0.113.7"));
    assert_eq!(client_info.origin.as_deref(), Some("https://a.example"));
    assert!(
        responses.contains(" 200 OK") && responses.contains(" 101 "),
        "{responses}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_proxied_connection_counts_for_each_requesting_client() {
    let mut config = Config::default();
    config.proxies.trusted = vec!["192.0.2.1".parse::<Network>().unwrap()];
    config.limits.exempt = vec!["203.0.113.1".parse::<Network>().unwrap()];
    config.limits.address_connections_max = 1;
    let case = ConnectionTest::with(&config);
    let request = |client: &str, extra: &str| {
        format!("GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {client}\r\n{extra}\r\n")
    };
    let upgrade = request("203.0.113.7", HANDSHAKE);
    // The limit of the client applies even if the proxy used the connection for other clients, exempt ones included.
    let hub = case.router.hub();
    let client_info = client_at(&case.node, "203.0.113.7");
    let held = hub
        .admission()
        .admit_connection(&client_info)
        .expect("the first of its address");
    for other in ["203.0.113.1", "203.0.113.8"] {
        let requests = request(other, "") + &upgrade;
        let (opened, responses) = case.send(Some("192.0.2.1"), &requests).await;
        assert!(
            opened.is_none()
                && (responses.contains("HTTP/1.1 503") || responses.contains("HTTP/1.1 429")),
            "{responses}"
        );
    }
    drop(held);
    let requests = request("203.0.113.8", "") + &upgrade;
    let (opened, _) = case.send(Some("192.0.2.1"), &requests).await;
    assert_eq!(opened.expect("a WebSocket").address.ip(), ip("203.0.113.7"));
    // No closed connection remains counted.
    assert!(hub.admission().admit_connection(&client_info).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_proxied_connection_of_two_clients_counts_once() {
    let mut config = Config::default();
    config.proxies.trusted = vec!["192.0.2.1".parse::<Network>().unwrap()];
    config.limits.connections_max = Some(1);
    let case = ConnectionTest::with(&config);
    let request =
        |client: &str| format!("GET /ice HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {client}\r\n\r\n");
    let requests = request("203.0.113.7") + &request("203.0.113.8");
    let (_, responses) = case.send(Some("192.0.2.1"), &requests).await;
    assert_eq!(responses.matches("HTTP/1.1 200").count(), 2, "{responses}");
}
