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

use crate::config::is_public_address;

/// Maximum addresses of a name that are tried, one after the other.
const ADDRESSES_MAX: usize = 4;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// An HTTP client that trusts the certificates of its authorities.
#[derive(Clone)]
pub(crate) struct HttpClient {
    connector: TlsConnector,
    policy: RequestPolicy,
}

/// The servers that a [`HttpClient`] may contact, and its limits of time and size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestPolicy {
    /// Whether `http://` is allowed.
    pub(crate) allow_plain: bool,
    /// Whether non-public addresses are allowed.
    pub(crate) allow_private: bool,
    /// The timeout of one request, from the DNS lookup to the last byte.
    pub(crate) timeout: Duration,
    /// Maximum bytes of a reply.
    pub(crate) reply_bytes_max: usize,
}

/// The reason why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpClientError {
    #[error("it is not an {0} URL")]
    InvalidUrl(&'static str),
    #[error("its name cannot be resolved: {0}")]
    Resolve(io::Error),
    #[error("it resolves to {0}, which is not on the internet; see alerts.private_addresses")]
    PrivateAddress(IpAddr),
    #[error("it cannot be reached: {0}")]
    Unreachable(io::Error),
    #[error("the TLS handshake failed: {0}")]
    Tls(io::Error),
    #[error("the HTTP exchange failed: {0}")]
    Http(#[from] hyper::Error),
    #[error("the reply has more than {0} bytes")]
    TooLong(usize),
    #[error("the reply was interrupted: {0}")]
    Interrupted(AnyError),
    #[error("it took longer than {0:?}")]
    TimedOut(Duration),
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Client");
        shown.field("rules", &self.policy).finish_non_exhaustive()
    }
}

impl HttpClient {
    /// Creates a client that trusts these authorities.
    pub(crate) fn new(
        authorities: RootCertStore,
        rules: RequestPolicy,
    ) -> Result<Self, rustls::Error> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(authorities)
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Self {
            connector,
            policy: rules,
        })
    }

    /// Creates a client that trusts the authorities of browsers.
    pub(crate) fn with_browser_roots(rules: RequestPolicy) -> Result<Self, rustls::Error> {
        let roots = webpki_roots::TLS_SERVER_ROOTS.to_vec();
        Self::new(RootCertStore { roots }, rules)
    }

    /// Sends one request and reads the whole reply.
    pub(crate) async fn send<B>(
        &self,
        request: Request<B>,
    ) -> Result<Response<Bytes>, HttpClientError>
    where
        B: Body + 'static,
        B::Data: Send,
        B::Error: Into<AnyError>,
    {
        let late = HttpClientError::TimedOut(self.policy.timeout);
        let fetched = timeout(self.policy.timeout, self.send_without_timeout(request)).await;
        fetched.map_err(|_| late)?
    }

    async fn send_without_timeout<B>(
        &self,
        mut request: Request<B>,
    ) -> Result<Response<Bytes>, HttpClientError>
    where
        B: Body + 'static,
        B::Data: Send,
        B::Error: Into<AnyError>,
    {
        let target = self.endpoint(request.uri())?;
        set_origin_form(&mut request)?;
        let tcp = self.connect(&target).await?;
        let bytes_max = self.policy.reply_bytes_max;
        if !target.tls {
            return exchange(tcp, request, bytes_max).await;
        }
        let invalid = || HttpClientError::InvalidUrl("https");
        let name = ServerName::try_from(target.host).map_err(|_| invalid())?;
        let tls = self.connector.connect(name, tcp).await;
        exchange(tls.map_err(HttpClientError::Tls)?, request, bytes_max).await
    }

    fn endpoint(&self, uri: &Uri) -> Result<ServerEndpoint, HttpClientError> {
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if self.policy.allow_plain => false,
            _ => return Err(HttpClientError::InvalidUrl("https")),
        };
        let host = uri
            .host()
            .ok_or(HttpClientError::InvalidUrl("http or https"))?;
        // An IPv6 address has brackets.
        let host = host.trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(ServerEndpoint { tls, host, port })
    }

    /// Connects to the first address that accepts. The timeout is divided among the addresses, so that a silent one
    /// leaves time for the next.
    async fn connect(&self, target: &ServerEndpoint) -> Result<TcpStream, HttpClientError> {
        let found = lookup_host((target.host.as_str(), target.port)).await;
        let found: Vec<_> = found.map_err(HttpClientError::Resolve)?.collect();
        let is_allowed =
            |address: &&SocketAddr| self.policy.allow_private || is_public_address(address.ip());
        let allowed: Vec<_> = found
            .iter()
            .filter(is_allowed)
            .take(ADDRESSES_MAX)
            .collect();
        let mut failed = match found.first() {
            Some(refused) if allowed.is_empty() => {
                return Err(HttpClientError::PrivateAddress(refused.ip()));
            }
            Some(_) => io::Error::from(io::ErrorKind::TimedOut),
            None => return Err(HttpClientError::Resolve(io::ErrorKind::NotFound.into())),
        };
        let shares = u32::try_from(allowed.len() + 1).unwrap_or(u32::MAX);
        for address in allowed {
            match timeout(self.policy.timeout / shares, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failed = error,
                Err(_) => {}
            }
        }
        Err(HttpClientError::Unreachable(failed))
    }
}

/// The server of a request.
struct ServerEndpoint {
    tls: bool,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
}

/// Rewrites the request to origin form: only the path, with the host in a header (RFC 9112, 3.2).
fn set_origin_form<B>(request: &mut Request<B>) -> Result<(), HttpClientError> {
    let invalid = || HttpClientError::InvalidUrl("http or https");
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
) -> Result<Response<Bytes>, HttpClientError>
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
                HttpClientError::TooLong(reply_bytes_max)
            } else {
                HttpClientError::Interrupted(error)
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
mod tests;
