//! HTTPS to the directory, one connection a request: an order is a dozen of them every two months.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http::header::{HOST, HeaderValue};
use http::{Request, Uri};
use http_body_util::{BodyExt, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// For one request, from the look-up of the name to the last byte.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest replies are certificates with their chains, some kilobytes.
const REPLY_BYTES_MAX: usize = 256 * 1024;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Sends requests to whom its authorities vouch for.
#[derive(Clone)]
pub(super) struct Client {
    connector: TlsConnector,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    pub(super) fn new(authorities: RootCertStore) -> Result<Self, rustls::Error> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(authorities)
            .with_no_client_auth();
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
        })
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let connector = self.connector.clone();
        Box::pin(async move {
            let url = request.uri().to_string();
            let told = |reason: &dyn std::fmt::Display| {
                Error::Other(format!("{url} does not answer: {reason}").into())
            };
            match timeout(REQUEST_TIMEOUT, fetch(connector, request)).await {
                Ok(Ok(response)) => Ok(response),
                Ok(Err(error)) => Err(told(&error)),
                Err(elapsed) => Err(told(&elapsed)),
            }
        })
    }
}

async fn fetch(
    connector: TlsConnector,
    mut request: Request<BodyWrapper<Bytes>>,
) -> Result<BytesResponse, Failed> {
    let (host, port) = place(request.uri())?;
    let authority = request
        .uri()
        .authority()
        .map_or("", |authority| authority.as_str());
    let authority = HeaderValue::from_str(authority)?;
    request.headers_mut().insert(HOST, authority);
    // To the server itself one names only the path (RFC 9112, 3.2.1).
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse()?;

    let tcp = TcpStream::connect((host.as_str(), port)).await?;
    let tls = connector.connect(ServerName::try_from(host)?, tcp).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(tls)).await?;
    let answer = async move {
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, REPLY_BYTES_MAX)
            .collect()
            .await?
            .to_bytes();
        let body = Box::new(body);
        Ok(BytesResponse { parts, body })
    };
    // The connection is what moves the bytes; if it ends first, the answer says what was wrong.
    match select(pin!(answer), pin!(connection)).await {
        Either::Left((answer, _)) => answer,
        Either::Right((_, answer)) => answer.await,
    }
}

/// Host, without the brackets of an IPv6 address, and port.
fn place(uri: &Uri) -> Result<(String, u16), Failed> {
    if uri.scheme_str() != Some("https") {
        return Err("it is no https address".into());
    }
    let host = uri.host().ok_or("it names no host")?;
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    Ok((host, uri.port_u16().unwrap_or(443)))
}
