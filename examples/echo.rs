//! Runs the tracker's server with every message echoed, as the target of the Autobahn WebSocket suite.
//!
//! `tests/run autobahn` starts it. It prints its port and serves until it is killed.

use std::io::Write;
use std::net::SocketAddr;

use swarmhub::Server;
use swarmhub::config::Config;

/// The longest messages of the suite have 16 MiB.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Reading pauses when the outbox is half full, so that a message always has room.
const OUTPUT_BYTES_MAX: usize = 4 * MESSAGE_BYTES_MAX;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config {
        workers: 1,
        no_limits: true,
        ..Config::default()
    };
    config.connection.message_bytes_max = MESSAGE_BYTES_MAX;
    config.connection.output_bytes_max = OUTPUT_BYTES_MAX;
    let server = Server::builder()
        .config(config)
        .listen(SocketAddr::from(([127, 0, 0, 1], 0)))
        .bind()
        .await?;
    server.node().echo();
    for address in server.addresses() {
        writeln!(std::io::stdout(), "{}", address.port())?;
    }
    server.run(std::future::pending()).await?;
    Ok(())
}
