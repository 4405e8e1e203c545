use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::hub::Priority;
use crate::protocol::ConnectionId;

/// Deadlines are checked once a second.
const CHECK_DELAY_MAX: Duration = Duration::from_millis(1100);
/// How long a close waits for the client to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_silent_connection_is_pinged_and_then_dropped() {
    let worker = TestWorker::new(|_| {});
    let mut client = worker.connect().await;
    client.send_json(&announce('a', 'p')).await;
    client.receive_json().await;
    let since = Instant::now();
    // Nothing reads the client's side any more, so no pong is sent.
    assert_eq!(client.task.await.expect("no panic"), Ended::Dead);
    assert!(
        since.elapsed() >= seconds(120) && since.elapsed() <= seconds(120) + CHECK_DELAY_MAX,
        "{:?}",
        since.elapsed()
    );
    assert_eq!(worker.counters().pings_sent, 1);
    assert_eq!(worker.counters().connections_dead, 1);
    assert_eq!(worker.totals(), SwarmTotals::default());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_idle_connection_that_answers_pings_stays() {
    let worker = TestWorker::new(|_| {});
    let mut client = worker.connect().await;
    client.send_json(&announce('a', 'p')).await;
    client.receive_json().await;
    let since = Instant::now();
    let mut pings = Vec::new();
    while since.elapsed() < seconds(3600) {
        match timeout(seconds(50), client.socket.next()).await {
            Ok(Some(Ok(Message::Ping(_)))) => pings.push(since.elapsed()),
            other => panic!("a ping expected, not {other:?}"),
        }
    }
    let apart = pings.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
    assert!(
        apart
            .clone()
            .all(|time| time >= seconds(45) && time <= seconds(45) + CHECK_DELAY_MAX),
        "{pings:?}"
    );
    assert_eq!(worker.hub.connections(), 1);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_active_connection_is_not_pinged() {
    let worker = TestWorker::new(|config| config.no_limits = true);
    let mut client = worker.connect().await;
    for _ in 0..20 {
        tokio::time::sleep(seconds(40)).await;
        client.send_json(&announce('a', 'p')).await;
        client.receive_json().await;
    }
    assert_eq!(worker.counters().pings_sent, 0);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_member_that_stops_reading_is_skipped_then_closed() {
    let worker = TestWorker::new(|config| config.no_limits = true);
    let mut non_reading = worker.connect_with(1024).await;
    non_reading.send_json(&announce('a', 'd')).await;
    non_reading.receive_json().await;
    let mut active_client = worker.connect().await;
    let sdp = "x".repeat(4000);
    for round in 0..200 {
        let mut message = announce_with_offers('a', 't', 1, &sdp);
        message["offers"][0]["offer_id"] = json!(format!("{round:020}"));
        active_client.send_json(&message).await;
        assert_eq!(active_client.receive_json().await["incomplete"], 2);
    }
    let counters = worker.counters();
    // Half of 256 KiB marks it as stuck; the bytes queued for it after that are bounded.
    assert!(
        (30..45).contains(&counters.offers_relayed),
        "{}",
        counters.offers_relayed
    );
    let since = Instant::now();
    assert_eq!(non_reading.task.await.expect("no panic"), Ended::Stuck);
    assert!(
        since.elapsed() <= seconds(22) + CHECK_DELAY_MAX,
        "{:?}",
        since.elapsed()
    );
    assert_eq!(worker.counters().connections_stuck, 1);
    active_client.send_json(&announce('a', 't')).await;
    assert_eq!(active_client.receive_json().await["incomplete"], 1);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_slow_but_steady_reader_stays() {
    let worker = TestWorker::new(|config| config.connection.first_message_timeout = seconds(3600));
    let (mut slow, task) = worker.pipe(64);
    while worker.hub.connections() == 0 {
        tokio::task::yield_now().await;
    }
    // The outbox fills nearly to its bound: more than half of it stays full for minutes, and nothing is read meanwhile.
    let first = ConnectionId::new(0, 0, 0);
    for _ in 0..60 {
        worker.hub.deliver(first, Priority::Required, &[b'x'; 4000]);
    }
    for _ in 0..200 {
        slow.read_exact(&mut [0; 500])
            .await
            .expect("the connection stays");
        tokio::time::sleep(seconds(1)).await;
    }
    assert!(!task.is_finished());
    assert_eq!(worker.counters().messages_dropped_output_full, 0);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_member_that_resumes_reading_receives_offers_again() {
    let worker = TestWorker::new(|config| config.no_limits = true);
    let mut slow = worker.connect_with(1024).await;
    slow.send_json(&announce('a', 's')).await;
    slow.receive_json().await;
    let mut active_client = worker.connect().await;
    let sdp = "x".repeat(4000);
    let offer = |round: usize| {
        let mut message = announce_with_offers('a', 't', 1, &sdp);
        message["offers"][0]["offer_id"] = json!(format!("{round:020}"));
        message
    };
    for round in 0..100 {
        active_client.send_json(&offer(round)).await;
        active_client.receive_json().await;
    }
    let relayed = worker.counters().offers_relayed;
    for round in 0..relayed {
        assert_eq!(
            slow.receive_json().await["offer_id"],
            format!("{round:020}")
        );
    }
    active_client.send_json(&offer(999)).await;
    assert_eq!(
        slow.receive_json().await["offer_id"],
        format!("{:020}", 999)
    );
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_client_that_does_not_read_replies_is_not_read() {
    let worker = TestWorker::new(|config| config.no_limits = true);
    let mut client = worker.connect_with(64 * 1024).await;
    let mut sent = 0;
    let message = announce('a', 'p').to_string();
    while timeout(
        seconds(5),
        client.socket.send(Message::text(message.clone())),
    )
    .await
    .is_ok()
    {
        sent += 1;
        assert!(sent < 10_000, "the server goes on reading");
    }
    assert_eq!(worker.counters().messages_dropped_output_full, 0);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn stopping_closes_with_code_1001() {
    let worker = TestWorker::new(|_| {});
    let mut client = worker.connect().await;
    client.send_json(&announce('a', 'p')).await;
    client.receive_json().await;
    worker.hub.close_all(Ended::Stopping);
    assert_eq!(client.receive_close().await, 1001);
    assert_eq!(client.disconnect().await, Ended::Stopping);
    assert_eq!(worker.hub.connections(), 0);
    let mut late = worker.connect().await;
    assert_eq!(late.receive_close().await, 1001);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn dropping_a_connection_task_ends_its_memberships() {
    let worker = TestWorker::new(|_| {});
    let mut client = worker.connect().await;
    client.send_json(&announce('a', 'p')).await;
    client.receive_json().await;
    client.task.abort();
    assert!(client.task.await.is_err());
    assert_eq!(
        (worker.totals(), worker.hub.connections()),
        (SwarmTotals::default(), 0)
    );
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_ping_due_behind_queued_output_is_not_lost() {
    let worker = TestWorker::new(|config| config.no_limits = true);
    let mut slow = worker.connect_with(1024).await;
    slow.send_json(&announce('a', 's')).await;
    slow.receive_json().await;
    tokio::time::sleep(seconds(40)).await;
    let mut active_client = worker.connect().await;
    for round in 0..10 {
        let mut message = announce_with_offers('a', 't', 1, &"x".repeat(4000));
        message["offers"][0]["offer_id"] = json!(format!("{round:020}"));
        active_client.send_json(&message).await;
        active_client.receive_json().await;
    }
    // The ping is due now, behind more bytes than pipe and write buffer hold.
    tokio::time::sleep(seconds(10)).await;
    for _ in 0..10 {
        assert!(slow.receive_json().await["offer"].is_object());
    }
    for _ in 0..4 {
        assert!(slow.receive().await.is_none(), "only pings");
    }
    // The active_client, whose socket is not read, is closed by now; the slow client is not.
    slow.send_json(&announce('a', 's')).await;
    assert_eq!(slow.receive_json().await["incomplete"], 1);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn reading_resumes_when_much_output_is_written_at_once() {
    let worker = TestWorker::new(|_| {});
    let (mut pipe, _task) = worker.pipe(1 << 20);
    while worker.hub.connections() == 0 {
        tokio::task::yield_now().await;
    }
    let text = announce('a', 'p').to_string().into_bytes();
    let head = [
        0x81,
        0x80 | u8::try_from(text.len()).expect("short"),
        0,
        0,
        0,
        0,
    ];
    pipe.write_all(&[&head[..], &text].concat())
        .await
        .expect("room in the pipe");
    // Runs before the connection's turn: it must not read now, and writes all of it at once.
    let first = ConnectionId::new(0, 0, 0);
    for _ in 0..60 {
        worker.hub.deliver(first, Priority::Required, &[b'x'; 4000]);
    }
    let since = Instant::now();
    while worker.totals().leechers == 0 {
        pipe.read_exact(&mut [0; 100])
            .await
            .expect("the connection stays");
    }
    assert!(since.elapsed() < seconds(1));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn data_after_the_close_is_read_and_discarded() {
    let worker = TestWorker::new(|_| {});
    let (mut pipe, task) = worker.pipe(4096);
    let since = Instant::now();
    let unmasked = [0x81, 2, b'{', b'}'];
    pipe.write_all(&[&unmasked[..], &vec![b'x'; 500_000]].concat())
        .await
        .expect("it is read away");
    pipe.read_to_end(&mut Vec::new())
        .await
        .expect("an orderly end");
    drop(pipe);
    assert_eq!(task.await.expect("no panic"), Ended::Protocol);
    assert!(since.elapsed() < seconds(1), "{:?}", since.elapsed());
}

/// Returns a masked frame with a zero mask.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = 0x80 | u8::try_from(payload.len()).expect("short");
    assert!(payload.len() < 126);
    [&[first, length, 0, 0, 0, 0][..], payload].concat()
}

/// Sends each portion after a pause, until the server stops reading. Returns the time from the first byte to the end,
/// and the end reason.
async fn send_slowly(
    worker: &TestWorker,
    begin: &[u8],
    portions: &[Vec<u8>],
    pause: Duration,
) -> (Duration, Ended) {
    let (mut pipe, task) = worker.pipe(1 << 16);
    pipe.write_all(begin).await.expect("room in the pipe");
    let since = Instant::now();
    for portion in portions {
        tokio::time::sleep(pause).await;
        if task.is_finished() || pipe.write_all(portion).await.is_err() {
            break;
        }
    }
    let ended = tokio::select! {
        ended = task => ended.expect("no panic"),
        () = async { while pipe.read_u8().await.is_ok() {} std::future::pending().await } => unreachable!(),
    };
    (since.elapsed(), ended)
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_connection_without_a_valid_message_ends_in_a_minute() {
    let worker = TestWorker::new(|_| {});
    let mut client = worker.connect().await;
    let since = Instant::now();
    let mut nonsense = worker.connect().await;
    nonsense.send_json(&json!({"action": "dance"})).await;
    nonsense.send(Message::Ping("x".into())).await;
    let code = timeout(seconds(90), async {
        loop {
            match client
                .socket
                .next()
                .await
                .expect("a close")
                .expect("no error")
            {
                Message::Close(close) => return close.map(|close| close.code.into()),
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    });
    assert_eq!(code.await.expect("in time"), Some(1008));
    let took = since.elapsed();
    assert!(
        took >= seconds(60) && took <= seconds(60) + CHECK_DELAY_MAX,
        "{took:?}"
    );
    assert_eq!(client.disconnect().await, Ended::FirstMessageTimeout);
    assert_eq!(nonsense.receive_close().await, 1008);
    assert_eq!(nonsense.disconnect().await, Ended::FirstMessageTimeout);
    assert_eq!(worker.counters().first_message_timed_out, 2);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_started_message_must_end_in_time() {
    let worker = TestWorker::new(|_| {});
    let text = announce('a', 'p').to_string().into_bytes();
    let whole = frame(0x81, &text);
    let bytes: Vec<_> = whole.iter().map(|&byte| vec![byte]).collect();
    // One byte a second, in one frame.
    let (took, ended) = send_slowly(&worker, b"", &bytes, seconds(1)).await;
    assert_eq!(ended, Ended::MessageTimeout);
    assert!(
        took >= seconds(21) && took <= seconds(21) + CHECK_DELAY_MAX + CLOSE_TIMEOUT,
        "{took:?}"
    );
    // Empty fragments, with whole pings between them.
    let mut fragments = vec![frame(0x01, b"{")];
    for _ in 0..60 {
        fragments.extend([frame(0x00, b""), frame(0x89, b"ping")]);
    }
    let (took, ended) = send_slowly(&worker, &whole, &fragments, seconds(1)).await;
    assert_eq!(ended, Ended::MessageTimeout);
    assert!(
        took >= seconds(21) && took <= seconds(21) + CHECK_DELAY_MAX + CLOSE_TIMEOUT,
        "{took:?}"
    );
    assert_eq!(worker.counters().message_timed_out, 2);
    assert_eq!(worker.counters().connections_dead, 0);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn slow_messages_that_end_in_time_may_follow_each_other() {
    let worker = TestWorker::new(|_| {});
    let text = announce('a', 'p').to_string().into_bytes();
    let (head, tail) = text.split_at(10);
    // The end of each arrives together with the beginning of the next, fifteen seconds after its own beginning.
    let mut portions = Vec::new();
    for _ in 0..20 {
        portions.push([frame(0x80, tail), frame(0x01, head)].concat());
    }
    portions.push([frame(0x80, tail), frame(0x88, b"")].concat());
    let (_, ended) = send_slowly(&worker, &frame(0x01, head), &portions, seconds(15)).await;
    assert_eq!(ended, Ended::ByClient);
    assert_eq!(worker.counters().announces, 21);
    assert_eq!(worker.counters().message_timed_out, 0);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_message_is_not_late_while_reading_is_suspended() {
    let worker = TestWorker::new(|_| {});
    let (mut pipe, task) = worker.pipe(64);
    let text = announce('a', 'p').to_string().into_bytes();
    // A valid message, and the beginning of the next one.
    pipe.write_all(&frame(0x81, &text))
        .await
        .expect("it is read");
    pipe.write_all(&frame(0x81, &text)[..20])
        .await
        .expect("it is read");
    // Then the outbox fills, and the client reads it slowly.
    let first = ConnectionId::new(0, 0, 0);
    for _ in 0..50 {
        worker.hub.deliver(first, Priority::Required, &[b'x'; 4000]);
    }
    for _ in 0..60 {
        pipe.read_exact(&mut [0; 1000])
            .await
            .expect("the connection stays");
        tokio::time::sleep(seconds(1)).await;
    }
    assert!(!task.is_finished());
    // The message deadline starts when reading resumes.
    let since = Instant::now();
    let ended = tokio::select! {
        ended = task => ended.expect("no panic"),
        () = async { while pipe.read_u8().await.is_ok() {} std::future::pending().await } => unreachable!(),
    };
    assert_eq!(ended, Ended::MessageTimeout);
    let took = since.elapsed();
    assert!(
        took >= seconds(19) && took <= seconds(20) + CHECK_DELAY_MAX + CLOSE_TIMEOUT,
        "{took:?}"
    );
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn bytes_read_with_the_handshake_are_charged() {
    let worker = TestWorker::new(|config| {
        config.limits.bytes_per_second = 10_000;
        config.limits.bytes_burst = 65_536;
        config.limits.messages_burst = 10_000;
    });
    let (mut pipe, server) = tokio::io::duplex(1 << 20);
    let text = announce('a', 'p').to_string().into_bytes();
    let mut read_ahead = Vec::new();
    while read_ahead.len() < 75_000 {
        read_ahead.extend(frame(0x8a, &[0; 100]));
    }
    read_ahead.extend(frame(0x81, &text));
    let client_info = ClientInfo::default();
    let task = tokio::task::spawn_local(serve(
        server,
        read_ahead,
        (&client_info, worker.admit(&client_info)),
        Rc::clone(&worker.context),
    ));
    let since = Instant::now();
    // The reply is sent when the bytes over the burst, about a second's worth, are paid for.
    let mut reply_start = [0; 2];
    pipe.read_exact(&mut reply_start).await.expect("a reply");
    assert!(
        since.elapsed() >= Duration::from_millis(900),
        "{:?}",
        since.elapsed()
    );
    assert_eq!(worker.pauses(), 1);
    drop(pipe);
    task.await.expect("no panic");
}
