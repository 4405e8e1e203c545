//! Adapts the client of all outgoing requests to the ACME library.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use tokio_rustls::rustls::{self, RootCertStore};

use crate::net::http_client::{self, RequestPolicy};

/// The largest replies are certificate chains of some kilobytes. A directory may be on a private network: only the
/// operator names it, and the replies are not forwarded.
const POLICY: RequestPolicy = RequestPolicy {
    allow_plain: false,
    allow_private: true,
    timeout: Duration::from_secs(30),
    reply_bytes_max: 256 * 1024,
};

/// Sends requests to directories that its authorities certify.
#[derive(Debug, Clone)]
pub(super) struct AcmeHttpClient(http_client::HttpClient);

impl AcmeHttpClient {
    pub(super) fn new(authorities: RootCertStore) -> Result<Self, rustls::Error> {
        http_client::HttpClient::new(authorities, POLICY).map(Self)
    }
}

impl HttpClient for AcmeHttpClient {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.0.clone();
        Box::pin(async move {
            let url = request.uri().to_string();
            let response = client.send(request).await;
            let (parts, body) = response
                .map_err(|error| Error::Other(format!("request to {url} failed: {error}").into()))?
                .into_parts();
            let body = Box::new(body);
            Ok(BytesResponse { parts, body })
        })
    }
}
