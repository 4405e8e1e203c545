//! Tests HTTP connections over in-memory pipes: client addresses, limits and deadlines.

mod half_closed;

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::accepted::Upgraded;
use super::*;
use crate::config::{Config, ListenerRole, Network};
use crate::hub::{Hub, Mailboxes};
use crate::node::{ClientInfo, ConnectionAdmission, Node};

const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// The default timeouts.
const DEFAULT_TIMEOUTS: HttpTimeouts = HttpTimeouts {
    read_head: Duration::from_secs(10),
    connection: Duration::from_mins(5),
    send_blocked: Duration::from_secs(20),
};

struct ConnectionTest {
    node: Arc<Node>,
    router: Rc<WorkerRouter>,
    role: ListenerRole,
    is_over_capacity: bool,
    is_tls: bool,
    proxy_header: ProxyHeaderClient,
}

impl ConnectionTest {
    fn new(trusted: &[&str]) -> Self {
        let mut config = Config::default();
        let networks = trusted
            .iter()
            .map(|network| network.parse::<Network>().unwrap());
        config.proxies.trusted = networks.collect();
        Self::with(&config)
    }

    fn with(config: &Config) -> Self {
        let node = Arc::new(Node::new(config, 1));
        let mailboxes = Mailboxes::new(config, 1, node.telemetry());
        let hub = Hub::new(Arc::clone(&node), Arc::clone(&mailboxes), 0, 0);
        let state = AppState::new(config, &node, &mailboxes);
        Self {
            router: Rc::new(WorkerRouter::new(&state, hub)),
            node,
            role: ListenerRole::Both,
            is_over_capacity: false,
            is_tls: false,
            proxy_header: ProxyHeaderClient::Absent,
        }
    }

    /// Returns an accepted connection of `peer`.
    fn accepted(
        &self,
        stream: DuplexStream,
        peer: Option<&str>,
    ) -> AcceptedConnection<DuplexStream, ()> {
        let peer = peer.map(|peer| peer.parse().unwrap());
        let admission = ConnectionAdmission::new(self.router.hub().admission());
        admission.identify(self.router.client_address(peer), false);
        AcceptedConnection {
            stream,
            peer,
            admission,
            proxy_header: self.proxy_header,
            role: self.role,
            listener: 0,
            is_tls: self.is_tls,
            is_over_capacity: self.is_over_capacity,
            handshake_guard: (),
        }
    }

    /// Sends requests as `peer`. Returns the client if it became a WebSocket, and the responses.
    async fn send(&self, peer: Option<&str>, requests: &str) -> (Option<ClientInfo>, String) {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        client.write_all(requests.as_bytes()).await.unwrap();
        let accepted = self.accepted(server, peer);
        let stop = CancellationToken::new();
        let upgraded = serve(accepted, &self.router, DEFAULT_TIMEOUTS, &stop).await;
        let client_info = upgraded.map(|upgraded: Upgraded<DuplexStream>| upgraded.client_info);
        let mut responses = String::new();
        client.read_to_string(&mut responses).await.unwrap();
        (client_info, responses)
    }

    async fn address(&self, peer: Option<&str>, headers: &str) -> Option<IpAddr> {
        let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{HANDSHAKE}{headers}\r\n");
        let (client_info, _) = self.send(peer, &request).await;
        client_info.expect("a WebSocket").address.ip()
    }
}

