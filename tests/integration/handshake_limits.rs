//! Limits on pending handshakes and file descriptors, and deadlines for slow senders.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::listeners::{connect, exchange, get_request, upgrade_request};
use crate::support::{Client, TIMEOUT, TestServer, wait_until};

#[tokio::test]
async fn new_handshakes_displace_the_oldest_pending_ones() {
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
    let response = exchange(
        connect(server.address).await,
        get_request("/healthz", "").as_bytes(),
    )
    .await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(
        since.elapsed() < Duration::from_secs(8),
        "{:?}",
        since.elapsed()
    );
    wait_until(
        "two handshakes are displaced by silent connections and one by the request",
        || server.node.counters().handshakes_displaced >= 3,
    )
    .await;
    // The oldest were closed, the youngest is open.
    let youngest = silent.pop().unwrap();
    for stream in &mut silent[..3] {
        let ended = timeout(TIMEOUT, stream.read_u8()).await;
        assert!(ended.expect("in time").is_err());
    }
    let response = exchange(youngest, get_request("/healthz", "").as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    open.join("swarm", "peer").await;
    let response = exchange(idle, get_request("/healthz", "").as_bytes()).await;
    assert!(response.contains("HTTP/1.1 200 "), "{response}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn without_free_descriptors_health_checks_are_still_answered() {
    use std::process::{Command, Stdio};

    let binary = env!("CARGO_BIN_EXE_swarmhub");
    let script = format!(
        "ulimit -n 128; exec '{binary}' --workers 1 --listen 127.0.0.1:0 --no-limits --history off"
    );
    let program = crate::process::Program::spawn(
        Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::null()),
    );
    let address = program.address;
    let mut clients = Vec::new();
    let refused = loop {
        assert!(clients.len() < 128, "there is a limit");
        let mut stream = connect(address).await;
        stream
            .write_all(upgrade_request("").as_bytes())
            .await
            .unwrap();
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
        let response = exchange(
            connect(address).await,
            get_request("/healthz", "").as_bytes(),
        )
        .await;
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    }
    // After the flood, new connections are accepted again.
    drop(flood);
    let half = clients.len() / 2;
    clients.truncate(half);
    let since = Instant::now();
    loop {
        let mut stream = connect(address).await;
        stream
            .write_all(upgrade_request("").as_bytes())
            .await
            .unwrap();
        if status(&mut stream).await == "101" {
            break;
        }
        assert!(since.elapsed() < TIMEOUT, "there is room again");
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
    let read = timeout(TIMEOUT, stream.read_exact(&mut head)).await;
    match read.expect("in time") {
        Ok(_) => String::from_utf8_lossy(&head[9..]).into_owned(),
        Err(_) => "000".to_owned(),
    }
}

#[tokio::test]
async fn silent_and_slow_clients_are_closed_with_a_reason() {
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
        silent.receive_close().await,
        (1008, "no valid message in time".into())
    );
    assert_eq!(
        slow.receive_close().await,
        (1008, "message too slow".into())
    );
    wait_until("both are counted", || {
        let counters = server.node.counters();
        (counters.first_message_timed_out, counters.message_timed_out) == (1, 1)
    })
    .await;
}
