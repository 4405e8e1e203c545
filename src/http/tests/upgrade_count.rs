//! Tests that a connection counts once while it becomes a WebSocket.

use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

use super::{ConnectionTest, DEFAULT_TIMEOUTS, HANDSHAKE, client_at};
use crate::config::Config;
use crate::http::serve;

#[tokio::test(start_paused = true)]
async fn the_last_connection_of_an_address_becomes_a_websocket() {
    let mut config = Config::default();
    config.limits.address_connections_max = 2;
    let case = ConnectionTest::with(&config);
    let (hub, admission) = (case.router.hub(), case.node.admission());
    let counted = || {
        let largest = admission.addresses().largest_connections();
        (admission.counted_connections(), largest)
    };
    let first = hub
        .admission()
        .admit_connection(&client_at(&case.node, "192.0.2.1"))
        .expect("room");
    let (mut client, server) = tokio::io::duplex(1 << 16);
    let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{HANDSHAKE}\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let stop = CancellationToken::new();
    let connection = case.accepted(server, Some("192.0.2.1"));
    let upgraded = serve(connection, &case.router, DEFAULT_TIMEOUTS, &stop).await;
    let upgraded = upgraded.expect("a WebSocket");
    assert_eq!(counted(), (2, 2));
    let id = hub.open_connection(&upgraded.client_info, upgraded.permit);
    let id = id.expect("room");
    assert_eq!(counted(), (2, 2));
    hub.close_connection(id);
    assert_eq!(counted(), (1, 1));
    drop(first);
    assert_eq!(counted(), (0, 0));
}
