//! The UDP sockets of the thread, and which of them a client is answered from.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use crate::ice::{ClientTransport, FiveTuple};
use crate::net::{Datagram, ReceiveBuffers, UdpEndpoint};

/// The UDP sockets, with their bound addresses.
pub(super) struct IceSockets(Vec<(SocketAddr, UdpEndpoint)>);

impl IceSockets {
    /// Wraps bound sockets. Runs within a runtime.
    pub(super) fn new(sockets: Vec<UdpSocket>) -> io::Result<Self> {
        let wrap = |socket: UdpSocket| Ok((socket.local_addr()?, UdpEndpoint::new(socket)?));
        sockets
            .into_iter()
            .map(wrap)
            .collect::<io::Result<_>>()
            .map(Self)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Waits for datagrams of a socket, and calls `each` with every one of a batch.
    pub(super) async fn receive(
        &self,
        number: usize,
        buffers: &mut ReceiveBuffers,
        mut each: impl FnMut(FiveTuple, &mut [u8]),
    ) -> io::Result<()> {
        let Some((bound, endpoint)) = self.0.get(number) else {
            return std::future::pending().await;
        };
        let with_client = |datagram: Datagram<'_>| {
            let ip = datagram.destination.unwrap_or(bound.ip());
            let client = FiveTuple {
                transport: ClientTransport::Udp,
                client: datagram.source,
                server: SocketAddr::new(ip, bound.port()),
            };
            each(client, datagram.bytes);
        };
        endpoint.receive(buffers, with_client).await
    }

    /// Sends a datagram to a client, from the address that it asked.
    pub(super) fn send(&self, client: &FiveTuple, bytes: &[u8]) -> io::Result<()> {
        let server = client.server;
        let receives = |(bound, _): &&(SocketAddr, UdpEndpoint)| {
            bound.port() == server.port()
                && (bound.ip() == server.ip() || bound.ip().is_unspecified())
        };
        let (_, endpoint) = self
            .0
            .iter()
            .find(receives)
            .ok_or(io::ErrorKind::NotFound)?;
        let source = Some(server.ip()).filter(|ip| !ip.is_unspecified());
        endpoint.send(bytes, client.client, source)
    }
}
