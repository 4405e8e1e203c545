//! Tests that a connection buffers only unaccepted bytes, in order, and frees its buffer when it is empty.

use std::future::poll_fn;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::*;

/// Longer than a loaded machine needs, short enough for a person to wait.
const TIMEOUT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_connection_buffers_only_what_the_kernel_rejected() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (near, far) = tokio::join!(
        TcpStream::connect(listener.local_addr().unwrap()),
        listener.accept()
    );
    let (near, (mut far, _)) = (near.unwrap(), far.unwrap());
    near.writable().await.unwrap();
    let connection = LoadConnection::new(ClientStream::Plain(near));
    let frames: Vec<Vec<u8>> = (0..=u8::MAX).map(|byte| vec![byte; 100_000]).collect();
    connection.write(&frames[0]);
    assert_eq!(
        connection.output.borrow().capacity(),
        0,
        "the kernel has room for one frame"
    );
    frames[1..].iter().for_each(|frame| connection.write(frame));
    assert!(
        !connection.output.borrow().is_empty(),
        "25 MB do not fit into the kernel"
    );

    let mut received = vec![0; frames.len() * 100_000];
    let (write, read) = tokio::join!(
        timeout(TIMEOUT, poll_fn(|cx| connection.poll_write_output(cx))),
        timeout(TIMEOUT, far.read_exact(&mut received))
    );
    write.unwrap().unwrap();
    read.unwrap().unwrap();
    assert!(received == frames.concat(), "all bytes arrive in order");
    assert_eq!(connection.output.borrow().capacity(), 0);
}
