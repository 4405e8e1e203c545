//! `/api/v1/stats` and `/api/v1/series`: how it stands, and what the numbers mean.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::refusal::answer;
use crate::http::site::Shared;
use crate::insight::history::kept;
use crate::insight::{Kind, Statistics};

/// `GET /api/v1/stats`: the statistics of the last second.
pub(super) async fn now(State(shared): State<Arc<Shared>>) -> Response {
    answer(&body(&shared, &shared.node().board().latest()))
}

/// All series by name; null where nothing is known.
pub(super) fn body(shared: &Shared, statistics: &Statistics) -> Value {
    let names = Statistics::series().map(|series| series.name.to_owned());
    let series: Map<_, _> = names.zip(statistics.values().map(number)).collect();
    let phase = if shared.retry_after().is_none() {
        "serving"
    } else {
        "draining"
    };
    json!({
        "at": seconds(statistics.at_ms()),
        "node": shared.node().id.to_string(),
        "version": env!("CARGO_PKG_VERSION"),
        "phase": phase,
        "series": series,
    })
}

/// Whole numbers as such: they are shorter.
pub(super) fn number(value: f64) -> Value {
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0; // 2^53
    if value.fract() == 0.0 && value.abs() < WHOLE_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "whole and small enough")]
        let whole = value as i64;
        whole.into()
    } else {
        // Null for what is not a number.
        value.into()
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact for 285,000 years")]
fn seconds(at_ms: u64) -> Value {
    number(at_ms as f64 / 1000.0)
}

/// `GET /api/v1/series`: what each number means, which limits it counts, and whether history has it.
pub(super) async fn series() -> Response {
    let series = Statistics::series().map(|series| {
        json!({
            "name": series.name,
            "kind": match series.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
            },
            "unit": series.unit.label(),
            "doc": series.doc.trim(),
            "limits": series.limits().collect::<Vec<_>>(),
            "kept": kept(series.name).is_some(),
        })
    });
    answer(&series.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_write_them() {
        for (value, text) in [
            (3.0, "3"),
            (-1.0, "-1"),
            (0.25, "0.25"),
            (1e300, "1e+300"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
        ] {
            assert_eq!(number(value).to_string(), text);
        }
    }
}
