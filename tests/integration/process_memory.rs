//! Process memory when many connections, handshakes or swarms end: it does not grow and is released.

#![cfg(target_os = "linux")]

use futures::future::join_all;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::program::Program;
use crate::support::{Client, Patience, announce, wait_until};

/// Clients that are slow because the machine is busy are not closed.
const PATIENT: [&str; 5] = [
    "--no-limits",
    "--connection-handshake-timeout",
    "300",
    "--connection-first-message-timeout",
    "600",
];

const ROUNDS: usize = 10;
const CONNECTIONS_PER_ROUND: usize = 1000;

/// Resident memory of a process in bytes.
pub(crate) fn resident_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn ten_thousand_short_connections_do_not_grow_memory() {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let program = Program::start(&PATIENT);
    let (pid, address) = (program.pid(), program.address);
    let mut honest = Client::connect(address).await;
    let mut after = Vec::new();
    for round in 0..ROUNDS {
        for part in 0..CONNECTIONS_PER_ROUND / 250 {
            join_all((0..250).map(|number| connect_and_leave(address, round, part * 250 + number)))
                .await;
        }
        assert_eq!(honest.join("honest", "honest").await["incomplete"], 1);
        after.push(resident_memory(pid));
    }
    // Some closes of the last round may still be in progress; the count only falls.
    let mut patience = Patience::new("all others have left");
    let mut members = u64::MAX;
    while members > 1 {
        let reply = honest.join("swarm", "honest").await;
        let now = reply["incomplete"].as_u64().unwrap();
        assert!(now <= members, "{now} after {members}");
        if now < members {
            patience.progress();
        }
        members = now;
        patience.turn().await;
    }
    let (first, last) = (after[0], after[ROUNDS - 1]);
    assert!(
        last < first + (8 << 20),
        "memory grows from round to round: {after:?}"
    );
    program.stop().await;
}

/// The allocators of other C libraries cannot be asked to release memory.
#[cfg(target_env = "gnu")]
#[tokio::test]
async fn memory_is_released_after_connections_close() {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let program = Program::start(&PATIENT);
    let (pid, address) = (program.pid(), program.address);
    Client::connect(address).await.join("swarm", "first").await;
    let before = resident_memory(pid);
    let mut clients = Vec::new();
    for _ in 0..2000 / 250 {
        clients.extend(join_all((0..250).map(|_| Client::connect(address))).await);
    }
    for (number, client) in clients.iter_mut().enumerate() {
        client.join("swarm", &format!("{number}-")).await;
    }
    let open = resident_memory(pid);
    // Linux counts resident pages lazily, so a small part may lag behind.
    assert!(open > before + (1 << 20), "{before} {open}");
    drop(clients);
    let target = before + (open - before) / 2;
    wait_until("memory is released", || resident_memory(pid) < target).await;
}

/// The allocators of other C libraries cannot be asked to release memory.
#[cfg(target_env = "gnu")]
#[tokio::test]
async fn memory_is_released_after_unfinished_handshakes() {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let program = Program::start(&[&PATIENT[..], &["--workers", "1"]].concat());
    let (pid, address) = (program.pid(), program.address);
    Client::connect(address).await.join("swarm", "first").await;
    let before = resident_memory(pid);
    let mut heads = Vec::new();
    for _ in 0..1500 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nSlow: ").await.unwrap();
        heads.push(stream);
    }
    wait_until("heads are read", || {
        resident_memory(pid) > before + (8 << 20)
    })
    .await;
    let open = resident_memory(pid);
    drop(heads);
    let target = before + (open - before) / 2;
    wait_until("memory is released", || resident_memory(pid) < target).await;
}

/// The allocators of other C libraries cannot be asked to release memory.
#[cfg(target_env = "gnu")]
#[tokio::test]
async fn memory_is_released_when_swarms_end() {
    let program = Program::start(&[&PATIENT[..], &["--workers", "1"]].concat());
    let (pid, address) = (program.pid(), program.address);
    let mut clients = Vec::new();
    for _ in 0..12 {
        clients.push(Client::connect(address).await);
    }
    let before = resident_memory(pid);
    for event in ["started", "stopped"] {
        let peak = resident_memory(pid);
        for (number, client) in clients.iter_mut().enumerate() {
            for part in 0..9 {
                for swarm in 0..200 {
                    let mut message = announce(&format!("{number}-{part}-{swarm}-"), "peer");
                    message["event"] = event.into();
                    client.send(&message).await;
                }
                for _ in 0..200 {
                    assert!(client.receive().await["complete"].is_u64());
                }
            }
        }
        if event == "started" {
            // 21,600 swarms of one member each.
            assert!(
                resident_memory(pid) > before + (8 << 20),
                "{before} {}",
                resident_memory(pid)
            );
        } else {
            let target = before + (peak - before) / 2;
            wait_until("memory is released", || resident_memory(pid) < target).await;
        }
    }
}

/// One connection: a third of them stop and close, a third vanish, a third end in the middle of a message.
async fn connect_and_leave(address: std::net::SocketAddr, round: usize, number: usize) {
    let mut client = Client::connect(address).await;
    let peer = format!("{round}-{number}-");
    client.join("swarm", &peer).await;
    match number % 3 {
        0 => {
            let mut message = announce("swarm", &peer);
            message["event"] = "stopped".into();
            client.send(&message).await;
            let _ = client.socket.close(None).await;
        }
        1 => {
            let _ = client
                .socket
                .get_mut()
                .write_all(&[0x81, 0xfe, 0x10, 0x00, 0, 0, 0, 0, b'{'])
                .await;
        }
        _ => {}
    }
}
