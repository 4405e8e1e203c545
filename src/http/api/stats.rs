//! Serves `/api/v1/stats` (current values) and `/api/v1/series` (their descriptions).

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::{Object, ObjectBuilder, Type};

use super::json_number::JsonNumber;
use super::tags::STATISTICS;
use crate::history::retained_series;
use crate::http::response::{JSON, NO_STORE, json_response, sorted_json};
use crate::http::response_body::shared_response;
use crate::http::state::AppState;
use crate::metrics::{Detail, SeriesKind, SeriesUnit, Statistics};

/// The statistics of one second.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct StatsResponse {
    /// Their time, in seconds since 1970.
    #[schema(value_type = f64)]
    at: JsonNumber,
    /// The id of this run of the server.
    node: String,
    /// The version of the server.
    version: &'static str,
    phase: ServingPhase,
    /// The values by the name of their series; null if unknown.
    #[schema(value_type = BTreeMap<String, Option<f64>>)]
    series: BTreeMap<&'static str, JsonNumber>,
}

/// Whether the server accepts new connections.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ServingPhase {
    Serving,
    Draining,
}

/// Describes one series.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SeriesDescription {
    name: &'static str,
    kind: SeriesKindName,
    /// Empty for a count.
    #[schema(schema_with = unit_schema)]
    unit: &'static str,
    /// The meaning.
    doc: &'static str,
    /// The settings whose limit hits it counts.
    limits: Vec<&'static str>,
    /// Whether the history stores it.
    kept: bool,
    /// Whether clients without the admin token may see it.
    public: bool,
}

/// The kind of a series.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SeriesKindName {
    /// A total since the start.
    Counter,
    /// A current value.
    Gauge,
}

impl From<SeriesKind> for SeriesKindName {
    fn from(kind: SeriesKind) -> Self {
        match kind {
            SeriesKind::Counter => Self::Counter,
            SeriesKind::Gauge => Self::Gauge,
        }
    }
}

fn unit_schema() -> Object {
    let units = [
        SeriesUnit::Count,
        SeriesUnit::Bytes,
        SeriesUnit::Seconds,
        SeriesUnit::Ratio,
    ];
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(units.map(SeriesUnit::label)))
        .build()
}

/// Returns the statistics of the last second.
#[utoipa::path(
    get,
    path = "/api/v1/stats",
    operation_id = "getStats",
    tag = STATISTICS,
    responses((status = OK, body = StatsResponse))
)]
pub(super) async fn latest(
    State(shared): State<Arc<AppState>>,
    Extension(detail): Extension<Detail>,
) -> Response {
    let statistics = shared.node().telemetry().stats_channel().latest();
    json_response(&stats_response(&shared, &statistics, detail))
}

/// Returns the series that may be seen.
pub(super) fn stats_response(
    shared: &AppState,
    statistics: &Statistics,
    detail: Detail,
) -> StatsResponse {
    let all = Statistics::series().zip(statistics.values());
    let seen = all.filter(|(series, _)| detail.shows(series));
    StatsResponse {
        at: unix_seconds(statistics.at_ms()),
        node: shared.node().id.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        phase: if shared.retry_after().is_none() {
            ServingPhase::Serving
        } else {
            ServingPhase::Draining
        },
        series: seen
            .map(|(series, value)| (series.name, JsonNumber(value)))
            .collect(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact for 285,000 years")]
fn unix_seconds(at_ms: u64) -> JsonNumber {
    JsonNumber(at_ms as f64 / 1000.0)
}

/// Returns the meaning of each series, the limits it counts, and whether the history stores it.
#[utoipa::path(
    get,
    path = "/api/v1/series",
    operation_id = "getSeries",
    tag = STATISTICS,
    responses((status = OK, body = Vec<SeriesDescription>))
)]
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
    let series = seen.map(|series| SeriesDescription {
        name: series.name,
        kind: series.kind.into(),
        unit: series.unit.label(),
        doc: series.doc.trim(),
        limits: series.limits().collect(),
        kept: retained_series(series.name).is_some(),
        public: series.is_public,
    });
    sorted_json(&series.collect::<Vec<_>>()).into()
}
