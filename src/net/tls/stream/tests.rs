use std::io::Write;
use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split};
use tokio_rustls::{TlsConnector, client, rustls};

use super::super::session::RECEIVED_BYTES_MAX;
use super::super::tests::{client as trusting, make, server_config};
use super::*;

/// Returns both ends of a connection over a pipe with this capacity in bytes.
async fn ends(pipe: usize) -> (TlsStream<DuplexStream>, client::TlsStream<DuplexStream>) {
    let made = make(&["a.example"]);
    let config = server_config(&made);
    let (server_end, client_end) = duplex(pipe);
    let connector = TlsConnector::from(Arc::new(trusting(&[&made])));
    let name = ServerName::try_from("a.example").unwrap();
    let (server, client) = tokio::join!(
        TlsStream::accept(server_end, config),
        connector.connect(name, client_end)
    );
    (server.unwrap(), client.unwrap())
}

/// Writes `bytes` bytes with increasing values, in chunks of random size.
async fn write_counting(mut to: impl AsyncWrite + Unpin, bytes: usize, mut rng: SmallRng) {
    let text: Vec<u8> = (0..bytes).map(|n| n.to_le_bytes()[0]).collect();
    let mut rest = &text[..];
    while !rest.is_empty() {
        let chunk;
        (chunk, rest) = rest.split_at(rng.random_range(1..=rest.len().min(90_000)));
        to.write_all(chunk).await.unwrap();
        to.flush().await.unwrap();
    }
}

/// Reads `bytes` bytes with increasing values, in chunks of random size.
async fn read_counting(mut from: impl AsyncRead + Unpin, bytes: usize, mut rng: SmallRng) {
    let mut received = 0;
    let mut buffer = vec![0; 70_000];
    while received < bytes {
        let size = rng.random_range(1..=buffer.len().min(bytes - received));
        let read = from.read(&mut buffer[..size]).await.unwrap();
        assert!(read > 0, "the stream ended after {received} bytes");
        for (index, &byte) in buffer[..read].iter().enumerate() {
            assert_eq!(byte, (received + index).to_le_bytes()[0]);
        }
        received += read;
    }
}

#[tokio::test]
async fn any_sizes_arrive_intact_and_no_memory_is_retained() {
    for seed in 0..12 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let pipe = [7, 100, 4096, 20_000, 1 << 20][rng.random_range(0..5)];
        let bytes = if pipe < 1000 { 20_000 } else { 400_000 };
        let (mut server, mut client) = ends(pipe).await;
        let mut another = || SmallRng::from_rng(&mut rng);
        {
            let (from_client, to_client) = split(&mut server);
            let (from_server, to_server) = split(&mut client);
            tokio::join!(
                write_counting(to_client, bytes, another()),
                write_counting(to_server, bytes, another()),
                read_counting(from_client, bytes, another()),
                read_counting(from_server, bytes, another()),
            );
        }
        assert_eq!(server.buffered_bytes(), 0, "seed {seed}");
    }
}

#[tokio::test]
async fn unread_plaintext_is_buffered_and_then_freed() {
    let (mut server, mut client) = ends(1 << 20).await;
    client.write_all(&[7; 10_000]).await.unwrap();
    client.flush().await.unwrap();
    let mut some = [0; 100];
    server.read_exact(&mut some).await.unwrap();
    // The record was complete, so all of it is decrypted and the unread part is buffered.
    assert_eq!(
        (
            server.session.received_bytes(),
            server.session.plaintext.remaining().len()
        ),
        (0, 9900)
    );
    server.read_exact(&mut [0; 9900]).await.unwrap();
    assert_eq!(server.buffered_bytes(), 0);
}

#[tokio::test]
async fn both_sides_accept_key_updates() {
    let (mut server, mut client) = ends(1 << 16).await;
    for _ in 0..3 {
        client.get_mut().1.refresh_traffic_keys().unwrap();
        client.write_all(b"ping").await.unwrap();
        client.flush().await.unwrap();
        let mut received = [0; 4];
        server.read_exact(&mut received).await.unwrap();
        server.write_all(b"pong").await.unwrap();
        client.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"pong");
    }
    assert_eq!(server.buffered_bytes(), 0);
}

