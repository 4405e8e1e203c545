//! Tests clients that close before their responses: their requests count, and they hold no resources.

use tokio::time::Instant;

use super::*;

const STOPPED_EVENT: &str = "&left=0&event=stopped";

/// Timeouts that do not expire during a test.
const LONG_TIMEOUTS: HttpTimeouts = HttpTimeouts {
    read_head: Duration::from_mins(5),
    connection: Duration::from_hours(1),
    send_blocked: Duration::from_hours(1),
};

fn announce(number: u16, extra: &str) -> String {
    let (hash, peer) = ("h".repeat(20), "p".repeat(20));
    let port = 2100 + number;
    format!(
        "GET /announce?info_hash={hash}&peer_id={peer}&port={port}{extra} HTTP/1.1\r\nHost: x\r\n\r\n"
    )
}

impl ConnectionTest {
    /// Serves a client that has sent these requests and closed its sending side, or both sides. Returns the responses,
    /// and whether it became a WebSocket.
    async fn serve_closed(&self, requests: &str, reads: bool) -> (String, bool) {
        let (mut client, server) = tokio::io::duplex(1 << 18);
        client.write_all(requests.as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        let client = reads.then_some(client);
        let accepted = self.accepted(server, Some("192.0.2.1"));
        let stop = CancellationToken::new();
        let upgraded = serve(accepted, &self.router, LONG_TIMEOUTS, &stop).await;
        let is_upgraded = upgraded.is_some();
        drop(upgraded);
        let mut responses = Vec::new();
        if let Some(mut client) = client {
            client.read_to_end(&mut responses).await.unwrap();
        }
        (
            String::from_utf8_lossy(&responses).into_owned(),
            is_upgraded,
        )
    }

    fn http_peers(&self) -> usize {
        self.node.tracker().swarms().totals().http_peers
    }
}

#[tokio::test(start_paused = true)]
async fn every_stop_of_a_closed_client_is_counted() {
    for reads in [true, false] {
        let mut config = Config::default();
        config.limits.address_http_peers_per_swarm_max = 100;
        let case = ConnectionTest::with(&config);
        let all = |extra| {
            (0..100)
                .map(|number| announce(number, extra))
                .collect::<String>()
        };
        case.serve_closed(&all("&left=0"), true).await;
        assert_eq!(case.http_peers(), 100);
        let (responses, _) = case.serve_closed(&all(STOPPED_EVENT), reads).await;
        assert_eq!(case.http_peers(), 0, "reads: {reads}");
        assert_eq!(case.node.counters().http_announces, 200);
        let answers = if reads { 100 } else { 0 };
        assert_eq!(responses.matches("HTTP/1.1 200 ").count(), answers);
    }
}

#[tokio::test(start_paused = true)]
async fn unread_responses_without_effect_are_skipped() {
    let case = ConnectionTest::new(&[]);
    let page = "GET /ice HTTP/1.1\r\nHost: x\r\n\r\n";
    let scrape = "GET /scrape?info_hash=hhhhhhhhhhhhhhhhhhhh HTTP/1.1\r\nHost: x\r\n\r\n";
    let requests = format!("{page}{page}{}{}", scrape.repeat(50), announce(1, ""));
    case.serve_closed(&requests, false).await;
    let counters = case.node.counters();
    assert!(counters.http_scrapes <= 1, "{}", counters.http_scrapes);
    assert_eq!(counters.http_announces, 1);
}

#[tokio::test(start_paused = true)]
async fn a_half_closed_connection_ends_after_its_last_request() {
    let case = ConnectionTest::new(&[]);
    let page = "GET /healthz HTTP/1.0\r\n\r\n";
    for requests in [
        String::new(),
        "GET /healthz HTTP/1.1\r\nHost: x\r\n".to_owned(),
        "GET /hea".to_owned(),
        page.to_owned(),
        "GET /ice HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        format!("{}GET", announce(1, "")),
        "POST /announce HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc".to_owned(),
        format!("GET / HTTP/1.1\r\nHost: x\r\n{HANDSHAKE}\r\n"),
    ] {
        let began = Instant::now();
        case.serve_closed(&requests, true).await;
        assert_eq!(began.elapsed(), Duration::ZERO, "{requests:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiting_upgrade_ends_with_its_client() {
    let mut config = Config::default();
    config.limits.address_connections_per_second = 1;
    config.limits.address_connections_burst = 1;
    let case = ConnectionTest::with(&config);
    let upgrade = format!("GET / HTTP/1.1\r\nHost: x\r\n{HANDSHAKE}\r\n");
    assert!(case.serve_closed(&upgrade, true).await.1);
    let began = Instant::now();
    let (responses, is_upgraded) = case.serve_closed(&upgrade, true).await;
    assert!(
        !is_upgraded && responses.starts_with("HTTP/1.1 400 "),
        "{responses}"
    );
    assert_eq!(began.elapsed(), Duration::ZERO);
    // A client that stays is admitted, and bytes that it sent meanwhile are not lost.
    let (mut client, server) = tokio::io::duplex(1 << 16);
    let early = b"\x81\x80early frames";
    client
        .write_all(&[upgrade.as_bytes(), early].concat())
        .await
        .unwrap();
    let accepted = case.accepted(server, Some("192.0.2.1"));
    let stop = CancellationToken::new();
    let later = b" and later ones";
    let write_later = async {
        sleep(Duration::from_millis(100)).await;
        client.write_all(later).await.unwrap();
        client
    };
    let (upgraded, _client) = tokio::join!(
        serve(accepted, &case.router, LONG_TIMEOUTS, &stop),
        write_later
    );
    let mut upgraded: Upgraded<DuplexStream> = upgraded.expect("a WebSocket");
    let mut received = std::mem::take(&mut upgraded.read_ahead);
    while received.len() < early.len() + later.len() {
        received.push(upgraded.stream.read_u8().await.unwrap());
    }
    assert_eq!(received, [&early[..], later].concat());
}

#[tokio::test(start_paused = true)]
async fn a_half_closed_client_has_the_usual_time_limit() {
    let case = ConnectionTest::new(&[]);
    let (mut client, server) = tokio::io::duplex(64);
    let writing = async {
        let request = "GET /dashboard HTTP/1.1\r\nHost: x\r\n\r\n";
        client.write_all(request.as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        client
    };
    let accepted = case.accepted(server, Some("192.0.2.1"));
    let timeouts = HttpTimeouts {
        send_blocked: LONG_TIMEOUTS.send_blocked,
        ..DEFAULT_TIMEOUTS
    };
    let (began, stop) = (Instant::now(), CancellationToken::new());
    let (_, _client) = tokio::join!(serve(accepted, &case.router, timeouts, &stop), writing);
    assert_eq!(case.node.counters().http_timed_out, 1);
    assert!(began.elapsed() <= timeouts.connection + timeouts.read_head + Duration::from_secs(1));
}
