//! Sends single HTTP requests to other servers, over TLS or, if allowed, in plain text: to an ACME directory or to
//! alert receivers. Each request opens a connection, because they are few.
//!
//! Follows no redirect and stores nothing. If only public addresses are allowed, it checks the address that it connects
//! to, so a name cannot resolve to another address between check and connection.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http::header::{HOST, HeaderValue};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use crate::config::is_public;

/// Maximum addresses of a name that are tried, one after the other.
const ADDRESSES_MAX: usize = 4;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// An HTTP client that trusts the certificates of its authorities.
#[derive(Clone)]
pub(crate) struct Client {
    connector: TlsConnector,
    rules: Rules,
}

/// The servers that a [`Client`] may contact, and its limits of time and size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Whether `http://` is allowed.
    pub(crate) plain: bool,
    /// Whether non-public addresses are allowed.
    pub(crate) private: bool,
    /// The timeout of one request, from the DNS lookup to the last byte.
    pub(crate) timeout: Duration,
    /// Maximum bytes of a reply.
    pub(crate) reply_bytes_max: usize,
}

/// The reason why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("it is not an {0} URL")]
    Address(&'static str),
    #[error("its name cannot be resolved: {0}")]
    Name(io::Error),
    #[error("it resolves to {0}, which is not on the internet; see alerts.private_addresses")]
    Private(IpAddr),
    #[error("it cannot be reached: {0}")]
    Unreachable(io::Error),
    #[error("the TLS handshake failed: {0}")]
    Tls(io::Error),
    #[error("the HTTP exchange failed: {0}")]
    Http(#[from] hyper::Error),
    #[error("the reply has more than {0} bytes")]
    TooLong(usize),
    #[error("the reply was interrupted: {0}")]
    Cut(AnyError),
    #[error("it took longer than {0:?}")]
    TimedOut(Duration),
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Client");
        shown.field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Client {
    /// Creates a client that trusts these authorities.
    pub(crate) fn new(authorities: RootCertStore, rules: Rules) -> Result<Self, rustls::Error> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(authorities)
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Self { connector, rules })
    }

    /// Creates a client that trusts the authorities of browsers.
    pub(crate) fn of_browsers(rules: Rules) -> Result<Self, rustls::Error> {
        let roots = webpki_roots::TLS_SERVER_ROOTS.to_vec();
        Self::new(RootCertStore { roots }, rules)
    }

    /// Sends one request and reads the whole reply.
    pub(crate) async fn send<B>(&self, request: Request<B>) -> Result<Response<Bytes>, ClientError>
    where
        B: Body + 'static,
        B::Data: Send,
        B::Error: Into<AnyError>,
    {
        let late = ClientError::TimedOut(self.rules.timeout);
        let fetched = timeout(self.rules.timeout, self.fetch(request)).await;
        fetched.map_err(|_| late)?
    }

    async fn fetch<B>(&self, mut request: Request<B>) -> Result<Response<Bytes>, ClientError>
    where
        B: Body + 'static,
        B::Data: Send,
        B::Error: Into<AnyError>,
    {
        let target = self.place(request.uri())?;
        point_at_path(&mut request)?;
        let tcp = self.connect(&target).await?;
        let bytes_max = self.rules.reply_bytes_max;
        if !target.tls {
            return exchange(tcp, request, bytes_max).await;
        }
        let invalid = || ClientError::Address("https");
        let name = ServerName::try_from(target.host).map_err(|_| invalid())?;
        let tls = self.connector.connect(name, tcp).await;
        exchange(tls.map_err(ClientError::Tls)?, request, bytes_max).await
    }

    fn place(&self, uri: &Uri) -> Result<Place, ClientError> {
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if self.rules.plain => false,
            _ => return Err(ClientError::Address("https")),
        };
        let host = uri.host().ok_or(ClientError::Address("http or https"))?;
        // An IPv6 address has brackets.
        let host = host.trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Place { tls, host, port })
    }

    /// Connects to the first address that accepts. The timeout is divided among the addresses, so that a silent one
    /// leaves time for the next.
    async fn connect(&self, target: &Place) -> Result<TcpStream, ClientError> {
        let found = lookup_host((target.host.as_str(), target.port)).await;
        let found: Vec<_> = found.map_err(ClientError::Name)?.collect();
        let is_allowed = |address: &&SocketAddr| self.rules.private || is_public(address.ip());
        let allowed: Vec<_> = found
            .iter()
            .filter(is_allowed)
            .take(ADDRESSES_MAX)
            .collect();
        let mut failed = match found.first() {
            Some(refused) if allowed.is_empty() => return Err(ClientError::Private(refused.ip())),
            Some(_) => io::Error::from(io::ErrorKind::TimedOut),
            None => return Err(ClientError::Name(io::ErrorKind::NotFound.into())),
        };
        let shares = u32::try_from(allowed.len() + 1).unwrap_or(u32::MAX);
        for address in allowed {
            match timeout(self.rules.timeout / shares, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failed = error,
                Err(_) => {}
            }
        }
        Err(ClientError::Unreachable(failed))
    }
}

/// The server of a request.
struct Place {
    tls: bool,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
}

/// Rewrites the request to origin form: only the path, with the host in a header (RFC 9112, 3.2).
fn point_at_path<B>(request: &mut Request<B>) -> Result<(), ClientError> {
    let invalid = || ClientError::Address("http or https");
    let uri = request.uri();
    let authority = uri.authority().ok_or_else(invalid)?;
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| invalid())?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let path = path.parse().map_err(|_| invalid())?;
    request.headers_mut().insert(HOST, host);
    *request.uri_mut() = path;
    Ok(())
}

async fn exchange<S, B>(
    stream: S,
    request: Request<B>,
    reply_bytes_max: usize,
) -> Result<Response<Bytes>, ClientError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    B: Body + 'static,
    B::Data: Send,
    B::Error: Into<AnyError>,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async move {
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, reply_bytes_max).collect().await;
        let body = body.map_err(|error| {
            if error.is::<LengthLimitError>() {
                ClientError::TooLong(reply_bytes_max)
            } else {
                ClientError::Cut(error)
            }
        })?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    };
    // The connection future transfers the bytes; if it ends first, the answer contains the error.
    match select(pin!(answer), pin!(connection)).await {
        Either::Left((answer, _)) => answer,
        Either::Right((_, answer)) => answer.await,
    }
}

#[cfg(test)]
#[path = "tests/client.rs"]
mod tests;
