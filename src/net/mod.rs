//! Listeners: what the workers accept connections from, and who is at the other end of one.
//!
//! Binds TCP ports and socket files and takes what systemd hands over; reads PROXY headers and forwarded addresses.
//! Knows no WebSocket, and of HTTP only the client for requests to others. The server binds with it, each worker accepts from its own listeners.

pub mod address;
pub(crate) mod client;
pub(crate) mod look;
pub mod proxy;
mod sockets;
#[cfg(unix)]
mod systemd;
mod tcp;
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

use crate::config::{Listen, Target};

pub(crate) use sockets::Sockets;

/// A place that is listened on, with one socket for each worker.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// Its place among all that are listened on.
    number: u16,
    /// As it was asked for, but with the place it really has: the port that the system chose, the socket that systemd
    /// handed over.
    pub(crate) listen: Listen,
    sockets: Vec<Socket>,
    /// Removed with this.
    #[cfg(unix)]
    _file: Option<unix::SocketFile>,
}

/// A socket that listens, non-blocking.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(StdTcpListener),
    #[cfg(unix)]
    Unix(StdUnixListener),
}

/// One worker's part of a listener.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) number: u16,
    pub(crate) listen: Listen,
    pub(crate) socket: Socket,
}

impl Listeners {
    /// The next worker's part, if there is one left.
    pub(crate) fn take(&mut self) -> Option<Listener> {
        let socket = self.sockets.pop()?;
        Some(Listener {
            number: self.number,
            listen: self.listen.clone(),
            socket,
        })
    }

    /// Of sockets that are nobody's file.
    fn new(listen: &Listen, target: Target, sockets: Vec<Socket>) -> Self {
        Self {
            number: 0,
            listen: Listen {
                target,
                ..listen.clone()
            },
            sockets,
            #[cfg(unix)]
            _file: None,
        }
    }

    /// Removes this file with the listeners.
    #[cfg(unix)]
    fn with_file(self, file: unix::SocketFile) -> Self {
        Self {
            _file: Some(file),
            ..self
        }
    }
}

/// Binds all places for `workers` workers.
///
/// # Errors
///
/// The first place that cannot be listened on, and why.
pub(crate) fn bind(
    places: &[Listen],
    workers: usize,
) -> Result<Vec<Listeners>, (Listen, io::Error)> {
    #[cfg(unix)]
    let mut handed = systemd::Handed::for_places(places);
    let mut bound = Vec::new();
    for listen in places {
        let listeners = match &listen.target {
            Target::Tcp(address) => tcp::bind(*address, workers).map(|(address, sockets)| {
                let sockets = sockets.into_iter().map(Socket::Tcp).collect();
                vec![Listeners::new(listen, Target::Tcp(address), sockets)]
            }),
            #[cfg(unix)]
            Target::Unix(path) => unix::bind(listen, path, workers).map(|bound| vec![bound]),
            #[cfg(unix)]
            Target::Systemd(name) => handed.take(listen, name.as_deref(), workers),
            #[cfg(not(unix))]
            Target::Unix(_) | Target::Systemd(_) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this system has no such sockets; listen on an IP address",
            )),
        };
        bound.extend(listeners.map_err(|reason| (listen.clone(), reason))?);
    }
    for (number, listeners) in (0..).zip(&mut bound) {
        listeners.number = number;
    }
    Ok(bound)
}

/// What connections are accepted from.
pub(crate) trait Accept: 'static {
    /// What is accepted.
    type Stream: Stream;

    /// The next connection, and the address it comes from; a socket file gives none.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Option<IpAddr>)>>;
}

/// A connection as it was accepted.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + 'static {
    /// Waits for bytes, then says how many can be read without going beyond the end of a line: from 1 to `max`.
    fn line_bytes(&self, max: usize) -> impl Future<Output = io::Result<usize>>;

    /// Ends it at once, without a trace in the system where that is possible.
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
        tcp::set_up(&stream);
        Ok((stream, Some(peer.ip().to_canonical())))
    }
}

impl Stream for TcpStream {
    async fn line_bytes(&self, max: usize) -> io::Result<usize> {
        let mut room = [0; proxy::LINE_BYTES_MAX];
        let there = self.peek(room.get_mut(..max).unwrap_or_default()).await?;
        let line = room.iter().take(there).position(|&byte| byte == b'\n');
        // At the end of the stream there is nothing, which is for the next read to find out.
        Ok(line.map_or(there, |end| end + 1).max(1))
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
    /// Byte by byte: tokio cannot look ahead in these, and they are local.
    async fn line_bytes(&self, _: usize) -> io::Result<usize> {
        Ok(1)
    }
}
