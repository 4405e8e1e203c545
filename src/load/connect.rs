//! Opens connections as browsers do: TCP from one of several source addresses, TLS for wss:// URLs, then the upgrade.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::error::LoadError;
use super::options::Options;
use super::stream::ClientStream;
use super::tls;
use super::tracker_url::TrackerUrl;

const RESPONSE_BYTES_MAX: usize = 16 * 1024;
/// Bytes read of a refusal, headers included: enough for a sentence, not for a page.
const REASON_BYTES_MAX: usize = 4 * 1024;
const REASON_CHARS_MAX: usize = 200;
/// How long the load waits for the rest of a refusal.
const REASON_TIMEOUT: Duration = Duration::from_secs(1);
/// Lower bound of the timeout for opening a connection, for short message timeouts.
const OPEN_TIMEOUT_MIN: Duration = Duration::from_secs(10);
/// Connections per source address before another address is added.
pub(super) const CONNECTIONS_PER_SOURCE_MAX: usize = 25_000;

/// Everything needed to open a connection; each thread has a copy.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    target: TrackerUrl,
    address: SocketAddr,
    sources: Vec<IpAddr>,
    next_source: Cell<usize>,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    origin: String,
    timeout: Duration,
}

impl Connector {
    /// Resolves the tracker's address; of several, the first that accepts a connection.
    pub(super) async fn new(options: &Options) -> Result<Self, LoadError> {
        let target = options.target.clone();
        let tls = if target.is_tls {
            let name = ServerName::try_from(target.host.clone());
            let no_name = |error| LoadError::UnknownHost {
                host: target.host.clone(),
                source: io::Error::other(error),
            };
            Some((tls::client_config(options)?, name.map_err(no_name)?))
        } else {
            None
        };
        let scheme = if target.is_tls { "https" } else { "http" };
        let page = || format!("{scheme}://{}", target.authority);
        let mut connector = Self {
            origin: options.origin.clone().unwrap_or_else(page),
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
            sources: options.sources.clone(),
            next_source: Cell::new(0),
            tls,
            timeout: options.timeout.max(OPEN_TIMEOUT_MIN),
            target,
        };
        connector.resolve().await?;
        if connector.sources.is_empty() {
            connector.sources = loopback_sources(connector.address, options.connections);
        }
        Ok(connector)
    }

    async fn resolve(&mut self) -> Result<(), LoadError> {
        let host = &self.target.host;
        let no_host = |source| LoadError::UnknownHost {
            host: host.clone(),
            source,
        };
        let found = lookup_host((host.as_str(), self.target.port))
            .await
            .map_err(no_host)?;
        let mut last = no_host(io::Error::other("the name has no address"));
        for address in found {
            self.address = address;
            match self.open().await {
                Ok(_) => return Ok(()),
                Err(error @ LoadError::Connect { .. }) => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Opens a connection and upgrades it.
    pub(super) async fn open(&self) -> Result<ClientStream, LoadError> {
        let late = |_| LoadError::Timeout {
            what: format!("connecting to {}", self.address),
            seconds: self.timeout.as_secs(),
        };
        timeout(self.timeout, self.open_without_timeout())
            .await
            .map_err(late)?
    }

    async fn open_without_timeout(&self) -> Result<ClientStream, LoadError> {
        let tcp = self.connect().await?;
        // Fails only on systems without this option, which then use their default.
        let _ = tcp.set_nodelay(true);
        let mut stream = match &self.tls {
            None => ClientStream::Plain(tcp),
            Some((config, name)) => {
                let connector = TlsConnector::from(Arc::clone(config));
                let tls = connector.connect(name.clone(), tcp).await;
                let failed = |source| LoadError::Tls {
                    address: self.address.to_string(),
                    source,
                };
                ClientStream::Tls(Box::new(tls.map_err(failed)?))
            }
        };
        self.upgrade(&mut stream).await?;
        Ok(stream)
    }

    async fn connect(&self) -> Result<TcpStream, LoadError> {
        let address = self.address.to_string();
        let system = |source| LoadError::System {
            what: "cannot create a socket",
            source,
        };
        let socket = if self.address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }
        .map_err(system)?;
        let number = self
            .next_source
            .replace(self.next_source.get().wrapping_add(1));
        let source = number
            .checked_rem(self.sources.len())
            .and_then(|index| self.sources.get(index));
        if let Some(&from) = source {
            bind(&socket, from).map_err(|source| match source.kind() {
                io::ErrorKind::AddrInUse => LoadError::NoFreePort,
                _ => LoadError::Source {
                    from,
                    address: address.clone(),
                    source,
                },
            })?;
        }
        socket
            .connect(self.address)
            .await
            .map_err(|source| match source.kind() {
                io::ErrorKind::AddrNotAvailable => LoadError::NoFreePort,
                _ => LoadError::Connect { address, source },
            })
    }

    async fn upgrade(&self, stream: &mut ClientStream) -> Result<(), LoadError> {
        let url = || self.target.to_string();
        let broken = |source: io::Error| LoadError::BadHandshake {
            url: url(),
            reason: source.to_string(),
        };
        let key = generate_key();
        stream
            .write_all(self.upgrade_request(&key).as_bytes())
            .await
            .map_err(broken)?;
        stream.flush().await.map_err(broken)?;
        let mut answer = Vec::with_capacity(512);
        // Bytes after the headers would be lost. There are none: a tracker sends nothing before the first request.
        while !answer.ends_with(b"\r\n\r\n") {
            let read = stream.read_buf(&mut answer).await.map_err(broken)?;
            if read == 0 || answer.len() > RESPONSE_BYTES_MAX {
                let first = first_line(&answer);
                let reason = if first.is_empty() {
                    "the connection ended without a response".to_owned()
                } else {
                    format!("the response \"{first}\" is not a WebSocket handshake")
                };
                return Err(LoadError::BadHandshake { url: url(), reason });
            }
            if answer.len() > 12 && !answer.starts_with(b"HTTP/1.1 101") {
                return Err(LoadError::NotUpgraded {
                    url: url(),
                    answer: first_line(&answer),
                    reason: refusal_reason(stream, answer).await,
                });
            }
        }
        let accepted = derive_accept_key(key.as_bytes());
        if is_accepted(&String::from_utf8_lossy(&answer), &accepted) {
            return Ok(());
        }
        let reason = "Sec-WebSocket-Accept is missing or wrong".to_owned();
        Err(LoadError::BadHandshake { url: url(), reason })
    }

    /// Returns a browser's upgrade request. It offers no compression, so that the load does not measure zlib.
    fn upgrade_request(&self, key: &str) -> String {
        format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\
             User-Agent: Mozilla/5.0 (swarmhub load {})\r\nUpgrade: websocket\r\nOrigin: {}\r\n\
             Sec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en\r\n\
             Sec-WebSocket-Key: {key}\r\n\r\n",
            self.target.path,
            self.target.authority,
            env!("CARGO_PKG_VERSION"),
            self.origin
        )
    }
}

/// Binds the source address, and on Linux leaves the choice of the port to `connect`.
///
/// A port chosen here must be entirely free, also of connections that ended within the last minute: a second large
/// load, or a storm, would find none. `connect` takes any port that makes the connection unique.
fn bind(socket: &TcpSocket, from: IpAddr) -> io::Result<()> {
    // Fails only on kernels without the option (before 4.2), where the port is chosen here.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::socket::setsockopt(
        socket,
        nix::sys::socket::sockopt::IpBindAddressNoPort,
        &true,
    );
    socket.bind(SocketAddr::new(from, 0))
}