fn ip(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

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
        let known = hub.open_connection(&client_info).unwrap();
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
        case.router.shared().set_listeners(vec![own]);
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
async fn over_capacity_requests_are_served_but_not_upgraded() {
    let mut case = ConnectionTest::new(&[]);
    case.is_over_capacity = true;
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
    let known = hub
        .open_connection(&client_at(&case.node, "192.0.2.1"))
        .unwrap();
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

fn client_at(node: &Node, address: &str) -> ClientInfo {
    ClientInfo {
        address: node.admission().client_address(ip(address), false),
        ..ClientInfo::default()
    }
}

const LIVE_REQUEST: &[u8] = b"GET /api/v1/live HTTP/1.1\r\nHost: x\r\n\r\n";

/// Subscribes to the live statistics, one event a second, until the server closes the connection. Returns the duration.
async fn subscribe(case: &ConnectionTest, reads: bool) -> Duration {
    let (mut client, server) = tokio::io::duplex(1 << 14);
    client.write_all(LIVE_REQUEST).await.unwrap();
    let accepted = case.accepted(server, None);
    let (began, stop) = (tokio::time::Instant::now(), CancellationToken::new());
    let statistics = async {
        for second in 1.. {
            case.node
                .telemetry()
                .stats_channel()
                .publish(crate::metrics::Statistics {
                    at: std::time::UNIX_EPOCH + Duration::from_secs(second),
                    ..Default::default()
                });
            sleep(Duration::from_secs(1)).await;
        }
    };
    let reading = async {
        let mut buffer = [0; 4096];
        // Closes by itself at the end.
        while reads && began.elapsed() < Duration::from_mins(12) {
            assert_ne!(
                client.read(&mut buffer).await.unwrap(),
                0,
                "closed by the server"
            );
        }
        if reads {
            drop(client);
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        upgraded = serve(accepted, &case.router, DEFAULT_TIMEOUTS, &stop) => assert!(upgraded.is_none()),
        () = statistics => {}
        () = reading => {}
    }
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_live_stream_may_outlast_the_request_timeout() {
    let case = ConnectionTest::new(&[]);
    let lasted = subscribe(&case, true).await;
    let range = Duration::from_mins(12)..Duration::from_mins(13);
    assert!(range.contains(&lasted), "{lasted:?}");
    assert_eq!(case.router.shared().live_subscriber_count(), 0);
    assert_eq!(case.node.counters().http_timed_out, 0);
}

#[tokio::test(start_paused = true)]
async fn a_live_subscriber_that_reads_nothing_is_closed() {
    let case = ConnectionTest::new(&[]);
    let lasted = subscribe(&case, false).await;
    // Some events fit in the buffers before sending is blocked.
    let range = Duration::from_secs(20)..Duration::from_mins(1);
    assert!(range.contains(&lasted), "{lasted:?}");
    assert_eq!(case.router.shared().live_subscriber_count(), 0);
    assert_eq!(case.node.counters().http_stuck, 1);
}

/// Serves one connection until it ends.
async fn serve_on(case: &ConnectionTest, server: DuplexStream, peer: &str) {
    let accepted = case.accepted(server, Some(peer));
    serve(
        accepted,
        &case.router,
        DEFAULT_TIMEOUTS,
        &CancellationToken::new(),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_busy_connection_does_not_starve_others() {
    let case = ConnectionTest::new(&[]);
    let many = "HEAD /api/v1/series HTTP/1.1\r\nHost: x\r\n\r\n".repeat(300);
    let (mut greedy, greedy_near) = tokio::io::duplex(1 << 20);
    greedy.write_all(many.as_bytes()).await.unwrap();
    let (mut other, other_near) = tokio::io::duplex(1 << 16);
    other
        .write_all(b"GET /ice HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let responses = async {
        other.read_exact(&mut [0; 8]).await.unwrap();
        case.node.counters().http_requests
    };
    tokio::select! {
        () = serve_on(&case, greedy_near, "192.0.2.1") => panic!("the connection must stay open"),
        () = serve_on(&case, other_near, "192.0.2.2") => panic!("the connection must stay open"),
        // A few of the many, and the other one.
        responses = responses => assert!((1..=6).contains(&responses), "{responses}"),
    }
}

/// Returns the largest number of responses to 40 requests within one event loop iteration.
async fn most_responses_per_iteration(case: &ConnectionTest, path: &str) -> u64 {
    const REQUESTS: usize = 40;
    let tasks = tokio::task::LocalSet::new();
    let mut ends = Vec::new();
    for number in 0..REQUESTS {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        ends.push(client);
        let accepted = case.accepted(server, Some(&format!("192.0.2.{number}")));
        let router = Rc::clone(&case.router);
        tasks.spawn_local(async move {
            serve(
                accepted,
                &router,
                DEFAULT_TIMEOUTS,
                &CancellationToken::new(),
            )
            .await;
        });
    }
    let iterations = async {
        let (mut before, mut most) = (0, 0);
        while before < REQUESTS as u64 {
            // Resumes in the next iteration.
            tokio::task::yield_now().await;
            let now = case.node.counters().http_requests;
            (most, before) = (most.max(now - before), now);
        }
        most
    };
    tasks.run_until(iterations).await
}

#[tokio::test(start_paused = true)]
async fn one_http_request_is_served_per_iteration() {
    let case = ConnectionTest::new(&[]);
    assert_eq!(most_responses_per_iteration(&case, "/healthz").await, 1);
}

#[tokio::test(start_paused = true)]
async fn http_announces_do_not_wait_for_each_other() {
    let case = ConnectionTest::new(&[]);
    let announce = format!(
        "/announce?info_hash={}&peer_id={}&port=20000",
        "a".repeat(20),
        "b".repeat(20)
    );
    assert!(most_responses_per_iteration(&case, &announce).await > 1);
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
