//! Serves `GET /metrics`: the statistics for Prometheus and other programs that read its formats.
//!
//! The text is rendered once per second of statistics, so a request costs almost nothing.

use std::fmt;
use std::net::IpAddr;
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

use super::api::access::may_see;
use super::api::admin::{Caller, shown, too_many};
use super::api::{NO_STORE, TEXT};
use super::body::common;
use super::site::Shared;
use crate::config::Config;
use crate::hub::{Guarded, Node};
use crate::insight::{Detail, Exposition};
use crate::limits::TooManyWrong;

const PLAIN: HeaderValue = HeaderValue::from_static(Exposition::PLAIN_TYPE);
const OPEN_METRICS: HeaderValue = HeaderValue::from_static(Exposition::OPEN_METRICS_TYPE);

/// The rendered metrics of the latest second: the totals, and all series.
#[derive(Debug)]
pub(super) struct Metrics {
    totals: Mutex<Option<Written>>,
    all: Mutex<Option<Written>>,
    /// Whether `metrics.listen` is set: then only those listeners serve metrics.
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
            totals: Mutex::default(),
            all: Mutex::default(),
            elsewhere: !config.metrics.listen.is_empty(),
        }
    }

    /// Returns whether only the listeners of `metrics.listen` serve metrics.
    pub(super) const fn is_elsewhere(&self) -> bool {
        self.elsewhere
    }

    fn written(&self, node: &Node, detail: Detail) -> Result<Written, fmt::Error> {
        let statistics = node.board().latest();
        let latest = match detail {
            Detail::Totals => &self.totals,
            Detail::All => &self.all,
        };
        let latest = &mut *latest.lock();
        if let Some(written) = latest
            .as_ref()
            .filter(|written| written.at == statistics.at)
        {
            return Ok(written.clone());
        }
        let Exposition {
            plain,
            open_metrics,
        } = match detail {
            Detail::Totals => Exposition::totals(&statistics)?,
            Detail::All => Exposition::new(&statistics, node.listeners())?,
        };
        let written = Written {
            at: statistics.at,
            plain: plain.into(),
            open_metrics: open_metrics.into(),
        };
        Ok(latest.insert(written).clone())
    }
}

/// `GET /metrics`, in the requested format.
pub(super) async fn metrics(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let headers = request.headers();
    let detail = match detail(&shared, &request) {
        Ok(detail) => detail,
        Err(response) => return *response,
    };
    let Ok(written) = shared.metrics.written(shared.node(), detail) else {
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
    common((headers, text))
}

/// Returns the detail that the sender may see. With `metrics.token`: all for requests with that token or the admin
/// token, nothing for others. On listeners of `metrics.listen`: all. Otherwise the rule of all statistics applies.
fn detail(shared: &Shared, request: &Request) -> Result<Detail, Box<Response>> {
    let refused = |response: Response| Err(Box::new(response));
    if shared.live().metrics_token.is_none() {
        if shared.metrics.is_elsewhere() {
            return Ok(Detail::All);
        }
        return may_see(shared, request).or_else(|refusal| refused(refusal.into_response()));
    }
    let Some(token) = shown(request.headers()) else {
        return refused(unauthorized());
    };
    let Caller(address) = request.extensions().get().copied().unwrap_or_default();
    match guess(shared, address, token) {
        Ok(true) => Ok(Detail::All),
        Ok(false) => refused(unauthorized()),
        Err(too_many_wrong) => refused(too_many(too_many_wrong).into_response()),
    }
}

/// Returns whether a request of a banned address carries a valid metrics token.
pub(super) fn is_token_shown(
    shared: &Shared,
    headers: &HeaderMap,
    address: Option<IpAddr>,
) -> bool {
    shown(headers).is_some_and(|token| guess(shared, address, token) == Ok(true))
}

/// Checks a token against `metrics.token` and the admin token.
fn guess(shared: &Shared, address: Option<IpAddr>, candidate: &[u8]) -> Result<bool, TooManyWrong> {
    let (live, node) = (shared.live(), shared.node());
    let tokens = [&live.metrics_token, &live.admin_token];
    let is_valid = || {
        tokens
            .into_iter()
            .flatten()
            .any(|token| token.is(candidate))
    };
    node.guess(Guarded::Metrics, address, node.now(), is_valid)
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
    let text = "Metrics need a token (metrics.token): send it as Authorization: Bearer TOKEN.\n";
    (StatusCode::UNAUTHORIZED, headers, text).into_response()
}

/// Returns whether the client accepts OpenMetrics. Prometheus lists all formats that it accepts; other clients mostly
/// list none and read the older format.
fn takes_open_metrics(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("application/openmetrics-text"))
}