fn first_line(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    printable(text.lines().next().unwrap_or_default(), 100)
}

fn printable(line: &str, chars_max: usize) -> String {
    line.chars()
        .take(chars_max)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// Returns the first line of a refusal's body, as far as it arrives in time, to append to the status line.
async fn refusal_reason(stream: &mut ClientStream, mut answer: Vec<u8>) -> String {
    let reading = async {
        while answer.len() <= REASON_BYTES_MAX && !is_body_complete(&answer) {
            // Reports what has arrived so far.
            if !matches!(stream.read_buf(&mut answer).await, Ok(1..)) {
                return;
            }
        }
    };
    // A server that sends no more and does not close has sent everything.
    let _ = timeout(REASON_TIMEOUT, reading).await;
    let text = String::from_utf8_lossy(&answer);
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let line = body.lines().find(|line| !line.trim().is_empty());
    line.map_or_else(String::new, |line| {
        format!(": \"{}\"", printable(line.trim(), REASON_CHARS_MAX))
    })
}

/// Whether the body has the length of `Content-Length`; without that header the server closes the connection.
fn is_body_complete(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok());
    length.is_some_and(|length| body.len() >= length)
}

fn is_accepted(answer: &str, accepted: &str) -> bool {
    answer
        .lines()
        .filter_map(|line| line.split_once(':'))
        .any(|(name, value)| {
            name.eq_ignore_ascii_case("sec-websocket-accept") && value.trim() == accepted
        })
}

/// Returns several source addresses for a large load on loopback, where every address of 127.0.0.0/8 is usable.
fn loopback_sources(target: SocketAddr, connections: usize) -> Vec<IpAddr> {
    let is_loopback = matches!(target.ip(), IpAddr::V4(ip) if ip.is_loopback());
    if !is_loopback || connections <= CONNECTIONS_PER_SOURCE_MAX || !cfg!(target_os = "linux") {
        return Vec::new();
    }
    let addresses = connections.div_ceil(CONNECTIONS_PER_SOURCE_MAX).min(250);
    (0..addresses)
        .filter_map(|index| u8::try_from(index + 2).ok())
        .map(|last| IpAddr::from([127, 0, 0, last]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_gets_a_source_for_each_25000_connections() {
        let local = "127.0.0.1:8000".parse().unwrap();
        assert_eq!(loopback_sources(local, 25_000).len(), 0);
        if cfg!(target_os = "linux") {
            assert_eq!(loopback_sources(local, 100_000).len(), 4);
        }
        assert_eq!(
            loopback_sources("192.0.2.1:80".parse().unwrap(), 100_000).len(),
            0
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_bound_source_has_no_port_before_it_connects() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        let socket = TcpSocket::new_v4().unwrap();
        bind(&socket, IpAddr::from([127, 0, 0, 2])).unwrap();
        let bound = socket.local_addr().unwrap();
        assert_eq!(bound, "127.0.0.2:0".parse().unwrap());
    }

    #[test]
    fn an_upgrade_needs_the_right_accept_key() {
        let answer = "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-ACCEPT:  x=\r\n\r\n";
        assert!(is_accepted(answer, "x="));
        assert!(!is_accepted(answer, "y="));
    }
}
