//! UDP sockets that answer from the address that was asked.
//!
//! A machine has several addresses, and a socket for all of them would answer from any. Then the answer is lost in the
//! client's router.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket as StdUdpSocket};

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::tcp::{is_any_ipv6, is_without_ipv6};

/// Datagrams that one system call receives.
const BATCH: usize = 16;
/// Bytes of a receive buffer: the largest datagram, or several that the kernel passes on together.
const BUFFER_BYTES: usize = 65_536;
/// Bytes that the kernel stores for the socket, for bursts while its thread has no processor: ten milliseconds of a flood of
/// large packets. Linux allows `net.core.rmem_max` at most.
const KERNEL_BUFFER_BYTES: usize = 4 << 20;

/// Binds a UDP port. `[::]` also receives IPv4, and becomes `0.0.0.0` on systems without IPv6.
///
/// # Errors
///
/// Those of the system.
pub(crate) fn bind_udp(address: SocketAddr) -> io::Result<StdUdpSocket> {
    match bind_exactly(address) {
        Err(error) if is_any_ipv6(address) && is_without_ipv6(&error) => {
            bind_exactly(SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())))
        }
        bound => bound,
    }
}

fn bind_exactly(address: SocketAddr) -> io::Result<StdUdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        // Some systems (OpenBSD) always separate the families.
        let separated = socket.set_only_v6(!address.ip().is_unspecified());
        if !address.ip().is_unspecified() {
            separated?;
        }
    }
    // A smaller buffer only loses more datagrams in bursts.
    let _ = socket.set_recv_buffer_size(KERNEL_BUFFER_BYTES);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// A received datagram.
#[derive(Debug)]
pub(crate) struct Datagram<'a> {
    pub(crate) bytes: &'a mut [u8],
    pub(crate) source: SocketAddr,
    /// The address of this machine to which it was sent, where the system tells it.
    pub(crate) destination: Option<IpAddr>,
}

/// A UDP socket within a runtime.
pub(crate) struct UdpEndpoint {
    socket: UdpSocket,
    state: UdpSocketState,
}

/// The memory into which an endpoint receives. The system commits it only as far as datagrams fill it.
pub(crate) struct ReceiveBuffers {
    bytes: Vec<u8>,
    meta: [RecvMeta; BATCH],
}

impl Default for ReceiveBuffers {
    fn default() -> Self {
        Self {
            bytes: vec![0; BATCH * BUFFER_BYTES],
            meta: [RecvMeta::default(); BATCH],
        }
    }
}

impl UdpEndpoint {
    /// Wraps a bound socket.
    ///
    /// # Errors
    ///
    /// The system does not support a socket option that is needed.
    pub(crate) fn new(socket: StdUdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new((&socket).into())?;
        Ok(Self {
            socket: UdpSocket::from_std(socket)?,
            state,
        })
    }

    /// Waits for datagrams and calls `each` with every one of a batch. Errors that ICMP reports for earlier answers are
    /// returned and do not concern the socket.
    pub(crate) async fn receive(
        &self,
        buffers: &mut ReceiveBuffers,
        mut each: impl FnMut(Datagram<'_>),
    ) -> io::Result<()> {
        let ReceiveBuffers { bytes, meta } = buffers;
        let receive = || {
            let mut chunks = bytes.chunks_exact_mut(BUFFER_BYTES).map(IoSliceMut::new);
            let mut slices: [IoSliceMut<'_>; BATCH] =
                std::array::from_fn(|_| chunks.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
            self.state.recv((&self.socket).into(), &mut slices, meta)
        };
        let received = self.socket.async_io(Interest::READABLE, receive).await?;
        for (meta, buffer) in meta
            .iter()
            .take(received)
            .zip(bytes.chunks_exact_mut(BUFFER_BYTES))
        {
            let filled = buffer.get_mut(..meta.len).unwrap_or_default();
            for datagram in filled.chunks_mut(meta.stride.max(1)) {
                each(Datagram {
                    bytes: datagram,
                    source: meta.addr,
                    destination: meta.dst_ip,
                });
            }
        }
        Ok(())
    }

    /// Sends a datagram from `source`. It is lost if the kernel has no room for it, as on any router.
    pub(crate) fn send(
        &self,
        bytes: &[u8],
        destination: SocketAddr,
        source: Option<IpAddr>,
    ) -> io::Result<()> {
        let transmit = Transmit {
            destination,
            ecn: None,
            contents: bytes,
            segment_size: None,
            src_ip: source,
        };
        self.socket.try_io(Interest::WRITABLE, || {
            self.state.try_send((&self.socket).into(), &transmit)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;
    use std::time::Duration;

    use super::*;

    async fn echo_one(server: &UdpEndpoint) -> usize {
        let (mut buffers, mut count) = (ReceiveBuffers::default(), 0);
        let received = server.receive(&mut buffers, |datagram| {
            count += 1;
            let Datagram {
                bytes,
                source,
                destination,
            } = datagram;
            server
                .send(bytes, source, destination)
                .expect("room in the kernel");
        });
        received.await.expect("a socket");
        count
    }

    #[tokio::test]
    async fn answers_come_from_the_address_that_was_asked() {
        let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        let socket = bind_udp(any).expect("a free port");
        let port = socket.local_addr().expect("bound").port();
        let server = UdpEndpoint::new(socket).expect("a socket");
        // All of 127.0.0.0/8 are addresses of this machine on Linux.
        for asked in ["127.0.0.1", "127.0.0.2", "127.1.2.3"] {
            let client = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
            client.connect((asked, port)).await.expect("an address");
            client.send(b"hello").await.expect("sent");
            assert_eq!(echo_one(&server).await, 1);
            let mut answer = [0; 16];
            // A connected socket receives nothing from another address.
            let read =
                tokio::time::timeout(Duration::from_secs(20), client.recv(&mut answer)).await;
            assert_eq!(read.expect("an answer").expect("a socket"), 5, "{asked}");
        }
    }

    #[tokio::test]
    async fn several_datagrams_arrive_one_by_one() {
        let socket = bind_udp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
        let address = socket.local_addr().expect("bound");
        let server = UdpEndpoint::new(socket).expect("a socket");
        let client = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        for _ in 0..20 {
            client.send_to(b"hello", address).await.expect("sent");
        }
        let mut count = 0;
        while count < 20 {
            count += echo_one(&server).await;
        }
        assert_eq!(count, 20);
    }
}
