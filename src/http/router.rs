//! The HTTP router of one worker: routes requests that are not WebSocket upgrades, and sets the common response headers.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hyper::header::{
    CONTENT_TYPE, HeaderMap, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Request, StatusCode};
use tower::ServiceExt;

use super::api::check;
use super::connection_monitor::ConnectionMonitors;
use super::http_tracker::{self, HttpTracker};
use super::ice::ice_refusal;
use super::paths::{CHECK, HEALTHZ, ICE, METRICS, READYZ};
use super::requested_site::RequestedSite;
use super::response::TEXT;
use super::routes::routes;
use super::state::AppState;
use crate::config::ListenerRole;
use crate::hub::{Hub, IterationQueue};
use crate::metrics::Counters;
use crate::node::ClientInfo;
use crate::protocol::http::HttpFailure;

/// HTTP requests served per event loop iteration, except announces and scrapes. A WebSocket message waits for one of
/// them, not for one per HTTP connection.
const REQUESTS_PER_ITERATION: usize = 1;

/// The HTTP router of one worker.
#[derive(Debug)]
pub(crate) struct WorkerRouter {
    router: Router,
    shared: Arc<AppState>,
    hub: Rc<Hub>,
    tracker: HttpTracker,
    monitors: Rc<ConnectionMonitors>,
    /// HTTP requests that wait to be served, except announces and scrapes.
    request_queue: IterationQueue,
}

impl WorkerRouter {
    /// Creates the router of one worker.
    #[must_use]
    pub(crate) fn new(shared: &Arc<AppState>, hub: Rc<Hub>) -> Self {
        Self {
            router: routes(shared),
            shared: Arc::clone(shared),
            tracker: HttpTracker::new(&hub),
            hub,
            monitors: Rc::default(),
            request_queue: IterationQueue::new(REQUESTS_PER_ITERATION),
        }
    }

    /// Returns whether a PROXY header of this peer is trusted.
    pub(crate) fn trusts_proxy_header_of(&self, peer: Option<IpAddr>) -> bool {
        self.shared
            .http_settings()
            .proxies
            .accepts_proxy_header(peer)
    }

    /// Returns the peer address, or the address in its PROXY header, if it belongs to a client; `None` for a trusted
    /// proxy.
    pub(crate) fn client_address(&self, peer: Option<IpAddr>) -> Option<IpAddr> {
        peer.filter(|_| !self.shared.http_settings().proxies.is_trusted(peer))
    }

    /// Returns the number of HTTP connections of this worker that cannot send.
    pub(crate) fn blocked_connections(&self) -> usize {
        self.monitors.blocked_count()
    }

    /// Closes HTTP connections whose client takes a full scrape too slowly.
    pub(crate) fn close_slow_connections(&self) {
        self.monitors.close_slow();
    }

    /// Closes HTTP and WebSocket connections of this worker to free the memory that exceeds the limit.
    pub(crate) fn shed_memory(&self) {
        if self.shared.node().admission().pressure().excess_bytes() > 0 {
            let (indexes, memory_held) = self.monitors.memory_held();
            self.hub.shed(&memory_held, |number| {
                if let Some(index) = indexes.get(number) {
                    self.monitors.shed(*index);
                }
            });
        }
    }

    pub(super) fn monitors(&self) -> &Rc<ConnectionMonitors> {
        &self.monitors
    }

    pub(super) fn request_queue(&self) -> &IterationQueue {
        &self.request_queue
    }

    pub(super) fn hub(&self) -> &Rc<Hub> {
        &self.hub
    }

    /// The HTTP tracker of this worker.
    pub(super) fn tracker(&self) -> &HttpTracker {
        &self.tracker
    }

    pub(super) fn shared(&self) -> &AppState {
        &self.shared
    }

    pub(super) fn counters(&self) -> &Counters {
        self.hub.counters()
    }

    pub(super) async fn route(
        &self,
        request: Request<hyper::body::Incoming>,
        client_info: &ClientInfo,
        role: ListenerRole,
    ) -> Response {
        let path = request.uri().path();
        let is_served = if path == METRICS {
            role == ListenerRole::Metrics
                || role.has_pages() && !self.shared.metrics_cache.has_own_listener()
        } else {
            role.has_pages()
                || [HEALTHZ, READYZ].contains(&path)
                || role.has_tracker() && path == CHECK
        };
        let admitted = if is_served && path == ICE {
            self.tracker
                .admit_request(client_info, http_tracker::target(&request))
        } else if is_served && path == CHECK {
            self.tracker.admit_address(client_info)
        } else {
            Ok(())
        };
        let mut response = match admitted {
            _ if !is_served => not_served_here(role),
            Err(HttpFailure::TooFast(wait)) if path == CHECK => {
                check::too_many_requests(&self.shared, requested(&request), wait)
            }
            Err(failure) => ice_refusal(failure, &self.shared.http_settings(), requested(&request)),
            Ok(()) => {
                let request = request.map(Body::new);
                let Ok(response) = self.router.clone().oneshot(request).await;
                response
            }
        };
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }
}

/// Returns the site that a request for `/ice` or `/api/v1/check` was sent to, and its headers.
fn requested<B>(request: &Request<B>) -> (Option<&RequestedSite>, &HeaderMap) {
    (request.extensions().get(), request.headers())
}

/// Returns the response to a path that a listener does not serve.
fn not_served_here(role: ListenerRole) -> Response {
    let text = match role {
        ListenerRole::Both | ListenerRole::Pages => {
            "Metrics are served at another address (metrics.listen).\n"
        }
        ListenerRole::Tracker => {
            "This address serves no pages, only the tracker, which accepts WebSockets on any path.\n"
        }
        ListenerRole::Metrics => "This address serves only metrics, at /metrics.\n",
    };
    (StatusCode::NOT_FOUND, [(CONTENT_TYPE, TEXT)], text).into_response()
}
