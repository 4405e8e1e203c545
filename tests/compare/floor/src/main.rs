//! The floor: a minimal relay whose cost is mostly that of the kernel, as a baseline for trackers.
//!
//! It is not a tracker. It reads only the messages of `swarmhub load`, without checks, limits or JSON parsing. But it
//! keeps real swarms, and the load generator receives every expected message.

mod connection;
mod frame;
mod handshake;
mod message;
mod relay;
mod serve;
mod swarms;

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use relay::Relay;

fn main() -> ExitCode {
    match listen_address().and_then(Relay::listen) {
        Ok((mut relay, address)) => {
            println!("tracker  ws://{address}/");
            let error = relay.run();
            eprintln!("floor: {error}");
        }
        Err(error) => eprintln!("floor: {error}"),
    }
    ExitCode::FAILURE
}

fn listen_address() -> io::Result<SocketAddr> {
    let mut arguments = std::env::args().skip(1);
    let address = match (
        arguments.next().as_deref(),
        arguments.next(),
        arguments.next(),
    ) {
        (None, ..) => Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        (Some("--listen"), Some(address), None) => address.parse().ok(),
        _ => None,
    };
    address.ok_or_else(|| io::Error::other("usage: floor [--listen ADDRESS:PORT]"))
}
