//! Serves `GET /api/v1/live`: the statistics of each second as server-sent events, for the dashboard.
//!
//! The number of subscribers is bounded; a refused client polls `/api/v1/stats`. Streams end when the server drains.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream::unfold;
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use tokio::sync::watch;

use super::live_events::EventsTaken;
use super::stats::stats_response;
use super::tags::STATISTICS;
use crate::http::api_error::ApiError;
use crate::http::auth::{CallerAddress, check_admin_token};
use crate::http::response::{NO_STORE, sorted_json};
use crate::http::response_body::shared_response;
use crate::http::state::AppState;
use crate::limits::{HttpResource, QuotaExceeded, ResourceClaim};
use crate::metrics::{Detail, Statistics};

/// First bytes of a stream: the reconnection delay of a client that lost its stream, in milliseconds.
const RETRY_FIELD: Bytes = Bytes::from_static(b"retry: 2000\n");
/// Seconds until a client may retry when no slot is free.
const RETRY_SECONDS: u64 = 30;
/// Disables buffering in nginx, which would delay the events.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
    (CACHE_CONTROL, NO_STORE),
    (X_ACCEL_BUFFERING, HeaderValue::from_static("no")),
];

/// One subscriber of the live statistics.
struct LiveSubscriber {
    shared: Arc<AppState>,
    /// Its slot; released on drop.
    _slot: ResourceClaim,
    updates: watch::Receiver<Arc<Statistics>>,
    taken: EventsTaken,
    has_started: bool,
    detail: Detail,
}

impl LiveSubscriber {
    /// Returns the next bytes to send; `None` when the server drains.
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.has_started, true) {
            return Some(RETRY_FIELD);
        }
        let shared = &self.shared;
        loop {
            tokio::select! {
                biased;
                () = shared.draining().cancelled() => return None,
                changed = self.updates.changed() => changed.ok()?,
            }
            let statistics = Arc::clone(&self.updates.borrow_and_update());
            // No statistics exist yet.
            if statistics.at == UNIX_EPOCH {
                continue;
            }
            self.taken.add_one();
            let json = || sorted_json(&stats_response(shared, &statistics, self.detail));
            let events = shared.live_events();
            return Some(events.event(&statistics, self.detail, json));
        }
    }
}

/// Streams the statistics of each second as server-sent events. The data of an event `stats` is the document of
/// `/api/v1/stats`. If no slot is free, the response is 503; poll `/api/v1/stats` then.
#[utoipa::path(
    get,
    path = "/api/v1/live",
    operation_id = "streamStats",
    tag = STATISTICS,
    responses((status = OK, description = "The stream", body = String, content_type = "text/event-stream"))
)]
pub(in crate::http) async fn subscribe(
    State(shared): State<Arc<AppState>>,
    request: Request,
) -> Response {
    if shared.retry_after().is_some() {
        return unavailable("the server is draining");
    }
    let detail = *request.extensions().get().unwrap_or(&Detail::Totals);
    let claim = match claim_slot(&shared, &request) {
        Ok(claim) => claim,
        Err(text) => return unavailable(text),
    };
    let mut board = shared.node().telemetry().stats_channel().subscribe();
    // Sends the latest statistics at once.
    board.mark_changed();
    let taken = EventsTaken::default();
    let subscriber = LiveSubscriber {
        shared,
        _slot: claim,
        updates: board,
        taken: taken.clone(),
        has_started: false,
        detail,
    };
    let events = unfold(subscriber, |mut subscriber| async {
        let event = subscriber.next().await?;
        Some((Ok::<_, Infallible>(event), subscriber))
    });
    let mut response = shared_response((HEADERS, Body::from_stream(events)));
    response.extensions_mut().insert(taken);
    response
}

/// `HEAD /api/v1/live`: needs no slot.
pub(in crate::http) async fn head() -> Response {
    HEADERS.into_response()
}

/// Claims a slot for a subscriber: a shared one, or else one reserved for the admin token.
///
/// # Errors
///
/// No slot is free; the error is the reason.
fn claim_slot(shared: &AppState, request: &Request) -> Result<ResourceClaim, &'static str> {
    let (node, headers) = (shared.node(), request.headers());
    let caller: CallerAddress = request.extensions().get().copied().unwrap_or_default();
    let exceeded = match node.admission().claim(HttpResource::Followers, caller.0, 1) {
        Ok(claim) => return Ok(claim),
        Err(exceeded) => exceeded,
    };
    if headers.contains_key(AUTHORIZATION)
        && check_admin_token(shared, headers, caller).is_ok()
        && let Ok(claim) = node
            .admission()
            .http_usage()
            .claim_for_operator(HttpResource::Followers, 1)
    {
        return Ok(claim);
    }
    let counters = node.telemetry().shared_counters();
    Err(match exceeded {
        QuotaExceeded::Address => {
            counters.refused_address_followers_max.add_shared(1);
            "this address has reached limits.address_followers_max; \
             /api/v1/stats has the same numbers"
        }
        QuotaExceeded::All => {
            counters.refused_followers_max.add_shared(1);
            "all subscribers together have reached limits.followers_max; \
             /api/v1/stats has the same numbers"
        }
    })
}

