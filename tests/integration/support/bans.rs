//! Servers that ban hostile clients at once, and such clients.

use std::time::Duration;

use swarmhub::config::Config;

use super::TestServer;
use super::http::{Connection, UPGRADE, request};

/// One-byte text messages that are not JSON.
pub(crate) const MALFORMED_MESSAGE: [u8; 7] = [0x81, 0x81, 0, 0, 0, 0, b'{'];

/// Makes the server ban an address at its first violation.
pub(crate) fn ban_at_once(config: &mut Config) {
    config.bans.strikes_max = 0;
    config.bans.strike_every = Duration::ZERO;
    config.connection.malformed_per_minute_max = 1;
}

/// Sends malformed messages with these headers until the server bans their address. Needs [`ban_at_once`].
pub(crate) async fn ban(server: &TestServer, headers: &str) {
    let headers = format!("{UPGRADE}{headers}");
    for _ in 0..50 {
        let mut connection = Connection::open(server.address).await;
        connection.write(request("GET /", &headers, "")).await;
        let head = connection.read_head().await.expect("a response");
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        // The server may close before everything is sent.
        let _ = connection.try_write(MALFORMED_MESSAGE.repeat(3)).await;
        connection.read_to_end().await;
        if server.node.counters().bans > 0 {
            return;
        }
    }
    panic!("never banned");
}
