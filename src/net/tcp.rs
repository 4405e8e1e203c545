//! Binds TCP ports, shares them among the workers, and sets socket options.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::TcpStream;

/// Listen backlog: a reconnect storm arrives within one second.
const BACKLOG: i32 = 4096;

/// Approximate bytes that the kernel buffers per connection in addition to those in flight.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT_BYTES_MAX: u32 = 32 * 1024;

/// Whether the kernel balances connections among several sockets of one port. Elsewhere the workers share one.
const KERNEL_BALANCES: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Binds an address for `workers` workers. Returns the address with its actual port, and a socket for each worker.
/// `[::]` also accepts IPv4, and becomes `0.0.0.0` on systems without IPv6.
///
/// # Errors
///
/// Those of the system. A port that another process listens on is always an error, although port sharing among workers
/// would also let two servers of one user share it.
pub(super) fn bind(
    address: SocketAddr,
    workers: usize,
) -> io::Result<(SocketAddr, Vec<StdListener>)> {
    let bound = bind_exactly(address, workers, KERNEL_BALANCES);
    match bound {
        Err(error) if is_any_ipv6(address) && is_without_ipv6(&error) => bind_exactly(
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())),
            workers,
            KERNEL_BALANCES,
        ),
        bound => bound,
    }
}

pub(super) fn is_any_ipv6(address: SocketAddr) -> bool {
    address.is_ipv6() && address.ip().is_unspecified()
}

pub(super) fn is_without_ipv6(error: &io::Error) -> bool {
    // EAFNOSUPPORT has no stable name in std: 97 on Linux, 47 on BSD and macOS, 10047 on Windows.
    error.kind() == io::ErrorKind::AddrNotAvailable
        || matches!(error.raw_os_error(), Some(97 | 47 | 10047))
}

fn bind_exactly(
    address: SocketAddr,
    workers: usize,
    balanced: bool,
) -> io::Result<(SocketAddr, Vec<StdListener>)> {
    let first = bind_socket(address, false)?;
    let address = first
        .local_addr()?
        .as_socket()
        .ok_or(io::ErrorKind::AddrNotAvailable)?;
    let sockets = if balanced {
        // The first socket was bound only to find the port and to check that it is free.
        drop(first);
        let listening = |_| {
            let socket = bind_socket(address, true)?;
            socket.listen(BACKLOG)?;
            Ok(StdListener::from(socket))
        };
        (0..workers).map(listening).collect::<io::Result<_>>()?
    } else {
        first.listen(BACKLOG)?;
        duplicate(StdListener::from(first), workers)?
    };
    Ok((address, sockets))
}

/// Adopts a socket that another process bound, for all workers.
#[cfg(unix)]
pub(super) fn adopt(
    socket: StdListener,
    workers: usize,
) -> io::Result<(SocketAddr, Vec<StdListener>)> {
    socket.set_nonblocking(true)?;
    SockRef::from(&socket).set_tcp_nodelay(true)?;
    limit_unsent_bytes(&SockRef::from(&socket));
    Ok((socket.local_addr()?, duplicate(socket, workers)?))
}

/// Duplicates one socket for all workers: each has its own descriptor and accepts when it has time.
fn duplicate(socket: StdListener, workers: usize) -> io::Result<Vec<StdListener>> {
    let mut sockets = (1..workers)
        .map(|_| socket.try_clone())
        .collect::<io::Result<Vec<_>>>()?;
    sockets.push(socket);
    Ok(sockets)
}

/// Binds a socket with the options of listeners; it does not listen yet.
pub(super) fn bind_socket(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        if address.ip().is_unspecified() {
            // Some systems (OpenBSD) always separate the families: IPv4 is then not served.
            let _ = socket.set_only_v6(false);
        } else {
            socket.set_only_v6(true)?;
        }
    }
    // On Windows this option would let other processes take over the port.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_reuse_port(shared)?;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = shared;
    // Messages are written whole, so waiting for more would only delay them. On Linux, accepted connections inherit the
    // option, which saves a system call for each; elsewhere `configure_accepted` sets it.
    socket.set_tcp_nodelay(true)?;
    limit_unsent_bytes(&socket);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Limits the unsent bytes that the kernel buffers per connection; accepted connections inherit it. A client that does
