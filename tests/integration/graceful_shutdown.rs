//! Graceful shutdown: what clients, load balancers and operators see while the program drains.

#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::join_all;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::process::Program;
use crate::support::{Client, TIMEOUT, announce, wait_until};

/// A program whose log is readable while it runs.
pub(crate) struct LoggedProgram {
    program: Program,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl LoggedProgram {
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut all = vec!["--listen", "127.0.0.1:0"];
        all.extend(args);
        Self::of(Program::start(&all))
    }

    pub(crate) fn of(mut program: Program) -> Self {
        let log = Arc::new(Mutex::new(String::new()));
        let lines = BufReader::new(program.child.stderr.take().unwrap()).lines();
        let shared_log = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut text = shared_log.lock();
                text.push_str(&line);
                text.push('\n');
            }
        });
        Self {
            address: program.address,
            program,
            log,
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        self.program.signal(signal);
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().clone()
    }

    /// Waits until the log contains a text at least this many times.
    pub(crate) async fn wait_for_log(&self, words: &str, times: usize) {
        wait_until(&format!("the log contains {words:?}"), || {
            self.log().matches(words).count() >= times
        })
        .await;
    }

    /// Waits for the end of the program; returns its exit code and log.
    pub(crate) async fn end(mut self) -> (Option<i32>, String) {
        let mut status = None;
        wait_until("it ends", || {
            status = self.program.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        let log = Arc::clone(&self.log);
        drop(self);
        // The reading thread holds the other reference until it has read everything.
        wait_until("the log ends", || Arc::strong_count(&log) == 1).await;
        (status.unwrap().code(), log.lock().clone())
    }
}

/// Sends a GET request and returns the whole response.
pub(crate) async fn http_get(address: SocketAddr, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x.example\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    timeout(TIMEOUT, stream.read_to_end(&mut received))
        .await
        .expect("in time")
        .unwrap();
    String::from_utf8(received).unwrap()
}

async fn get(address: SocketAddr, path: &str) -> String {
    http_get(address, path, "Connection: close\r\n").await
}

/// Repeats a GET request until the response has this status, and returns the response.
async fn wait_for_status(address: SocketAddr, path: &str, status: &str) -> String {
    let polling = async {
        loop {
            let response = get(address, path).await;
            if response.get(9..12) == Some(status) {
                return response;
            }
        }
    };
    timeout(TIMEOUT, polling).await.expect("in time")
}

/// Waits for the close and returns its code and time.
pub(crate) async fn wait_for_close(client: &mut Client) -> (Option<u16>, Instant) {
    loop {
        match timeout(TIMEOUT, client.socket.next())
            .await
            .expect("in time")
        {
            Some(Ok(Message::Close(frame))) => {
                return (frame.map(|frame| frame.code.into()), Instant::now());
            }
            Some(Ok(_)) => {}
            other => return (other.and(None), Instant::now()),
        }
    }
}

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX: y\r\n";

#[tokio::test]
async fn the_quiet_phase_serves_open_connections_only() {
    let program = LoggedProgram::start(&["--drain-quiet", "600", "--drain-spread", "600"]);
    let address = program.address;
    let mut client = Client::connect(address).await;
    client.join("swarm", "a").await;
    assert!(
        wait_for_status(address, "/readyz", "200")
            .await
            .ends_with("ready\n")
    );

    program.signal("-TERM");
    let not_ready = wait_for_status(address, "/readyz", "503").await;
    assert!(not_ready.ends_with("draining\n"), "{not_ready}");
    assert!(not_ready.contains("retry-after: 600\r\n"), "{not_ready}");
    let alive = get(address, "/healthz").await;
    assert!(alive.starts_with("HTTP/1.1 200") && alive.ends_with("ok\n"));
    let upgrade = UPGRADE.replace("Connection: Upgrade", "Connection: Upgrade, close");
    let refused = http_get(address, "/", &upgrade).await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.contains("retry-after: 600\r\n"), "{refused}");
    let reply = client.join("swarm", "a").await;
    assert_eq!(reply["incomplete"], 1, "{reply}");

    program.signal("-TERM");
    assert_eq!(wait_for_close(&mut client).await.0, Some(1001));
    let (code, log) = program.end().await;
    assert_eq!(code, Some(0), "{log}");
    for text in ["draining", "phase=\"quiet\"", "second signal", "stopped"] {
        assert!(log.contains(text), "{text}: {log}");
    }
}

#[tokio::test]
async fn connections_are_closed_evenly_over_the_spread_time() {
    const CLIENTS: usize = 60;
    let spread = Duration::from_secs(3);
    let program = LoggedProgram::start(&[
        "--drain-quiet",
        "0",
        "--drain-spread",
        "3",
        "--workers",
        "2",
    ]);
    let mut clients: Vec<_> =
        join_all((0..CLIENTS).map(|_| Client::connect(program.address))).await;
    // A reply shows that the connection is registered with its worker.
    for (number, client) in clients.iter_mut().enumerate() {
        client.join("swarm", &format!("{number}-")).await;
    }
    let signalled = Instant::now();
    program.signal("-TERM");
    let closes = join_all(clients.iter_mut().map(wait_for_close)).await;
    let mut times: Vec<_> = closes
        .iter()
        .map(|(_, at)| at.duration_since(signalled))
        .collect();
    times.sort();
    assert!(closes.iter().all(|(code, _)| *code == Some(1001)));
    let closed_by = |share: f64| {
        let end = spread.mul_f64(share);
        times.iter().filter(|time| **time <= end).count()
    };
    // The signal takes time too, so closes may be late but not early.
    assert!(closed_by(0.25) <= CLIENTS * 40 / 100, "{times:?}");
    assert!(closed_by(0.5) <= CLIENTS * 60 / 100, "{times:?}");
    assert!(closed_by(0.75) >= CLIENTS * 40 / 100, "{times:?}");
    assert!(times[CLIENTS - 1] > spread.mul_f64(0.8), "{times:?}");
    drop(clients);
    let (code, log) = program.end().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("phase=\"closing\""), "{log}");
}

