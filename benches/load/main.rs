//! A load run against the real binary over loopback: CPU time per announce and per connection, memory per connection.
//!
//! `cargo bench --bench load` takes under a minute. `-- PATH` measures another binary, `-- --announces N` lets it serve
//! just N announces and measures nothing: for instruction and system call counts under a wrapper given as PATH.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench, like a test, ends where its own assumptions fail, and prints what it found"
)]
#![allow(
    unreachable_pub,
    reason = "the messages are shared with the core bench"
)]

mod closed_loop;
mod connection;
mod inbound;
mod measure;
#[path = "../sample/mod.rs"]
mod sample;
mod server;
mod table;
mod tally;
mod units;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use closed_loop::Load;
use measure::Window;
use server::{Cores, Server};
use table::Table;
use tokio::runtime::LocalOptions;
use units::SWARM_MEMBERS;

const OFFERS: u64 = 5;
const BUSY_CONNECTIONS: usize = 2_000;
const IDLE_CONNECTIONS: usize = 5_000;
/// Connections opened between two readings of the server's CPU time.
const OPENED_AT_ONCE: usize = 1_000;
const COUNTED_CONNECTIONS: usize = 200;
/// A swarm that nobody but the first few connections is in.
const WARM_SWARM: u64 = 1_000_000;
const WINDOWS: usize = 5;

fn main() -> ExitCode {
    if !cfg!(target_os = "linux") {
        println!("The load run reads /proc, so it measures on Linux only.");
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .expect("a runtime");
    match runtime.block_on(run()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            println!(
                "\nThe server did not serve everything as it should; the figures above are worth nothing."
            );
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("The load run failed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> io::Result<bool> {
    let (mut binary, mut announces) = (env!("CARGO_BIN_EXE_swarmhub").to_owned(), None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--announces" => announces = arguments.next().and_then(|number| number.parse().ok()),
            // Cargo's own.
            "--bench" => {}
            _ => binary = argument,
        }
    }
    let cores = Cores::divide();
    if let Some(announces) = announces {
        return count(&binary, cores, announces).await;
    }
    // One for each connection here, and a few for everything else.
    let open_files =
        usize::try_from(rlimit::increase_nofile_limit(u64::MAX)?).unwrap_or(usize::MAX);
    let room = open_files.saturating_sub(100) / SWARM_MEMBERS * SWARM_MEMBERS;
    let mut table = Table::new();
    table.command(cores);
    let busy = serve_announces(&binary, cores, room.min(BUSY_CONNECTIONS), &mut table).await?;
    let idle = hold_connections(&binary, cores, room.min(IDLE_CONNECTIONS), &mut table).await?;
    table.print();
    Ok(busy && idle)
}

/// Connections that announce, 64 at any time.
async fn serve_announces(
    binary: &str,
    cores: Cores,
    connections: usize,
    table: &mut Table,
) -> io::Result<bool> {
    let server = Server::start(binary, cores).await?;
    let fresh = warm(&server).await?;
    let load = Load::new(0, connections);
    load.open(server.address, connections).await?;
    load.announce(0, connections).await;
    for (offers, window) in [
        (OFFERS, Duration::from_secs(2)),
        (0, Duration::from_secs(1)),
    ] {
        load.start(offers, usize::MAX);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut windows = Vec::new();
        for _ in 0..WINDOWS {
            let begin = Window::begin(&server, load.done())?;
            tokio::time::sleep(window).await;
            windows.push(begin.end(&server, load.done())?);
        }
        load.finish().await;
        table.announces(offers, &windows);
        if offers > 0 {
            table.memory(
                "joined connection, after this load",
                connections,
                fresh,
                server.settled_memory().await?,
            );
        }
    }
    load.close();
    table.checks(&load.tally());
    server.stop().await?;
    Ok(load.tally().is_perfect())
}

/// Connections that come, announce once, stay and go.
async fn hold_connections(
    binary: &str,
    cores: Cores,
    connections: usize,
    table: &mut Table,
) -> io::Result<bool> {
    let server = Server::start(binary, cores).await?;
    let fresh = warm(&server).await?;
    let load = Load::new(0, connections);
    let (mut opened, mut joined) = (Vec::new(), Vec::new());
    for already in (0..connections).step_by(OPENED_AT_ONCE) {
        let more = OPENED_AT_ONCE.min(connections - already);
        let begin = Window::begin(&server, already)?;
        load.open(server.address, more).await?;
        opened.push(begin.end(&server, already + more)?);
    }
    let open = server.settled_memory().await?;
    for already in (0..connections).step_by(OPENED_AT_ONCE) {
        let begin = Window::begin(&server, already)?;
        load.announce(0, OPENED_AT_ONCE.min(connections - already))
            .await;
        joined.push(begin.end(&server, load.done())?);
    }
    let all_joined = server.settled_memory().await?;
    load.close();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let closed = server.settled_memory().await?;
    table.connections(&opened, &joined);
    table.memory("open connection", connections, fresh, open);
    table.memory("joined connection", connections, fresh, all_joined);
    table.memory_left(connections, fresh, closed);
    table.checks(&load.tally());
    server.stop().await?;
    Ok(load.tally().is_perfect())
}

/// A few connections come, announce and go, so that what the server needs only once is not counted per connection.
async fn warm(server: &Server) -> io::Result<u64> {
    let load = Load::new(WARM_SWARM, SWARM_MEMBERS);
    load.open(server.address, SWARM_MEMBERS).await?;
    load.announce(0, SWARM_MEMBERS).await;
    load.announce(OFFERS, SWARM_MEMBERS).await;
    load.close();
    server.settled_memory().await
}

/// Serves exactly `announces` announces with offers, for counting what one costs as a difference of two runs.
async fn count(binary: &str, cores: Cores, announces: usize) -> io::Result<bool> {
    let server = Server::start(binary, cores).await?;
    let load = Load::new(0, COUNTED_CONNECTIONS);
    load.open(server.address, COUNTED_CONNECTIONS).await?;
    load.announce(0, COUNTED_CONNECTIONS).await;
    load.announce(OFFERS, announces).await;
    load.close();
    server.stop().await?;
    println!(
        "{announces} announces with {OFFERS} offers: {}",
        load.tally()
    );
    Ok(load.tally().is_perfect())
}
