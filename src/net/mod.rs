//! The network edge: listeners, client addresses, TLS with ACME, and the client of outgoing requests.
//!
//! Binds TCP ports and Unix domain sockets, adopts sockets from systemd, and parses PROXY and forwarding headers.
//! Contains no WebSocket code, and of HTTP only the client for outgoing requests. The server binds the listeners; each
//! worker accepts from its own ones.

pub(crate) mod config_check;
mod first_byte;
pub mod forwarded;
pub(crate) mod http_client;
mod interfaces;
mod open_connections;
pub mod proxy_protocol;
#[cfg(unix)]
mod systemd;
mod tcp;
mod udp;
#[cfg(unix)]
mod unix;

pub(crate) mod tls;

use std::io;
use std::net::{IpAddr, TcpListener as StdTcpListener};
#[cfg(unix)]
use std::os::unix::net::UnixListener as StdUnixListener;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};

use crate::config::{ListenSpec, ListenTarget};

pub(crate) use first_byte::{AttachedStream, DetachedStream, FirstByte};
pub(crate) use interfaces::own_addresses;
pub(crate) use open_connections::OpenConnections;
pub(crate) use udp::{Datagram, ReceiveBuffers, UdpEndpoint, bind_udp};

/// A bound listener, with one socket for each worker.
#[derive(Debug)]
pub(crate) struct BoundListener {
    /// Its index among all listeners.
    index: u16,
    /// The setting, but with the actual target: the port that the system chose, or the socket that systemd passed.
    pub(crate) listen: ListenSpec,
    sockets: Vec<ListenerSocket>,
    /// Removes the socket file on drop.
    #[cfg(unix)]
    _file: Option<unix::SocketFile>,
}

/// A non-blocking listening socket.
#[derive(Debug)]
pub(crate) enum ListenerSocket {
    Tcp(StdTcpListener),
    #[cfg(unix)]
    Unix(StdUnixListener),
}

/// One worker's socket of a listener.
#[derive(Debug)]
pub(crate) struct WorkerListener {
    pub(crate) index: u16,
    pub(crate) listen: ListenSpec,
    pub(crate) socket: ListenerSocket,
}

impl BoundListener {
    /// Takes the socket of the next worker, or `None` if all are taken.
    pub(crate) fn take_socket(&mut self) -> Option<WorkerListener> {
        let socket = self.sockets.pop()?;
        Some(WorkerListener {
            index: self.index,
            listen: self.listen.clone(),
            socket,
        })
    }

    /// Creates a listener from sockets without a file to remove.
    fn new(listen: &ListenSpec, target: ListenTarget, sockets: Vec<ListenerSocket>) -> Self {
        Self {
            index: 0,
            listen: ListenSpec {
                target,
                ..listen.clone()
            },
            sockets,
            #[cfg(unix)]
            _file: None,
        }
    }

    /// Attaches a socket file, which is removed on drop.
    #[cfg(unix)]
    fn with_file(self, file: unix::SocketFile) -> Self {
        Self {
            _file: Some(file),
            ..self
        }
    }
}

/// Binds all listeners for `workers` workers.
///
/// # Errors
///
/// The first listener that cannot be bound, and the reason.
pub(crate) fn bind(
    places: &[ListenSpec],
    workers: usize,
) -> Result<Vec<BoundListener>, (ListenSpec, io::Error)> {
    #[cfg(unix)]
    let mut passed = systemd::PassedSockets::from_environment(places);
    let mut bound = Vec::new();
    for listen in places {
        let listeners = match &listen.target {
            ListenTarget::Tcp(address) => tcp::bind(*address, workers).map(|(address, sockets)| {
                let sockets = sockets.into_iter().map(ListenerSocket::Tcp).collect();
                vec![BoundListener::new(
                    listen,
                    ListenTarget::Tcp(address),
                    sockets,
                )]
            }),
            #[cfg(unix)]
            ListenTarget::Unix(path) => unix::bind(listen, path, workers).map(|bound| vec![bound]),
            #[cfg(unix)]
            ListenTarget::Systemd(name) => passed.take(listen, name.as_deref(), workers),
            #[cfg(not(unix))]
            ListenTarget::Unix(_) | ListenTarget::Systemd(_) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this system does not support such sockets; listen on an IP address",
            )),
        };
        bound.extend(listeners.map_err(|reason| (listen.clone(), reason))?);
    }
    for (index, listeners) in (0..).zip(&mut bound) {
        listeners.index = index;
    }
    Ok(bound)
}

/// A socket that accepts connections.
pub(crate) trait Accept: 'static {
    /// The type of an accepted connection.
    type Stream: Stream + FirstByte;

    /// Accepts the next connection and returns its peer address; `None` for a Unix domain socket.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Option<IpAddr>)>>;
}

/// An accepted connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + 'static {
    /// Waits for bytes and returns how many can be read without passing the end of a line: 1 to `max`.
    fn peek_line_bytes(&self, max: usize) -> impl Future<Output = io::Result<usize>>;

    /// Returns the address of this machine that the peer connected to; `None` for a Unix domain socket.
    fn local_ip(&self) -> Option<IpAddr> {
        None
    }

    /// Closes the connection at once, without leftover kernel state where the system supports it.
    fn reset(self)
    where
        Self: Sized,
    {
        drop(self);
    }
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, Option<IpAddr>)> {
        let (stream, peer) = Self::accept(self).await?;
        tcp::configure_accepted(&stream);
        Ok((stream, Some(peer.ip().to_canonical())))
    }
}

impl Stream for TcpStream {
    async fn peek_line_bytes(&self, max: usize) -> io::Result<usize> {
        let mut buffer = [0; proxy_protocol::V1_HEADER_BYTES_MAX];
        let available = self.peek(buffer.get_mut(..max).unwrap_or_default()).await?;
        let line = buffer
            .iter()
            .take(available)
            .position(|&byte| byte == b'\n');
        // At the end of the stream there are no bytes; the next read detects that.
        Ok(line.map_or(available, |end| end + 1).max(1))
    }

    fn local_ip(&self) -> Option<IpAddr> {
        Some(self.local_addr().ok()?.ip().to_canonical())
    }

    fn reset(self) {
        tcp::reset(self);
    }
}

#[cfg(unix)]
impl Accept for UnixListener {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<(UnixStream, Option<IpAddr>)> {
        let (stream, _) = Self::accept(self).await?;
        Ok((stream, None))
    }
}

#[cfg(unix)]
impl Stream for UnixStream {
    /// Reads byte by byte: tokio cannot peek into these sockets, and they are local.
    async fn peek_line_bytes(&self, _: usize) -> io::Result<usize> {
        Ok(1)
    }
}
