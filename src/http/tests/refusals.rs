//! Tests refused and malformed requests, and their counters.

use super::*;

#[tokio::test(start_paused = true)]
async fn brief_connections_are_served_but_not_upgraded() {
    let mut case = ConnectionTest::new(&[]);
    case.is_brief = true;
    let socket = format!("GET / HTTP/1.1\r\nHost: x\r\n{HANDSHAKE}\r\n");
    let (client_info, responses) = case.send(Some("10.0.0.1"), &socket).await;
    assert!(
        client_info.is_none() && responses.starts_with("HTTP/1.1 503 "),
        "{responses}"
    );
    let lower = responses.to_lowercase();
    assert!(lower.contains("retry-after: 30") && lower.contains("connection: close"));
    let health = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let (_, responses) = case.send(Some("10.0.0.1"), health).await;
    assert!(responses.starts_with("HTTP/1.1 200 "), "{responses}");
    assert_eq!(case.node.counters().upgrades_refused, 1);
}

#[tokio::test(start_paused = true)]
async fn probes_bypass_limits_and_then_close() {
    let case = ConnectionTest::new(&[]);
    for path in ["/healthz", "/readyz", "/metrics"] {
        let twice = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").repeat(2);
        let (_, responses) = case.send(Some("192.0.2.1"), &twice).await;
        assert_eq!(responses.matches("HTTP/1.1 ").count(), 1, "{responses}");
        let head = responses.to_lowercase();
        assert!(head.contains("connection: close"), "{responses}");
    }
    // An admitted, counted connection may send more requests.
    let page = "GET /ice HTTP/1.1\r\nHost: x\r\n\r\n";
    let health = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2);
    let (_, responses) = case
        .send(Some("192.0.2.1"), &(page.to_owned() + &health))
        .await;
    assert_eq!(responses.matches("HTTP/1.1 200 ").count(), 3, "{responses}");
}

#[tokio::test(start_paused = true)]
async fn only_a_connection_without_a_complete_request_has_failed() {
    let case = ConnectionTest::new(&[]);
    let page = "GET /ice HTTP/1.1\r\nHost: x\r\n\r\n";
    let failed = || case.node.counters().handshakes_failed;
    // The connection stays idle, or sends an incomplete second request.
    for requests in [page.to_owned(), format!("{page}GET /i")] {
        case.send(Some("192.0.2.1"), &requests).await;
        assert_eq!(failed(), 0, "{requests}");
    }
    case.send(Some("192.0.2.1"), "GET /i").await;
    assert_eq!(failed(), 1);
}

