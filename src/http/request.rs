//! Answers one request: waits for its turn, decides what serves it, and completes the response.

use std::convert::Infallible;
use std::rc::Rc;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderMap, HeaderValue, STRICT_TRANSPORT_SECURITY};
use hyper::{Method, Request, Response, StatusCode};

use super::accounting::BytesClaimed;
use super::auth::CallerAddress;
use super::cpu_time::measure_cpu_time;
use super::request_limits::frees_capacity;
use super::response::text_response;
use super::response_body::{ChunkedBody, RateChecked};
use super::session::HttpSession;
use super::upgrade::UpgradeRequest;
use super::{base_path, host, http_tracker, response_headers, upgrade};
use crate::protocol::http::{HttpFailure, HttpRequestKind};

/// Waits for the turn of a request, answers it, and charges its address.
pub(super) async fn serve_request<H>(
    mut request: Request<Incoming>,
    session: Rc<HttpSession<H>>,
) -> Result<Response<ChunkedBody>, Infallible> {
    session.monitor.begin_request();
    base_path::strip(
        &mut request,
        session.router.shared().http_settings().base_path.as_deref(),
    );
    if http_tracker::tracker_request(&request).is_some() {
        // Tracker requests are cheap: one event loop iteration for each would add a tenth to their cost.
        tokio::task::yield_now().await;
    } else {
        session.router.request_queue().wait().await;
    }
    session.monitor.wait_until_unblocked().await;
    let (result, cpu_time) = measure_cpu_time(handle_request(request, Rc::clone(&session))).await;
    let Ok(mut response) = result;
    let accounting = session.accounting.take();
    session.router.counters().http_requests.add(1);
    let is_websocket = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if !is_websocket || session.refused_page.borrow().is_some() {
        let node = session.router.shared().node();
        let (usage, now) = (node.admission().http_usage(), node.clock().uptime());
        accounting.charge(usage, &response, cpu_time, now);
    }
    if accounting.is_over_budget() && !is_websocket {
        // The client has to reconnect, which has its own limits.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    let (shared, counters) = (session.router.shared(), session.router.counters());
    let claim = match accounting.claim_response_bytes(shared, counters, &response) {
        Ok(claim) => claim,
        Err(limited) => {
            response = accounting.limited_response(limited);
            None
        }
    };
    let extensions = response.extensions();
    let is_shared = claim.is_none() && extensions.get::<BytesClaimed>().is_none();
    if extensions.get::<RateChecked>().is_some() {
        session.monitor.begin_rate_check();
    }
    Ok(response.map(|body| ChunkedBody::new(body, &session.monitor, is_shared, claim)))
}

async fn handle_request<H>(
    mut request: Request<Incoming>,
    session: Rc<HttpSession<H>>,
) -> Result<Response<Body>, Infallible> {
    drop(session.handshake_guard.take());
    let tracker_request = http_tracker::tracker_request(&request);
    // A response that has no reader is skipped if the request changes nothing.
    if session.cannot_send()
        && is_safe_method(request.method())
        && tracker_request != Some(HttpRequestKind::Announce)
    {
        return Ok(Response::new(Body::empty()));
    }
    let client = session.resolve_client(&request);
    let client_info = session.client_info(&request, &client);
    let admission = session.router.hub().admission();
    let caller = CallerAddress(admission.shared().payer_of(client_info.address));
    session
        .monitor
        .set_client(caller.0.ip(), || admission.address_group(caller.0));
    let upgrade_request = upgrade::upgrade_request(request.headers());
    let tracker_request = tracker_request.filter(|_| upgrade_request == UpgradeRequest::None);
    // Health and metrics probes are answered at any load.
    let local = session.is_local(&request, &client);
    let is_probe = upgrade_request == UpgradeRequest::None
        && tracker_request.is_none()
        && session.is_probe(&request, &client_info, local);
    let flags = (
        is_probe,
        upgrade_request != UpgradeRequest::None,
        tracker_request.is_some(),
    );
    session.insert_requested_site(&mut request, &client);
    let mut response = if let Some(fault) = host::host_error(&request) {
        session.malformed_response(&request, tracker_request, fault)
    } else if let Err(limited) = session.admit(&request, (&client_info, caller), flags)
        && !frees_capacity(limited, &request, tracker_request)
    {
        session.limited_response(limited, &request, (upgrade_request, tracker_request))
    } else if upgrade_request != UpgradeRequest::None {
        session
            .upgrade(&request, client_info, upgrade_request)
            .await
    } else if let Some(which) = tracker_request {
        http_tracker::respond(
            which,
            &request,
            &client_info,
            (
                session.router.tracker(),
                session.router.shared(),
                session.role,
            ),
        )
        .await
    } else {
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(local);
        let ice_client = session.ice_client(&client_info, &client);
        request.extensions_mut().insert(ice_client);
        session
            .router
            .route(request, &client_info, session.role)
            .await
    };
    session
        .events_taken
        .replace(response.extensions().get().cloned());
    add_connection_headers(&session, response.headers_mut());
    response_headers::remove_duplicates(response.headers_mut());
    Ok(response)
}

/// Adds the headers that depend on the connection: whether it closes, and that browsers must use TLS.
fn add_connection_headers<H>(session: &HttpSession<H>, headers: &mut HeaderMap) {
    // An uncounted connection must close, or it would bypass the limits.
    if session.is_brief || !session.admission.has_permit() {
        // A response that asks for an upgrade carries both tokens.
        let has_upgrade = headers
            .get(CONNECTION)
            .is_some_and(|value| value == "Upgrade");
        let value = if has_upgrade {
            "Upgrade, close"
        } else {
            "close"
        };
        headers.insert(CONNECTION, HeaderValue::from_static(value));
    }
    if session.is_tls
        && let Some(policy) = session.router.shared().http_settings().transport_security()
    {
        headers.insert(STRICT_TRANSPORT_SECURITY, policy.clone());
    }
}

/// Returns whether a method is safe (RFC 9110, 9.2.1).
fn is_safe_method(method: &Method) -> bool {
    [Method::GET, Method::HEAD].contains(method)
}

impl<H> HttpSession<H> {
    /// Returns the response to a request that violates HTTP. The connection closes after it.
    fn malformed_response<B>(
        &self,
        request: &Request<B>,
        tracker_request: Option<HttpRequestKind>,
        fault: &'static str,
    ) -> Response<Body> {
        let mut response = if tracker_request.is_some() {
            http_tracker::malformed_response(
                self.router.tracker(),
                http_tracker::target(request),
                fault,
            )
        } else {
            self.router
                .tracker()
                .count_failure(HttpFailure::Host, fault);
            text_response(StatusCode::BAD_REQUEST, host::INVALID_HOST_TEXT)
        };
        *response.status_mut() = StatusCode::BAD_REQUEST;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}
