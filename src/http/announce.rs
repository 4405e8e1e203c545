//! The tracker over HTTP: which requests are for it, and the headers of its responses. What they say, the hub decides.
//!
//! Every response has status 200, failures too: that is where clients look for the reason.

use axum::body::Body;
use hyper::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response};

use super::site::Site;
use crate::config::Role;
use crate::hub::Visitor;
use crate::limits::Limited;
use crate::protocol::http::{Failure, Retry, Target, Which, failure};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Which of its two requests it is, if it is for the tracker.
pub(super) fn asked<B>(request: &Request<B>) -> Option<Which> {
    target(request)
        .asks()
        .filter(|_| request.method() == Method::GET)
}

/// What a request is for.
pub(super) fn target<B>(request: &Request<B>) -> Target<'_> {
    Target {
        path: request.uri().path(),
        query: request.uri().query().unwrap_or_default().as_bytes(),
    }
}

/// The response to a request of a visitor.
pub(super) fn answer<B>(
    which: Which,
    request: &Request<B>,
    visitor: &Visitor,
    (site, role): (&Site, Role),
) -> Response<Body> {
    let hub = site.hub();
    if !role.has_tracker() || !site.shared().live().has_http_tracker {
        return bencoded(hub.refuse_http(Failure::NotHere));
    }
    if which == Which::Announce && site.shared().retry_after().is_some() {
        return bencoded(hub.refuse_http(Failure::Leaving));
    }
    let asked = (which, target(request));
    bencoded(hub.serve_http(visitor, asked, is_page(request.headers())))
}

/// What a client is told that is not let in. After it the connection ends.
pub(super) fn refusal(limited: Limited) -> Response<Body> {
    let wait = std::time::Duration::from_secs(limited.retry_after());
    let mut response = bencoded(failure(&limited.to_string(), Retry::after(wait)));
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Whether a page has made its visitor's browser ask: then the visitor would be listed as a peer, at a port that the page
/// chooses. Browsers say so by one of these headers or the other.
fn is_page(headers: &HeaderMap) -> bool {
    let site = headers.get(SEC_FETCH_SITE);
    headers.contains_key(ORIGIN) || site.is_some_and(|site| site != "none")
}

/// The ids in it were chosen by strangers, so nobody shall take it for a page.
fn bencoded(body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, TEXT);
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
