//! Answers the WebSocket handshake (RFC 6455, 4.2), on any path and for pages of any origin unless a list forbids it.

use axum::body::Body;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, ORIGIN, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Method, Request, Response, StatusCode, Version};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::response::text_response;

const VERSION: HeaderValue = HeaderValue::from_static("13");
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
/// Seconds until a client may retry when no file descriptor is free: about the time crowded trackers need to clear.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("30");

/// Whether and how a request asks for a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UpgradeRequest {
    /// It does not ask for one.
    None,
    /// It carries all headers of a handshake.
    Complete,
    /// It is a handshake without `Upgrade` or `Connection`. Both are hop-by-hop headers, which a proxy forwards only if
    /// it is configured to.
    Stripped,
}

/// Returns whether and how a request asks for a WebSocket.
pub(super) fn upgrade_request(headers: &HeaderMap) -> UpgradeRequest {
    if header_contains_token(headers, &UPGRADE, "websocket")
        && header_contains_token(headers, &CONNECTION, "upgrade")
    {
        return UpgradeRequest::Complete;
    }
    // Pages cannot set these two. `Upgrade` or `Connection` alone proves nothing: proxies add them to page requests.
    let is_handshake = [SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION]
        .iter()
        .any(|name| headers.contains_key(name));
    if is_handshake {
        UpgradeRequest::Stripped
    } else {
        UpgradeRequest::None
    }
}

/// Returns whether a header contains a token, in any case. The header may be a list and may be repeated.
fn header_contains_token(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(word))
}

/// Returns the response to a handshake. Status 101 turns the connection into a WebSocket; any other explains the
/// refusal.
pub(super) fn handshake_response<B>(
    request: &Request<B>,
    is_allowed: impl FnOnce(&HeaderValue) -> bool,
) -> Response<Body> {
    let headers = request.headers();
    if request.method() != Method::GET {
        return text_response(
            StatusCode::BAD_REQUEST,
            "A WebSocket handshake must be an HTTP/1.1 GET request.\n",
        );
    }
    if request.version() < Version::HTTP_11 {
        return text_response(
            StatusCode::BAD_REQUEST,
            "A WebSocket handshake must be an HTTP/1.1 GET request. The proxy in front of this tracker sent it as HTTP/1.0; in \
             nginx: proxy_http_version 1.1;\n",
        );
    }
    if headers.get(SEC_WEBSOCKET_VERSION) != Some(&VERSION) {
        let mut response = text_response(
            StatusCode::UPGRADE_REQUIRED,
            "This server supports version 13 of the WebSocket protocol.\n",
        );
        let headers = response.headers_mut();
        headers.insert(SEC_WEBSOCKET_VERSION, VERSION);
        headers.insert(UPGRADE, WEBSOCKET);
        return response;
    }
    let Some(key) = headers.get(SEC_WEBSOCKET_KEY).filter(|key| !key.is_empty()) else {
        return text_response(
            StatusCode::BAD_REQUEST,
            "The header Sec-WebSocket-Key is missing.\n",
        );
    };
    // Non-browser clients send no origin; the lists apply to pages only.
    if !headers.get(ORIGIN).is_none_or(is_allowed) {
        return text_response(
            StatusCode::FORBIDDEN,
            "Pages of this origin may not use this tracker.\n",
        );
    }
    switching_protocols_response(key, headers.get(SEC_WEBSOCKET_PROTOCOL))
}

fn switching_protocols_response(
    key: &HeaderValue,
    protocols: Option<&HeaderValue>,
) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, WEBSOCKET);
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    // A browser that offers subprotocols fails the connection unless the response selects one of them.
    let first = protocols.and_then(|list| list.to_str().ok()?.split(',').next());
    let first = first.and_then(|name| HeaderValue::from_str(name.trim()).ok());
    if let Some(name) = first.filter(|name| !name.is_empty()) {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, name);
    }
    response
}

/// Returns the response to a handshake that lost its `Upgrade` header at a proxy.
pub(super) fn stripped_response() -> Response<Body> {
    let mut response = text_response(
        StatusCode::UPGRADE_REQUIRED,
        "This is a WebSocket handshake without \"Upgrade: websocket\" and \"Connection: Upgrade\": a proxy in front of this \
         tracker dropped them. In nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header \
         Connection \"upgrade\";\n",
    );
    let headers = response.headers_mut();
    headers.insert(UPGRADE, WEBSOCKET);
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_VERSION, VERSION);
    response
}

/// Returns the response to a client that closed before its upgrade was admitted.
pub(super) fn closed_early_response() -> Response<Body> {
    text_response(
        StatusCode::BAD_REQUEST,
        "The connection was closed before its WebSocket could open.\n",
    )
}

/// Returns the response while the server drains. A browser cannot read it, but a proxy in front then tries another
/// server.
pub(super) fn draining_response(retry_after: HeaderValue) -> Response<Body> {
    let mut response = text_response(
        StatusCode::SERVICE_UNAVAILABLE,
        "This server is shutting down; another server takes over.\n",
    );
    response.headers_mut().insert(RETRY_AFTER, retry_after);
    response
}

