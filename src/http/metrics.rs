//! `GET /metrics`: the statistics for Prometheus and all that read its formats.
//!
//! Written down once for each second of statistics, however often somebody asks, so that asking costs next to nothing.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, VARY, WWW_AUTHENTICATE,
};
use parking_lot::Mutex;

use super::api::access::may_see_totals;
use super::api::admin::{Caller, shown, too_many};
use super::api::{NO_STORE, TEXT};
use super::site::Shared;
use crate::config::Config;
use crate::hub::{Guarded, Node};
use crate::insight::Exposition;

const PLAIN: HeaderValue = HeaderValue::from_static(Exposition::PLAIN_TYPE);
const OPEN_METRICS: HeaderValue = HeaderValue::from_static(Exposition::OPEN_METRICS_TYPE);

/// The numbers as they were written down last.
#[derive(Debug)]
pub(super) struct Metrics {
    latest: Mutex<Option<Written>>,
    /// Whether `metrics.listen` names addresses: then they are told nowhere else.
    elsewhere: bool,
}

#[derive(Debug, Clone)]
struct Written {
    at: SystemTime,
    plain: Bytes,
    open_metrics: Bytes,
}

impl Metrics {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            latest: Mutex::default(),
            elsewhere: !config.metrics.listen.is_empty(),
        }
    }

    /// Whether only listeners of their own tell them.
    pub(super) const fn is_elsewhere(&self) -> bool {
        self.elsewhere
    }

    fn written(&self, node: &Node) -> Result<Written, fmt::Error> {
        let statistics = node.board().latest();
        let latest = &mut *self.latest.lock();
        if let Some(written) = latest
            .as_ref()
            .filter(|written| written.at == statistics.at)
        {
            return Ok(written.clone());
        }
        let Exposition {
            plain,
            open_metrics,
        } = Exposition::new(&statistics, node.listeners())?;
        let written = Written {
            at: statistics.at,
            plain: plain.into(),
            open_metrics: open_metrics.into(),
        };
        Ok(latest.insert(written).clone())
    }
}

/// The answer, in the format that is asked for.
pub(super) async fn metrics(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let headers = request.headers();
    if let Some(response) = turned_away(&shared, &request) {
        return response;
    }
    let Ok(written) = shared.metrics.written(shared.node()) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let (content_type, text) = if takes_open_metrics(headers) {
        (OPEN_METRICS, written.open_metrics)
    } else {
        (PLAIN, written.plain)
    };
    let headers = [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, NO_STORE),
        (VARY, HeaderValue::from_static("accept")),
    ];
    (headers, text).into_response()
}

/// What is answered to who does not show `metrics.token`, where there is one. With neither a token nor an address of their own
/// they are as public as all totals.
fn turned_away(shared: &Shared, request: &Request) -> Option<Response> {
    let live = shared.live();
    let Some(token) = live.metrics_token.as_ref() else {
        if shared.metrics.is_elsewhere() {
            return None;
        }
        let refusal = may_see_totals(shared, request).err();
        return refusal.map(IntoResponse::into_response);
    };
    let Some(shown) = shown(request.headers()) else {
        return Some(unauthorized());
    };
    let Caller(address) = request.extensions().get().copied().unwrap_or_default();
    let node = shared.node();
    match node.guess(Guarded::Metrics, address, node.now(), || token.is(shown)) {
        Ok(true) => None,
        Ok(false) => Some(unauthorized()),
        Err(wrong) => Some(too_many(wrong).into_response()),
    }
}

fn unauthorized() -> Response {
    let headers = [
        (CONTENT_TYPE, TEXT),
        (CACHE_CONTROL, NO_STORE),
        (
            WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"metrics\""),
        ),
    ];
    let text = "Metrics are told to who shows their token (metrics.token).\n";
    (StatusCode::UNAUTHORIZED, headers, text).into_response()
}

/// Prometheus names all formats that it takes; others mostly name none and read the older one.
fn takes_open_metrics(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("application/openmetrics-text"))
}
