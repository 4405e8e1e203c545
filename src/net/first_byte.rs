//! Looks at the first byte of a connection, which tells TURN from HTTP, and takes a connection to another thread.
//!
//! Browsers send no ALPN for `turns:`, so nothing earlier tells them apart. Here is no rule about bytes; the worker has it.

use std::io;
use std::net::{SocketAddr, TcpStream as StdTcpStream};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio_util::either::Either;

use super::tls::TlsStream;

/// A connection whose first byte can be read in advance.
pub(crate) trait FirstByte: Sized {
    /// Whether connections of this kind can be detached.
    const CAN_DETACH: bool;

    /// Waits for the first byte, which remains to be read. `None` at the end, and at once for a connection that cannot be
    /// detached.
    fn first_byte(&mut self) -> impl Future<Output = io::Result<Option<u8>>>;

    /// Takes the connection from the runtime of this thread.
    ///
    /// # Errors
    ///
    /// Those of the system. A Unix domain socket cannot be detached.
    fn detach(self) -> io::Result<DetachedStream>;
}

/// A TCP connection, perhaps with TLS, that belongs to no runtime.
pub(crate) enum DetachedStream {
    Tcp(StdTcpStream),
    Tls(Box<TlsStream<StdTcpStream>>),
}

/// A connection of the runtime of this thread.
pub(crate) type AttachedStream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

impl DetachedStream {
    /// Returns the addresses of the client and of this server. IPv4 is never written as IPv6.
    ///
    /// # Errors
    ///
    /// The connection is closed.
    pub(crate) fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        let socket = match self {
            Self::Tcp(socket) => socket,
            Self::Tls(stream) => stream.io(),
        };
        let canonical =
            |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        Ok((
            canonical(socket.peer_addr()?),
            canonical(socket.local_addr()?),
        ))
    }

    /// Adds the connection to the runtime of this thread.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub(crate) fn attach(self) -> io::Result<AttachedStream> {
        Ok(match self {
            Self::Tcp(socket) => Either::Left(TcpStream::from_std(socket)?),
            Self::Tls(stream) => Either::Right(Box::new(stream.map_io(TcpStream::from_std)?)),
        })
    }
}

impl FirstByte for TcpStream {
    const CAN_DETACH: bool = true;

    async fn first_byte(&mut self) -> io::Result<Option<u8>> {
        let mut first = [0];
        let length = self.peek(&mut first).await?;
        Ok(first.first().copied().filter(|_| length > 0))
    }

    fn detach(self) -> io::Result<DetachedStream> {
        self.into_std().map(DetachedStream::Tcp)
    }
}

#[cfg(unix)]
impl FirstByte for UnixStream {
    const CAN_DETACH: bool = false;

    async fn first_byte(&mut self) -> io::Result<Option<u8>> {
        Ok(None)
    }

    fn detach(self) -> io::Result<DetachedStream> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl<S: FirstByte + AsyncRead + AsyncWrite + Unpin> FirstByte for Box<TlsStream<S>> {
    const CAN_DETACH: bool = S::CAN_DETACH;

    async fn first_byte(&mut self) -> io::Result<Option<u8>> {
        if S::CAN_DETACH {
            self.peek().await
        } else {
            Ok(None)
        }
    }

    fn detach(self) -> io::Result<DetachedStream> {
        let stream = self.map_io(|io| match io.detach()? {
            DetachedStream::Tcp(socket) => Ok(socket),
            // TLS within TLS is not served.
            DetachedStream::Tls(_) => Err(io::ErrorKind::Unsupported.into()),
        })?;
        Ok(DetachedStream::Tls(Box::new(stream)))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn the_first_byte_remains_and_moves_along() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let mut client = TcpStream::connect(address).await.expect("a listener");
        let (mut accepted, peer) = listener.accept().await.expect("a connection");
        client.write_all(b"hello").await.expect("sent");
        assert_eq!(accepted.first_byte().await.expect("open"), Some(b'h'));
        let detached = accepted.detach().expect("a socket");
        assert_eq!(detached.addresses().expect("open"), (peer, address));
        let mut attached = detached.attach().expect("a runtime");
        client.shutdown().await.expect("open");
        let mut received = String::new();
        attached.read_to_string(&mut received).await.expect("text");
        assert_eq!(received, "hello");
    }

    #[tokio::test]
    async fn a_closed_connection_has_no_first_byte() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        drop(TcpStream::connect(address).await.expect("a listener"));
        let (mut accepted, _) = listener.accept().await.expect("a connection");
        assert_eq!(accepted.first_byte().await.expect("an end"), None);
    }
}
