//! Graceful shutdown: what clients, load balancers and operators see while the program drains.

#![cfg(unix)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures::future::join_all;

use crate::support::http::{Response, UPGRADE, get};
use crate::support::program::{Program, command};
use crate::support::{Client, announce, wait_for, wait_until};

/// Draining takes ten minutes, unless something ends it.
const SLOW_DRAIN: [&str; 4] = ["--drain-quiet", "600", "--drain-spread", "600"];

/// Repeats a GET request until the response has this status, and returns the response.
async fn wait_for_status(address: SocketAddr, path: &str, status: u16) -> Response {
    wait_for(&format!("{path} has status {status}"), async || {
        let response = get(address, path, "").await;
        (response.status == status).then_some(response)
    })
    .await
}

#[tokio::test]
async fn the_quiet_phase_serves_open_connections_only() {
    let program = Program::start(&SLOW_DRAIN);
    let address = program.address;
    let mut client = Client::connect(address).await;
    client.join("swarm", "a").await;
    let ready = wait_for_status(address, "/readyz", 200).await;
    assert_eq!(ready.text(), "ready\n");

    program.signal("-TERM");
    let not_ready = wait_for_status(address, "/readyz", 503).await;
    assert_eq!(
        (not_ready.text(), not_ready.retry_after()),
        ("draining\n", 600)
    );
    let alive = get(address, "/healthz", "").await.expect(200);
    assert_eq!(alive.text(), "ok\n");
    let refused = get(address, "/", UPGRADE).await.expect(503);
    assert_eq!(refused.retry_after(), 600);
    // Browsers hide that response; a page can ask.
    let check = get(address, "/api/v1/check", "").await.expect(200).json();
    assert_eq!(check["server"]["state"], "draining");
    assert_eq!(check["server"]["retry_after"], 600);
    let reply = client.join("swarm", "a").await;
    assert_eq!(reply["incomplete"], 1, "{reply}");

    program.signal("-TERM");
    assert_eq!(client.read_to_end().await, Some(1001));
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
    let args = "--drain-quiet 0 --drain-spread 3 --workers 2";
    let program = Program::start(&args.split(' ').collect::<Vec<_>>());
    let mut clients: Vec<_> =
        join_all((0..CLIENTS).map(|_| Client::connect(program.address))).await;
    // A reply shows that the connection is registered with its worker.
    for (number, client) in clients.iter_mut().enumerate() {
        client.join("swarm", &format!("{number}-")).await;
    }
    let signalled = Instant::now();
    program.signal("-TERM");
    let closes = join_all(clients.iter_mut().map(async |client| {
        assert_eq!(client.read_to_end().await, Some(1001));
        signalled.elapsed()
    }));
    let times = closes.await;
    let closed_by = |share: f64| {
        let end = spread.mul_f64(share);
        times.iter().filter(|time| **time <= end).count()
    };
    // Signal and machine may be slow, so closes may be late but not early.
    assert!(closed_by(0.25) <= CLIENTS * 40 / 100, "{times:?}");
    assert!(closed_by(0.5) <= CLIENTS * 60 / 100, "{times:?}");
    assert!(closed_by(0.8) < CLIENTS, "{times:?}");
    drop(clients);
    let (code, log) = program.end().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("phase=\"closing\""), "{log}");
}

#[tokio::test]
async fn a_successor_can_take_the_port_during_the_closing_phase() {
    let args = "--drain-quiet 0 --drain-spread 600 --workers 1";
    let program = Program::start(&args.split(' ').collect::<Vec<_>>());
    let address = program.address.to_string();
    let mut client = Client::connect(program.address).await;
    client.join("swarm", "a").await;
    program.signal("-TERM");
    program.wait_for_log("phase=\"closing\"", 1).await;
    wait_until("new connections are refused", || {
        std::net::TcpStream::connect(program.address).is_err()
    })
    .await;
    let successor = Program::spawn(&mut command(&["--listen", &address]));
    let mut new = Client::connect(successor.address).await;
    assert_eq!(new.join("swarm", "b").await["incomplete"], 1);
    assert_eq!(client.join("swarm", "a").await["incomplete"], 1);
    drop((new, successor));
    program.signal("-INT");
    assert_eq!(client.read_to_end().await, Some(1001));
    assert_eq!(program.end().await.0, Some(0));
}

#[tokio::test]
async fn without_connections_shutdown_is_immediate() {
    let args = [&SLOW_DRAIN[..], &["--drain-timeout", "600"]].concat();
    let program = Program::start(&args);
    wait_for_status(program.address, "/readyz", 200).await;
    program.signal("-TERM");
    let (code, log) = program.end().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("quiet") && !log.contains("closing"), "{log}");
}

#[tokio::test]
async fn the_quiet_phase_ends_with_the_last_connection() {
    let program = Program::start(&SLOW_DRAIN);
    let mut client = Client::connect(program.address).await;
    client.join("swarm", "a").await;
    program.signal("-TERM");
    wait_for_status(program.address, "/readyz", 503).await;
    client.socket.close(None).await.unwrap();
    assert_eq!(client.read_to_end().await, None);
    drop(client);
    assert_eq!(program.end().await.0, Some(0));
}

#[tokio::test]
async fn ctrl_c_closes_all_connections_at_once() {
    let program = Program::start(&SLOW_DRAIN);
    let mut clients = join_all((0..20).map(|_| Client::connect(program.address))).await;
    for client in &mut clients {
        client.send(&announce("swarm", "a")).await;
        client.receive().await;
    }
    program.signal("-INT");
    for client in &mut clients {
        assert_eq!(client.read_to_end().await, Some(1001));
    }
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
    let program = Program::start(&["--drain-timeout", "600"]);
    // This client neither reads the close nor disconnects, so the server has to drop it.
    let mut client = Client::connect(program.address).await;
    client.join("swarm", "a").await;
    program.signal("-INT");
    let (code, log) = program.end().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("connections dropped"), "{log}");

    let program = Program::start(&["--drain-quiet", "600", "--drain-timeout", "600"]);
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
