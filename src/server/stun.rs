//! Binds the UDP ports of the STUN server and starts its thread.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::ServerError;
use crate::config::{Config, Ice, ListenSpec, ListenTarget};
use crate::ice::{RelayPolicy, TurnRelay};
use crate::net::{self, BoundListener};
use crate::node::Node;
use crate::worker::{IceThread, TurnConnection};

/// The IP address of all relay addresses, which name allocations and are no addresses of a network (RFC 5737). Nothing is
/// sent to it.
const RELAY_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// TURN connections that wait for the thread of the relay. Further ones wait in their workers, where limits count them.
const TURN_QUEUE: usize = 64;

/// The bound UDP sockets of the STUN server.
#[derive(Debug, Default)]
pub(super) struct StunSockets {
    sockets: Vec<UdpSocket>,
    pub(super) addresses: Vec<SocketAddr>,
}

impl StunSockets {
    /// Binds `ice.listen`, or else the address and port of each TCP listener. Such a port may belong to another program,
    /// such as a server for HTTP/3: then it is left to that program, with a warning.
    ///
    /// # Errors
    ///
    /// An address of `ice.listen` that cannot be bound.
    pub(super) fn bind(config: &Config, listeners: &[BoundListener]) -> Result<Self, ServerError> {
        let mut bound = Self::default();
        if !config.ice.stun {
            return Ok(bound);
        }
        for address in &config.ice.listen {
            bound
                .add(address.0)
                .map_err(|reason| ServerError::StunListen {
                    address: address.0,
                    reason,
                })?;
        }
        if config.ice.listen.is_empty() {
            bound.follow(listeners);
        }
        Ok(bound)
    }

    /// Binds the address of each TCP listener that clients use.
    fn follow(&mut self, listeners: &[BoundListener]) {
        for ListenSpec { role, target, .. } in listeners.iter().map(|own| &own.listen) {
            let ListenTarget::Tcp(address) = target else {
                continue;
            };
            let serves_clients = role.has_tracker() || role.has_pages();
            if !serves_clients || self.addresses.contains(address) {
                continue;
            }
            if let Err(error) = self.add(*address) {
                tracing::warn!(%address, %error, "no STUN server: its UDP port cannot be used; see ice.listen");
            }
        }
    }

    fn add(&mut self, address: SocketAddr) -> io::Result<()> {
        let socket = net::bind_udp(address)?;
        self.addresses.push(socket.local_addr()?);
        self.sockets.push(socket);
        Ok(())
    }

    /// Starts the thread of STUN server and TURN relay, until `stop` is cancelled, unless both have nothing to do. Returns
    /// where workers pass connections to the relay, if it is on.
    ///
    /// # Errors
    ///
    /// The system cannot start a thread.
    pub(super) fn start(
        &mut self,
        node: &Arc<Node>,
        stop: CancellationToken,
    ) -> io::Result<Option<mpsc::Sender<TurnConnection>>> {
        let sockets = std::mem::take(&mut self.sockets);
        let relay = relay(&node.settings().config().ice, node);
        let has_relay = relay.is_some();
        if sockets.is_empty() && !has_relay {
            return Ok(None);
        }
        tracing::info!(addresses = ?self.addresses, turn = has_relay, "STUN server");
        let (sender, turn_connections) = mpsc::channel(TURN_QUEUE);
        let server = IceThread {
            sockets,
            node: Arc::clone(node),
            relay,
            turn_connections,
            stop,
        };
        let thread = thread::Builder::new().name("ice".to_owned());
        let run = move || {
            if let Err(error) = server.run() {
                tracing::error!(%error, "the STUN server and TURN relay failed");
            }
        };
        thread.spawn(run)?;
        Ok(has_relay.then_some(sender))
    }
}

/// Creates the TURN relay, if `ice.turn` is set.
fn relay(ice: &Ice, node: &Node) -> Option<TurnRelay> {
    let credentials = node.turn_credentials().clone();
    let policy = RelayPolicy::new(ice);
    let relay = || TurnRelay::new(RELAY_IP, policy, credentials, &rand::random());
    ice.turn.then(relay)
}
