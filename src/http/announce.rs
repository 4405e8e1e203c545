//! Serves the tracker over HTTP: recognises its requests and sets the response headers. The hub decides the content.
//!
//! Responses have status 200, failures too, because clients look for the reason there. Only a request that violates
//! HTTP gets another status.

use axum::body::Body;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};

use super::body::Paced;
use super::browser;
use super::full_scrape;
use super::site::Site;
use crate::config::Role;
use crate::hub::Visitor;
use crate::limits::{Limited, Payer};
use crate::protocol::Scrape;
use crate::protocol::http::{Failure, Retry, Target, Which, failure, read_scrape};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD");

/// Returns the kind of a tracker request, of any method; `None` for other paths.
pub(super) fn asked<B>(request: &Request<B>) -> Option<Which> {
    target(request).asks()
}

/// Returns the path and the query of a request.
pub(super) fn target<B>(request: &Request<B>) -> Target<'_> {
    Target {
        path: request.uri().path(),
        query: request.uri().query().unwrap_or_default().as_bytes(),
    }
}

/// Returns the response to a tracker request.
pub(super) fn answer<B>(
    which: Which,
    request: &Request<B>,
    client_info: &Visitor,
    (site, role): (&Site, Role),
) -> Response<Body> {
    let (hub, target) = (site.hub(), target(request));
    let refused = |failure, name| bencoded(hub.refuse_http(failure, target, name));
    if !role.has_tracker() || !site.shared().live().has_http_tracker {
        return refused(Failure::NotHere, "");
    }
    // Monitoring tools check with HEAD whether a tracker exists; it does, and no peer has announced.
    if request.method() == Method::HEAD {
        return bencoded(Vec::new());
    }
    if request.method() != Method::GET {
        let mut response = refused(Failure::Method, "");
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response.headers_mut().insert(ALLOW, METHODS);
        return response;
    }
    if which == Which::Announce && browser::is_sender(request.headers()) {
        return refused(Failure::Page, browser::site(request.headers()));
    }
    // A `stopped` announce is accepted until the server ends.
    let is_draining = site.shared().retry_after().is_some();
    if which == Which::Announce && is_draining && !target.leaves() {
        return refused(Failure::Leaving, "");
    }
    if which == Which::Scrape && is_of_everything(target.query) {
        return match hub.full_scrape_http(client_info, target) {
            Ok(permit) => {
                let node = hub.node();
                let payer = node.payer(client_info.address, Payer::Address);
                let mut response = told(full_scrape::body(node, permit, payer));
                response.extensions_mut().insert(Paced);
                response
            }
            Err(failure) => refused(failure, ""),
        };
    }
    bencoded(hub.serve_http(client_info, (which, target)))
}

/// Returns the response to a client that a limit refuses. The connection closes after it.
pub(super) fn refusal(limited: Limited) -> Response<Body> {
    let wait = std::time::Duration::from_secs(limited.retry_after());
    let mut response = bencoded(failure(&limited.to_string(), Retry::after(wait)));
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Returns whether a scrape names no info-hash.
fn is_of_everything(query: &[u8]) -> bool {
    matches!(read_scrape(query, 1), Ok(Scrape::Everything))
}

/// Returns the response to a tracker request that violates HTTP.
pub(super) fn malformed(site: &Site, target: Target<'_>, fault: &str) -> Response<Body> {
    bencoded(site.hub().refuse_http(Failure::Host, target, fault))
}

/// Returns a bencoded response as plain text: its ids come from strangers, so no browser may render it as a page.
fn bencoded(body: Vec<u8>) -> Response<Body> {
    told(Body::from(body))
}

fn told(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, TEXT);
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
