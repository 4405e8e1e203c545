//! WebSocket frames against RFC 6455 over TCP: close codes, and an orderly end of the connection.

use std::net::SocketAddr;

use swarmhub::swarm::SwarmTotals;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client_frames::{frame, head};
use crate::support::{Client, TestServer, announce, in_time, wait_until};

const TEXT: u8 = 0x81;
const TEXT_FIRST: u8 = 0x01;
const CONTINUATION: u8 = 0x00;
const CONTINUATION_LAST: u8 = 0x80;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;

/// Returns the raw stream of a connection that has joined a swarm.
async fn join_raw(address: SocketAddr) -> TcpStream {
    let mut client = Client::connect(address).await;
    client.join("swarm", "peer").await;
    client.into_stream()
}

/// Sends bytes and returns what the server sends until it closes without a reset.
async fn exchange(stream: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
    stream.write_all(bytes).await.expect("the server reads");
    let mut received = Vec::new();
    let reading = stream.read_to_end(&mut received);
    in_time("the end", reading).await.expect("no reset");
    received
}

/// Sends each violation on a new connection; expects one close frame and the end of the connection.
async fn assert_all_close_with(code: u16, violations: &[Vec<u8>]) {
    let server = TestServer::start(|_| {});
    for bytes in violations {
        let mut stream = join_raw(server.address).await;
        let received = exchange(&mut stream, bytes).await;
        let shown = &bytes[..bytes.len().min(40)];
        assert_eq!(received[0], CLOSE, "{shown:x?}");
        assert_eq!(usize::from(received[1]), received.len() - 2, "{shown:x?}");
        assert_eq!(received[2..4], code.to_be_bytes(), "{shown:x?}");
    }
    let node = &server.node;
    let counters = node.counters();
    let counted = if code == 1009 {
        counters.messages_too_long
    } else {
        counters.connections_violating
    };
    assert_eq!(counted, violations.len() as u64);
    wait_until("all have left", || {
        node.tracker().swarms().totals() == SwarmTotals::default()
    })
    .await;
}

#[tokio::test]
async fn protocol_violations_close_with_1002() {
    let together = |frames: &[Vec<u8>]| frames.concat();
    assert_all_close_with(
        1002,
        &[
            // No mask; reserved bits; reserved opcodes.
            b"\x81\x02{}".to_vec(),
            frame(TEXT | 0x40, b"{}"),
            frame(TEXT | 0x20, b"{}"),
            frame(TEXT | 0x10, b"{}"),
            frame(0x83, b""),
            frame(0x87, b"{}"),
            frame(0x8b, b""),
            frame(0x8f, b"{}"),
            // Control frames that are fragmented or too long; the header is enough.
            frame(PING & 0x7f, b""),
            frame(CLOSE & 0x7f, &[0x03, 0xe8]),
            frame(PING, &[b'x'; 126]),
            head(PING, 1 << 20),
            // A continuation without a first frame; a message within a message.
            frame(CONTINUATION, b"{}"),
            frame(CONTINUATION_LAST, b"{}"),
            together(&[frame(TEXT_FIRST, b"{"), frame(TEXT, b"}")]),
            together(&[frame(TEXT_FIRST, b"{"), frame(TEXT_FIRST, b"}")]),
            // Closes with half a code or a reserved code.
            frame(CLOSE, &[3]),
            frame(CLOSE, &0_u16.to_be_bytes()),
            frame(CLOSE, &999_u16.to_be_bytes()),
            frame(CLOSE, &1005_u16.to_be_bytes()),
            frame(CLOSE, &1006_u16.to_be_bytes()),
            frame(CLOSE, &1015_u16.to_be_bytes()),
            frame(CLOSE, &2999_u16.to_be_bytes()),
            frame(CLOSE, &5000_u16.to_be_bytes()),
        ],
    )
    .await;
}

#[tokio::test]
async fn text_that_is_not_utf8_closes_with_1007() {
    assert_all_close_with(
        1007,
        &[
            frame(TEXT, b"\xff"),
            frame(TEXT, b"{\"a\":\"\xc0\xaf\"}"),
            frame(TEXT, b"\xed\xa0\x80"),
            frame(TEXT, b"\xf4\x90\x80\x80"),
            // Truncated within a character.
            frame(TEXT, b"\xf0\x9f\x98"),
            [
                frame(TEXT_FIRST, b"\xf0\x9f"),
                frame(CONTINUATION_LAST, b"\x98"),
            ]
            .concat(),
            // Invalid from the second fragment on; the message is unfinished.
            [frame(TEXT_FIRST, b"\xf0\x9f"), frame(CONTINUATION, b"a")].concat(),
            frame(CLOSE, b"\x03\xe8\xff"),
        ],
    )
    .await;
}

#[tokio::test]
async fn messages_over_the_limit_close_with_1009() {
    let max = 131_072_usize;
    assert_all_close_with(
        1009,
        &[
            head(TEXT, max as u64 + 1),
            head(TEXT, u64::MAX),
            frame(TEXT, &vec![b' '; max + 1]),
            [frame(TEXT_FIRST, &vec![b' '; max]), head(CONTINUATION, 1)].concat(),
            [
                frame(0x02, &vec![0xff; max]),
                frame(CONTINUATION_LAST, b"x"),
            ]
            .concat(),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_close_is_echoed_after_pending_replies() {
    let server = TestServer::start(|_| {});
    for (payload, answer) in [
        (&b""[..], &b"\x88\x00"[..]),
        (b"\x03\xe8", b"\x88\x02\x03\xe8"),
        (b"\x0f\xa0bye", b"\x88\x02\x0f\xa0"),
    ] {
        let mut stream = join_raw(server.address).await;
        let bytes = [
            frame(TEXT, announce("swarm", "peer").to_string().as_bytes()),
            frame(PING, b"there?"),
            frame(CLOSE, payload),
            // Frames after a close are ignored.
            frame(PING, b"more"),
        ];
        let received = exchange(&mut stream, &bytes.concat()).await;
        let rest = received.strip_suffix(answer).expect("the close at the end");
        let reply = rest.strip_suffix(b"\x8a\x06there?").expect("the pong");
        assert!(reply.windows(10).any(|text| text == b"\"complete\""));
    }
    assert_eq!(server.node.counters().connections_violating, 0);
}