fn unavailable(text: &str) -> Response {
    let refusal = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text);
    refusal.retry_after(RETRY_SECONDS).into_response()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use hyper::header::RETRY_AFTER;

    use super::*;
    use crate::config::{Config, Secret};
    use crate::hub::Mailboxes;
    use crate::limits::OPERATOR_FOLLOWERS_MAX;
    use crate::node::Node;

    const TOKEN: &str = "correct-horse-battery-staple";

    fn shared(followers_max: usize) -> Arc<AppState> {
        let mut config = Config {
            admin_token: Some(Secret::new(TOKEN)),
            ..Config::default()
        };
        config.limits.followers_max = followers_max;
        config.limits.address_followers_max = 2;
        let node = Arc::new(Node::new(&config, 1));
        let mailboxes = Mailboxes::new(&config, 1, node.telemetry());
        AppState::new(&config, &node, &mailboxes)
    }

    async fn subscribe_as(
        shared: &Arc<AppState>,
        address: [u8; 4],
        token: Option<&str>,
    ) -> Response {
        let mut request = Request::new(Body::empty());
        if let Some(token) = token {
            let value = format!("Bearer {token}").parse().expect("a value");
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let admission = shared.node().admission();
        let caller = admission.client_address(Some(IpAddr::from(address)), false);
        let caller = CallerAddress(caller);
        request.extensions_mut().insert(caller);
        subscribe(State(Arc::clone(shared)), request).await
    }

    const STRANGER: [u8; 4] = [192, 0, 2, 1];
    const OTHER: [u8; 4] = [198, 51, 100, 1];

    #[tokio::test]
    async fn subscribers_are_limited_and_a_closed_one_frees_its_slot() {
        let shared = shared(1);
        let first = subscribe_as(&shared, STRANGER, None).await;
        assert_eq!(
            (first.status(), shared.live_subscriber_count()),
            (StatusCode::OK, 1)
        );
        let second = subscribe_as(&shared, OTHER, None).await;
        assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(shared.node().counters().refused_followers_max, 1);
        assert!(second.headers().contains_key(RETRY_AFTER));
        drop(first);
        assert_eq!(shared.live_subscriber_count(), 0);
        assert_eq!(
            subscribe_as(&shared, OTHER, None).await.status(),
            StatusCode::OK
        );
    }

    #[tokio::test]
    async fn the_limit_of_an_address_does_not_affect_others() {
        let shared = shared(10);
        let mut held = Vec::new();
        for _ in 0..2 {
            held.push(subscribe_as(&shared, STRANGER, None).await);
        }
        let third = subscribe_as(&shared, STRANGER, None).await;
        assert_eq!(third.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(shared.node().counters().refused_address_followers_max, 1);
        assert_eq!(
            subscribe_as(&shared, OTHER, None).await.status(),
            StatusCode::OK
        );
        assert!(held.iter().all(|response| response.status() == 200));
    }

    #[tokio::test]
    async fn the_admin_token_has_reserved_slots() {
        let shared = shared(2);
        let mut held = Vec::new();
        for _ in 0..2 {
            held.push(subscribe_as(&shared, STRANGER, None).await);
        }
        for address in [STRANGER, OTHER] {
            let wrong = subscribe_as(&shared, address, Some("wrong-wrong-wrong-wrong")).await;
            assert_eq!(wrong.status(), StatusCode::SERVICE_UNAVAILABLE);
            for _ in 0..OPERATOR_FOLLOWERS_MAX / 2 {
                let own = subscribe_as(&shared, address, Some(TOKEN)).await;
                assert_eq!(own.status(), StatusCode::OK);
                held.push(own);
            }
        }
        let beyond = subscribe_as(&shared, OTHER, Some(TOKEN)).await;
        assert_eq!(beyond.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn a_head_request_needs_no_slot() {
        let shared = shared(1);
        let head = head().await;
        assert_eq!(head.headers()[CONTENT_TYPE], "text/event-stream");
        assert_eq!(shared.live_subscriber_count(), 0);
    }
}
