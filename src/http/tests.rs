//! Tests HTTP connections over in-memory pipes: client addresses, limits and deadlines.

mod half_closed;

use std::sync::Arc;

use tokio::io::{AsyncReadExt, DuplexStream};

use super::*;
use crate::config::{Config, Network};
use crate::hub::{Hub, Node};

const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// The default timeouts.
const USUAL: Timeouts = Timeouts {
    head: Duration::from_secs(10),
    whole: Duration::from_mins(5),
    stuck: Duration::from_secs(20),
};

struct Case {
    node: Arc<Node>,
    site: Rc<Site>,
    role: Role,
    is_hurried: bool,
    is_tls: bool,
    introduced: Introduced,
}

impl Case {
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
        let hub = Hub::new(Arc::clone(&node), 0, 0);
        Self {
            site: Rc::new(Site::new(&Shared::new(config, &node), hub)),
            node,
            role: Role::Both,
            is_hurried: false,
            is_tls: false,
            introduced: Introduced::No,
        }
    }

    /// Returns an accepted connection of `peer`.
    fn arrival(&self, stream: DuplexStream, peer: Option<&str>) -> Arrival<DuplexStream, ()> {
        Arrival {
            stream,
            peer: peer.map(|peer| peer.parse().unwrap()),
            introduced: self.introduced,
            role: self.role,
            listener: 0,
            is_tls: self.is_tls,
            is_hurried: self.is_hurried,
            handshake: (),
        }
    }

    /// Sends requests as `peer`. Returns the client if it became a WebSocket, and the responses.
    async fn visit(&self, peer: Option<&str>, requests: &str) -> (Option<Visitor>, String) {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        client.write_all(requests.as_bytes()).await.unwrap();
        let arrival = self.arrival(server, peer);
        let stop = CancellationToken::new();
        let upgraded = serve(arrival, &self.site, USUAL, &stop).await;
        let client_info = upgraded.map(|upgraded: Upgraded<DuplexStream>| upgraded.visitor);
        let mut responses = String::new();
        client.read_to_string(&mut responses).await.unwrap();
        (client_info, responses)
    }

    async fn address(&self, peer: Option<&str>, headers: &str) -> Option<IpAddr> {
        let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{HANDSHAKE}{headers}\r\n");
        let (client_info, _) = self.visit(peer, &request).await;
        client_info.expect("a WebSocket").address
    }
}

