//! One HTTP request to somebody else, over TLS or, where that is allowed, without: to an ACME directory, or to who is told of
//! alerts. A connection a request: they are few.
//!
//! Follows no redirect and keeps nothing. Where only the internet is allowed, it looks at the very address that it connects to,
//! so no name can lead elsewhere between the look and the connection.

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

/// Addresses of a name that are tried, one after the other.
const ADDRESSES_MAX: usize = 4;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Sends requests to whom its authorities vouch for.
#[derive(Clone)]
pub(crate) struct Client {
    connector: TlsConnector,
    rules: Rules,
}

/// Whom a [`Client`] may speak to, and how long and how much it listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Whether `http://` will do.
    pub(crate) plain: bool,
    /// Whether addresses that are not on the internet are allowed.
    pub(crate) private: bool,
    /// For one request, from the look-up of the name to the last byte.
    pub(crate) timeout: Duration,
    /// Bytes of the largest reply that is read.
    pub(crate) reply_bytes_max: usize,
}

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("it is no {0} address")]
    Address(&'static str),
    #[error("its name leads nowhere: {0}")]
    Name(io::Error),
    #[error("it leads to {0}, which is not on the internet; see alerts.private_addresses")]
    Private(IpAddr),
    #[error("it cannot be reached: {0}")]
    Unreachable(io::Error),
    #[error("no TLS with it: {0}")]
    Tls(io::Error),
    #[error("it does not speak HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("the reply has more than {0} bytes")]
    TooLong(usize),
    #[error("the reply broke off: {0}")]
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
    /// One that believes these authorities.
    pub(crate) fn new(authorities: RootCertStore, rules: Rules) -> Result<Self, rustls::Error> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(authorities)
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Self { connector, rules })
    }

    /// One that believes the authorities that browsers do.
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
        let place = self.place(request.uri())?;
        point_at_path(&mut request)?;
        let tcp = self.connect(&place).await?;
        let most = self.rules.reply_bytes_max;
        if !place.tls {
            return exchange(tcp, request, most).await;
        }
        let wrong = || ClientError::Address("https");
        let name = ServerName::try_from(place.host).map_err(|_| wrong())?;
        let tls = self.connector.connect(name, tcp).await;
        exchange(tls.map_err(ClientError::Tls)?, request, most).await
    }

    fn place(&self, uri: &Uri) -> Result<Place, ClientError> {
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if self.rules.plain => false,
            _ => return Err(ClientError::Address("https")),
        };
        let host = uri.host().ok_or(ClientError::Address("web"))?;
        // An IPv6 address stands in brackets.
        let host = host.trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Place { tls, host, port })
    }

    /// Connects to the first address that answers. Each has its share of the time, so that one which says nothing leaves some
    /// for the next.
    async fn connect(&self, place: &Place) -> Result<TcpStream, ClientError> {
        let found = lookup_host((place.host.as_str(), place.port)).await;
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

/// Where a request goes.
struct Place {
    tls: bool,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
}

/// To the server itself one names only the path, and the host in a header (RFC 9112, 3.2).
fn point_at_path<B>(request: &mut Request<B>) -> Result<(), ClientError> {
    let wrong = || ClientError::Address("web");
    let uri = request.uri();
    let authority = uri.authority().ok_or_else(wrong)?;
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| wrong())?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let path = path.parse().map_err(|_| wrong())?;
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
    // The connection is what moves the bytes; if it ends first, the answer says what was wrong.
    match select(pin!(answer), pin!(connection)).await {
        Either::Left((answer, _)) => answer,
        Either::Right((_, answer)) => answer.await,
    }
}

#[cfg(test)]
#[path = "tests/client.rs"]
mod tests;
