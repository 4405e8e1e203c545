//! Binds the UDP ports of the STUN server and starts its thread.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread;

use tokio_util::sync::CancellationToken;

use super::ServerError;
use crate::config::{Config, Ice, ListenSpec, ListenTarget};
use crate::ice::{ByteRate, RelayPolicy, TurnRelay};
use crate::net::{self, BoundListener};
use crate::node::Node;
use crate::worker::IceThread;

/// The IP address of all relay addresses, which name allocations and are no addresses of a network (RFC 5737). Nothing is
/// sent to it.
const RELAY_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

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

    /// Starts the thread that serves the sockets until `stop` is cancelled, if there are any.
    ///
    /// # Errors
    ///
    /// The system cannot start a thread.
    pub(super) fn start(&mut self, node: &Arc<Node>, stop: CancellationToken) -> io::Result<()> {
        let sockets = std::mem::take(&mut self.sockets);
        if sockets.is_empty() {
            return Ok(());
        }
        tracing::info!(addresses = ?self.addresses, "STUN server");
        let server = IceThread {
            sockets,
            node: Arc::clone(node),
            relay: relay(&node.settings().config().ice, node),
            stop,
        };
        let thread = thread::Builder::new().name("ice".to_owned());
        let run = move || {
            if let Err(error) = server.run() {
                tracing::error!(%error, "the STUN server and TURN relay failed");
            }
        };
        thread.spawn(run).map(|_| ())
    }
}

/// Creates the TURN relay, if `ice.turn` is set.
fn relay(ice: &Ice, node: &Node) -> Option<TurnRelay> {
    let policy = RelayPolicy {
        allocations_max: ice.turn_allocations_max,
        user_allocations_max: ice.turn_user_allocations_max,
        address_allocations_max: ice.turn_address_allocations_max,
        user_rate: byte_rate(ice.turn_user_bytes_per_second),
        total_rate: byte_rate(ice.turn_bytes_per_second),
        bytes_per_day: ice.turn_bytes_per_day.map(|bytes| bytes as u64),
    };
    let credentials = node.turn_credentials().clone();
    let relay = || TurnRelay::new(RELAY_IP, policy, credentials, &rand::random());
    ice.turn.then(relay)
}

/// Returns the rate with a burst of two seconds.
fn byte_rate(per_second: usize) -> ByteRate {
    let per_second = per_second as u64;
    ByteRate::new(per_second, 2 * per_second)
}
