use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::websocket::client::{frame, head};

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CONTINUATION: u8 = 0;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const FIN: u8 = 0x80;

fn join_message() -> Vec<u8> {
    announce('a', 'p').to_string().into_bytes()
}

/// Sends bytes, and returns what the server sent until it closed the connection or was silent for a second.
async fn exchange(worker: &TestWorker, bytes: &[u8]) -> Vec<u8> {
    let (mut pipe, task) = worker.pipe(1 << 20);
    pipe.write_all(bytes).await.expect("room in the pipe");
    let mut received = Vec::new();
    let _ = timeout(Duration::from_secs(1), pipe.read_to_end(&mut received)).await;
    drop(pipe);
    task.await.expect("no panic");
    received
}

/// Returns the code of the close frame at the end of the received bytes.
fn close_code(received: &[u8]) -> Option<u16> {
    let start = received
        .windows(2)
        .rposition(|pair| pair[0] == FIN | CLOSE && usize::from(pair[1]) >= 2)?;
    Some(u16::from_be_bytes([
        *received.get(start + 2)?,
        *received.get(start + 3)?,
    ]))
}

fn replies(received: &[u8]) -> usize {
    let text = String::from_utf8_lossy(received);
    text.matches("\"complete\":").count()
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn text_and_binary_frames_are_the_same() {
    let worker = TestWorker::new(|_| {});
    for opcode in [TEXT, BINARY] {
        let received = exchange(&worker, &frame(FIN | opcode, &join_message())).await;
        assert_eq!((replies(&received), close_code(&received)), (1, None));
        assert_eq!(received[0], FIN | TEXT, "replies are text");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_fragmented_message_may_contain_a_ping() {
    let worker = TestWorker::new(|_| {});
    let join = join_message();
    let (one, rest) = join.split_at(30);
    let (two, three) = rest.split_at(1);
    let bytes = [
        frame(TEXT, one),
        frame(FIN | PING, b"hello"),
        frame(CONTINUATION, two),
        frame(CONTINUATION, b""),
        frame(FIN | CONTINUATION, three),
    ];
    let received = exchange(&worker, &bytes.concat()).await;
    assert_eq!((replies(&received), close_code(&received)), (1, None));
    assert!(
        received.windows(7).any(|bytes| bytes == b"\x8a\x05hello"),
        "the pong carries the ping's payload"
    );
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_cut_at_any_byte_frees_all_state() {
    let worker = TestWorker::new(|_| {});
    let bytes = [
        frame(TEXT, &join_message()[..20]),
        frame(FIN | CONTINUATION, &join_message()[20..]),
    ]
    .concat();
    for cut in 0..=bytes.len() {
        let (mut pipe, task) = worker.pipe(4096);
        pipe.write_all(&bytes[..cut])
            .await
            .expect("room in the pipe");
        tokio::task::yield_now().await;
        drop(pipe);
        assert_eq!(
            task.await.expect("no panic"),
            Ended::Lost,
            "after {cut} bytes"
        );
        assert_eq!(
            (worker.hub.connections(), worker.totals()),
            (0, SwarmTotals::default())
        );
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn protocol_violations_are_closed_with_their_code() {
    let worker = TestWorker::new(|_| {});
    let unmasked = [&[FIN | TEXT, 2][..], b"{}"].concat();
    let long_ping = frame(FIN | PING, &[0; 126]);
    for (bytes, code, ended) in [
        (unmasked, 1002, Ended::Protocol),
        (frame(FIN | 0x40 | TEXT, b"{}"), 1002, Ended::Protocol),
        (frame(FIN | 3, b"{}"), 1002, Ended::Protocol),
        (frame(FIN | 0xb, b""), 1002, Ended::Protocol),
        (frame(PING, b""), 1002, Ended::Protocol),
        (long_ping, 1002, Ended::Protocol),
        (frame(FIN | CONTINUATION, b"{}"), 1002, Ended::Protocol),
        (
            [frame(TEXT, b"{"), frame(FIN | TEXT, b"}")].concat(),
            1002,
            Ended::Protocol,
        ),
        (frame(FIN | TEXT, b"\xff\xfe"), 1007, Ended::NotUtf8),
        (frame(FIN | TEXT, b"\xed\xa0\x80"), 1007, Ended::NotUtf8),
    ] {
        let (mut pipe, task) = worker.pipe(1 << 20);
        pipe.write_all(&bytes).await.expect("room in the pipe");
        let mut received = Vec::new();
        pipe.read_to_end(&mut received)
            .await
            .expect("an orderly end");
        drop(pipe);
        let actual_end = task.await.expect("no panic");
        assert_eq!(
            (close_code(&received), actual_end),
            (Some(code), ended),
            "{bytes:x?}"
        );
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_too_long_message_is_closed_by_its_header() {
    let worker = TestWorker::new(|_| {});
    for bytes in [
        head(FIN | TEXT, 131_073),
        head(FIN | TEXT, u64::MAX >> 1),
        // The sum of all fragments counts.
        [
            frame(TEXT, &vec![b' '; 100_000]),
            head(FIN | CONTINUATION, 31_073),
        ]
        .concat(),
    ] {
        let received = exchange(&worker, &bytes).await;
        assert_eq!(close_code(&received), Some(1009));
    }

    let longest = [join_message(), vec![b' '; 131_072 - join_message().len()]].concat();
    let received = exchange(&worker, &frame(FIN | TEXT, &longest)).await;
    assert_eq!((replies(&received), close_code(&received)), (1, None));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_close_is_answered_with_its_code_and_ends_the_transport() {
    let worker = TestWorker::new(|_| {});
    for (payload, code) in [
        (&[0x03, 0xe8][..], Some(1000)),
        (&[0x0f, 0xa0, b'x'], Some(4000)),
        (&[], None),
    ] {
        let (mut pipe, task) = worker.pipe(4096);
        pipe.write_all(&frame(FIN | CLOSE, payload))
            .await
            .expect("room in the pipe");
        let mut received = Vec::new();
        pipe.read_to_end(&mut received)
            .await
            .expect("an orderly end");
        assert_eq!((received[0], close_code(&received)), (FIN | CLOSE, code));
        drop(pipe);
        assert_eq!(task.await.expect("no panic"), Ended::ByClient);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn messages_before_a_close_are_answered() {
    let worker = TestWorker::new(|_| {});
    let bytes = [
        frame(FIN | TEXT, &join_message()),
        frame(FIN | CLOSE, &[0x03, 0xe8]),
    ]
    .concat();
    let received = exchange(&worker, &bytes).await;
    assert_eq!((replies(&received), close_code(&received)), (1, Some(1000)));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn messages_over_the_limit_are_stored_and_served_later() {
    let worker = TestWorker::new(|config| config.limits.messages_burst = 1);
    let (mut pipe, _task) = worker.pipe(1 << 20);
    let longest = [join_message(), vec![b' '; 100_000]].concat();
    let bytes = [
        frame(FIN | TEXT, &join_message()).repeat(100),
        frame(FIN | TEXT, &longest),
    ]
    .concat();
    // In chunks that end anywhere, each sent after the previous one was read or deferred.
    for chunk in bytes.chunks(997) {
        pipe.write_all(chunk).await.expect("room in the pipe");
        tokio::task::yield_now().await;
    }
    let mut received = Vec::new();
    while replies(&received) < 101 {
        let mut more = [0; 4096];
        let read = timeout(Duration::from_mins(1), pipe.read(&mut more)).await;
        let read = read
            .expect("a reply in time")
            .expect("the connection stays");
        received.extend_from_slice(&more[..read]);
    }
    assert!(worker.pauses() >= 100);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn bytes_read_with_the_handshake_are_the_first_frame() {
    let worker = TestWorker::new(|_| {});
    let (mut client, server) = tokio::io::duplex(4096);
    let bytes = frame(FIN | TEXT, &join_message());
    let (early, late) = bytes.split_at(50);
    let client_info = ClientInfo::default();
    let admitted = (&client_info, worker.admit(&client_info));
    let context = Rc::clone(&worker.context);
    tokio::task::spawn_local(serve(server, early.to_vec(), admitted, context));
    client.write_all(late).await.expect("room in the pipe");
    let mut received = vec![0; 100];
    let read = client.read(&mut received).await.expect("a reply");
    assert_eq!(replies(&received[..read]), 1);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn empty_fragments_are_slowed_and_others_are_served() {
    let worker = TestWorker::new(|config| {
        config.limits.bytes_per_second = 1_000_000;
        config.limits.bytes_burst = 2_000_000;
    });
    let (mut pipe, _task) = worker.pipe(4096);
    let fragments = [frame(TEXT, b""), frame(CONTINUATION, b"").repeat(50_000)].concat();
    assert!(fragments.len() > 300_000);
    let since = Instant::now();
    let flood = tokio::task::spawn_local(async move {
        pipe.write_all(&fragments).await.expect("the server reads");
        since.elapsed()
    });
    let mut honest = worker.connect().await;
    for _ in 0..10 {
        honest.send_json(&announce('a', 'h')).await;
        honest.receive_json().await;
        assert!(
            !flood.is_finished(),
            "the client is served during the flood"
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let elapsed = flood.await.expect("no panic");
    // 50,000 fragments count as 262 bytes each: 2,000,000 at once and the rest at 1,000,000 a second.
    assert!(elapsed > Duration::from_secs(10), "{elapsed:?}");
    assert!(worker.pauses() > 10);
}