fn ip(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

const NAMED: &str = "X-Forwarded-For: 6.6.6.6, 203.0.113.7\r\n";

#[tokio::test(start_paused = true)]
async fn without_trusted_proxies_the_peer_is_the_client_whatever_it_sends() {
    let case = Case::new(&[]);
    let headers = format!("{NAMED}Forwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n");
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
    let case = Case::new(&["10.0.0.0/8", "unix"]);
    assert_eq!(
        case.address(Some("10.0.0.1"), NAMED).await,
        ip("203.0.113.7")
    );
    assert_eq!(case.address(None, NAMED).await, ip("203.0.113.7"));
    assert_eq!(
        case.address(Some("192.0.2.1"), NAMED).await,
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
async fn a_proxy_header_that_names_its_client_hides_no_strangers() {
    let mut case = Case::new(&[]);
    let has_all_series = |body: &str| body.contains("upgrades_refused");
    let ask = |host: &str| format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n");
    case.introduced = Introduced::Named;
    // A client on this machine connected through the proxy, by its public name.
    let (_, body) = case.visit(Some("127.0.0.1"), &ask("tracker.example")).await;
    assert!(!has_all_series(&body));
    let (_, body) = case.visit(Some("127.0.0.1"), &ask("localhost")).await;
    assert!(has_all_series(&body));
    // Without the header the client is unknown.
    case.introduced = Introduced::No;
    case.visit(Some("127.0.0.1"), &ask("tracker.example")).await;
    let (_, body) = case.visit(Some("127.0.0.1"), &ask("localhost")).await;
    assert!(!has_all_series(&body));
}

#[tokio::test(start_paused = true)]
async fn who_a_proxy_header_cannot_name_is_unnamed_and_never_local() {
    let mut case = Case::new(&[]);
    case.introduced = Introduced::Unnamed;
    let socket = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{HANDSHAKE}{NAMED}\r\n");
    for peer in ["192.0.2.1", "127.0.0.1"] {
        let (client_info, _) = case.visit(Some(peer), &socket).await;
        let client_info = client_info.expect("a WebSocket");
        assert!(client_info.is_unnamed && client_info.own_address().is_none());
        let hub = case.site.hub();
        let known = hub.open(&client_info).unwrap();
        assert!(hub.key_of(known).unwrap().is_some(), "no exemption");
        let metrics = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let (_, body) = case.visit(Some(peer), metrics).await;
        assert!(body.contains("swarmhub_connections") && !body.contains("upgrades_refused"));
    }
}

#[tokio::test(start_paused = true)]
async fn addresses_of_this_machine_are_told_to_nobody_else() {
    let pages = |peer, lines: &'static str, trusted: &'static [&'static str]| async move {
        let case = Case::new(trusted);
        let own = "tls+192.0.2.7:443".parse().unwrap();
        case.site.shared().listens_at(vec![own]);
        let request = format!("GET /ice HTTP/1.1\r\n{lines}Connection: close\r\n\r\n");
        let (_, body) = case.visit(Some(peer), &request).await;
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
    let case = Case::new(&["10.0.0.0/8"]);
    let page = "GET /ice HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n";
    let socket =
        format!("GET / HTTP/1.1\r\nHost: x\r\n{HANDSHAKE}{NAMED}Origin: https://a.example\r\n\r\n");
    let (client_info, responses) = case
        .visit(Some("10.0.0.1"), &(page.to_owned() + &socket))
        .await;
    let client_info = client_info.expect("a WebSocket");
    assert_eq!(client_info.address, ip("203.0.113.7"));
    assert_eq!(client_info.origin.as_deref(), Some("https://a.example"));
    assert!(
        responses.contains(" 200 OK") && responses.contains(" 101 "),
        "{responses}"
    );
}

#[tokio::test(start_paused = true)]
async fn without_room_requests_are_answered_but_nothing_becomes_a_websocket() {
    let mut case = Case::new(&[]);
    case.is_hurried = true;
    let socket = format!("GET / HTTP/1.1\r\nHost: x\r\n{HANDSHAKE}\r\n");
    let (client_info, responses) = case.visit(Some("10.0.0.1"), &socket).await;
    assert!(
        client_info.is_none() && responses.starts_with("HTTP/1.1 503 "),
        "{responses}"
    );
    let lower = responses.to_lowercase();
    assert!(lower.contains("retry-after: 30") && lower.contains("connection: close"));
    let health = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let (_, responses) = case.visit(Some("10.0.0.1"), health).await;
    assert!(responses.starts_with("HTTP/1.1 200 "), "{responses}");
    assert_eq!(case.node.counters().upgrades_refused, 1);
}

#[tokio::test(start_paused = true)]
async fn who_watches_is_answered_past_all_limits_and_may_not_stay() {
    let case = Case::new(&[]);
    for path in ["/healthz", "/readyz", "/metrics"] {
        let twice = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").repeat(2);
        let (_, responses) = case.visit(Some("192.0.2.1"), &twice).await;
        assert_eq!(responses.matches("HTTP/1.1 ").count(), 1, "{responses}");
        let head = responses.to_lowercase();
        assert!(head.contains("connection: close"), "{responses}");
    }
    // An admitted, counted connection may send more requests.
    let page = "GET /ice HTTP/1.1\r\nHost: x\r\n\r\n";
    let health = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2);
    let (_, responses) = case
        .visit(Some("192.0.2.1"), &(page.to_owned() + &health))
        .await;
    assert_eq!(responses.matches("HTTP/1.1 200 ").count(), 3, "{responses}");
}

#[tokio::test(start_paused = true)]
async fn only_who_never_asked_anything_whole_has_failed() {
    let case = Case::new(&[]);
    let page = "GET /ice HTTP/1.1\r\nHost: x\r\n\r\n";
    let failed = || case.node.counters().handshakes_failed;
    // The connection stays idle, or sends an incomplete second request.
    for requests in [page.to_owned(), format!("{page}GET /i")] {
        case.visit(Some("192.0.2.1"), &requests).await;
        assert_eq!(failed(), 0, "{requests}");
    }
    case.visit(Some("192.0.2.1"), "GET /i").await;
    assert_eq!(failed(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_request_of_http_stands_in_the_record() {
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
        let case = Case::new(&[]);
        case.visit(Some("192.0.2.1"), &sent).await;
        let rows = case.node.refusals().list();
        let rows: Vec<_> = rows.iter().map(|row| (row.kind, &*row.name)).collect();
        assert_eq!(rows, [(crate::insight::RefusalKind::Malformed, name)]);
    }
    // A client that sends nothing, or closes within a request, is not recorded.
    for sent in ["", "GET /i"] {
        let case = Case::new(&[]);
        case.visit(Some("192.0.2.1"), sent).await;
        assert!(case.node.refusals().list().is_empty(), "{sent}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_is_not_let_in_is_counted_as_refused() {
    let mut config = Config::default();
    config.limits.address_connections_max = 1;
    let case = Case::with(&config);
    let guest = case.site.hub().let_in(&visitor("192.0.2.1")).unwrap();
    let socket = format!("GET / HTTP/1.1\r\nHost: x\r\n{HANDSHAKE}\r\n");
    let (_, responses) = case.visit(Some("192.0.2.1"), &socket).await;
    assert!(responses.starts_with("HTTP/1.1 429 "), "{responses}");
    let counters = case.node.counters();
    assert_eq!(
        (
            counters.upgrades_refused,
            counters.refused_address_connections_max
        ),
        (1, 1)
    );
    drop(guest);
    let (_, responses) = case.visit(Some("192.0.2.1"), &socket).await;
    assert!(responses.starts_with("HTTP/1.1 101 "), "{responses}");
    assert_eq!(case.node.counters().upgrades_refused, 1);
}

#[tokio::test(start_paused = true)]
async fn who_is_banned_while_it_waits_for_its_turn_is_not_let_open() {
    let mut config = Config::default();
    config.limits.address_connections_per_second = 1;
    config.limits.address_connections_burst = 1;
    let case = Case::with(&config);
    let socket = format!("GET / HTTP/1.1\r\nHost: x\r\n{HANDSHAKE}\r\n");
    let open = || case.visit(Some("192.0.2.1"), &socket);
    assert!(open().await.0.is_some());
    assert!(open().await.0.is_some(), "after a while");
    let hub = case.site.hub();
    let known = hub.open(&visitor("192.0.2.1")).unwrap();
    let key = hub.key_of(known).unwrap().expect("counted");
    let ban = async {
        sleep(Duration::from_millis(10)).await;
        case.node.ban_for(key, Duration::from_hours(1));
    };
    let ((upgraded, responses), ()) = tokio::join!(open(), ban);
    assert!(upgraded.is_none());
    assert!(responses.starts_with("HTTP/1.1 403 "), "{responses}");
    assert!(responses.contains("by the operator"), "{responses}");
}

fn visitor(address: &str) -> Visitor {
    Visitor {
        address: ip(address),
        ..Visitor::default()
    }
}

const FOLLOW: &[u8] = b"GET /api/v1/live HTTP/1.1\r\nHost: x\r\n\r\n";

/// Subscribes to the live statistics, one event a second, until the server closes the connection. Returns the duration.
async fn follow(case: &Case, reads: bool) -> Duration {
    let (mut client, server) = tokio::io::duplex(1 << 14);
    client.write_all(FOLLOW).await.unwrap();
    let arrival = case.arrival(server, None);
    let (began, stop) = (tokio::time::Instant::now(), CancellationToken::new());
    let statistics = async {
        for second in 1.. {
            case.node.board().put(crate::insight::Statistics {
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
        upgraded = serve(arrival, &case.site, USUAL, &stop) => assert!(upgraded.is_none()),
        () = statistics => {}
        () = reading => {}
    }
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn who_takes_the_live_statistics_may_follow_for_longer_than_a_request_may_take() {
    let case = Case::new(&[]);
    let lasted = follow(&case, true).await;
    let range = Duration::from_mins(12)..Duration::from_mins(13);
    assert!(range.contains(&lasted), "{lasted:?}");
    assert_eq!(case.site.shared().followers_count(), 0);
    assert_eq!(case.node.counters().http_timed_out, 0);
}

#[tokio::test(start_paused = true)]
async fn who_follows_and_takes_nothing_is_dropped_like_everybody() {
    let case = Case::new(&[]);
    let lasted = follow(&case, false).await;
    // Some events fit in the buffers before sending is blocked.
    let range = Duration::from_secs(20)..Duration::from_mins(1);
    assert!(range.contains(&lasted), "{lasted:?}");
    assert_eq!(case.site.shared().followers_count(), 0);
    assert_eq!(case.node.counters().http_stuck, 1);
}

/// Serves one connection until it ends.
async fn serve_on(case: &Case, server: DuplexStream, peer: &str) {
    let arrival = case.arrival(server, Some(peer));
    serve(arrival, &case.site, USUAL, &CancellationToken::new()).await;
}

#[tokio::test(start_paused = true)]
async fn one_connection_with_many_requests_leaves_others_their_turn() {
    let case = Case::new(&[]);
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
async fn most_responses_per_iteration(case: &Case, path: &str) -> u64 {
    const REQUESTS: usize = 40;
    let tasks = tokio::task::LocalSet::new();
    let mut ends = Vec::new();
    for number in 0..REQUESTS {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        ends.push(client);
        let arrival = case.arrival(server, Some(&format!("192.0.2.{number}")));
        let site = Rc::clone(&case.site);
        tasks.spawn_local(async move {
            serve(arrival, &site, USUAL, &CancellationToken::new()).await;
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
    let case = Case::new(&[]);
    assert_eq!(most_responses_per_iteration(&case, "/healthz").await, 1);
}

#[tokio::test(start_paused = true)]
async fn http_announces_do_not_wait_for_each_other() {
    let case = Case::new(&[]);
    let announce = format!(
        "/announce?info_hash={}&peer_id={}&port=20000",
        "a".repeat(20),
        "b".repeat(20)
    );
    assert!(most_responses_per_iteration(&case, &announce).await > 1);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_answered_no_more() {
    let case = Case::new(&[]);
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
async fn who_has_the_admin_token_is_answered_when_strangers_are_not_let_in() {
    const TOKEN: &str = "correct-horse-battery-staple";
    let mut config = Config {
        admin_token: Some(crate::config::Secret::new(TOKEN)),
        ..Config::default()
    };
    config.limits.address_connections_max = 1;
    let case = Case::with(&config);
    let _guest = case.site.hub().let_in(&visitor("192.0.2.1")).unwrap();
    let ask = async |token: &str| {
        let request = format!(
            "GET /api/v1/session HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        case.visit(Some("192.0.2.1"), &request)
            .await
            .1
            .to_lowercase()
    };
    let responses = ask("wrong-wrong-wrong-wrong").await;
    assert!(responses.starts_with("http/1.1 429 "), "{responses}");
    let responses = ask(TOKEN).await;
    assert!(responses.starts_with("http/1.1 200 "), "{responses}");
    assert!(responses.contains("connection: close"), "{responses}");
    assert_eq!(case.node.counters().tokens_wrong, 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_of_a_proxy_counts_for_the_client_of_each_request() {
    let mut config = Config::default();
    config.proxies.trusted = vec!["192.0.2.1".parse::<Network>().unwrap()];
    config.limits.exempt = vec!["203.0.113.1".parse::<Network>().unwrap()];
    config.limits.address_connections_max = 1;
    let case = Case::with(&config);
    let request = |client: &str, extra: &str| {
        format!("GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {client}\r\n{extra}\r\n")
    };
    let upgrade = request("203.0.113.7", HANDSHAKE);
    // The limit of the client applies even if the proxy used the connection for other clients, exempt ones included.
    let hub = Hub::new(Arc::clone(&case.node), 0, 0);
    let client_info = Visitor {
        address: ip("203.0.113.7"),
        ..Visitor::default()
    };
    let held = hub.let_in(&client_info).expect("the first of its address");
    for other in ["203.0.113.1", "203.0.113.8"] {
        let requests = request(other, "") + &upgrade;
        let (opened, responses) = case.visit(Some("192.0.2.1"), &requests).await;
        assert!(
            opened.is_none() && responses.contains("HTTP/1.1 503")
                || responses.contains("HTTP/1.1 429"),
            "{responses}"
        );
    }
    drop(held);
    let requests = request("203.0.113.8", "") + &upgrade;
    let (opened, _) = case.visit(Some("192.0.2.1"), &requests).await;
    assert_eq!(opened.expect("a WebSocket").address, ip("203.0.113.7"));
    // No closed connection remains counted.
    assert!(hub.let_in(&client_info).is_ok());
}
