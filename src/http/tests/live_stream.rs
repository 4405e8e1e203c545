//! Tests how long a live stream lasts.

use super::*;

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
