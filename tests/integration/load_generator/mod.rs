//! `swarmhub load` against a real server, over TLS, and against faulty trackers.

mod early_ends;
mod faulty_trackers;
mod measurements;
#[cfg(unix)]
mod program;
mod unreachable_trackers;
mod waves_and_storms;

use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use swarmhub::config::MatchmakingSetting;
use swarmhub::load::{Amount, LoadError, Loop, Options, Report, Storm, SwarmSize, Wave, run};

use crate::support::{LONG, TestServer};

/// Timeout for messages that do not arrive.
const SHORT_TIMEOUT: Duration = Duration::from_millis(200);

/// A server for loads of small swarms, in which matchmaking would withhold offers that cross.
fn server() -> TestServer {
    TestServer::start(|config| {
        config.no_limits = true;
        config.tracker.matchmaking = MatchmakingSetting::Random;
    })
}

/// A small load of exactly 100 requests.
fn options(url: &str) -> Options {
    Options {
        connections: 30,
        swarm_size: SwarmSize::Fixed(10),
        pace: Some(Loop::Closed { under_way: 8 }),
        warmup: Duration::ZERO,
        amount: Amount::Requests(100),
        // No message is late only because the machine is slow.
        timeout: LONG,
        ..Options::new(url.parse().unwrap())
    }
}

fn options_for(address: SocketAddr) -> Options {
    options(&format!("ws://{address}/announce"))
}

fn run_load(options: &Options) -> Report {
    run(options, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"))
}

fn run_failing(options: &Options) -> LoadError {
    run(options, &mut |_| {}).expect_err("it cannot be run")
}

#[track_caller]
fn assert_correct(report: &Report) {
    assert!(report.correct, "{:?} {:?}", report.problems, report.errors);
    assert_eq!(report.exit_code, 0);
}

/// A load whose members leave and rejoin all the time.
fn options_with_storms(address: SocketAddr) -> Options {
    let every = Duration::from_millis(200);
    Options {
        amount: Amount::Time(Duration::from_millis(900)),
        // A request whose receiver has left is waited for.
        timeout: Duration::from_secs(20),
        wave: Some(Wave { every, share: 0.3 }),
        storm: Some(Storm {
            every: every * 2,
            share: 0.5,
            reset_share: 0.5,
        }),
        ..options_for(address)
    }
}

/// Serves every connection with `handler` on a thread that ends with the process.
fn serve<F>(handler: impl Fn(tokio::net::TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = Option<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(handler(tcp));
            }
        });
    });
    address
}

/// Returns an address at which nothing listens.
fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
