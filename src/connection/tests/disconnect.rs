//! Tests clients that send and disconnect: everything that arrived is served.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::websocket::client::frame;

const FIN_TEXT: u8 = 0x81;
const FIN_CLOSE: u8 = 0x88;
/// More messages than two turns serve, and more bytes than one turn reads.
const MESSAGES: u32 = 400;

fn completed_announce(torrent: u32) -> Value {
    let info_hash = format!("{torrent:020}");
    json!({"action": "announce", "info_hash": info_hash, "peer_id": "p".repeat(20), "event": "completed", "left": 0})
}

/// Returns `count` messages as WebSocket frames, each for a different swarm.
fn announce_frames(count: u32) -> Vec<u8> {
    let frames = (0..count)
        .map(|torrent| frame(FIN_TEXT, completed_announce(torrent).to_string().as_bytes()));
    frames.flatten().collect()
}

/// Joins all swarms, so that they exist and keep their counts.
async fn join_all_swarms(worker: &TestWorker) -> TestClient {
    let mut member = worker.connect().await;
    for torrent in 0..MESSAGES {
        let info_hash = format!("{torrent:020}");
        let message = json!({"action": "announce", "info_hash": info_hash, "peer_id": "m".repeat(20), "left": 1});
        member.send_json(&message).await;
        member.receive_json().await;
    }
    member
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn messages_sent_before_a_disconnect_are_served() {
    for sends_close in [false, true] {
        let worker = TestWorker::new(|_| {});
        let _member = join_all_swarms(&worker).await;
        let mut client = worker.connect().await;
        let mut bytes = announce_frames(MESSAGES);
        if sends_close {
            bytes.extend(frame(FIN_CLOSE, b""));
        }
        client
            .socket
            .get_mut()
            .write_all(&bytes)
            .await
            .expect("room");
        let TestClient { socket, task } = client;
        drop(socket);
        let ended = task.await.expect("no panic");
        let expected = if sends_close {
            Ended::ByClient
        } else {
            Ended::Lost
        };
        assert_eq!(ended, expected);
        assert_eq!(worker.counters().announces, u64::from(2 * MESSAGES));
        assert_eq!(worker.totals().leechers, MESSAGES as usize);
        assert_eq!(worker.totals().seeders, 0);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_half_closed_client_receives_its_replies() {
    let worker = TestWorker::new(|_| {});
    let mut client = worker.connect().await;
    for torrent in 0..MESSAGES {
        client.send_json(&completed_announce(torrent)).await;
    }
    let stream = client.socket.get_mut();
    stream.shutdown().await.expect("it can be ended");
    let mut received = Vec::new();
    stream
        .read_to_end(&mut received)
        .await
        .expect("the answers");
    let answers = String::from_utf8_lossy(&received)
        .matches("\"interval\"")
        .count();
    assert_eq!(answers, MESSAGES as usize);
    assert_eq!(client.task.await.expect("no panic"), Ended::Lost);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn silence_after_many_messages_is_not_a_slow_message() {
    let worker = TestWorker::new(|_| {});
    for count in [25, 33, 40, 64, 100] {
        let mut client = worker.connect().await;
        let stream = client.socket.get_mut();
        stream
            .write_all(&announce_frames(count))
            .await
            .expect("room");
        for _ in 0..count {
            client.receive_json().await;
        }
        tokio::time::sleep(Duration::from_secs(40)).await;
        assert!(!client.task.is_finished(), "{count} at once");
    }
}
