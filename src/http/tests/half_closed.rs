//! Clients that close before they are answered: what they said counts, and they hold nothing.

use tokio::time::Instant;

use super::*;

const STOP: &str = "&left=0&event=stopped";

/// Nothing ends by these while a test looks.
const LONG: Timeouts = Timeouts {
    head: Duration::from_mins(5),
    whole: Duration::from_hours(1),
    stuck: Duration::from_hours(1),
};

fn announce(number: u16, more: &str) -> String {
    let (hash, peer) = ("h".repeat(20), "p".repeat(20));
    let port = 2100 + number;
    format!(
        "GET /announce?info_hash={hash}&peer_id={peer}&port={port}{more} HTTP/1.1\r\nHost: x\r\n\r\n"
    )
}

impl Case {
    /// Serves a client that has written all this and closed its side, or both, and gives what it was answered.
    async fn serve_closed(&self, requests: &str, reads: bool) -> (String, bool) {
        let (mut far, near) = tokio::io::duplex(1 << 18);
        far.write_all(requests.as_bytes()).await.unwrap();
        far.shutdown().await.unwrap();
        let far = reads.then_some(far);
        let arrival = self.arrival(near, Some("192.0.2.1"));
        let stop = CancellationToken::new();
        let upgraded = serve(arrival, &self.site, LONG, &stop).await;
        let is_upgraded = upgraded.is_some();
        drop(upgraded);
        let mut answered = Vec::new();
        if let Some(mut far) = far {
            far.read_to_end(&mut answered).await.unwrap();
        }
        (String::from_utf8_lossy(&answered).into_owned(), is_upgraded)
    }

    fn http_peers(&self) -> usize {
        self.node.tracker().swarms().totals().http_peers
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_stops_of_a_client_that_has_gone_are_all_counted() {
    for reads in [true, false] {
        let mut config = Config::default();
        config.limits.address_http_peers_per_swarm_max = 100;
        let case = Case::with(&config);
        let all = |more| {
            (0..100)
                .map(|number| announce(number, more))
                .collect::<String>()
        };
        case.serve_closed(&all("&left=0"), true).await;
        assert_eq!(case.http_peers(), 100);
        let (answered, _) = case.serve_closed(&all(STOP), reads).await;
        assert_eq!(case.http_peers(), 0, "reads: {reads}");
        assert_eq!(case.node.counters().http_announces, 200);
        let answers = if reads { 100 } else { 0 };
        assert_eq!(answered.matches("HTTP/1.1 200 ").count(), answers);
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_reads_and_changes_nothing_is_not_made() {
    let case = Case::new(&[]);
    let page = "GET /ice HTTP/1.1\r\nHost: x\r\n\r\n";
    let scrape = "GET /scrape?info_hash=hhhhhhhhhhhhhhhhhhhh HTTP/1.1\r\nHost: x\r\n\r\n";
    let requests = format!("{page}{page}{}{}", scrape.repeat(50), announce(1, ""));
    case.serve_closed(&requests, false).await;
    let counters = case.node.counters();
    assert!(counters.http_scrapes <= 1, "{}", counters.http_scrapes);
    assert_eq!(counters.http_announces, 1);
}

#[tokio::test(start_paused = true)]
async fn a_half_closed_connection_ends_as_soon_as_nothing_is_left_to_serve() {
    let case = Case::new(&[]);
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
async fn a_websocket_that_waits_for_its_turn_ends_with_its_client() {
    let mut config = Config::default();
    config.limits.address_connections_per_second = 1;
    config.limits.address_connections_burst = 1;
    let case = Case::with(&config);
    let socket = format!("GET / HTTP/1.1\r\nHost: x\r\n{HANDSHAKE}\r\n");
    assert!(case.serve_closed(&socket, true).await.1);
    let began = Instant::now();
    let (answered, is_upgraded) = case.serve_closed(&socket, true).await;
    assert!(
        !is_upgraded && answered.starts_with("HTTP/1.1 400 "),
        "{answered}"
    );
    assert_eq!(began.elapsed(), Duration::ZERO);
    // Who stays gets its turn, and what it has sent meanwhile is not lost.
    let (mut far, near) = tokio::io::duplex(1 << 16);
    let early = b"\x81\x80early frames";
    far.write_all(&[socket.as_bytes(), early].concat())
        .await
        .unwrap();
    let arrival = case.arrival(near, Some("192.0.2.1"));
    let stop = CancellationToken::new();
    let later = b" and later ones";
    let write_later = async {
        sleep(Duration::from_millis(100)).await;
        far.write_all(later).await.unwrap();
        far
    };
    let (upgraded, _far) = tokio::join!(serve(arrival, &case.site, LONG, &stop), write_later);
    let mut upgraded: Upgraded<DuplexStream> = upgraded.expect("a WebSocket");
    let mut heard = std::mem::take(&mut upgraded.read_ahead);
    while heard.len() < early.len() + later.len() {
        heard.push(upgraded.stream.read_u8().await.unwrap());
    }
    assert_eq!(heard, [&early[..], later].concat());
}

#[tokio::test(start_paused = true)]
async fn a_half_closed_client_that_reads_nothing_has_no_more_time_than_others() {
    let case = Case::new(&[]);
    let (mut far, near) = tokio::io::duplex(64);
    let writing = async {
        let request = "GET /dashboard HTTP/1.1\r\nHost: x\r\n\r\n";
        far.write_all(request.as_bytes()).await.unwrap();
        far.shutdown().await.unwrap();
        far
    };
    let arrival = case.arrival(near, Some("192.0.2.1"));
    let timeouts = Timeouts {
        stuck: LONG.stuck,
        ..USUAL
    };
    let (began, stop) = (Instant::now(), CancellationToken::new());
    let (_, _far) = tokio::join!(serve(arrival, &case.site, timeouts, &stop), writing);
    assert_eq!(case.node.counters().http_timed_out, 1);
    assert!(began.elapsed() <= timeouts.whole + timeouts.head + Duration::from_secs(1));
}
