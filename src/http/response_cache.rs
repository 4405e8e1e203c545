//! Caches responses for a second: totals and the client census are computed once per second for all clients.
//!
//! A middleware layer of these routes, behind the access check. All clients share the cached body.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::header::ACCEPT;
use hyper::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::response_body::shared_response;
use super::router::AppState;
use crate::metrics::Detail;

/// How long a response is valid, unless newer statistics exist.
const RESPONSE_TTL: Duration = Duration::from_secs(1);
/// Maximum number of cached responses. There are fewer routes, each with at most four variants.
const CACHED_RESPONSES_MAX: usize = 16;

/// The key of a cached response: the path, whether JSON is accepted, and the visible detail.
type CacheKey = (String, bool, Detail);

/// The cached responses.
#[derive(Debug, Default)]
pub(super) struct ResponseCache(Mutex<HashMap<CacheKey, CachedResponse>>);

#[derive(Debug, Clone)]
struct CachedResponse {
    created_at: Instant,
    version: CacheVersion,
    headers: HeaderMap,
    body: Bytes,
}

/// The state that a response depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CacheVersion {
    statistics_at: SystemTime,
    is_draining: bool,
}

impl ResponseCache {
    fn get(&self, key: &CacheKey, moment: CacheVersion) -> Option<CachedResponse> {
        let answers = self.0.lock();
        let answer = answers.get(key)?;
        let is_valid = answer.version == moment && answer.created_at.elapsed() < RESPONSE_TTL;
        is_valid.then(|| answer.clone())
    }

    fn insert(&self, key: CacheKey, answer: CachedResponse) {
        let mut answers = self.0.lock();
        if answers.len() < CACHED_RESPONSES_MAX || answers.contains_key(&key) {
            answers.insert(key, answer);
        }
    }
}

impl CachedResponse {
    fn into_http(self) -> Response {
        shared_response((self.headers, self.body))
    }
}

/// Middleware: returns the cached response, or caches the new one. Only responses with status 200 are cached.
pub(super) async fn serve_cached(
    State(shared): State<Arc<AppState>>,
    request: Request,
    next: Next,
) -> Response {
    let moment = CacheVersion {
        statistics_at: shared.node().telemetry().stats_channel().latest().at,
        is_draining: shared.retry_after().is_some(),
    };
    let accepted = request.headers().get_all(ACCEPT).iter();
    let wants_json = accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("application/json"));
    let detail = *request.extensions().get().unwrap_or(&Detail::Totals);
    let key = (request.uri().path().to_owned(), wants_json, detail);
    if let Some(answer) = shared.response_cache.get(&key, moment) {
        return answer.into_http();
    }
    let mut request = request;
    // A HEAD response has no body, which would be cached for GET requests.
    *request.method_mut() = hyper::Method::GET;
    let (parts, body) = next.run(request).await.into_parts();
    let bytes_max = shared.live_settings().response_bytes_max;
    let Ok(body) = to_bytes(body, bytes_max).await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    if parts.status != StatusCode::OK {
        return Response::from_parts(parts, Body::from(body));
    }
    let answer = CachedResponse {
        created_at: Instant::now(),
        version: moment,
        headers: parts.headers,
        body,
    };
    shared.response_cache.insert(key, answer.clone());
    answer.into_http()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;
    use crate::config::Config;
    use crate::hub::Mailboxes;
    use crate::node::Node;

    #[tokio::test(start_paused = true)]
    async fn a_response_is_built_once_a_second() {
        let config = Config::default();
        let node = Arc::new(Node::new(&config, 1));
        let mailboxes = Mailboxes::new(&config, 1, node.telemetry());
        let shared = AppState::new(&config, &node, &mailboxes);
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        let handler = move || {
            let number = count.fetch_add(1, Ordering::Relaxed);
            async move { format!("answer {number}") }
        };
        let layer = from_fn_with_state(Arc::clone(&shared), serve_cached);
        let router: Router = Router::new().route("/stats", get(handler).route_layer(layer));
        let fetch = async |method: &str| {
            let request = Request::builder().method(method).uri("/stats");
            let request = request.body(Body::empty()).expect("a request");
            let Ok(response) = router.clone().oneshot(request).await;
            assert!(
                response
                    .extensions()
                    .get::<super::super::response_body::SharedBody>()
                    .is_some()
            );
            to_bytes(response.into_body(), 100).await.expect("a body")
        };
        assert_eq!(fetch("HEAD").await, "");
        for _ in 0..100 {
            assert_eq!(fetch("GET").await, "answer 0");
        }
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        tokio::time::advance(RESPONSE_TTL).await;
        assert_eq!(fetch("GET").await, "answer 1");
        // Newer statistics invalidate the response.
        shared
            .node()
            .telemetry()
            .stats_channel()
            .publish(crate::metrics::Statistics {
                at: std::time::UNIX_EPOCH + Duration::from_secs(1),
                ..Default::default()
            });
        assert_eq!(fetch("GET").await, "answer 2");
    }
}