#[tokio::test(start_paused = true)]
async fn malformed_requests_are_recorded() {
    for (sent, name) in [
        (
            "GET /announce?info_hash=a b HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            "HTTP",
        ),
        (
            "GET /announce?info_hash=\u{e9}\u{1} HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            "HTTP",
        ),
        (
            format!("GET /?{} HTTP/1.1\r\n", "y".repeat(17_000)),
            "head too long",
        ),
        (
            "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{7c}\u{3}\u{3}".to_owned(),
            "TLS on a plain listener",
        ),
    ] {
        let case = ConnectionTest::new(&[]);
        case.send(Some("192.0.2.1"), &sent).await;
        let rows = case.node.telemetry().refusals().list();
        let rows: Vec<_> = rows.iter().map(|row| (row.kind, &*row.name)).collect();
        assert_eq!(rows, [(crate::metrics::RefusalKind::Malformed, name)]);
    }
    // A client that sends nothing, or closes within a request, is not recorded.
    for sent in ["", "GET /i"] {
        let case = ConnectionTest::new(&[]);
        case.send(Some("192.0.2.1"), sent).await;
        assert!(case.node.telemetry().refusals().list().is_empty(), "{sent}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_over_a_limit_is_counted_as_refused() {
    let mut config = Config::default();
    config.limits.address_connections_max = 1;
    let case = ConnectionTest::with(&config);
    let open_connection = case
        .router
        .hub()
        .admission()
        .admit_connection(&client_at(&case.node, "192.0.2.1"))
        .unwrap();
    let socket = format!("GET / HTTP/1.1\r\nHost: x\r\n{HANDSHAKE}\r\n");
    let (_, responses) = case.send(Some("192.0.2.1"), &socket).await;
    assert!(responses.starts_with("HTTP/1.1 429 "), "{responses}");
    let counters = case.node.counters();
    assert_eq!(
        (
            counters.upgrades_refused,
            counters.refused_address_connections_max
        ),
        (1, 1)
    );
    drop(open_connection);
    let (_, responses) = case.send(Some("192.0.2.1"), &socket).await;
    assert!(responses.starts_with("HTTP/1.1 101 "), "{responses}");
    assert_eq!(case.node.counters().upgrades_refused, 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_banned_while_its_upgrade_waits_is_refused() {
    let mut config = Config::default();
    config.limits.address_connections_per_second = 1;
    config.limits.address_connections_burst = 1;
    let case = ConnectionTest::with(&config);
    let socket = format!("GET / HTTP/1.1\r\nHost: x\r\n{HANDSHAKE}\r\n");
    let open = || case.send(Some("192.0.2.1"), &socket);
    assert!(open().await.0.is_some());
    assert!(open().await.0.is_some(), "after a while");
    let hub = case.router.hub();
    let client_info = client_at(&case.node, "192.0.2.1");
    let permit = hub.admission().admit_connection(&client_info).unwrap();
    let known = hub.open_connection(&client_info, permit).unwrap();
    let key = hub.rate_key_of(known).unwrap().expect("counted");
    let ban = async {
        sleep(Duration::from_millis(10)).await;
        let (admission, now) = (case.node.admission(), case.node.clock().uptime());
        admission.ban_address(key, Duration::from_hours(1), now);
    };
    let ((upgraded, responses), ()) = tokio::join!(open(), ban);
    assert!(upgraded.is_none());
    assert!(responses.starts_with("HTTP/1.1 403 "), "{responses}");
    assert!(responses.contains("by the operator"), "{responses}");
}

#[tokio::test(start_paused = true)]
async fn a_ban_refuses_the_next_request_of_an_open_connection() {
    let case = ConnectionTest::new(&[]);
    let (mut client, server) = tokio::io::duplex(1 << 16);
    let page = b"GET /ice HTTP/1.1\r\nHost: x\r\n\r\n";
    let requests = async {
        client.write_all(page).await.unwrap();
        let mut first = [0; 12];
        client.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        let (admission, now) = (case.node.admission(), case.node.clock().uptime());
        let keys = client_at(&case.node, "192.0.2.1").address.keys();
        let key = keys.expect("no exempt address").address;
        admission.ban_address(key, Duration::from_hours(1), now);
        client.write_all(page).await.unwrap();
        let mut rest = String::new();
        client.read_to_string(&mut rest).await.unwrap();
        rest
    };
    let ((), rest) = tokio::join!(serve_on(&case, server, "192.0.2.1"), requests);
    let second = rest.find("HTTP/1.1 ").map(|start| &rest[start..]);
    let second = second.expect("a second response");
    assert!(second.starts_with("HTTP/1.1 403 "), "{rest}");
    assert!(second.to_lowercase().contains("connection: close"));
    assert_eq!(case.node.counters().refused_bans, 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_gets_no_more_responses() {
    let case = ConnectionTest::new(&[]);
    for method in ["HEAD", "GET"] {
        let before = case.node.counters();
        let many = format!("{method} /healthz HTTP/1.1\r\nHost: x\r\n\r\n").repeat(3000);
        let (mut client, server) = tokio::io::duplex(1 << 12);
        let page = async {
            client
                .write_all(b"GET /ice HTTP/1.1\r\nHost: x\r\n\r\n")
                .await
                .unwrap();
            // Ends when the server stops reading.
            let _ = client.write_all(many.as_bytes()).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = serve_on(&case, server, "192.0.2.1") => {}
            () = page => {}
        }
        let after = case.node.counters();
        assert_eq!(after.http_stuck - before.http_stuck, 1);
        // The responses that fit in the buffers, not three thousand.
        let responses = after.http_requests - before.http_requests;
        assert!((10..100).contains(&responses), "{method}: {responses}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_admin_token_bypasses_connection_limits() {
    const TOKEN: &str = "correct-horse-battery-staple";
    let mut config = Config {
        admin_token: Some(crate::config::Secret::new(TOKEN)),
        ..Config::default()
    };
    config.limits.address_connections_max = 1;
    let case = ConnectionTest::with(&config);
    let _open_connection = case
        .router
        .hub()
        .admission()
        .admit_connection(&client_at(&case.node, "192.0.2.1"))
        .unwrap();
    let send_with_token = async |token: &str| {
        let request = format!(
            "GET /api/v1/session HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        case.send(Some("192.0.2.1"), &request)
            .await
            .1
            .to_lowercase()
    };
    let responses = send_with_token("wrong-wrong-wrong-wrong").await;
    assert!(responses.starts_with("http/1.1 429 "), "{responses}");
    let responses = send_with_token(TOKEN).await;
    assert!(responses.starts_with("http/1.1 200 "), "{responses}");
    assert!(responses.contains("connection: close"), "{responses}");
    assert_eq!(case.node.counters().tokens_wrong, 1);
}
