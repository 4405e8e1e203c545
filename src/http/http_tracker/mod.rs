//! Serves the tracker over HTTP: recognises its requests and sets the response headers. [`HttpTracker`] decides the
//! content.
//!
//! Responses have status 200, failures too, because clients look for the reason there. Only a request that violates
//! HTTP gets another status.

mod cluster;
mod failure_counters;
pub(super) mod settings;
mod tracker;

use axum::body::Body;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};

use super::browser;
use super::paths::COUNTS;
use super::response_body::RateChecked;
use super::scrape_stream;
use super::state::AppState;
use crate::config::ListenerRole;
use crate::limits::{CpuBudget, Limited};
use crate::node::ClientInfo;
use crate::protocol::Scrape;
use crate::protocol::http::{
    HttpFailure, HttpRequestKind, RequestTarget, Retry, failure_reply, parse_scrape,
};

pub(super) use tracker::HttpTracker;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD");

/// Returns the kind of a tracker request, of any method; `None` for other paths.
pub(super) fn tracker_request<B>(request: &Request<B>) -> Option<HttpRequestKind> {
    let target = target(request);
    // These name swarms too, and are requests of pages.
    if COUNTS.contains(&target.path) {
        return None;
    }
    target.request_kind()
}

/// Returns the path and the query of a request.
pub(super) fn target<B>(request: &Request<B>) -> RequestTarget<'_> {
    RequestTarget {
        path: request.uri().path(),
        query: request.uri().query().unwrap_or_default().as_bytes(),
    }
}

/// Returns the response to a tracker request.
pub(super) async fn respond<B>(
    which: HttpRequestKind,
    request: &Request<B>,
    client_info: &ClientInfo,
    (tracker, shared, role): (&HttpTracker, &AppState, ListenerRole),
) -> Response<Body> {
    let target = target(request);
    let refused = |failure, name| bencoded_response(tracker.refuse(failure, target, name));
    let settings = shared.http_settings().http_tracker;
    let Some(settings) = settings.filter(|_| role.has_tracker()) else {
        return refused(HttpFailure::NoHttpTracker, "");
    };
    // Monitoring tools check with HEAD whether a tracker exists; it does, and no peer has announced.
    if request.method() == Method::HEAD {
        return bencoded_response(Vec::new());
    }
    if request.method() != Method::GET {
        let mut response = refused(HttpFailure::Method, "");
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response.headers_mut().insert(ALLOW, METHODS);
        return response;
    }
    if which == HttpRequestKind::Announce && browser::is_browser(request.headers()) {
        return refused(
            HttpFailure::WebPage,
            browser::page_origin(request.headers()),
        );
    }
    // A `stopped` announce is accepted until the server ends.
    let is_draining = shared.retry_after().is_some();
    if which == HttpRequestKind::Announce && is_draining && !target.is_stopped() {
        return refused(HttpFailure::Draining, "");
    }
    if which == HttpRequestKind::Scrape && is_full_scrape(target.query) {
        return match tracker.start_full_scrape(client_info, target) {
            Ok(permit) => {
                let node = shared.node();
                let payer = node.admission().payer_of(client_info.address);
                let budget = payer.keys().map(CpuBudget::Address);
                let mut response = plain_text_response(scrape_stream::body(node, permit, budget));
                response.extensions_mut().insert(RateChecked);
                response
            }
            Err(failure) => refused(failure, ""),
        };
    }
    let served = match shared.node().cluster() {
        None => tracker.serve(client_info, (which, target), &settings),
        // Boxed, so that nothing is paid without a cluster.
        Some(cluster) => {
            let request = (which, target);
            Box::pin(tracker.serve_in_cluster(cluster, client_info, request, &settings)).await
        }
    };
    bencoded_response(served)
}

/// Returns the response to a client that a limit refuses. The connection closes after it.
pub(super) fn limited_response(limited: Limited) -> Response<Body> {
    let wait = std::time::Duration::from_secs(limited.retry_after());
    let mut response = bencoded_response(failure_reply(&limited.to_string(), Retry::after(wait)));
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Returns whether a scrape names no info-hash.
fn is_full_scrape(query: &[u8]) -> bool {
    matches!(parse_scrape(query, 1), Ok(Scrape::Everything))
}

/// Returns the response to a tracker request that violates HTTP.
pub(super) fn malformed_response(
    tracker: &HttpTracker,
    target: RequestTarget<'_>,
    fault: &str,
) -> Response<Body> {
    bencoded_response(tracker.refuse(HttpFailure::Host, target, fault))
}

/// Returns a bencoded response as plain text: its ids come from strangers, so no browser may render it as a page.
fn bencoded_response(body: Vec<u8>) -> Response<Body> {
    plain_text_response(Body::from(body))
}

fn plain_text_response(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, TEXT);
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
