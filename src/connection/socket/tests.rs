//! Tests the memory that a connection holds between its turns.

use std::task::Waker;

use tokio::io::AsyncWriteExt;

use super::*;

const MESSAGE_BYTES_MAX: usize = 131_072;

/// Runs one turn of a socket; returns the number of messages received.
fn run_turn<T: Transport>(socket: &mut WebSocket<T>, shared: &mut [u8]) -> usize {
    let (mut turn, mut messages) = (socket.begin_turn(), 0);
    let cx = &mut Context::from_waker(Waker::noop());
    while let Poll::Ready(message) = socket.poll_next(&mut turn, shared, MESSAGE_BYTES_MAX, cx) {
        message.expect("nothing is wrong");
        messages += 1;
    }
    socket.end_turn(&turn, shared);
    messages
}

#[tokio::test]
async fn pending_input_has_no_spare_capacity() {
    let (mut client, server) = tokio::io::duplex(1 << 20);
    let (mut socket, mut shared) = (
        WebSocket::new(server, Vec::new()),
        vec![0; READ_BYTES_PER_TURN],
    );
    let head = [0x82, 0xff, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0];
    let longest = [&head[..], &vec![0; MESSAGE_BYTES_MAX]].concat();
    // The longest message and one byte of the next.
    client.write_all(&longest).await.unwrap();
    client.write_all(&[0x81]).await.unwrap();
    let messages: usize = (0..6).map(|_| run_turn(&mut socket, &mut shared)).sum();
    assert_eq!(messages, 1);
    let pending = &socket.pending.as_ref().unwrap().0;
    assert_eq!(pending.len(), 1);
    assert!(pending.capacity() < 64, "{}", pending.capacity());

    // The rest of that frame: nothing remains to be stored.
    client.write_all(&[0x80, 0, 0, 0, 0]).await.unwrap();
    assert_eq!(run_turn(&mut socket, &mut shared), 1);
    assert!(socket.pending.is_none());
}