#[tokio::test]
async fn a_successor_can_take_the_port_during_the_closing_phase() {
    let program = LoggedProgram::start(&[
        "--drain-quiet",
        "0",
        "--drain-spread",
        "600",
        "--workers",
        "1",
    ]);
    let address = program.address.to_string();
    let mut client = Client::connect(program.address).await;
    client.join("swarm", "a").await;
    program.signal("-TERM");
    program.wait_for_log("phase=\"closing\"", 1).await;
    wait_until("new connections are refused", || {
        std::net::TcpStream::connect(program.address).is_err()
    })
    .await;
    let successor = Program::start(&["--listen", &address]);
    let mut new = Client::connect(successor.address).await;
    assert_eq!(new.join("swarm", "b").await["incomplete"], 1);
    assert_eq!(client.join("swarm", "a").await["incomplete"], 1);
    drop((new, successor));
    program.signal("-INT");
    assert_eq!(wait_for_close(&mut client).await.0, Some(1001));
    assert_eq!(program.end().await.0, Some(0));
}

#[tokio::test]
async fn without_connections_shutdown_is_immediate() {
    let program = LoggedProgram::start(&[
        "--drain-quiet",
        "600",
        "--drain-spread",
        "600",
        "--drain-timeout",
        "600",
    ]);
    wait_for_status(program.address, "/readyz", "200").await;
    program.signal("-TERM");
    let (code, log) = program.end().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("quiet") && !log.contains("closing"), "{log}");
}

#[tokio::test]
async fn the_quiet_phase_ends_with_the_last_connection() {
    let program = LoggedProgram::start(&["--drain-quiet", "600", "--drain-spread", "600"]);
    let mut client = Client::connect(program.address).await;
    client.join("swarm", "a").await;
    program.signal("-TERM");
    wait_for_status(program.address, "/readyz", "503").await;
    client.socket.close(None).await.unwrap();
    assert_eq!(wait_for_close(&mut client).await.0, None);
    drop(client);
    assert_eq!(program.end().await.0, Some(0));
}

#[tokio::test]
async fn ctrl_c_closes_all_connections_at_once() {
    let program = LoggedProgram::start(&["--drain-quiet", "600", "--drain-spread", "600"]);
    let mut clients = join_all((0..20).map(|_| Client::connect(program.address))).await;
    for client in &mut clients {
        client.send(&announce("swarm", "a")).await;
        client.receive().await;
    }
    program.signal("-INT");
    let closes = join_all(clients.iter_mut().map(wait_for_close)).await;
    assert!(closes.iter().all(|(code, _)| *code == Some(1001)));
    drop(clients);
    let (code, log) = program.end().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(
        log.contains("stopping") && !log.contains("draining"),
        "{log}"
    );
}

#[tokio::test]
async fn repeated_signals_end_the_program_without_waiting() {
    let program = LoggedProgram::start(&["--drain-timeout", "600"]);
    // This client neither reads the close nor disconnects, so the server has to drop it.
    let mut client = Client::connect(program.address).await;
    client.join("swarm", "a").await;
    program.signal("-INT");
    let (code, log) = program.end().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("connections dropped"), "{log}");

    let program = LoggedProgram::start(&["--drain-quiet", "600", "--drain-timeout", "600"]);
    let mut client = Client::connect(program.address).await;
    client.join("swarm", "a").await;
    program.signal("-TERM");
    program.wait_for_log("draining", 1).await;
    // Both signals are pending while the program is stopped and arrive together, in any order.
    for signal in ["-STOP", "-INT", "-TERM", "-CONT"] {
        program.signal(signal);
    }
    let (code, log) = program.end().await;
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("exiting without waiting"), "{log}");
    drop(client);
}

#[tokio::test]
async fn liveness_covers_running_workers_only() {
    let server = swarmhub::Server::builder()
        .config(swarmhub::config::Config {
            workers: 2,
            ..swarmhub::config::Config::default()
        })
        .listen(([127, 0, 0, 1], 0).into())
        .bind()
        .await
        .unwrap();
    let handle = server.handle();
    // The first check reports whether each worker has ticked at all.
    let all = || handle.liveness_check().all_alive();
    assert!(!all());
    let running = async {
        wait_until("both workers tick", all).await;
        handle.stop();
    };
    let (ended, ()) = tokio::join!(server.run(std::future::pending()), running);
    ended.expect("a clean end");
    let mut heartbeats = handle.liveness_check();
    for _ in 0..2 {
        assert!(
            heartbeats.all_alive(),
            "workers that have ended are not stuck"
        );
    }
}
