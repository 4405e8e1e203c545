//! Clients that say something and go: what has arrived is served.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::websocket::client::frame;

const FIN_TEXT: u8 = 0x81;
const FIN_CLOSE: u8 = 0x88;
/// More than are served in two turns, and than are read in one.
const MESSAGES: u32 = 400;

fn completed(torrent: u32) -> Value {
    let info_hash = format!("{torrent:020}");
    json!({"action": "announce", "info_hash": info_hash, "peer_id": "p".repeat(20), "event": "completed", "left": 0})
}

/// So many messages, each about another swarm, as they stand on the line.
fn at_once(count: u32) -> Vec<u8> {
    let frames =
        (0..count).map(|torrent| frame(FIN_TEXT, completed(torrent).to_string().as_bytes()));
    frames.flatten().collect()
}

/// Swarms that keep what is told of them, as somebody else is there.
async fn member_of_all(world: &World) -> Client {
    let mut member = world.connect().await;
    for torrent in 0..MESSAGES {
        let info_hash = format!("{torrent:020}");
        let message = json!({"action": "announce", "info_hash": info_hash, "peer_id": "m".repeat(20), "left": 1});
        member.say(&message).await;
        member.hear_json().await;
    }
    member
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn what_a_client_says_before_it_goes_is_served() {
    for says_close in [false, true] {
        let world = World::new(|_| {});
        let _member = member_of_all(&world).await;
        let mut client = world.connect().await;
        let mut said = at_once(MESSAGES);
        if says_close {
            said.extend(frame(FIN_CLOSE, b""));
        }
        client
            .socket
            .get_mut()
            .write_all(&said)
            .await
            .expect("room");
        let Client { socket, task } = client;
        drop(socket);
        let ended = task.await.expect("no panic");
        let expected = if says_close {
            Ended::ByClient
        } else {
            Ended::Lost
        };
        assert_eq!(ended, expected);
        assert_eq!(world.counters().announces, u64::from(2 * MESSAGES));
        assert_eq!(world.totals().leechers, MESSAGES as usize);
        assert_eq!(world.totals().seeders, 0);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn who_has_only_ended_its_side_hears_the_answers() {
    let world = World::new(|_| {});
    let mut client = world.connect().await;
    for torrent in 0..MESSAGES {
        client.say(&completed(torrent)).await;
    }
    let stream = client.socket.get_mut();
    stream.shutdown().await.expect("it can be ended");
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.expect("the answers");
    let answers = String::from_utf8_lossy(&heard)
        .matches("\"interval\"")
        .count();
    assert_eq!(answers, MESSAGES as usize);
    assert_eq!(client.task.await.expect("no panic"), Ended::Lost);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn many_messages_at_once_and_then_silence_are_no_slow_message() {
    let world = World::new(|_| {});
    for count in [25, 33, 40, 64, 100] {
        let mut client = world.connect().await;
        let stream = client.socket.get_mut();
        stream.write_all(&at_once(count)).await.expect("room");
        for _ in 0..count {
            client.hear_json().await;
        }
        tokio::time::sleep(Duration::from_secs(40)).await;
        assert!(!client.task.is_finished(), "{count} at once");
    }
}
