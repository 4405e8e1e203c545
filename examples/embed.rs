//! Embeds a tracker in another program: `cargo run --example embed`, then Ctrl-C.

use std::net::SocketAddr;

use swarmhub::Server;
use swarmhub::config::Config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::default();
    config.tracker.memberships_max = 100;

    let server = Server::builder()
        .config(config)
        .listen(SocketAddr::from(([127, 0, 0, 1], 0)))
        .bind()
        .await?;
    for address in server.addresses() {
        eprintln!("page on http://{address}/, tracker on ws://{address}/");
    }
    let node = server.node().clone();

    server
        .run(async {
            // If signals are not available, it serves until the process is killed.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
        .await?;
    eprintln!("{} announces served", node.counters().announces);
    Ok(())
}
