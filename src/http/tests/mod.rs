//! Tests HTTP connections over in-memory pipes: client addresses, limits and deadlines.

mod client_addresses;
mod fairness;
mod half_closed;
mod ice;
mod live_stream;
mod refusals;
mod upgrade_count;

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::accepted::Upgraded;
use super::*;
use crate::config::{Config, ListenerRole, Network};
use crate::hub::{Hub, Mailboxes};
use crate::node::{ClientInfo, ConnectionAdmission, Node};

const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// The default timeouts.
const DEFAULT_TIMEOUTS: HttpTimeouts = HttpTimeouts {
    read_head: Duration::from_secs(10),
    connection: Duration::from_mins(5),
    send_blocked: Duration::from_secs(20),
};

struct ConnectionTest {
    node: Arc<Node>,
    router: Rc<WorkerRouter>,
    role: ListenerRole,
    is_brief: bool,
    is_tls: bool,
    proxy_header: ProxyHeaderClient,
}

impl ConnectionTest {
    fn new(trusted: &[&str]) -> Self {
        let mut config = Config::default();
        let networks = trusted
            .iter()
            .map(|network| network.parse::<Network>().unwrap());
        config.proxies.trusted = networks.collect();
        Self::with(&config)
    }

    fn with(config: &Config) -> Self {
        let node = Arc::new(Node::new(config, 1));
        let mailboxes = Mailboxes::new(config, 1, node.telemetry());
        let hub = Hub::new(Arc::clone(&node), Arc::clone(&mailboxes), 0, 0);
        let state = AppState::new(config, &node, &mailboxes);
        Self {
            router: Rc::new(WorkerRouter::new(&state, hub)),
            node,
            role: ListenerRole::Both,
            is_brief: false,
            is_tls: false,
            proxy_header: ProxyHeaderClient::Absent,
        }
    }

    /// Returns an accepted connection of `peer`.
    fn accepted(
        &self,
        stream: DuplexStream,
        peer: Option<&str>,
    ) -> AcceptedConnection<DuplexStream, ()> {
        let peer = peer.map(|peer| peer.parse().unwrap());
        let admission = ConnectionAdmission::new(self.router.hub().admission());
        admission.identify(self.router.client_address(peer), false);
        AcceptedConnection {
            stream,
            peer,
            local: None,
            admission,
            proxy_header: self.proxy_header,
            role: self.role,
            listener: 0,
            is_tls: self.is_tls,
            is_brief: self.is_brief,
            handshake_guard: (),
        }
    }

    /// Sends requests as `peer`. Returns the client if it became a WebSocket, and the responses.
    async fn send(&self, peer: Option<&str>, requests: &str) -> (Option<ClientInfo>, String) {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        client.write_all(requests.as_bytes()).await.unwrap();
        let accepted = self.accepted(server, peer);
        let stop = CancellationToken::new();
        let upgraded = serve(accepted, &self.router, DEFAULT_TIMEOUTS, &stop).await;
        let client_info = upgraded.map(|upgraded: Upgraded<DuplexStream>| upgraded.client_info);
        let mut responses = String::new();
        client.read_to_string(&mut responses).await.unwrap();
        (client_info, responses)
    }

    async fn address(&self, peer: Option<&str>, headers: &str) -> Option<IpAddr> {
        let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{HANDSHAKE}{headers}\r\n");
        let (client_info, _) = self.send(peer, &request).await;
        client_info.expect("a WebSocket").address.ip()
    }
}

fn ip(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

fn client_at(node: &Node, address: &str) -> ClientInfo {
    ClientInfo {
        address: node.admission().client_address(ip(address), false),
        ..ClientInfo::default()
    }
}

/// Serves one connection until it ends.
async fn serve_on(case: &ConnectionTest, server: DuplexStream, peer: &str) {
    let accepted = case.accepted(server, Some(peer));
    serve(
        accepted,
        &case.router,
        DEFAULT_TIMEOUTS,
        &CancellationToken::new(),
    )
    .await;
}