/// Returns the response of a listener without tracker.
pub(super) fn no_tracker_response() -> Response<Body> {
    text_response(
        StatusCode::NOT_FOUND,
        "This address serves only pages, no tracker.\n",
    )
}

/// Returns the response when no file descriptor is free for another WebSocket.
pub(super) fn busy_response() -> Response<Body> {
    let mut response = text_response(
        StatusCode::SERVICE_UNAVAILABLE,
        "This tracker cannot accept another connection now.\n",
    );
    response.headers_mut().insert(RETRY_AFTER, RETRY_SECONDS);
    response
}

/// Returns the response to an upgrade without a valid token where the tracker needs one.
pub(super) fn token_required_response() -> Response<Body> {
    text_response(
        StatusCode::FORBIDDEN,
        "This tracker needs a token: connect to /TOKEN or /announce?token=TOKEN.\n",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(extra: &[(&'static str, &'static str)]) -> Request<()> {
        let mut request = Request::new(());
        let common = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        for (name, value) in common.iter().chain(extra) {
            request
                .headers_mut()
                .insert(*name, HeaderValue::from_static(value));
        }
        request
    }

    fn status(request: &Request<()>, origins: &[&str]) -> StatusCode {
        let is_allowed = |origin: &HeaderValue| {
            origins.is_empty() || origins.iter().any(|known| origin == known)
        };
        handshake_response(request, is_allowed).status()
    }

    #[test]
    fn the_accept_key_matches_the_rfc_example() {
        let response = handshake_response(&request(&[]), |_| true);
        assert_eq!(response.status(), 101);
        assert_eq!(
            response.headers()[SEC_WEBSOCKET_ACCEPT],
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
        assert!(!response.headers().contains_key(SEC_WEBSOCKET_PROTOCOL));
        assert!(!response.headers().contains_key("sec-websocket-extensions"));
    }

    #[test]
    fn the_first_subprotocol_is_selected() {
        let response =
            handshake_response(&request(&[("sec-websocket-protocol", "a, b")]), |_| true);
        assert_eq!(response.headers()[SEC_WEBSOCKET_PROTOCOL], "a");
    }

    #[test]
    fn an_unsupported_version_is_answered_with_the_supported_one() {
        let response = handshake_response(&request(&[("sec-websocket-version", "8")]), |_| true);
        assert_eq!(response.status(), 426);
        assert_eq!(response.headers()[SEC_WEBSOCKET_VERSION], "13");
        assert_eq!(response.headers()[UPGRADE], "websocket");
    }

    #[test]
    fn only_get_and_http_1_1_make_a_websocket() {
        let mut posted = request(&[]);
        *posted.method_mut() = Method::POST;
        assert_eq!(status(&posted, &[]), 400);
        let mut old = request(&[]);
        *old.version_mut() = Version::HTTP_10;
        assert_eq!(status(&old, &[]), 400);
    }

    #[test]
    fn a_key_is_needed() {
        let mut request = request(&[]);
        request.headers_mut().remove(SEC_WEBSOCKET_KEY);
        assert_eq!(status(&request, &[]), 400);
    }

    #[test]
    fn an_origin_allow_list_does_not_affect_non_browsers() {
        let page = request(&[("origin", "https://b.example")]);
        assert_eq!(status(&page, &[]), 101);
        assert_eq!(
            status(&page, &["https://a.example", "https://b.example"]),
            101
        );
        assert_eq!(status(&page, &["https://a.example"]), 403);
        assert_eq!(status(&request(&[]), &["https://a.example"]), 101);
    }

    #[test]
    fn a_handshake_without_upgrade_is_found_by_its_key_or_version() {
        assert_eq!(
            upgrade_request(request(&[]).headers()),
            UpgradeRequest::Complete
        );
        for more in [
            ("connection", "close"),
            ("connection", "keep-alive"),
            ("upgrade", "h2c"),
        ] {
            assert_eq!(
                upgrade_request(request(&[more]).headers()),
                UpgradeRequest::Stripped
            );
        }
        for dropped in ["connection", "upgrade"] {
            let mut request = request(&[]);
            request.headers_mut().remove(dropped);
            assert_eq!(
                upgrade_request(request.headers()),
                UpgradeRequest::Stripped,
                "{dropped}"
            );
            request.headers_mut().remove(SEC_WEBSOCKET_KEY);
            assert_eq!(
                upgrade_request(request.headers()),
                UpgradeRequest::Stripped,
                "{dropped}, no key"
            );
            request.headers_mut().remove(SEC_WEBSOCKET_VERSION);
            assert_eq!(
                upgrade_request(request.headers()),
                UpgradeRequest::None,
                "{dropped}, a page"
            );
        }
    }

    #[test]
    fn a_stripped_upgrade_gets_an_explanation() {
        let response = stripped_response();
        assert_eq!(response.status(), 426);
        assert_eq!(response.headers()[UPGRADE], "websocket");
        assert_eq!(response.headers()[CONNECTION], "Upgrade");
    }
}
