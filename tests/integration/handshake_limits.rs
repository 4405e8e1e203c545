//! Limits on pending handshakes and file descriptors, and deadlines for slow senders.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use crate::support::http::{Connection, UPGRADE, request};
use crate::support::{TestServer, wait_until};

#[tokio::test]
async fn new_handshakes_displace_the_oldest_pending_ones() {
    let server = TestServer::start(|config| {
        config.workers = 1;
        config.connection.handshakes_max = 4;
        // A new connection waits for at most a second, and not for this.
        config.connection.handshake_timeout = Duration::from_mins(5);
    });
    // Connections that completed their handshake do not count.
    let mut open = server.connect().await;
    let mut idle = Connection::open(server.address).await;
    idle.get("/ice", "").await.expect(200);
    let mut silent = Vec::new();
    for _ in 0..6 {
        silent.push(Connection::open(server.address).await);
    }
    server.get("/healthz", "").await.expect(200);
    wait_until(
        "two handshakes are displaced by silent connections and one by the request",
        || server.node.counters().handshakes_displaced >= 3,
    )
    .await;
    // The oldest were closed, the youngest is open.
    let mut youngest = silent.pop().unwrap();
    for oldest in &mut silent[..3] {
        assert_eq!(oldest.read_to_end().await, b"");
    }
    youngest.get("/healthz", "").await.expect(200);
    open.join("swarm", "peer").await;
    idle.get("/healthz", "").await.expect(200);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn without_free_descriptors_health_checks_are_still_answered() {
    use crate::support::http::get;
    use crate::support::program::{BINARY, Program};
    use crate::support::{Client, wait_for};
    use std::process::Command;

    let script = format!(
        "ulimit -n 128; exec '{BINARY}' --workers 1 --listen 127.0.0.1:0 --no-limits --history off"
    );
    let program = Program::spawn(Command::new("sh").args(["-c", &script]));
    let address = program.address;
    let mut clients = Vec::new();
    let refused = loop {
        assert!(clients.len() < 128, "there is a limit");
        let (connection, status) = upgrade(address).await;
        if status != Some(101) {
            break status;
        }
        clients.push(connection);
    };
    assert_eq!(refused, Some(503));
    assert!(clients.len() > 60, "{}", clients.len());
    // Health is answered also during a flood of silent connections.
    let flood = futures::future::join_all((0..64).map(|_| Connection::open(address))).await;
    for _ in 0..20 {
        get(address, "/healthz", "").await.expect(200);
    }
    // After the flood, new connections are accepted again.
    drop(flood);
    clients.truncate(clients.len() / 2);
    wait_for("there is room again", async || {
        (upgrade(address).await.1 == Some(101)).then_some(())
    })
    .await;
    Client::connect(address).await.join("swarm", "peer").await;
    program.signal("-TERM");
    drop(clients);
    let (code, log) = program.end().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("file descriptors exhausted"), "{log}");
    assert!(!log.contains("cannot accept connections"), "{log}");
}

/// Sends a handshake on a new connection; returns the status, or `None` if the connection ends without a response.
#[cfg(target_os = "linux")]
async fn upgrade(address: std::net::SocketAddr) -> (Connection, Option<u16>) {
    let mut connection = Connection::open(address).await;
    let _ = connection.try_write(request("GET /", UPGRADE, "")).await;
    let response = connection.read_response(true).await;
    (connection, response.map(|response| response.status))
}

#[tokio::test]
async fn silent_and_slow_clients_are_closed_with_a_reason() {
    let server = TestServer::start(|config| {
        config.connection.first_message_timeout = Duration::from_secs(1);
    });
    let closed = server.connect().await.receive_close().await;
    assert_eq!(closed, (1008, "no valid message in time".into()));
    let counters = || server.node.counters();
    wait_until("it is counted", || counters().first_message_timed_out == 1).await;

    let server = TestServer::start(|config| {
        config.connection.message_timeout = Duration::from_millis(2500);
    });
    let mut slow = server.connect().await;
    slow.join("swarm", "peer").await;
    // Half of a frame.
    let stream = slow.socket.get_mut();
    stream.write_all(&[0x81, 0xfe, 0x01]).await.unwrap();
    let closed = slow.receive_close().await;
    assert_eq!(closed, (1008, "message too slow".into()));
    let counters = || server.node.counters();
    wait_until("it is counted", || counters().message_timed_out == 1).await;
}