#[tokio::test]
async fn close_notify_is_an_end_and_a_truncation_is_an_error() {
    let (mut server, mut client) = ends(1 << 16).await;
    client.write_all(b"last").await.unwrap();
    client.shutdown().await.unwrap();
    let mut received = Vec::new();
    server.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, b"last");
    assert_eq!(
        server.read(&mut [0; 8]).await.unwrap(),
        0,
        "the end is permanent"
    );

    let (mut server, mut client) = ends(1 << 16).await;
    client.write_all(b"last").await.unwrap();
    client.flush().await.unwrap();
    drop(client);
    server.read_exact(&mut [0; 4]).await.unwrap();
    let error = server.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn a_corrupt_record_ends_the_connection_with_an_alert() {
    let (mut server, client) = ends(1 << 16).await;
    let (mut pipe, mut session) = client.into_inner();
    pipe.write_all(&[0x17, 3, 3, 0, 32]).await.unwrap();
    pipe.write_all(&[5; 32]).await.unwrap();
    let error = server.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    // An orderly shutdown afterwards succeeds.
    server.shutdown().await.unwrap();
    let error = server.write(b"more").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    let mut received = Vec::new();
    pipe.read_to_end(&mut received).await.unwrap();
    session.read_tls(&mut &received[..]).unwrap();
    let alert = session.process_new_packets().unwrap_err();
    assert!(matches!(alert, rustls::Error::AlertReceived(_)), "{alert}");
}

#[tokio::test]
async fn an_error_discards_earlier_unread_plaintext() {
    let (mut server, client) = ends(1 << 16).await;
    let (mut pipe, mut session) = client.into_inner();
    session.writer().write_all(&[7; 100]).unwrap();
    let mut records = Vec::new();
    session.write_tls(&mut records).unwrap();
    records.extend([0x17, 3, 3, 0, 32]);
    records.extend([5; 32]);
    pipe.write_all(&records).await.unwrap();
    for _ in 0..3 {
        // Otherwise the rest would follow without the first ten bytes.
        let error = server.read(&mut [0; 10]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
    assert_eq!(server.session.plaintext.buffered_bytes(), 0);
}

#[tokio::test]
async fn an_endless_handshake_message_is_refused() {
    let made = make(&["a.example"]);
    let (server_end, mut client_end) = duplex(1 << 16);
    let accepting = TlsStream::accept(server_end, server_config(&made));
    let sending = async {
        // One ClientHello of 16 MB in records of 16 KB, until the server refuses it.
        let mut sent = 0;
        let mut record = vec![0; 5 + 16_384];
        record[..5].copy_from_slice(&[0x16, 3, 1, 0x40, 0]);
        record[5..9].copy_from_slice(&[1, 0xff, 0xff, 0xff]);
        while client_end.write_all(&record).await.is_ok() {
            record[5..9].copy_from_slice(&[0; 4]);
            sent += record.len();
        }
        sent
    };
    let (accepted, sent) = tokio::join!(accepting, sending);
    assert!(accepted.is_err());
    assert!(
        sent < RECEIVED_BYTES_MAX + (1 << 16) + 2 * READ_BYTES_MAX,
        "{sent}"
    );
}

/// The server may write while a record of the client is incomplete.
#[tokio::test]
async fn the_server_may_write_during_an_incomplete_record() {
    let (mut server, client) = ends(1 << 16).await;
    let (mut pipe, mut session) = client.into_inner();
    // Half of a record, so that bytes are buffered while the server writes.
    session.writer().write_all(b"whole").unwrap();
    let mut records = Vec::new();
    session.write_tls(&mut records).unwrap();
    let (first, second) = records.split_at(records.len() / 2);
    pipe.write_all(first).await.unwrap();
    let mut received = [0; 5];
    let read = tokio::time::timeout(std::time::Duration::ZERO, server.read_exact(&mut received));
    assert!(read.await.is_err());
    server.write_all(b"talks").await.unwrap();
    pipe.write_all(second).await.unwrap();
    server.read_exact(&mut received).await.unwrap();
    assert_eq!(&received, b"whole");
    assert_eq!(server.buffered_bytes(), 0);
}
