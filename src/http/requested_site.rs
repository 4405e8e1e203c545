//! The site that a request was sent to, as far as the server and its trusted proxies know it.

use hyper::header::{HOST, HeaderMap, HeaderValue};

use super::own_origin::{self, ForwardedHosts};
use crate::net::forwarded::{ForwardedClient, TrustedProxies};

/// The site that a request was sent to, for the handlers of `/ice` and `/api/v1/check`.
#[derive(Debug, Clone)]
pub(super) struct RequestedSite {
    forwarded: ForwardedHosts,
    /// Whether the client used TLS, to this server or to a trusted proxy.
    pub(super) is_tls: bool,
    has_tracker: bool,
}

impl RequestedSite {
    /// Reads the headers of a request of a client. `is_tls` tells whether this server decrypted the connection, `has_tracker`
    /// whether its listener has a tracker.
    pub(super) fn new(
        (client, headers): (&ForwardedClient, &HeaderMap),
        proxies: &TrustedProxies,
        (is_tls, has_tracker): (bool, bool),
    ) -> Self {
        let forwarded = ForwardedHosts::from_headers(client, headers, proxies);
        Self {
            is_tls: is_tls || forwarded.is_tls(),
            has_tracker,
            forwarded,
        }
    }

    /// Returns whether an origin is that of the built-in pages.
    pub(super) fn is_own(&self, origin: &HeaderValue, headers: &HeaderMap) -> bool {
        own_origin::is_own(origin, headers, &self.forwarded)
    }

    /// Returns the WebSocket URL of the tracker at this site; `None` if its listener has no tracker.
    pub(super) fn websocket_url(
        &self,
        headers: &HeaderMap,
        base_path: Option<&str>,
    ) -> Option<String> {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let authority = self.forwarded.requested_authority(host?, self.is_tls);
        let scheme = if self.is_tls { "wss" } else { "ws" };
        let url = format!("{scheme}://{authority}{}/", base_path.unwrap_or_default());
        (self.has_tracker && !authority.is_empty()).then_some(url)
    }
}
