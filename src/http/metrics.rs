//! `GET /metrics`: the statistics for Prometheus and all that read its formats.
//!
//! Written down once for each second of statistics, however often somebody asks, so that asking costs next to nothing.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, VARY};
use parking_lot::Mutex;

use super::api::NO_STORE;
use super::site::Shared;
use crate::hub::Node;
use crate::insight::Exposition;

const PLAIN: HeaderValue = HeaderValue::from_static(Exposition::PLAIN_TYPE);
const OPEN_METRICS: HeaderValue = HeaderValue::from_static(Exposition::OPEN_METRICS_TYPE);

/// The latest numbers as they were written down last.
#[derive(Debug, Default)]
pub(super) struct Metrics(Mutex<Option<Written>>);

#[derive(Debug, Clone)]
struct Written {
    at: SystemTime,
    plain: Bytes,
    open_metrics: Bytes,
}

impl Metrics {
    fn written(&self, node: &Node) -> Result<Written, fmt::Error> {
        let statistics = node.board().latest();
        let latest = &mut *self.0.lock();
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
pub(super) async fn metrics(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let Ok(written) = shared.metrics.written(shared.node()) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let (content_type, text) = if takes_open_metrics(&headers) {
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

/// Prometheus names all formats that it takes; others mostly name none and read the older one.
fn takes_open_metrics(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("application/openmetrics-text"))
}
