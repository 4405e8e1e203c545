//! Limits on pending handshakes and file descriptors, and deadlines for slow senders.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::listeners::{ask, connect, page, upgrade};
use crate::support::{Client, PATIENCE, TestServer, until};

#[tokio::test]
async fn old_handshakes_give_way_and_what_is_beyond_them_stays() {
    let server = TestServer::start(|config| {
        config.workers = 1;
        config.connection.handshakes_max = 4;
    });
    // Connections that completed their handshake do not count.
    let mut open = server.connect().await;
    let mut idle = connect(server.address).await;
    idle.write_all(b"GET /ice HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    idle.read_u8().await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..6 {
        silent.push(connect(server.address).await);
    }
    // A new connection is served after waiting for at most a second.
    let since = Instant::now();
    let response = ask(
        connect(server.address).await,
        page("/healthz", "").as_bytes(),
    )
    .await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(
        since.elapsed() < Duration::from_secs(8),
        "{:?}",
        since.elapsed()
    );
    until(
        "two handshakes are displaced by silent connections and one by the request",
        || server.node.counters().handshakes_displaced >= 3,
    )
    .await;
    // The oldest were closed, the youngest is open.
    let youngest = silent.pop().unwrap();
    for stream in &mut silent[..3] {
        let ended = timeout(PATIENCE, stream.read_u8()).await;
        assert!(ended.expect("in time").is_err());
    }
    let response = ask(youngest, page("/healthz", "").as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    open.join("swarm", "peer").await;
    let response = ask(idle, page("/healthz", "").as_bytes()).await;
    assert!(response.contains("HTTP/1.1 200 "), "{response}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn when_descriptors_run_short_health_is_answered_and_room_is_found_again() {
    use std::process::{Command, Stdio};

    let binary = env!("CARGO_BIN_EXE_swarmhub");
    let script = format!(
        "ulimit -n 128; exec '{binary}' --workers 1 --listen 127.0.0.1:0 --no-limits --history off"
    );
    let program = crate::process::Program::of(
        Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::null()),
    );
    let address = program.address;
    let mut clients = Vec::new();
    let refused = loop {
        assert!(clients.len() < 128, "there is a limit");
        let mut stream = connect(address).await;
        stream.write_all(upgrade("").as_bytes()).await.unwrap();
        let status = status(&mut stream).await;
        if status != "101" {
            break status;
        }
        clients.push(stream);
    };
    assert_eq!(refused, "503");
    assert!(clients.len() > 60, "{}", clients.len());
    // Health is answered also during a flood of silent connections.
    let flood = futures::future::join_all((0..64).map(|_| connect(address))).await;
    for _ in 0..20 {
        let response = ask(connect(address).await, page("/healthz", "").as_bytes()).await;
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    }
    // After the flood, new connections are accepted again.
    drop(flood);
    let half = clients.len() / 2;
    clients.truncate(half);
    let since = Instant::now();
    loop {
        let mut stream = connect(address).await;
        stream.write_all(upgrade("").as_bytes()).await.unwrap();
        if status(&mut stream).await == "101" {
            break;
        }
        assert!(since.elapsed() < PATIENCE, "there is room again");
    }
    Client::connect(address).await.join("swarm", "peer").await;
    let (code, log) = {
        program.signal("-TERM");
        drop(clients);
        tokio::task::spawn_blocking(|| program.end()).await.unwrap()
    };
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("file descriptors exhausted"), "{log}");
    assert!(!log.contains("cannot accept connections"), "{log}");
}

/// Returns the status of a response; 000 if the connection ends without one.
async fn status(stream: &mut TcpStream) -> String {
    let mut head = [0; 12];
    let read = timeout(PATIENCE, stream.read_exact(&mut head)).await;
    match read.expect("in time") {
        Ok(_) => String::from_utf8_lossy(&head[9..]).into_owned(),
        Err(_) => "000".to_owned(),
    }
}

#[tokio::test]
async fn who_says_nothing_or_says_it_slowly_is_told_and_closed() {
    let server = TestServer::start(|config| {
        config.connection.first_message_timeout = Duration::from_secs(1);
        config.connection.message_timeout = Duration::from_millis(2500);
    });
    let mut silent = server.connect().await;
    let mut slow = server.connect().await;
    slow.join("swarm", "peer").await;
    // Half of a frame.
    let stream = slow.socket.get_mut();
    stream.write_all(&[0x81, 0xfe, 0x01]).await.unwrap();
    stream.flush().await.unwrap();
    assert_eq!(
        silent.hear_close().await,
        (1008, "no valid message in time".into())
    );
    assert_eq!(slow.hear_close().await, (1008, "message too slow".into()));
    until("both are counted", || {
        let counters = server.node.counters();
        (counters.first_message_timed_out, counters.message_timed_out) == (1, 1)
    })
    .await;
}