/// not read is detected sooner and uses less memory. Bytes in flight do not count, so this slows no transfer.
fn limit_unsent_bytes(socket: &Socket) {
    // Systems without this option use their own buffer sizes.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket.set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = socket;
}

/// Sets the options that an accepted connection does not inherit from its listener. It fails only if the connection is
/// closed.
pub(super) fn configure_accepted(accepted: &TcpStream) {
    if cfg!(not(target_os = "linux")) {
        let _ = accepted.set_nodelay(true);
    }
}

/// Closes a connection by a reset. An orderly close would leave it in the system (TIME_WAIT) for a minute.
pub(super) fn reset(accepted: TcpStream) {
    // If this fails, the connection is closed in an orderly way.
    let _ = SockRef::from(&accepted).set_linger(Some(Duration::ZERO));
    drop(accepted);
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv6Addr, TcpStream};

    use super::*;

    fn loopback(port: u16) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    }

    #[test]
    fn all_workers_listen_on_the_same_port() {
        let (address, sockets) = bind(loopback(0), 3).expect("a free port");
        let ports: Vec<_> = sockets
            .iter()
            .map(|socket| socket.local_addr().expect("bound").port())
            .collect();
        assert_eq!(ports, vec![address.port(); 3]);
        TcpStream::connect(address).expect("a listener");
    }

    #[tokio::test]
    async fn accepted_connections_send_small_messages_at_once() {
        let (address, mut sockets) = bind(loopback(0), 1).expect("a free port");
        let listener = sockets.remove(0);
        let listener = tokio::net::TcpListener::from_std(listener).expect("within a runtime");
        let _client = TcpStream::connect(address).expect("a listener");
        let (accepted, _) = listener.accept().await.expect("a connection");
        configure_accepted(&accepted);
        assert!(accepted.nodelay().expect("a socket"));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_kernel_buffers_little_for_a_stalled_client() {
        use socket2::SockRef;
        use tokio::io::AsyncWriteExt;

        let (address, mut sockets) = bind(loopback(0), 1).expect("a free port");
        let listener = tokio::net::TcpListener::from_std(sockets.remove(0)).expect("a runtime");
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        client.set_recv_buffer_size(4096).expect("smaller");
        client.connect(&address.into()).expect("a listener");
        let (mut accepted, _) = listener.accept().await.expect("a connection");
        let option = SockRef::from(&accepted).tcp_notsent_lowat();
        assert_eq!(option.expect("a socket"), UNSENT_BYTES_MAX);
        let (piece, mut buffered) = ([0; 4096], 0);
        while let Some(written) = futures::FutureExt::now_or_never(accepted.write(&piece)) {
            buffered += written.expect("it is open");
        }
        assert!(buffered < 4 * UNSENT_BYTES_MAX as usize, "{buffered}");
    }

    #[test]
    fn workers_that_share_one_socket_each_accept_from_it() {
        let (address, sockets) = bind_exactly(loopback(0), 2, false).expect("a free port");
        for socket in &sockets {
            let _client = TcpStream::connect(address).expect("a listener");
            socket.set_nonblocking(false).expect("a socket");
            socket.accept().expect("a connection");
            socket.set_nonblocking(true).expect("a socket");
        }
    }

    #[test]
    fn a_port_in_use_is_an_error_even_if_shared() {
        let (address, _sockets) = bind(loopback(0), 2).expect("a free port");
        let error = bind(address, 2).expect_err("taken");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn one_listener_accepts_both_address_families() {
        let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        let (address, _sockets) = bind(any, 1).expect("a free port");
        TcpStream::connect(loopback(address.port())).expect("IPv4 is served");
    }
}
