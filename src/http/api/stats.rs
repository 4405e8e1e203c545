//! Serves `/api/v1/stats` (current values) and `/api/v1/series` (their descriptions).

use std::sync::{Arc, LazyLock};

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::{Map, Value, json};

use super::api_error::json_response;
use super::{JSON, NO_STORE};
use crate::history::retained_series;
use crate::http::response_body::shared_response;
use crate::http::router::AppState;
use crate::metrics::{Detail, SeriesKind, Statistics};

/// `GET /api/v1/stats`: the statistics of the last second.
pub(super) async fn latest(
    State(shared): State<Arc<AppState>>,
    Extension(detail): Extension<Detail>,
) -> Response {
    json_response(&stats_json(
        &shared,
        &shared.node().telemetry().stats_channel().latest(),
        detail,
    ))
}

/// Returns the visible series by name; null for an unknown value.
pub(super) fn stats_json(shared: &AppState, statistics: &Statistics, detail: Detail) -> Value {
    let all = Statistics::series().zip(statistics.values());
    let seen = all.filter(|(series, _)| detail.shows(series));
    let series: Map<_, _> = seen
        .map(|(series, value)| (series.name.to_owned(), json_number(value)))
        .collect();
    let phase = if shared.retry_after().is_none() {
        "serving"
    } else {
        "draining"
    };
    json!({
        "at": unix_seconds(statistics.at_ms()),
        "node": shared.node().id.to_string(),
        "version": env!("CARGO_PKG_VERSION"),
        "phase": phase,
        "series": series,
    })
}

/// Returns a JSON number, without a fraction if it is whole, which is shorter.
pub(super) fn json_number(value: f64) -> Value {
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0; // 2^53
    if value.fract() == 0.0 && value.abs() < WHOLE_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "whole and small enough")]
        let whole = value as i64;
        whole.into()
    } else {
        // NaN and infinity become null.
        value.into()
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact for 285,000 years")]
fn unix_seconds(at_ms: u64) -> Value {
    json_number(at_ms as f64 / 1000.0)
}

/// `GET /api/v1/series`: the meaning of each series, the limits it counts, and whether history stores it.
pub(super) async fn series(Extension(detail): Extension<Detail>) -> Response {
    // The descriptions never change, so they are rendered once.
    static TOTALS: LazyLock<Bytes> = LazyLock::new(|| describe_series(Detail::Totals));
    static ALL: LazyLock<Bytes> = LazyLock::new(|| describe_series(Detail::All));
    let series = match detail {
        Detail::Totals => &TOTALS,
        Detail::All => &ALL,
    };
    let headers = [(CONTENT_TYPE, JSON), (CACHE_CONTROL, NO_STORE)];
    shared_response((headers, Bytes::clone(series)))
}

fn describe_series(detail: Detail) -> Bytes {
    let seen = Statistics::series().filter(|series| detail.shows(series));
    let series = seen.map(|series| {
        json!({
            "name": series.name,
            "kind": match series.kind {
                SeriesKind::Counter => "counter",
                SeriesKind::Gauge => "gauge",
            },
            "unit": series.unit.label(),
            "doc": series.doc.trim(),
            "limits": series.limits().collect::<Vec<_>>(),
            "kept": retained_series(series.name).is_some(),
            "public": series.is_public,
        })
    });
    series.collect::<Value>().to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_no_fraction_and_nan_is_null() {
        for (value, text) in [
            (3.0, "3"),
            (-1.0, "-1"),
            (0.25, "0.25"),
            (1e300, "1e+300"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
        ] {
            assert_eq!(json_number(value).to_string(), text);
        }
    }
}
