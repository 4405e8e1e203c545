//! The middleware of routes whose responses are cached for a second, behind the access check.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::ACCEPT;

use super::response_cache::{CacheVersion, CachedResponse};
use super::state::AppState;
use crate::metrics::Detail;

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
    let bytes_max = shared.http_settings().response_bytes_max;
    let Ok(body) = to_bytes(body, bytes_max).await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    if parts.status != StatusCode::OK {
        return Response::from_parts(parts, Body::from(body));
    }
    let answer = CachedResponse::new(moment, parts.headers, body);
    shared.response_cache.insert(key, answer.clone());
    answer.into_http()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::super::response_cache::RESPONSE_TTL;
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
